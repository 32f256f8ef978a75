//! A cluster that does not exist: its servers break, its operators drain, its controller is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use lvs_core::cluster::{Drain, Draining};
use lvs_core::health::{
    BelowMinimum, CheckKind, Failure, Healthy, OnFailure, Percent, Policy, Posture, ProbePath,
    SlowStart, Subject, Target, Timing,
};
use lvs_core::ipvs::{DestinationId, ServiceId, Weight};
use lvs_core::run::{
    Action, CheckedDestination, CheckedService, CheckedTarget, Controller, Event, KernelWeights,
    Notice, ProbeRun, WeightVerb,
};

use crate::random::Random;

/// What happens to a real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) is_alive: bool,
    /// Since when it is so.
    pub(crate) since: Duration,
    share: Option<Percent>,
}

/// Events of the world itself, in the order of their times.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// A probe ends, if the controller that began it still lives.
    ProbeEnds {
        life: u32,
        run: ProbeRun,
        took: Duration,
        server: usize,
    },
    /// Something breaks, heals, is drained, reloaded or killed.
    Mishap,
    /// The kernel is read.
    Observation,
}

/// One simulated cluster.
pub(crate) struct World {
    random: Random,
    pub(crate) now: Duration,
    controller: Controller,
    life: u32,
    services: Vec<CheckedService>,
    pub(crate) servers: Vec<Server>,
    kernel: KernelWeights,
    /// The virtual IPs that the director lacks.
    withdrawn: BTreeSet<IpAddr>,
    /// Every change since the last observation was carried out.
    is_certain: bool,
    drains: BTreeMap<Drain, Draining>,
    happenings: BTreeMap<(Duration, u64), Happening>,
    number: u64,
    /// The last moment at which something else than a probe happened.
    disturbed: Duration,
    /// The last change of each destination that health made, and whether it was down.
    turns: BTreeMap<(ServiceId, DestinationId), (bool, Duration)>,
    /// The last reload.
    reloaded: Duration,
    pub(crate) probes: u64,
    pub(crate) turned: u64,
}

fn address(server: usize) -> DestinationId {
    DestinationId::new([192, 168, 1, server as u8 + 1].into(), 80)
}

fn is_drained(checked: &CheckedDestination, drains: &BTreeMap<Drain, Draining>) -> bool {
    checked.drain.is_some() || drains.keys().any(|drain| drain.matches(&checked.id))
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let count = 1 + random.below(5);
        let server = Server {
            is_alive: true,
            since: Duration::ZERO,
            share: None,
        };
        let mut world = Self {
            now: Duration::ZERO,
            controller: Controller::new(seed),
            life: 0,
            services: Vec::new(),
            servers: vec![server; count],
            kernel: KernelWeights::new(),
            withdrawn: BTreeSet::new(),
            is_certain: true,
            drains: BTreeMap::new(),
            happenings: BTreeMap::new(),
            number: 0,
            disturbed: Duration::ZERO,
            turns: BTreeMap::new(),
            reloaded: Duration::ZERO,
            probes: 0,
            turned: 0,
            random,
        };
        world.services = world.file();
        world.apply_file();
        world.start();
        world.plan(Happening::Mishap);
        world.plan(Happening::Observation);
        world
    }

    /// Runs until a moment.
    pub(crate) fn run(&mut self, until: Duration) {
        while self.now < until {
            let wake = self.controller.wake();
            let next = self.happenings.keys().next().copied();
            match (next, wake) {
                (Some((at, _)), wake) if wake.is_none_or(|wake| at <= wake) => {
                    self.now = at;
                    let (_, happening) = self.happenings.pop_first().unwrap();
                    self.happen(happening);
                }
                (_, Some(wake)) => {
                    self.now = self.now.max(wake);
                    self.step(Event::Tick);
                }
                (_, None) => unreachable!("an observation is always planned"),
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::ProbeEnds {
                life,
                run,
                took,
                server,
            } if life == self.life => {
                let outcome = self.outcome(server, took);
                self.step(Event::Probed { run, took, outcome });
            }
            Happening::ProbeEnds { .. } => {}
            Happening::Mishap => {
                self.mishap();
                self.plan(Happening::Mishap);
            }
            Happening::Observation => {
                self.is_certain = true;
                self.step(Event::Observed(self.kernel.clone()));
                self.check();
                self.plan(Happening::Observation);
            }
        }
    }

    fn plan(&mut self, happening: Happening) {
        let seconds = match happening {
            Happening::Mishap => 1 + self.random.below(7200),
            _ => 300 + self.random.below(600),
        };
        self.at(self.now + Duration::from_secs(seconds as u64), happening);
    }

    fn at(&mut self, at: Duration, happening: Happening) {
        self.number += 1;
        self.happenings.insert((at, self.number), happening);
    }

    fn mishap(&mut self) {
        self.disturbed = self.now;
        let server = self.random.below(self.servers.len());
        match self.random.below(12) {
            0..=5 => self.turn(server),
            6 => {
                let drain = Drain {
                    address: address(server).address,
                    port: None,
                };
                let how = self
                    .random
                    .pick(&[Draining::Quiet, Draining::Quiet, Draining::Removed]);
                self.drains.insert(drain, how);
                self.step(Event::Drain(drain, how));
            }
            7 => {
                if let Some((drain, _)) = self.drains.pop_first() {
                    self.step(Event::Undrain(drain));
                }
            }
            8 => {
                self.services = self.file();
                self.reloaded = self.now;
                self.apply_file();
                self.step(Event::Load(self.services.clone()));
                self.step(Event::Observed(self.kernel.clone()));
            }
            9 => self.crash(),
            10 => self.meddle(),
            _ => {
                let share = [None, Some(0), Some(30), Some(100)];
                let share = self.random.pick(&share);
                self.servers[server].share = share.map(|share| Percent::new(share).unwrap());
            }
        }
    }

    fn turn(&mut self, server: usize) {
        let server = &mut self.servers[server];
        server.is_alive = !server.is_alive;
        server.since = self.now;
    }

    /// Another program changes a weight.
    fn meddle(&mut self) {
        let service = self.random.below(self.services.len());
        let service = &self.services[service];
        let destinations = self.kernel.get_mut(&service.id).unwrap();
        if let Some(weight) = destinations.values_mut().next() {
            *weight = Weight::new(77).unwrap();
            self.is_certain = false;
        }
    }

    /// The controller is killed; the kernel stays, and no weight moves when it is started again.
    fn crash(&mut self) {
        self.life += 1;
        self.turns.clear();
        // What is drained is on record; that there is nothing to repair only if nothing drifted.
        self.step(Event::Observed(self.kernel.clone()));
        self.controller = Controller::new(u64::from(self.life));
        self.start();
    }

    fn start(&mut self) {
        let before = (self.kernel.clone(), self.withdrawn.clone());
        let (is_first, was_certain) = (self.now == Duration::ZERO, self.is_certain);
        self.step(Event::Withdrawn(self.withdrawn.clone()));
        for (drain, how) in self.drains.clone() {
            self.step(Event::Drain(drain, how));
        }
        self.step(Event::Load(self.services.clone()));
        self.step(Event::Observed(self.kernel.clone()));
        if !is_first && was_certain && self.is_certain {
            let after = (self.kernel.clone(), self.withdrawn.clone());
            assert_eq!(
                before, after,
                "a restart changes something: {:#?}",
                self.services
            );
        }
    }

    /// What the file says: other policies and timings each time, for the same servers.
    fn file(&mut self) -> Vec<CheckedService> {
        let count = 1 + self.random.below(2);
        (0..count).map(|place| self.service(place)).collect()
    }

    fn service(&mut self, place: usize) -> CheckedService {
        let id = ServiceId::tcp(([172, 16, 5, 11], 80 + place as u16).into());
        let below = [
            BelowMinimum::ServeAll,
            BelowMinimum::ServeAll,
            BelowMinimum::Fallback,
            BelowMinimum::Withdraw,
            BelowMinimum::Refuse,
        ];
        let policy = Policy {
            minimum: self.random.below(3) as u16,
            below_minimum: self.random.pick(&below),
            on_failure: self.random.pick(&[OnFailure::Drain, OnFailure::Remove]),
            slow_start: self
                .random
                .once_in(3)
                .then(|| SlowStart("1h".parse().unwrap())),
        };
        let mut destinations: Vec<_> = (0..self.servers.len())
            .map(|server| self.destination(id, server))
            .collect();
        if policy.below_minimum == BelowMinimum::Fallback {
            destinations.push(CheckedDestination {
                id: DestinationId::new([192, 168, 1, 200].into(), 80),
                server: "sorry".parse().unwrap(),
                weight: Weight::ONE,
                drain: None,
                is_fallback: true,
                targets: Vec::new(),
            });
        }
        CheckedService {
            id,
            policy,
            virtual_ips: vec![[172, 16, 5, 11].into()],
            destinations,
        }
    }

    fn destination(&mut self, service: ServiceId, server: usize) -> CheckedDestination {
        let name = format!("rs{server}");
        let interval = format!("{}s", 120 + 60 * self.random.below(3));
        let timing = Timing {
            interval: interval.parse().unwrap(),
            fast_interval: if self.random.once_in(2) { "10s" } else { "20s" }
                .parse()
                .unwrap(),
            ..Timing::default()
        };
        let subject = Subject {
            cluster: "web".parse().unwrap(),
            service,
            server: name.parse().unwrap(),
            destination: address(server),
        };
        let id = address(server);
        let target = Target {
            kind: CheckKind::Tcp,
            path: ProbePath::direct(std::net::SocketAddr::new(id.address, id.port)),
            via: None,
            subject,
        };
        // One in ten opts out of the check.
        let is_tested = !self.random.once_in(10);
        let targets = is_tested.then_some(CheckedTarget { target, timing });
        CheckedDestination {
            id,
            server: name.parse().unwrap(),
            weight: Weight::new(1 + self.random.below(10) as u32).unwrap(),
            drain: self.random.once_in(20).then_some(Draining::Quiet),
            is_fallback: false,
            targets: targets.into_iter().collect(),
        }
    }

    /// What `apply` does: services come and go, new destinations are added with weight 0 to be tested first,
    /// except in a service that is new.
    fn apply_file(&mut self) {
        let ids: BTreeSet<ServiceId> = self.services.iter().map(|service| service.id).collect();
        self.kernel.retain(|id, _| ids.contains(id));
        for service in &self.services {
            let weight = |checked: &CheckedDestination| match checked.is_fallback
                || is_drained(checked, &self.drains)
            {
                true => Weight::DRAIN,
                false => checked.weight,
            };
            let checked = service.destinations.iter();
            let wanted: BTreeMap<DestinationId, Weight> = checked
                .map(|checked| (checked.id, weight(checked)))
                .collect();
            match self.kernel.get_mut(&service.id) {
                Some(found) => found.retain(|id, _| wanted.contains_key(id)),
                None => drop(self.kernel.insert(service.id, wanted)),
            }
        }
    }

    fn outcome(&mut self, server: usize, took: Duration) -> Result<Healthy, Failure> {
        let server = self.servers[server];
        match self.random.below(200) {
            // A packet is lost, the director is stalled, or has no descriptors.
            0 => Err(Failure::ConnectTimedOut),
            1 if took > Duration::from_secs(2) => Err(Failure::ConnectTimedOut),
            2 => Err(Failure::NotProbed(
                "open a socket: too many open files".to_owned(),
            )),
            _ if server.is_alive => Ok(Healthy {
                share: server.share,
            }),
            _ => Err(Failure::ConnectTimedOut),
        }
    }

    fn step(&mut self, event: Event) {
        let actions = self.controller.step(event, self.now);
        for action in actions {
            self.carry_out(action);
        }
        self.check_drains();
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Probe { run, target, .. } => {
                self.probes += 1;
                let server = self
                    .servers
                    .iter()
                    .enumerate()
                    .position(|(server, _)| address(server) == target.subject.destination)
                    .unwrap();
                let millis = match self.random.below(500) {
                    0 => 3500,
                    _ if self.servers[server].is_alive => 1 + self.random.below(20),
                    _ => 1000,
                };
                let took = Duration::from_millis(millis as u64);
                let ends = Happening::ProbeEnds {
                    life: self.life,
                    run,
                    took,
                    server,
                };
                // Now and then a probe is never reported.
                if !self.random.once_in(20_000) {
                    self.at(self.now + took, ends);
                }
            }
            // Now and then the kernel refuses; the next observation shows it.
            Action::Weight(_) if self.random.once_in(200) => {
                self.disturbed = self.now;
                self.is_certain = false;
            }
            Action::Weight(change) => {
                let destinations = self.kernel.get_mut(&change.service).unwrap();
                let (before, is_as_expected) = match change.verb {
                    WeightVerb::Add(weight) => {
                        let before = destinations.insert(change.destination, weight);
                        (before, before.is_none())
                    }
                    WeightVerb::Edit(weight) => {
                        let before = destinations.insert(change.destination, weight);
                        (before, before.is_some())
                    }
                    WeightVerb::Delete => {
                        let before = destinations.remove(&change.destination);
                        (before, before.is_some())
                    }
                };
                assert!(
                    is_as_expected || !self.is_certain,
                    "{change:?} where the kernel has {before:?}"
                );
            }
            Action::Notify(Notice::Health {
                service,
                destination,
                transition,
                ..
            }) => {
                self.flaps(
                    (service, destination),
                    transition.to.is_down(),
                    transition.to.is_up(),
                );
            }
            Action::Withdraw(ip) => assert!(self.withdrawn.insert(ip), "{ip} is withdrawn twice"),
            Action::Announce(ip) => assert!(self.withdrawn.remove(&ip), "{ip} is announced twice"),
            _ => {}
        }
    }

    /// From down to up it takes `rise` results, back `fall`, and between two results a fast interval.
    fn flaps(&mut self, of: (ServiceId, DestinationId), is_down: bool, is_up: bool) {
        if !is_down && !is_up {
            return;
        }
        match self.turns.get(&of).copied() {
            Some((was_down, _)) if was_down == is_down => return,
            // The reload may have given it a probe of another service, which was failing or rising already.
            Some((_, since)) if since <= self.reloaded => {}
            Some((_, since)) if is_down => {
                // At least one success is before: the first failure is an interval later.
                let least = FASTEST * 2 * 9 / 10;
                assert!(
                    self.now - since >= least,
                    "{of:?} flaps: down {:?} after up",
                    self.now - since
                );
            }
            Some((_, since)) => {
                let least = FASTEST * 9 / 10;
                assert!(
                    self.now - since >= least,
                    "{of:?} flaps: up {:?} after down",
                    self.now - since
                );
            }
            None => {}
        }
        self.turned += 1;
        self.turns.insert(of, (is_down, self.now));
    }

    /// A drained destination gets no new connections, from the step on that hears of it.
    fn check_drains(&self) {
        if !self.is_certain {
            return;
        }
        for service in &self.services {
            for checked in &service.destinations {
                let weight = self.kernel[&service.id].get(&checked.id);
                let is_idle = weight.is_none_or(|weight| *weight == Weight::DRAIN);
                assert!(
                    is_idle || !is_drained(checked, &self.drains),
                    "{} of {} is drained with weight {weight:?}",
                    checked.id,
                    service.id
                );
            }
        }
    }

    /// What must hold once nothing has happened for a while.
    fn check(&self) {
        if self.now - self.disturbed < SETTLED {
            return;
        }
        let views = self.controller.services();
        for (service, view) in self.services.iter().zip(views) {
            let kernel = &self.kernel[&service.id];
            let mut healthy = 0;
            for (checked, seen) in service.destinations.iter().zip(&view.destinations) {
                let desired = seen.desired.unwrap();
                assert_eq!(
                    kernel.get(&checked.id).copied(),
                    desired.weight,
                    "{} of {}",
                    checked.id,
                    service.id
                );
                let turned = self.turns.get(&(service.id, checked.id));
                let since = turned.map_or(self.disturbed, |(_, since)| self.disturbed.max(*since));
                let has_risen = self.now - since > SETTLED + SLOW_START;
                crate::simulation::explain::slow_start(&desired, has_risen);
                crate::simulation::explain::weight(
                    service,
                    checked,
                    seen,
                    &self.drains,
                    view.posture.unwrap(),
                );
                let server = self
                    .servers
                    .iter()
                    .enumerate()
                    .find(|(at, _)| address(*at) == checked.id);
                let Some((_, server)) = server else {
                    continue;
                };
                // Losses of single packets leave it failing or rising, never on the other side.
                assert!(
                    server.is_alive || !seen.health.is_up() || checked.targets.is_empty(),
                    "{} is dead since {:?} and {}",
                    checked.id,
                    server.since,
                    seen.health
                );
                let is_drained = seen.drain.is_some();
                // One that is not tested asks for nothing.
                let wants = server.share != Some(Percent::ZERO) || checked.targets.is_empty();
                healthy += usize::from(seen.health.is_up() && !is_drained && wants);
            }
            if view.posture != Some(Posture::Below(BelowMinimum::Withdraw)) {
                let kept = service
                    .virtual_ips
                    .iter()
                    .all(|ip| !self.withdrawn.contains(ip));
                assert!(kept, "{} has its minimum: {:?}", service.id, self.withdrawn);
            }
            let serves = kernel.values().any(|weight| *weight > Weight::DRAIN);
            let holds = healthy >= usize::from(service.policy.minimum);
            assert!(
                serves || healthy == 0 || !holds,
                "{} has {healthy} healthy servers and no destination: {kernel:?}",
                service.id
            );
        }
    }
}

/// So long after a mishap everything is as it must be: the longest interval × fall, a timeout, a late probe,
/// a lost one, and one observation.
const SETTLED: Duration = Duration::from_secs(240 * 5 + 900 + 60);

/// The time over which weights rise.
const SLOW_START: Duration = Duration::from_secs(3600);

/// The shortest fast interval.
const FASTEST: Duration = Duration::from_secs(60);
