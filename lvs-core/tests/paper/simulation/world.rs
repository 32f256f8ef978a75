//! A cluster that does not exist: its servers break, its operators drain, its controller is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use lvs_core::cluster::{Drain, Draining};
use lvs_core::health::{Failure, Health, Healthy, Percent, Target, WeightReason};
use lvs_core::ipvs::{DestinationId, ServiceId, Weight};
use lvs_core::run::{
    Action, CheckedDestination, CheckedService, Controller, Event, KernelWeights, Notice, ProbeRun,
    WeightChange, WeightVerb,
};

use super::invariants::Turn;
use crate::random::Random;

/// What happens to a real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) is_alive: bool,
    /// Since when it is so.
    pub(crate) since: Duration,
    pub(super) share: Option<Percent>,
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
    pub(super) random: Random,
    pub(crate) now: Duration,
    pub(super) controller: Controller,
    life: u32,
    pub(super) services: Vec<CheckedService>,
    pub(crate) servers: Vec<Server>,
    pub(super) kernel: KernelWeights,
    /// The virtual IPs that the director lacks.
    pub(super) withdrawn: BTreeSet<IpAddr>,
    /// Every change since the last observation was carried out.
    pub(super) is_certain: bool,
    pub(super) drains: BTreeMap<Drain, Draining>,
    happenings: BTreeMap<(Duration, u64), Happening>,
    number: u64,
    /// The last moment at which something else than a probe happened.
    pub(super) disturbed: Duration,
    /// The last change of each destination that health made.
    pub(super) turns: BTreeMap<(ServiceId, DestinationId), Turn>,
    /// The last reload.
    pub(super) reloaded: Duration,
    pub(crate) probes: u64,
    pub(crate) turned: u64,
}

pub(super) fn address(server: usize) -> DestinationId {
    DestinationId::new([192, 168, 1, server as u8 + 1].into(), 80)
}

pub(super) fn is_drained(checked: &CheckedDestination, drains: &BTreeMap<Drain, Draining>) -> bool {
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
        // Of one that is not tested, a restart ends the slow start.
        self.is_certain &= !self.rises_untested();
        self.controller = Controller::new(u64::from(self.life));
        self.start();
    }

    fn rises_untested(&self) -> bool {
        let views = self.controller.services();
        let mut seen = views.iter().flat_map(|view| &view.destinations);
        seen.any(|seen| {
            let reason = seen.desired.map(|desired| desired.reason);
            let rises = matches!(reason, Some(WeightReason::Up { slow_start, .. }) if slow_start < Percent::FULL);
            seen.health == Health::Unchecked && rises
        })
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
            Action::Probe { run, target, .. } => self.probe(run, &target),
            // Now and then the kernel refuses; the next observation shows it.
            Action::Weight(_) if self.random.once_in(200) => {
                self.disturbed = self.now;
                self.is_certain = false;
            }
            Action::Weight(change) => self.set_weight(&change),
            Action::Notify(Notice::Health {
                service,
                destination,
                transition,
                ..
            }) => self.turn_to(service, destination, transition.to),
            Action::Withdraw(ip) => assert!(self.withdrawn.insert(ip), "{ip} is withdrawn twice"),
            Action::Announce(ip) => assert!(self.withdrawn.remove(&ip), "{ip} is announced twice"),
            _ => {}
        }
    }

    fn probe(&mut self, run: ProbeRun, target: &Target) {
        self.probes += 1;
        let server = (0..self.servers.len())
            .find(|server| address(*server) == target.subject.destination)
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

    fn set_weight(&mut self, change: &WeightChange) {
        let destinations = self.kernel.get_mut(&change.service).unwrap();
        let before = match change.verb {
            WeightVerb::Add(weight) | WeightVerb::Edit(weight) => {
                destinations.insert(change.destination, weight)
            }
            WeightVerb::Delete => destinations.remove(&change.destination),
        };
        let adds = matches!(change.verb, WeightVerb::Add(_));
        assert!(
            adds == before.is_none() || !self.is_certain,
            "{change:?} where the kernel has {before:?}"
        );
    }
}
