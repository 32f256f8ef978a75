//! `virtual = …` and the indented lines below it.

use std::net::{IpAddr, SocketAddr};

use super::real::forwarding;
use super::{Defaults, Line, Walk, unquoted};
use crate::import::draft::DraftDestination;
use crate::import::health::{Health, Page, literal};
use crate::import::report::Place;
use crate::import::tally::DirectiveId;
use crate::import::{ImportError, names};
use crate::ipvs::{
    Destination, DestinationId, Family, Forwarding, Netmask, Protocol, SchedulerName, Seconds,
    ServiceId,
};

/// A service while its lines are read: what a line means depends on others.
pub(super) struct Virtual {
    /// None if the service is left; then all of its lines are.
    pub(super) target: Result<Target, String>,
    pub(super) id: DirectiveId,
    pub(super) place: Place,
    pub(super) scheduler: Option<SchedulerName>,
    pub(super) protocol: Option<Protocol>,
    pub(super) flags: Vec<(String, DirectiveId)>,
    pub(super) one_packet: Option<DirectiveId>,
    pub(super) persistence: Option<Seconds>,
    pub(super) mask: Option<String>,
    pub(super) destinations: Vec<DraftDestination>,
    pub(super) lines: Vec<(String, DirectiveId)>,
    pub(super) timing: Defaults,
    pub(super) fallback: Option<Fallback>,
    pub(super) check_type: Option<String>,
    pub(super) service: Option<String>,
    pub(super) page: Page,
    pub(super) command: Option<String>,
    pub(super) check_port: Option<u16>,
    /// What each line of real servers asks by itself.
    pub(super) asks: Vec<(DirectiveId, Option<Asks>)>,
}

/// A request and the answer to it, in place of those of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asks {
    pub(super) request: String,
    pub(super) receive: Option<String>,
}

/// The server that serves while no other does.
#[derive(Clone)]
pub(super) struct Fallback {
    pub(super) address: IpAddr,
    port: Option<u16>,
    forwarding: Forwarding,
    /// Whether the line says so.
    has_method: bool,
    directive: DirectiveId,
}

impl Fallback {
    pub(super) fn destination(self, service: &ServiceId) -> DraftDestination {
        let of_service = match service {
            ServiceId::Socket { address, .. } => address.port(),
            ServiceId::Fwmark { .. } => 0,
        };
        let id = DestinationId::new(self.address, self.port.unwrap_or(of_service));
        DraftDestination {
            destination: Destination::new(id, self.forwarding),
            directive: self.directive,
            assumed: (!self.has_method && !self.address.is_loopback())
                .then(|| "forwarding dr, ldirectord's default (gate)".to_owned()),
            is_fallback: true,
            is_checked: true,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Socket(SocketAddr),
    Fwmark(std::num::NonZeroU32, Family),
}

impl Walk<'_, '_> {
    pub(super) fn begin(&mut self, line: &Line<'_>) -> Result<Virtual, ImportError> {
        let target = self.target(line);
        if let Err(reason) = &target {
            self.tally.left(line.id, reason);
        }
        Ok(Virtual {
            target,
            id: line.id,
            place: line.place.clone(),
            scheduler: None,
            protocol: None,
            flags: Vec::new(),
            one_packet: None,
            persistence: None,
            mask: None,
            destinations: Vec::new(),
            lines: Vec::new(),
            timing: Defaults::default(),
            fallback: None,
            check_type: None,
            service: None,
            page: Page::default(),
            command: None,
            check_port: None,
            asks: Vec::new(),
        })
    }

    fn target(&mut self, line: &Line<'_>) -> Result<Target, String> {
        if let Ok(mark) = line.value.parse() {
            let family = match line.key {
                "virtual6" => Family::Ipv6,
                _ => Family::Ipv4,
            };
            return Ok(Target::Fwmark(mark, family));
        }
        let (ip, port) = self.endpoint(line.value)?;
        let port = port.ok_or_else(|| format!("{:?} has no port", line.value))?;
        Ok(Target::Socket(SocketAddr::new(ip, port)))
    }

    /// `ADDRESS[:PORT]`, `[IPV6][:PORT]` or names of both.
    pub(super) fn endpoint(&mut self, text: &str) -> Result<(IpAddr, Option<u16>), String> {
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            Some(port) => Some(names::port(port).ok_or_else(|| format!("{port:?} is not a port"))?),
            None => None,
        };
        if let Ok(ip) = host.parse() {
            return Ok((ip, port));
        }
        let is_range = host.split_once('-').is_some_and(|(first, last)| {
            first.parse::<IpAddr>().is_ok() && last.parse::<IpAddr>().is_ok()
        });
        if is_range {
            return Err(format!("{host:?} is no address: a range is written A->B"));
        }
        let ip =
            (self.resolve)(host).ok_or_else(|| format!("no address of {host:?} is known here"))?;
        self.draft
            .names
            .entry(ip)
            .or_insert_with(|| host.to_owned());
        Ok((ip, port))
    }

    pub(super) fn of_virtual(
        &mut self,
        line: &Line<'_>,
        service: &mut Virtual,
    ) -> Result<(), ImportError> {
        service.lines.push((line.key.to_owned(), line.id));
        if self.timing(line, Some(&mut service.timing)) {
            return Ok(());
        }
        match line.key {
            "real" | "real6" => self.real(line, service)?,
            "scheduler" => match SchedulerName::new(line.value.to_owned()) {
                Ok(name) => {
                    service.scheduler = Some(name);
                    self.tally.carried(line.id, "services.scheduler");
                }
                Err(invalid) => self.tally.left(line.id, invalid.to_string()),
            },
            "schedflags" => {
                let flags = line.value.split(',');
                let flags = flags.map(|flag| (flag.trim().to_owned(), line.id));
                service.flags.extend(flags);
                self.tally.carried(line.id, "services.scheduler-flags");
            }
            "ops" => {
                service.one_packet = (line.value == "yes").then_some(line.id);
                self.tally.carried(line.id, "services.one-packet");
            }
            "persistent" => match line.value.parse() {
                Ok(seconds) => {
                    service.persistence = Some(Seconds(seconds));
                    self.tally.carried(line.id, "services.persistence");
                }
                Err(_) => self.tally.left(line.id, "it is not a number of seconds"),
            },
            "netmask" => {
                service.mask = Some(line.value.to_owned());
                self.tally.carried(line.id, "services.persistence");
            }
            "protocol" => self.protocol(line, service),
            _ => self.health_line(line, service),
        }
        Ok(())
    }

    fn protocol(&mut self, line: &Line<'_>, service: &mut Virtual) {
        match line.value {
            "tcp" => service.protocol = Some(Protocol::TCP),
            "udp" => service.protocol = Some(Protocol::UDP),
            "fwm" => {}
            _ => return self.tally.left(line.id, "it is not tcp, udp or fwm"),
        }
        self.tally.carried(line.id, "services.protocol");
    }

    fn health_line(&mut self, line: &Line<'_>, service: &mut Virtual) {
        let text = || Some(unquoted(line.value).to_owned());
        match line.key {
            "fallback" | "fallback6" => match self.fallback(line) {
                Ok(fallback) => return service.fallback = Some(fallback),
                Err(reason) => return self.tally.left(line.id, reason),
            },
            "checktype" => service.check_type = text(),
            "service" => service.service = text(),
            "request" => service.page.path = text(),
            "receive" if unquoted(line.value).is_empty() => {
                return self
                    .tally
                    .left(line.id, "it is empty, which every page has");
            }
            "receive" => match literal(unquoted(line.value)) {
                Some((text, true)) => service.page.contains = Some(text),
                Some((text, false)) => {
                    service.page.contains = Some(text);
                    let reason = "searched as it is written, each . as a full stop";
                    return self
                        .tally
                        .assumed(line.id, "services.check.contains", reason);
                }
                None => {
                    let reason = "pages are searched for a text, not for a regular expression: write contains";
                    return self.tally.left(line.id, reason);
                }
            },
            "httpmethod" => {
                service.page.method = Some(unquoted(line.value).to_ascii_uppercase());
            }
            "virtualhost" => service.page.host = text(),
            "checkcommand" => service.command = text(),
            "checkport" => service.check_port = line.value.parse().ok(),
            key => return self.tally.left(line.id, reason(key)),
        }
        Health::said(self.tally, line.id, &format!("check.{}", line.key));
    }

    /// `ADDRESS[:PORT] [gate|masq|ipip]`
    pub(super) fn fallback(&mut self, line: &Line<'_>) -> Result<Fallback, String> {
        let mut words = line.value.split_whitespace();
        let (address, port) = self.endpoint(words.next().unwrap_or_default())?;
        let method = words.next();
        let has_method = method.is_some();
        let method = method.unwrap_or("gate");
        Ok(Fallback {
            address,
            port,
            forwarding: forwarding(method).ok_or("its forwarding is not gate, masq or ipip")?,
            has_method,
            directive: line.id,
        })
    }
}

impl Virtual {
    /// Returns whether only the lines of a service have a key.
    pub(super) fn has_key(key: &str) -> bool {
        [
            "scheduler",
            "schedflags",
            "ops",
            "persistent",
            "netmask",
            "protocol",
            "checktype",
            "service",
            "request",
            "receive",
            "httpmethod",
            "virtualhost",
            "checkcommand",
            "checkport",
        ]
        .contains(&key)
    }

    /// Takes what all real servers ask as what the service asks; false if they differ.
    pub(super) fn take_asks(&mut self) -> bool {
        let Some((_, first)) = self.asks.first().cloned() else {
            return true;
        };
        let is_text = |text: &str| literal(text).is_some();
        let receive = first.as_ref().and_then(|asks| asks.receive.as_deref());
        if self.asks.iter().any(|(_, asks)| *asks != first) || !receive.is_none_or(is_text) {
            return false;
        }
        if let Some(asks) = first {
            self.page.path = Some(asks.request);
            self.page.contains = asks.receive.and_then(|text| Some(literal(&text)?.0));
        }
        true
    }

    /// Says of real servers with a request of their own that it is not imported.
    pub(super) fn leave_asks(&mut self) -> Option<&'static str> {
        let asks = self.asks.iter().filter(|(_, asks)| asks.is_some());
        let asking: Vec<_> = asks.map(|(id, _)| *id).collect();
        let reason = "its own request and answer are not imported: a service has one check";
        for destination in &mut self.destinations {
            if asking.contains(&destination.directive) {
                destination.assumed = Some(reason.to_owned());
            }
        }
        let remark = "requests and answers of single real servers are not imported: a service has one check for all";
        (!asking.is_empty()).then_some(remark)
    }

    pub(super) fn netmask(&self, family: Family) -> Netmask {
        let mask = self.mask.as_deref().and_then(|mask| match family {
            Family::Ipv4 => mask.parse().ok().map(Netmask::Ipv4),
            Family::Ipv6 => Netmask::from_prefix(family, mask.parse().ok()?).ok(),
        });
        mask.unwrap_or_else(|| Netmask::host(family))
    }
}

fn reason(key: &str) -> &'static str {
    match key {
        "login" | "passwd" | "database" | "secret" | "load" => {
            "no check says it to a server: use a program"
        }
        "emailalert" | "emailalertfreq" | "emailalertfrom" | "emailalertstatus" | "smtp" => {
            "lvsctl sends no mail"
        }
        "monitorfile" => "lvsctl status and its metrics tell what checks find",
        "fallbackcommand" => "lvsctl starts no program on a change",
        "cleanstop" => "the table stays as it is when lvsctl run ends",
        "servicename" | "comment" => "a remark",
        "checkcount" => "only ping has it, and a host that answers ping may serve nothing",
        _ => "ldirectord knows no such directive here",
    }
}
