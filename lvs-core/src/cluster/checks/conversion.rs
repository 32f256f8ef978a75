//! From a check as the cluster file writes it to the check that it means, and back.

use super::text::refused;
use super::{
    Check, CheckDefaults, CheckKind, CheckTable, DnsCheck, FileCheck, HostName, HttpCheck,
    ProgramCheck, Timing, TlsCheck, UdpCheck,
};
use crate::error::InvalidValue;

impl CheckTable {
    /// Returns the check, with defaults for what the table does not say.
    ///
    /// # Errors
    /// An unknown type, a key that the type does not have or lacks, or keys that contradict each other.
    pub fn check(mut self, defaults: &CheckDefaults) -> Result<Check, InvalidValue> {
        let kind = self.take_kind()?;
        if let Some(key) = self.remaining() {
            let problem = format!("is not a key of a check of type {kind}");
            return Err(refused("key", key, problem));
        }
        let timing = self.timing(&defaults.timing);
        timing.check()?;
        Ok(Check {
            kind,
            timing,
            route: self.via.unwrap_or(defaults.route),
            port: self.port,
        })
    }

    fn timing(&self, defaults: &Timing) -> Timing {
        let interval = self.interval.unwrap_or(defaults.interval);
        Timing {
            interval,
            // A default is no reason to refuse a short interval.
            fast_interval: self.fast_interval.unwrap_or_else(|| match self.interval {
                Some(interval) if defaults.fast_interval == defaults.interval => interval,
                _ => defaults.fast_interval.min(interval),
            }),
            timeout: self.timeout.unwrap_or(defaults.timeout),
            rise: self.rise.unwrap_or(defaults.rise),
            fall: self.fall.unwrap_or(defaults.fall),
            jitter: self.jitter.unwrap_or(defaults.jitter),
        }
    }

    fn take_kind(&mut self) -> Result<CheckKind, InvalidValue> {
        match self.kind.as_str() {
            "tcp" => Ok(CheckKind::Tcp),
            "tls" => {
                let tls = self.take_tls();
                tls.check()?;
                Ok(CheckKind::Tls(tls))
            }
            "http" => Ok(CheckKind::Http(self.take_http()?)),
            "https" => self.take_https(),
            "dns" => self.take_dns().map(CheckKind::Dns),
            "udp" => Ok(CheckKind::Udp(UdpCheck {
                payload: self.payload.take().unwrap_or_default(),
                answer: self.answer.take(),
            })),
            "program" => self.take_program().map(CheckKind::Program),
            "file" => Ok(CheckKind::File(FileCheck {
                file: self.file.take().ok_or_else(|| missing("file"))?,
            })),
            _ => Err(refused(
                "check",
                &self.kind,
                "is not tcp, tls, http, https, dns, udp, program or file",
            )),
        }
    }

    fn take_tls(&mut self) -> TlsCheck {
        TlsCheck {
            sni: self.sni.take(),
            unverified: self.verify.take().is_some_and(|verify| !verify),
            ca: self.ca.take(),
        }
    }

    fn take_http(&mut self) -> Result<HttpCheck, InvalidValue> {
        let defaults = HttpCheck::default();
        let http = HttpCheck {
            method: self.method.take().unwrap_or_default(),
            path: self.path.take().unwrap_or(defaults.path),
            host: self.host.take(),
            status: self.status.take().unwrap_or(defaults.status),
            contains: self.contains.take(),
        };
        http.check().map(|()| http)
    }

    /// The certificate must be valid for the host, unless `sni` says otherwise.
    fn take_https(&mut self) -> Result<CheckKind, InvalidValue> {
        let http = self.take_http()?;
        let mut tls = self.take_tls();
        if tls.sni.is_none() {
            tls.sni = http.host.as_ref().and_then(HostName::server_name);
        }
        tls.check()?;
        Ok(CheckKind::Https(http, tls))
    }

    fn take_dns(&mut self) -> Result<DnsCheck, InvalidValue> {
        Ok(DnsCheck {
            name: self.name.take().ok_or_else(|| missing("name"))?,
            record: self.record.take().unwrap_or_default(),
            transport: self.transport.take().unwrap_or_default(),
        })
    }

    fn take_program(&mut self) -> Result<ProgramCheck, InvalidValue> {
        let command = self.command.take().ok_or_else(|| missing("command"))?;
        Ok(ProgramCheck {
            user: self.user.take(),
            share_by_status: self.share_by_status.take().unwrap_or_default(),
            ..ProgramCheck::new(command)?
        })
    }
}

fn missing(key: &'static str) -> InvalidValue {
    refused("key", key, "is missing")
}

impl TryFrom<CheckTable> for Check {
    type Error = InvalidValue;
    fn try_from(table: CheckTable) -> Result<Self, InvalidValue> {
        table.check(&CheckDefaults::default())
    }
}

impl From<Check> for CheckTable {
    fn from(check: Check) -> Self {
        let timing = check.timing;
        Self {
            interval: Some(timing.interval),
            fast_interval: Some(timing.fast_interval),
            timeout: Some(timing.timeout),
            rise: Some(timing.rise),
            fall: Some(timing.fall),
            jitter: Some(timing.jitter),
            via: Some(check.route),
            port: check.port,
            ..Self::from(check.kind)
        }
    }
}

impl From<CheckKind> for CheckTable {
    fn from(kind: CheckKind) -> Self {
        let table = Self::named(kind.name());
        match kind {
            CheckKind::Tcp => table,
            CheckKind::Tls(tls) => table.with_tls(tls),
            CheckKind::Http(http) => table.with_http(http),
            CheckKind::Https(http, tls) => table.with_http(http).with_tls(tls),
            CheckKind::Dns(dns) => Self {
                name: Some(dns.name),
                record: Some(dns.record),
                transport: Some(dns.transport),
                ..table
            },
            CheckKind::Udp(udp) => Self {
                payload: Some(udp.payload),
                answer: udp.answer,
                ..table
            },
            CheckKind::Program(program) => Self {
                command: Some(
                    std::iter::once(program.program.into())
                        .chain(program.arguments.into_iter().map(String::from))
                        .collect(),
                ),
                user: program.user,
                share_by_status: Some(program.share_by_status),
                ..table
            },
            CheckKind::File(file) => Self {
                file: Some(file.file),
                ..table
            },
        }
    }
}

impl CheckTable {
    fn with_tls(self, tls: TlsCheck) -> Self {
        Self {
            sni: tls.sni,
            verify: Some(!tls.unverified),
            ca: tls.ca,
            ..self
        }
    }

    fn with_http(self, http: HttpCheck) -> Self {
        Self {
            method: Some(http.method),
            path: Some(http.path),
            host: http.host,
            status: Some(http.status),
            contains: http.contains,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ProbeRoute;
    use super::*;

    fn check(text: &str) -> Check {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_certificate_of_https_is_that_of_its_host() {
        let sni = |text| match check(text).kind {
            CheckKind::Https(_, tls) => tls.sni.unwrap().to_string(),
            other => panic!("{other}"),
        };
        assert_eq!(
            sni(r#"{"type": "https", "host": "a.example:8443"}"#),
            "a.example"
        );
        assert_eq!(
            sni(r#"{"type": "https", "host": "[2001:db8::1]:443"}"#),
            "2001:db8::1"
        );
        assert_eq!(
            sni(r#"{"type": "https", "host": "a.example", "sni": "b.example"}"#),
            "b.example"
        );
    }

    #[test]
    fn defaults_give_way_to_the_table() {
        let defaults = CheckDefaults {
            route: ProbeRoute::Server,
            ..CheckDefaults::default()
        };
        let table: CheckTable = serde_json::from_str(r#"{"type":"tcp","interval":1}"#).unwrap();
        let check = table.check(&defaults).unwrap();
        assert_eq!(check.route, ProbeRoute::Server);
        assert_eq!(check.timing.fast_interval, check.timing.interval);
    }
}
