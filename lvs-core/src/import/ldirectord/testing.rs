//! What ldirectord tests by `checktype` and `service`, as a check.

use super::virtual_service::Virtual;
use crate::import::health::{Kind, Page};
use crate::ipvs::{Protocol, ServiceId};

/// What ldirectord tests, as a check.
pub(super) struct Testing {
    pub(super) kind: Result<Kind, Untested>,
    pub(super) negotiates: bool,
    /// What is not as with ldirectord.
    pub(super) doubt: Option<&'static str>,
    /// The port, where that of the service is none to connect to.
    pub(super) port: Option<u16>,
}

/// Why nothing is tested.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Untested {
    /// ldirectord tests nothing either, and every real server serves.
    Alive,
    /// ldirectord tests nothing, and no real server serves.
    Off,
    /// ldirectord tests what cannot be said here.
    Left(String),
}

impl Untested {
    fn left(reason: &str) -> Self {
        Self::Left(reason.to_owned())
    }
}

const PING: &str =
    "ldirectord only pings: a host that answers may serve nothing; write a check for it";
pub(super) const OFF: &str = "checktype = off: no real server serves, all have weight 0";
const PERL: &str = "the program is started: ldirectord runs it in its own perl, and here it has to be executable and name its \
                    interpreter in its first line";
const CONNECTS: &str = "only the TCP connection is checked, not what is said in it";

impl Testing {
    /// Tests less, where real servers are asked differently: a page that one lacks must not find it down.
    pub(super) fn connect(&mut self, id: &ServiceId) {
        let is_tcp =
            !matches!(id, ServiceId::Socket { protocol, .. } if *protocol != Protocol::TCP);
        self.doubt = is_tcp.then_some(
            "only the TCP connection is checked: the source asks each real server by itself",
        );
        self.kind = match is_tcp {
            true => Ok(Kind::Tcp),
            false => Err(Untested::left(
                "the source asks each real server by itself, and a service has one check",
            )),
        };
    }
}

/// Returns what ldirectord checks on a port where no line says it.
const fn default_service(port: u16) -> &'static str {
    match port {
        21 => "ftp",
        25 => "smtp",
        53 => "dns",
        80 => "http",
        110 => "pop",
        119 => "nntp",
        143 => "imap",
        389 => "ldap",
        443 => "https",
        587 => "submission",
        636 => "ldaps",
        993 => "imaps",
        995 => "pops",
        1521 => "oracle",
        1812 => "radius",
        3128 => "http_proxy",
        3306 => "mysql",
        5060 => "sip",
        5432 => "pgsql",
        _ => "none",
    }
}

impl Virtual {
    /// Returns what ldirectord tests by the lines of the service.
    pub(super) fn testing(&self, id: &ServiceId) -> Testing {
        let port = match id {
            ServiceId::Socket { address, .. } => address.port(),
            ServiceId::Fwmark { .. } => 0,
        };
        let check_type = self.check_type.as_deref().unwrap_or("negotiate");
        let is_udp = matches!(id, ServiceId::Socket { protocol, .. } if *protocol == Protocol::UDP);
        let is_number = check_type.parse::<u32>().is_ok();
        let mut testing = Testing {
            kind: Ok(Kind::Tcp),
            negotiates: is_number || check_type == "negotiate",
            doubt: is_number.then_some("every check negotiates; ldirectord only connects between"),
            port: self.common_port().filter(|_| port == 0),
        };
        testing.kind = match check_type {
            "connect" if is_udp => Err(Untested::left(PING)),
            "connect" => Ok(Kind::Tcp),
            "external" | "external-perl" => {
                testing.doubt = (check_type == "external-perl").then_some(PERL);
                Ok(self.program(id))
            }
            "ping" => Err(Untested::left(PING)),
            "on" => Err(Untested::Alive),
            "off" => Err(Untested::Off),
            _ if !testing.negotiates => Err(Untested::left(
                "ldirectord refuses it: no such type of check",
            )),
            _ => {
                let service = self
                    .service
                    .as_deref()
                    .unwrap_or_else(|| default_service(port));
                let (kind, doubt) = self.negotiated(service, is_udp);
                testing.doubt = doubt.or(testing.doubt);
                kind
            }
        };
        let is_program = matches!(testing.kind, Ok(Kind::Program { .. }));
        let has_port = port != 0 || testing.port.is_some() || self.check_port.is_some();
        if testing.kind.is_ok() && !has_port && !is_program {
            let reason = "it has no port to connect to: add checkport";
            testing.kind = Err(Untested::left(reason));
        }
        testing
    }

    /// Returns how a protocol is spoken, and what is not as with ldirectord.
    fn negotiated(
        &self,
        service: &str,
        is_udp: bool,
    ) -> (Result<Kind, Untested>, Option<&'static str>) {
        let request = self.page.path.as_deref().unwrap_or("/");
        let page = || Page {
            path: Some(match request.starts_with('/') {
                true => request.to_owned(),
                false => format!("/{request}"),
            }),
            ..self.page.clone()
        };
        let is_elsewhere = request.starts_with("http:") || request.starts_with("https:");
        let kind = match service {
            "http" | "https" if is_elsewhere => Err(Untested::left(
                "its request goes to another server than the real server",
            )),
            "http" => Ok(Kind::Http(page())),
            "https" => Ok(Kind::Https(page())),
            "dns" => Ok(Kind::Dns {
                name: self.page.path.clone(),
                record: None,
            }),
            "none" => Err(Untested::Alive),
            _ if is_udp => Err(Untested::Left(format!(
                "no check speaks {service} over UDP: use a program"
            ))),
            "ftp" | "http_proxy" | "imap" | "imaps" | "ldap" | "ldaps" | "mysql" | "nntp"
            | "oracle" | "pgsql" | "pop" | "pops" | "radius" | "simpletcp" | "sip" | "smtp"
            | "submission" => {
                return (Ok(Kind::Tcp), Some(CONNECTS));
            }
            _ => Err(Untested::left(
                "ldirectord refuses it: no such service to check",
            )),
        };
        (kind, None)
    }

    /// Returns the port that all real servers have.
    fn common_port(&self) -> Option<u16> {
        let mut ports = self.destinations.iter().map(|end| end.destination.id.port);
        let first = ports.next().filter(|port| *port > 0)?;
        ports.all(|port| port == first).then_some(first)
    }

    /// Returns the program with ldirectord's four arguments; a real server's own the shell takes from the environment.
    fn program(&self, id: &ServiceId) -> Kind {
        let (virtual_server, port) = match id {
            ServiceId::Socket { address, .. } => (address.ip().to_string(), address.port()),
            ServiceId::Fwmark { mark, .. } => (mark.to_string(), 0),
        };
        let command = self.command.as_deref().unwrap_or("/bin/true");
        Kind::Program {
            command: format!(
                "exec {command} {virtual_server} {port} \"$LVS_ADDRESS\" \"$LVS_PORT\""
            ),
            user: None,
            is_weight: false,
        }
    }
}
