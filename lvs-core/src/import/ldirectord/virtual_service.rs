//! `virtual = …` and the indented lines below it.

use std::net::{IpAddr, SocketAddr};

use super::real::forwarding;
use super::{Defaults, Line, Walk, unquoted};
use crate::import::draft::{DraftDestination, DraftService};
use crate::import::health::{Check, Health, Kind, NO_CHECK, Page};
use crate::import::report::{DirectiveId, Place};
use crate::import::{ImportError, names};
use crate::ipvs::{
    Destination, DestinationId, Family, Forwarding, Netmask, Persistence, Protocol, SchedulerName,
    Seconds, Service, ServiceFlags, ServiceId,
};

/// A service while its lines are read: what a line means depends on others.
pub(super) struct Virtual {
    /// None if the service is left; then all of its lines are.
    pub(super) target: Result<Target, String>,
    id: DirectiveId,
    place: Place,
    scheduler: Option<SchedulerName>,
    protocol: Option<Protocol>,
    flags: Vec<(String, DirectiveId)>,
    one_packet: Option<DirectiveId>,
    persistence: Option<Seconds>,
    mask: Option<String>,
    pub(super) destinations: Vec<DraftDestination>,
    lines: Vec<(String, DirectiveId)>,
    timing: Defaults,
    fallback: Option<Fallback>,
    check_type: Option<String>,
    service: Option<String>,
    page: Page,
    command: Option<String>,
    check_port: Option<u16>,
}

/// The server that serves while no other does.
struct Fallback {
    address: IpAddr,
    port: Option<u16>,
    forwarding: Forwarding,
    directive: DirectiveId,
}

impl Fallback {
    fn destination(self, service: &ServiceId) -> DraftDestination {
        let of_service = match service {
            ServiceId::Socket { address, .. } => address.port(),
            ServiceId::Fwmark { .. } => 0,
        };
        let id = DestinationId::new(self.address, self.port.unwrap_or(of_service));
        DraftDestination {
            destination: Destination::new(id, self.forwarding),
            directive: self.directive,
            assumed: None,
            is_fallback: true,
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
            timing: self.defaults.clone(),
            fallback: None,
            check_type: None,
            service: None,
            page: Page::default(),
            command: None,
            check_port: None,
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
            "receive" => service.page.contains = text(),
            "virtualhost" => service.page.host = text(),
            "checkcommand" => service.command = text(),
            "checkport" => service.check_port = line.value.parse().ok(),
            key => return self.tally.left(line.id, reason(key)),
        }
        Health::said(self.tally, line.id, &format!("check.{}", line.key));
    }

    /// `ADDRESS[:PORT] [gate|masq|ipip]`
    fn fallback(&mut self, line: &Line<'_>) -> Result<Fallback, String> {
        let mut words = line.value.split_whitespace();
        let (address, port) = self.endpoint(words.next().unwrap_or_default())?;
        let method = words.next().unwrap_or("gate");
        Ok(Fallback {
            address,
            port,
            forwarding: forwarding(method).ok_or("its forwarding is not gate, masq or ipip")?,
            directive: line.id,
        })
    }

    /// Leaves the lines of a service that its check does not say.
    fn leave_unsaid(&mut self, service: &Virtual, health: &Health) {
        let check = health.check.as_ref().filter(|_| health.is_checked());
        for (key, id) in &service.lines {
            match check.map(|check| &check.kind) {
                None if key == "checktype" && health.check.is_none() => {
                    let reason = "a service is then not checked at all";
                    self.tally.left(*id, reason);
                }
                None => self.tally.leave_health(*id, NO_CHECK),
                Some(kind) if !kind.says(key) => {
                    let reason = format!("a check of the type {} does not say it", kind.name());
                    self.tally.left(*id, reason);
                }
                Some(Kind::Program { .. }) if key == "checkcommand" => {
                    let reason = "the program gets no arguments: it must read LVS_SERVICE, LVS_ADDRESS and LVS_PORT from \
                                  its environment";
                    self.tally.assumed(*id, "services.check.command", reason);
                }
                Some(_) => {}
            }
        }
    }

    /// Ends the service, when all of its lines are known.
    pub(super) fn end(&mut self, service: Virtual) {
        let mut assumed = Vec::new();
        let id = match &service.target {
            Ok(Target::Socket(address)) => ServiceId::Socket {
                // Port 53 is UDP where no line says otherwise.
                protocol: service.protocol.unwrap_or_else(|| match address.port() {
                    53 => {
                        assumed.push("protocol udp, ldirectord's default for port 53".to_owned());
                        Protocol::UDP
                    }
                    _ => {
                        assumed.push("protocol tcp, ldirectord's default".to_owned());
                        Protocol::TCP
                    }
                }),
                address: *address,
            },
            Ok(Target::Fwmark(mark, family)) => ServiceId::Fwmark {
                mark: *mark,
                family: *family,
            },
            Err(reason) => {
                for (_, line) in &service.lines {
                    self.tally
                        .left(*line, format!("its service is not imported: {reason}"));
                }
                return;
            }
        };
        let mut kernel = Service::new(
            id,
            service.scheduler.clone().unwrap_or_else(|| {
                assumed.push("scheduler wrr, ldirectord's default".to_owned());
                SchedulerName::WRR
            }),
        );
        kernel.persistence = service.persistence.map(|timeout| Persistence {
            timeout,
            netmask: service.netmask(id.family()),
        });
        self.flags(&mut kernel, &service);
        let mut draft = DraftService::new(kernel, &service.place, service.id);
        draft.assumed = assumed.into_iter().collect();
        draft.health = service.health();
        self.leave_unsaid(&service, &draft.health);
        draft.destinations = service.destinations;
        draft
            .destinations
            .extend(service.fallback.map(|fallback| fallback.destination(&id)));
        self.draft.services.push(draft);
    }

    /// Flags where the service can have them.
    fn flags(&mut self, kernel: &mut Service, service: &Virtual) {
        for (word, id) in &service.flags {
            match ServiceFlags::from_word(word, &kernel.scheduler) {
                Ok(flag) => kernel.flags |= flag,
                Err(_) => {
                    let reason =
                        format!("{word} means nothing to the scheduler {}", kernel.scheduler);
                    self.tally.left(*id, reason);
                }
            }
        }
        if let Some(id) = service.one_packet {
            let is_tcp = matches!(kernel.id, ServiceId::Socket { protocol, .. } if protocol != Protocol::UDP);
            match is_tcp || kernel.persistence.is_some() {
                false => kernel.flags |= ServiceFlags::ONE_PACKET,
                true => self.tally.left(id, "only for UDP without persistence"),
            }
        }
    }
}

impl Virtual {
    fn netmask(&self, family: Family) -> Netmask {
        let mask = self.mask.as_deref().and_then(|mask| match family {
            Family::Ipv4 => mask.parse().ok().map(Netmask::Ipv4),
            Family::Ipv6 => Netmask::from_prefix(family, mask.parse().ok()?).ok(),
        });
        mask.unwrap_or_else(|| Netmask::host(family))
    }

    /// ldirectord's defaults are written out: every 10 s, 5 s to connect, 30 s to negotiate, one failure,
    /// weight 0.
    fn health(&self) -> Health {
        let page = || {
            let page = &self.page;
            let path = page.path.as_ref().map(|path| match path.starts_with('/') {
                true => path.clone(),
                false => format!("/{path}"),
            });
            Page {
                path,
                ..page.clone()
            }
        };
        let port = match &self.target {
            Ok(Target::Socket(address)) => address.port(),
            _ => 0,
        };
        let service = self.service.as_deref().unwrap_or(match port {
            80 | 8080 => "http",
            443 => "https",
            53 => "dns",
            _ => "",
        });
        let check_type = self.check_type.as_deref().unwrap_or("negotiate");
        let negotiates = check_type == "negotiate" || check_type.parse::<u32>().is_ok();
        let kind = match (check_type, service) {
            ("off" | "on" | "ping", _) => None,
            ("external" | "external-perl", _) => Some(Kind::Program {
                command: self
                    .command
                    .clone()
                    .unwrap_or_else(|| "/bin/true".to_owned()),
            }),
            (_, "http") if negotiates => Some(Kind::Http(page())),
            (_, "https") if negotiates => Some(Kind::Https(page())),
            (_, "dns") if negotiates => Some(Kind::Dns {
                name: self.page.path.clone(),
                record: None,
            }),
            _ => Some(Kind::Tcp),
        };
        let timing = &self.timing;
        let or = |value: &Option<String>, default: &str| {
            Some(value.clone().unwrap_or_else(|| default.to_owned()))
        };
        Health {
            check: kind.map(|kind| Check {
                port: self.check_port,
                interval: or(&timing.interval, "10s"),
                timeout: match negotiates {
                    true => or(&timing.negotiate_timeout, "30s"),
                    false => or(&timing.timeout, "5s"),
                },
                fall: Some(timing.failures.unwrap_or(1)),
                ..Check::new(kind)
            }),
            inhibit: Some(timing.quiescent.unwrap_or(true)),
            minimum: 1,
        }
    }
}

fn reason(key: &str) -> &'static str {
    match key {
        "login" | "passwd" | "database" | "secret" | "load" => {
            "checks cannot log in: use a program"
        }
        "httpmethod" => "pages are requested with GET",
        "emailalert" | "emailalertfreq" | "emailalertstatus" | "smtp" => "lvsctl sends no mail",
        "monitorfile" => "lvsctl drain takes a server out of service",
        "fallbackcommand" => "lvsctl starts no program on a change",
        "cleanstop" => "how ldirectord is run",
        "servicename" | "comment" => "a remark",
        "checkcount" => "a check is repeated after its interval",
        _ => "ldirectord knows no such directive here",
    }
}
