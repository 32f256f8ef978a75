//! What becomes of a `virtual` when all of its lines are known.

use super::testing::{OFF, Testing, Untested};
use super::virtual_service::{Target, Virtual};
use super::{Given, Walk};
use crate::import::draft::DraftService;
use crate::import::health::{Check, Health, NO_CHECK};
use crate::import::tally::DirectiveId;
use crate::ipvs::{Persistence, Protocol, SchedulerName, Service, ServiceFlags, ServiceId, Weight};

impl Walk<'_, '_> {
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
                .filter(|_| ["service", "checktype", "checkcommand"].contains(&key.as_str()))
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

/// What is tested of a service that the source declares twice.
const TWICE: &str = "only the TCP connection is checked: the source declares the service twice, with different checks";
const UNTESTED_TWICE: &str =
    "no check: the source declares the service twice, with different checks";

/// What happens on failure where no line says it.
const REMOVES: &str = "on-failure remove: ldirectord 4.12 deletes a server that fails where no line says quiescent, though \
                       its manual gives yes as the default";
