//! The state of one service: what its destinations keep between two decisions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::probes::Probes;
use super::{
    Action, CheckedDestination, CheckedService, DestinationView, Notice, ProbeId, ServiceView,
    WeightChange, WeightVerb,
};
use crate::cluster::{Drain, Draining};
use crate::health::{
    Admission, Decision, DesiredWeight, Health, Member, Percent, Posture, Target, Transition,
};
use crate::ipvs::{DestinationId, Weight};

/// What a destination keeps between two decisions.
#[derive(Clone, Debug)]
pub(super) struct DestinationState {
    probes: Vec<ProbeId>,
    health: Health,
    admission: Admission,
    /// The weight that it keeps while its health is unknown; the outer `None` until the kernel was seen.
    kept: Option<Option<Weight>>,
    desired: Option<DesiredWeight>,
}

impl DestinationState {
    pub(super) const fn new(probes: Vec<ProbeId>) -> Self {
        Self {
            probes,
            health: Health::Unknown,
            admission: Admission::Undecided,
            kept: None,
            desired: None,
        }
    }

    /// Returns until when its health may turn out either way; `None` if it is known.
    fn pending_until(&self, checked: &CheckedDestination, probes: &Probes) -> Option<Duration> {
        self.probes
            .iter()
            .zip(&checked.targets)
            .filter_map(|(id, target)| Some((probes.tracker(*id)?, target.timing)))
            .filter(|(tracker, _)| tracker.health() == Health::Unknown)
            .map(|(tracker, timing)| tracker.since() + timing.longest_until_known())
            .max()
            .filter(|_| self.health == Health::Unknown)
    }

    /// Returns what its weight depends on, without regard to slow start and to what may be known soon.
    fn member(
        &self,
        checked: &CheckedDestination,
        probes: &Probes,
        drains: &BTreeMap<Drain, Draining>,
        kept: Option<Weight>,
    ) -> Member {
        Member {
            weight: checked.weight,
            health: self.health,
            share: share(&self.probes, probes),
            slow_start: Percent::FULL,
            drain: drain(checked, drains),
            is_fallback: checked.is_fallback,
            kept,
            is_pending: false,
        }
    }

    /// The same state with other probes, after a reload.
    pub(super) fn with(self, probes: Vec<ProbeId>) -> Self {
        Self { probes, ..self }
    }
}

/// A service and its state.
#[derive(Debug)]
pub(super) struct ServiceState {
    pub(super) service: CheckedService,
    pub(super) destinations: Vec<DestinationState>,
    pub(super) posture: Option<Posture>,
}

impl ServiceState {
    pub(super) const fn new(service: CheckedService, destinations: Vec<DestinationState>) -> Self {
        Self {
            service,
            destinations,
            posture: None,
        }
    }

    /// Takes the health of its destinations from their probes, and tells what changed.
    pub(super) fn refresh(&mut self, probes: &Probes, actions: &mut Vec<Action>) {
        for (checked, state) in self.service.destinations.iter().zip(&mut self.destinations) {
            let trackers = || state.probes.iter().filter_map(|id| probes.tracker(*id));
            let to = Health::of_all(trackers().map(|tracker| tracker.health()));
            let failure = trackers()
                .filter(|_| !to.is_up())
                .find_map(|tracker| tracker.failure());
            let failure = failure.cloned();
            let from = std::mem::replace(&mut state.health, to);
            if from != to && !state.probes.is_empty() {
                actions.push(Action::Notify(Notice::Health {
                    service: self.service.id,
                    destination: checked.id,
                    transition: Transition { from, to },
                    failure,
                }));
            }
        }
    }

    /// Decides its weights, and changes `kernel` to what it will be once the actions are carried out.
    ///
    /// Weights that rise come first, so that a service is never without destinations between two actions.
    pub(super) fn decide(
        &mut self,
        probes: &Probes,
        drains: &BTreeMap<Drain, Draining>,
        kernel: &mut BTreeMap<DestinationId, Weight>,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        let members = self.members(probes, drains, kernel, now);
        let decision = self.service.policy.decide(&members, self.posture);
        self.keep(&members, decision.posture);
        self.take_posture(&decision, actions);
        let mut changes = Vec::new();
        for ((checked, state), desired) in self
            .service
            .destinations
            .iter()
            .zip(&mut self.destinations)
            .zip(decision.weights)
        {
            state.desired = Some(desired);
            let found = kernel.get(&checked.id).copied();
            let verb = match (found, desired.weight) {
                (None, Some(weight)) => WeightVerb::Add(weight),
                (Some(found), Some(weight)) if found != weight => WeightVerb::Edit(weight),
                (Some(_), None) => WeightVerb::Delete,
                _ => continue,
            };
            match desired.weight {
                Some(weight) => kernel.insert(checked.id, weight),
                None => kernel.remove(&checked.id),
            };
            let is_lowered =
                desired.weight.unwrap_or(Weight::DRAIN) < found.unwrap_or(Weight::DRAIN);
            let change = WeightChange {
                service: self.service.id,
                destination: checked.id,
                verb,
                reason: desired.reason,
            };
            changes.push((is_lowered, change));
        }
        changes.sort_by_key(|(is_lowered, _)| *is_lowered);
        actions.extend(
            changes
                .into_iter()
                .map(|(_, change)| Action::Weight(change)),
        );
    }

    fn members(
        &mut self,
        probes: &Probes,
        drains: &BTreeMap<Drain, Draining>,
        kernel: &BTreeMap<DestinationId, Weight>,
        now: Duration,
    ) -> Vec<Member> {
        let slow_start = self.service.policy.slow_start;
        self.service
            .destinations
            .iter()
            .zip(&mut self.destinations)
            .map(|(checked, state)| {
                let kept = *state
                    .kept
                    .get_or_insert_with(|| kernel.get(&checked.id).copied());
                let mut member = Member {
                    is_pending: state
                        .pending_until(checked, probes)
                        .is_some_and(|until| now < until),
                    ..state.member(checked, probes, drains, kept)
                };
                state.admission = state.admission.next(member.is_admitted(), now);
                member.slow_start = state.admission.share(slow_start, now);
                member
            })
            .collect()
    }

    /// Remembers what health gives each destination, for the time when a reload makes it unknown. The fallback's
    /// weight depends on the others'.
    fn keep(&mut self, members: &[Member], posture: Option<Posture>) {
        let is_decided = |member: &Member| match member.health {
            Health::Unknown => false,
            Health::Unchecked => posture.is_some(),
            _ => true,
        };
        for (member, state) in members.iter().zip(&mut self.destinations) {
            if is_decided(member) && !member.is_fallback {
                state.kept = Some(self.service.policy.by_health(member).weight);
            }
        }
    }

    /// Tells which weights another program changed.
    pub(super) fn drifts<'a>(
        &'a self,
        expected: &'a BTreeMap<DestinationId, Weight>,
        found: &'a BTreeMap<DestinationId, Weight>,
    ) -> impl Iterator<Item = Action> + 'a {
        self.service
            .destinations
            .iter()
            .map(|checked| (checked.id, found.get(&checked.id).copied()))
            .filter(|(id, found)| expected.get(id).copied() != *found)
            .map(|(destination, found)| {
                Action::Notify(Notice::Drift {
                    service: self.service.id,
                    destination,
                    found,
                })
            })
    }

    /// Returns the target of a destination's checks that goes the clients' way by a socket, if one does.
    pub(super) fn target_by_service(&self, id: &DestinationId) -> Option<&Target> {
        self.service
            .destinations
            .iter()
            .find(|checked| checked.id == *id)?
            .targets
            .iter()
            .map(|checked| &checked.target)
            .find(|target| target.via.is_some() && target.kind.is_by_socket())
    }

    /// Returns the destinations that must not be in the kernel.
    pub(super) fn deleted(&self) -> impl Iterator<Item = DestinationId> {
        let is_deleted = |state: &DestinationState| {
            state
                .desired
                .is_some_and(|desired| desired.weight.is_none())
        };
        self.service
            .destinations
            .iter()
            .zip(&self.destinations)
            .filter(move |(_, state)| is_deleted(state))
            .map(|(checked, _)| checked.id)
    }

    fn take_posture(&mut self, decision: &Decision, actions: &mut Vec<Action>) {
        let before = std::mem::replace(&mut self.posture, decision.posture);
        // A service that begins with its minimum is no news.
        if let Some(posture) = decision.posture
            && before.unwrap_or(Posture::Serving) != posture
        {
            actions.push(Action::Notify(Notice::Posture {
                service: self.service.id,
                posture,
                available: decision.available,
            }));
        }
    }

    /// Returns when a weight rises next by slow start, or a destination is pending no longer.
    pub(super) fn next_step(&self, probes: &Probes, now: Duration) -> Option<Duration> {
        let slow_start = self.service.policy.slow_start;
        self.service
            .destinations
            .iter()
            .zip(&self.destinations)
            .flat_map(|(checked, state)| {
                let decided = state.pending_until(checked, probes);
                let rises = state.admission.next_step(slow_start, now);
                decided
                    .filter(|until| now < *until)
                    .into_iter()
                    .chain(rises)
            })
            .min()
    }

    /// Returns how many destinations are available as far as is known now, also without the service in the kernel, where
    /// nothing is decided. One of unknown health whose probe failed is not, though it keeps its weight.
    fn available(&self, probes: &Probes, drains: &BTreeMap<Drain, Draining>) -> usize {
        let has_failed = |state: &DestinationState| {
            state.health == Health::Unknown
                && state
                    .probes
                    .iter()
                    .filter_map(|id| probes.tracker(*id))
                    .any(|tracker| tracker.failure().is_some())
        };
        self.service
            .destinations
            .iter()
            .zip(&self.destinations)
            .filter(|(_, state)| !has_failed(state))
            .filter(|(checked, state)| {
                state
                    .member(checked, probes, drains, state.kept.flatten())
                    .is_available()
            })
            .count()
    }

    pub(super) fn view(
        &self,
        probes: &Probes,
        drains: &BTreeMap<Drain, Draining>,
        kernel: Option<&BTreeMap<DestinationId, Weight>>,
    ) -> ServiceView {
        let view = |(checked, state): (&CheckedDestination, &DestinationState)| {
            let trackers = || state.probes.iter().filter_map(|id| probes.tracker(*id));
            // Of the checks that make it what it is.
            let worst = trackers().filter(|tracker| tracker.health() == state.health);
            DestinationView {
                id: checked.id,
                server: checked.server.clone(),
                weight: checked.weight,
                health: state.health,
                share: share(&state.probes, probes),
                since: worst.map(|tracker| tracker.since()).max(),
                failure: trackers().find_map(|tracker| tracker.failure()).cloned(),
                drain: drain(checked, drains),
                desired: state.desired,
                kernel: kernel.and_then(|kernel| kernel.get(&checked.id).copied()),
            }
        };
        ServiceView {
            id: self.service.id,
            posture: self.posture,
            minimum: self.service.policy.minimum,
            available: self.available(probes, drains),
            destinations: self
                .service
                .destinations
                .iter()
                .zip(&self.destinations)
                .map(view)
                .collect(),
        }
    }
}

/// Returns the smallest share that any check reported.
fn share(ids: &[ProbeId], probes: &Probes) -> Percent {
    ids.iter()
        .filter_map(|id| probes.tracker(*id))
        .map(|tracker| tracker.share())
        .min()
        .unwrap_or(Percent::FULL)
}

/// Returns how a destination is drained: by the file, or by the operator; the farther counts.
fn drain(checked: &CheckedDestination, drains: &BTreeMap<Drain, Draining>) -> Option<Draining> {
    drains
        .iter()
        .filter(|(drain, _)| drain.matches(&checked.id))
        .map(|(_, how)| *how)
        .chain(checked.drain)
        .max()
}
