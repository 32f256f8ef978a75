//! `virtual = …` and the indented lines below it.

use std::net::{IpAddr, SocketAddr};

use super::real::forwarding;
use super::testing::{OFF, Testing, Untested};
use super::{Defaults, Given, Line, Walk, unquoted};
use crate::import::draft::{DraftDestination, DraftService};
use crate::import::health::{Check, Health, NO_CHECK, Page, literal};
use crate::import::report::{DirectiveId, Place};
use crate::import::{ImportError, names};
use crate::ipvs::{
    Destination, DestinationId, Family, Forwarding, Netmask, Persistence, Protocol, SchedulerName,
    Seconds, Service, ServiceFlags, ServiceId, Weight,
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
    fn destination(self, service: &ServiceId) -> DraftDestination {
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

    /// Leaves the lines of a service that a later one replaces.
    fn leave_overridden(&mut self, service: &Virtual) {
        for (index, (key, id)) in service.lines.iter().enumerate() {
            let mut later = service.lines.iter().skip(index + 1);
            let is_single = !["real", "real6", "schedflags"].contains(&key.as_str());
            self.tally.belongs(*id, &[service.id]);
            if is_single && later.any(|(other, _)| other == key) {
                self.tally
                    .left(*id, "another line follows, which replaces it");
            }
        }
    }

    /// Leaves the lines of a service that its check does not say.
    fn leave_unsaid(&mut self, service: &Virtual, testing: &Testing) {
        let services = service.lines.iter().filter(|(key, _)| key == "service");
        for (_, id) in services.filter(|_| !testing.negotiates) {
            let reason = "no protocol is spoken, as the checktype is not negotiate";
            self.tally.left(*id, reason);
        }
        let kind = match &testing.kind {
            Ok(kind) => kind,
            Err(untested) => {
                for (key, id) in &service.lines {
                    match (key.as_str(), untested) {
                        ("service", Untested::Alive) if !testing.negotiates => {}
                        ("checktype" | "service", Untested::Alive) => {
                            self.tally.carried(*id, "services, without a check");
                        }
                        ("checktype", Untested::Off) => {
                            self.tally.assumed(*id, "services.destinations.weight", OFF);
                        }
                        ("checktype" | "service" | "request", Untested::Left(reason)) => {
                            self.tally.left(*id, reason.as_str());
                        }
                        (
                            "receive" | "httpmethod" | "virtualhost" | "checkcommand",
                            Untested::Left(reason),
                        ) => {
                            self.tally.leave_health(*id, reason);
                        }
                        _ => self.tally.leave_health(*id, NO_CHECK),
                    }
                }
                return;
            }
        };
        for (key, id) in &service.lines {
            if !kind.says(key) {
                let reason = format!("a check of the type {} does not say it", kind.name());
                self.tally.left(*id, reason);
            } else if let Some(doubt) = testing
                .doubt
                .filter(|_| ["service", "checktype"].contains(&key.as_str()))
            {
                self.tally.doubt(*id, doubt);
            }
        }
    }

    /// Ends the service, when all of its lines are known.
    pub(super) fn end(&mut self, mut service: Virtual) {
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
                        .left_too(*line, format!("its service is not imported: {reason}"));
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
        let is_asked_alike = service.take_asks();
        let mut testing = service.testing(&id);
        let asks = testing.kind.as_ref().is_ok_and(|kind| kind.says("request"));
        if !is_asked_alike || !asks {
            assumed.extend(service.leave_asks().map(str::to_owned));
        }
        if !is_asked_alike && asks {
            testing.connect(&id);
        }
        let mut checks = self.checks(&service, &testing);
        if let Some(problem) = checks.iter().find_map(Check::problem) {
            testing.kind = Err(Untested::Left(problem));
            checks.clear();
        }
        assumed.extend(testing.doubt.map(str::to_owned));
        if testing.kind == Err(Untested::Off) {
            assumed.push(OFF.to_owned());
            for end in &mut service.destinations {
                end.destination.weight = Weight::DRAIN;
                end.assumed = Some(OFF.to_owned());
            }
        }
        let inhibit = (!checks.is_empty()).then(|| self.quiescent(&service, &mut assumed));
        let quiescent = service.timing.quiescent.or(self.defaults.quiescent);
        let mut draft = DraftService::new(kernel, &service.place, service.id);
        draft.assumed = assumed.into_iter().collect();
        draft.health = Health {
            checks,
            inhibit,
            inhibit_lines: quiescent.map(|(_, line)| line).into_iter().collect(),
            minimum: 1,
            ..Health::default()
        };
        self.leave_unsaid(&service, &testing);
        self.leave_overridden(&service);
        if let Err(Untested::Left(reason)) = &testing.kind {
            draft.remarks.insert(format!("no check: {reason}"));
        }
        let of_all = || self.fallbacks.get(&id.family()).cloned();
        let fallback = service.fallback.take().or_else(of_all);
        draft.destinations = std::mem::take(&mut service.destinations);
        draft
            .destinations
            .extend(fallback.map(|fallback| fallback.destination(&id)));
        match self.declared.contains_key(&id) {
            true => self.join(draft, &service.lines),
            false => {
                self.declared.insert(id, service.lines);
                self.draft.services.push(draft);
            }
        }
    }

    /// Adds the real servers of a service that is declared above, as ldirectord does; a check that both do not have
    /// becomes a connection.
    fn join(&mut self, draft: DraftService, lines: &[(String, DirectiveId)]) {
        let id = draft.service.id;
        let again = format!("{id} is declared above; its real servers are added there");
        self.tally.left(draft.directive, again);
        let others = lines
            .iter()
            .filter(|(key, _)| !["real", "real6"].contains(&key.as_str()));
        others.for_each(|(_, line)| {
            self.tally.left(
                *line,
                "its service is declared above, where all but its real servers is taken from",
            );
        });
        let mut services = self.draft.services.iter_mut();
        let Some(first) = services.find(|service| service.service.id == id) else {
            return;
        };
        let reals = draft.destinations.iter().map(|end| end.directive);
        reals.for_each(|line| self.tally.belongs(line, &[first.directive]));
        let (one, other) = (first.health.checks.clone(), draft.health.checks);
        if one != other {
            let is_tcp = matches!(id, ServiceId::Socket { protocol: Protocol::TCP, address } if address.port() > 0);
            let is_tested = !one.is_empty() && !other.is_empty();
            let connection = Check::connection(&[one, other]).filter(|_| is_tcp && is_tested);
            let above = self.declared.get(&id).into_iter().flatten();
            for (key, line) in above {
                let asks = [
                    "request",
                    "receive",
                    "virtualhost",
                    "httpmethod",
                    "checkcommand",
                    "checkport",
                ];
                match connection.is_some() {
                    true if asks.contains(&key.as_str()) => self.tally.left(*line, TWICE),
                    true if ["service", "checktype"].contains(&key.as_str()) => {
                        self.tally.doubt(*line, TWICE)
                    }
                    true => {}
                    false => self.tally.leave_health(*line, NO_CHECK),
                }
            }
            match connection.is_some() {
                true => first.assumed.insert(TWICE.to_owned()),
                false => first.remarks.insert(UNTESTED_TWICE.to_owned()),
            };
            first.health.checks = connection.into_iter().collect();
        }
        let ends = draft
            .destinations
            .into_iter()
            .filter(|end| !end.is_fallback);
        let before = first.destinations.iter().position(|end| end.is_fallback);
        let at = before.unwrap_or(first.destinations.len());
        first.destinations.splice(at..at, ends);
    }

    /// Returns whether real servers stay with weight 0 when they fail; the default of the program is written out, not
    /// that of its manual.
    fn quiescent(&mut self, service: &Virtual, assumed: &mut Vec<String>) -> bool {
        let quiescent = service.timing.quiescent.or(self.defaults.quiescent);
        if quiescent.is_none() {
            assumed.push(REMOVES.to_owned());
        }
        self.used(quiescent, "on-failure").unwrap_or(false)
    }

    /// Returns a value, and says that the file has it.
    fn used<T>(&mut self, given: Option<Given<T>>, key: &str) -> Option<T> {
        let (value, id) = given?;
        Health::said(self.tally, id, key);
        Some(value)
    }

    /// ldirectord's defaults are written out: every 10 s, 5 s to connect, 30 s to negotiate, one failure.
    fn checks(&mut self, service: &Virtual, testing: &Testing) -> Vec<Check> {
        let Ok(kind) = &testing.kind else {
            return Vec::new();
        };
        let (own, all) = (&service.timing, &self.defaults);
        let (first, second, default) = match testing.negotiates {
            true => (
                &own.negotiate_timeout,
                [&own.timeout, &all.negotiate_timeout, &all.timeout],
                "30s",
            ),
            false => (
                &own.timeout,
                [&own.negotiate_timeout, &all.timeout, &all.negotiate_timeout],
                "5s",
            ),
        };
        let timeout = [first].into_iter().chain(second).find_map(Clone::clone);
        let interval = own.interval.clone().or_else(|| all.interval.clone());
        let failures = own.failures.or(all.failures);
        let (interval, timeout) = (
            self.used(interval, "check.interval"),
            self.used(timeout, "check.timeout"),
        );
        let check = Check {
            port: service.check_port.or(testing.port),
            interval: Some(interval.unwrap_or_else(|| "10s".to_owned())),
            timeout: Some(timeout.unwrap_or_else(|| default.to_owned())),
            fall: Some(self.used(failures, "check.fall").unwrap_or(1)),
            ..Check::new(kind.clone())
        };
        vec![check]
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
    /// Takes what all real servers ask as what the service asks; false if they differ.
    fn take_asks(&mut self) -> bool {
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
    fn leave_asks(&mut self) -> Option<&'static str> {
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

    fn netmask(&self, family: Family) -> Netmask {
        let mask = self.mask.as_deref().and_then(|mask| match family {
            Family::Ipv4 => mask.parse().ok().map(Netmask::Ipv4),
            Family::Ipv6 => Netmask::from_prefix(family, mask.parse().ok()?).ok(),
        });
        mask.unwrap_or_else(|| Netmask::host(family))
    }
}

/// What is tested of a service that the source declares twice.
const TWICE: &str = "only the TCP connection is checked: the source declares the service twice, with different checks";
const UNTESTED_TWICE: &str =
    "no check: the source declares the service twice, with different checks";

/// What happens on failure where no line says it.
const REMOVES: &str = "on-failure remove: ldirectord 4.12 deletes a server that fails where no line says quiescent, though \
                       its manual gives yes as the default";

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
