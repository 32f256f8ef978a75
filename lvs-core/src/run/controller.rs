//! Decides everything: events in, actions out, with the time as an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::probes::Probes;
use super::service::{DestinationState, ServiceState};
use super::{Action, CheckedService, Event, KernelWeights, Notice, ProbeId, ServiceView};
use crate::cluster::{Drain, Draining};
use crate::health::{BelowMinimum, Posture, Target};
use crate::ipvs::{DestinationId, ServiceId};

/// Decides what is probed and which weights the kernel gets.
///
/// Pure: the same events at the same times give the same actions. Time is a [`Duration`] since any fixed
/// moment of a monotonic clock.
///
/// - Until the kernel was observed no weight changes; a destination whose health is unknown keeps what the
///   kernel had, and whether a service has its minimum is decided once its destinations were probed, so that a
///   restart moves no client.
/// - The actions of one step are in order: within a service, weights that rise come before those that fall.
/// - What was not carried out is decided again after the next [`Event::Observed`].
#[derive(Debug)]
pub struct Controller {
    probes: Probes,
    services: BTreeMap<ServiceId, ServiceState>,
    /// The services that a probe concerns.
    users: BTreeMap<ProbeId, BTreeSet<ServiceId>>,
    /// What the kernel has once all actions were carried out; `None` until it was observed.
    kernel: Option<KernelWeights>,
    drains: BTreeMap<Drain, Draining>,
    withdrawn: BTreeSet<IpAddr>,
    /// When a weight of a service rises next.
    steps: BTreeSet<(Duration, ServiceId)>,
    /// The services with results or drains that were not decided upon yet.
    undecided: BTreeSet<ServiceId>,
    is_loaded: bool,
}

impl Controller {
    /// A controller without services. The seed decides the jitter of probes.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            probes: Probes::new(seed),
            services: BTreeMap::new(),
            users: BTreeMap::new(),
            kernel: None,
            drains: BTreeMap::new(),
            withdrawn: BTreeSet::new(),
            steps: BTreeSet::new(),
            undecided: BTreeSet::new(),
            is_loaded: false,
        }
    }

    /// Takes an event, and returns what is to be done, in order.
    pub fn step(&mut self, event: Event, now: Duration) -> Vec<Action> {
        self.step_all([event], now)
    }

    /// Takes events of the same time, and returns what is to be done: each service is decided once, however many
    /// results it has.
    pub fn step_all(
        &mut self,
        events: impl IntoIterator<Item = Event>,
        now: Duration,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        for event in events {
            self.take(event, now, &mut actions);
        }
        while let Some(id) = self.undecided.pop_first() {
            self.decide(id, now, &mut actions);
        }
        self.rise(now, &mut actions);
        self.probes.begin(now, &mut actions);
        actions
    }

    fn take(&mut self, event: Event, now: Duration, actions: &mut Vec<Action>) {
        match event {
            Event::Load(services) => self.load(services, now, actions),
            Event::Observed(found) => self.observe(found, now, actions),
            Event::Withdrawn(absent) => self.withdrawn = absent,
            Event::Probed { run, took, outcome } => {
                if self.probes.record(run, took, &outcome, now, actions) {
                    let users = self.users.get(&run.probe).into_iter().flatten();
                    self.undecided.extend(users);
                }
            }
            Event::Drain(drain, how) => {
                self.drains.insert(drain, how);
                self.undecided.extend(self.services.keys());
            }
            Event::Undrain(drain) => {
                self.drains.remove(&drain);
                self.undecided.extend(self.services.keys());
            }
            Event::Tick => {}
        }
    }

    /// Returns when the next [`Event::Tick`] is due; `None` without services.
    #[must_use]
    pub fn wake(&self) -> Option<Duration> {
        let step = self.steps.first().map(|(due, _)| *due);
        self.probes.next().into_iter().chain(step).min()
    }

    /// Returns the state of every service.
    #[must_use]
    pub fn services(&self) -> Vec<ServiceView> {
        self.services
            .iter()
            .map(|(id, state)| {
                let kernel = self.kernel.as_ref().and_then(|kernel| kernel.get(id));
                state.view(&self.probes, &self.drains, kernel)
            })
            .collect()
    }

    /// Returns the identities of the services.
    pub(super) fn ids(&self) -> impl Iterator<Item = &ServiceId> {
        self.services.keys()
    }

    /// Returns the target of a destination's checks that goes the clients' way, if one does.
    pub(super) fn target_by_service(
        &self,
        service: &ServiceId,
        destination: &DestinationId,
    ) -> Option<&Target> {
        self.services.get(service)?.target_by_service(destination)
    }

    /// Returns the destinations that must not be in the kernel.
    pub(super) fn deleted(&self) -> BTreeSet<(ServiceId, DestinationId)> {
        self.services
            .iter()
            .flat_map(|(id, state)| state.deleted().map(|destination| (*id, destination)))
            .collect()
    }

    /// Returns the drains of the operator.
    #[must_use]
    pub const fn drains(&self) -> &BTreeMap<Drain, Draining> {
        &self.drains
    }

    /// Returns the virtual IPs that are withdrawn.
    #[must_use]
    pub const fn withdrawn(&self) -> &BTreeSet<IpAddr> {
        &self.withdrawn
    }

    fn load(&mut self, services: Vec<CheckedService>, now: Duration, actions: &mut Vec<Action>) {
        let mut before = std::mem::take(&mut self.services);
        self.users.clear();
        let mut notices = Vec::new();
        for service in services {
            let id = service.id;
            let old = before.remove(&id);
            match &old {
                None => notices.push(Notice::Added(id)),
                Some(old) if old.service != service => notices.push(Notice::Changed(id)),
                Some(_) => {}
            }
            let state = self.adopt(service, old, now);
            self.services.insert(id, state);
        }
        notices.extend(before.into_keys().map(Notice::Removed));
        let users = &self.users;
        let unused = self.probes.retain(|id| users.contains_key(&id));
        actions.extend(unused.into_iter().map(Action::Forget));
        if std::mem::replace(&mut self.is_loaded, true) {
            actions.extend(notices.into_iter().map(Action::Notify));
        } else {
            actions.push(Action::Notify(Notice::Snapshot(self.services())));
        }
        self.steps.clear();
        self.decide_all(now, actions);
    }

    /// Gives a service the state that its destinations had before.
    fn adopt(
        &mut self,
        service: CheckedService,
        old: Option<ServiceState>,
        now: Duration,
    ) -> ServiceState {
        let posture = old.as_ref().and_then(|old| old.posture);
        let mut known: BTreeMap<DestinationId, DestinationState> = old
            .map(|old| {
                old.service
                    .destinations
                    .into_iter()
                    .map(|checked| checked.id)
                    .zip(old.destinations)
                    .collect()
            })
            .unwrap_or_default();
        let destinations = service
            .destinations
            .iter()
            .map(|checked| {
                let targets = checked.targets.iter();
                let probes: Vec<ProbeId> =
                    targets.map(|target| self.probes.of(target, now)).collect();
                for probe in &probes {
                    self.users.entry(*probe).or_default().insert(service.id);
                }
                match known.remove(&checked.id) {
                    Some(state) => state.with(probes),
                    None => DestinationState::new(probes),
                }
            })
            .collect();
        let mut state = ServiceState::new(service, destinations);
        state.posture = posture;
        state
    }

    /// Compares what was found with what was expected, and decides anew where they differ: elsewhere the kernel has
    /// what was decided.
    fn observe(&mut self, found: KernelWeights, now: Duration, actions: &mut Vec<Action>) {
        let Some(expected) = self.kernel.take() else {
            self.kernel = Some(found);
            return self.decide_all(now, actions);
        };
        let differing: Vec<ServiceId> = self
            .services
            .iter()
            .filter(|(id, _)| expected.get(id) != found.get(id))
            .map(|(id, state)| {
                if let (Some(expected), Some(found)) = (expected.get(id), found.get(id)) {
                    actions.extend(state.drifts(expected, found));
                }
                *id
            })
            .collect();
        self.kernel = Some(found);
        for id in differing {
            self.decide(id, now, actions);
        }
        self.move_virtual_ips(actions);
    }

    fn decide_all(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let ids: Vec<ServiceId> = self.services.keys().copied().collect();
        for id in ids {
            self.decide(id, now, actions);
        }
        self.move_virtual_ips(actions);
    }

    fn decide(&mut self, id: ServiceId, now: Duration, actions: &mut Vec<Action>) {
        let Some(state) = self.services.get_mut(&id) else {
            return;
        };
        state.refresh(&self.probes, actions);
        // A service that the kernel does not have is a matter of the plan, not of weights.
        let kernel = self.kernel.as_mut().and_then(|kernel| kernel.get_mut(&id));
        let Some(kernel) = kernel else {
            return;
        };
        let posture = state.posture;
        state.decide(&self.probes, &self.drains, kernel, now, actions);
        let is_moved = posture != state.posture;
        if let Some(next) = state.next_step(&self.probes, now) {
            self.steps.insert((next, id));
        }
        if is_moved {
            self.move_virtual_ips(actions);
        }
    }

    /// Raises the weights whose slow start goes on.
    fn rise(&mut self, now: Duration, actions: &mut Vec<Action>) {
        while self.steps.first().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, id)) = self.steps.pop_first() {
                self.decide(id, now, actions);
            }
        }
    }

    /// Withdraws virtual IPs whose services are all below their minimum, and announces the others again.
    fn move_virtual_ips(&mut self, actions: &mut Vec<Action>) {
        if !self.is_loaded {
            return;
        }
        let mut withdrawn: BTreeMap<IpAddr, bool> = BTreeMap::new();
        for state in self.services.values() {
            for ip in &state.service.virtual_ips {
                let goes = match state.posture {
                    Some(posture) => posture == Posture::Below(BelowMinimum::Withdraw),
                    None => self.withdrawn.contains(ip),
                };
                *withdrawn.entry(*ip).or_insert(true) &= goes;
            }
        }
        withdrawn.retain(|_, goes| *goes);
        let withdrawn: BTreeSet<IpAddr> = withdrawn.into_keys().collect();
        for ip in self.withdrawn.difference(&withdrawn).copied() {
            actions.extend([Action::Announce(ip), Action::Notify(Notice::Announced(ip))]);
        }
        for ip in withdrawn.difference(&self.withdrawn).copied() {
            actions.extend([Action::Withdraw(ip), Action::Notify(Notice::Withdrawn(ip))]);
        }
        self.withdrawn = withdrawn;
    }
}
