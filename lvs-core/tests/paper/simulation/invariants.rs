//! What must hold in a simulated cluster, whatever happens to it.

use std::collections::BTreeMap;
use std::time::Duration;

use lvs_core::health::{BelowMinimum, Health, Percent, Posture};
use lvs_core::ipvs::{DestinationId, ServiceId, Weight};
use lvs_core::run::{CheckedDestination, CheckedService, DestinationView, ServiceView};

use super::explain;
use super::world::{World, address, is_drained};

/// A change of a destination from up to down, or back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    is_down: bool,
    since: Duration,
}

impl World {
    /// From down to up it takes `rise` results, back `fall`, and between two results a fast interval.
    pub(super) fn turn_to(&mut self, service: ServiceId, destination: DestinationId, to: Health) {
        if !to.is_down() && !to.is_up() {
            return;
        }
        let of = (service, destination);
        let is_down = to.is_down();
        match self.turns.get(&of) {
            Some(turn) if turn.is_down == is_down => return,
            // The reload may have given it a probe of another service, which was failing or rising already.
            Some(turn) if turn.since <= self.reloaded => {}
            Some(turn) => {
                // Before it is down there was at least one success: the first failure is an interval later.
                let intervals = if is_down { 2 } else { 1 };
                let stayed = self.now - turn.since;
                assert!(
                    stayed >= FASTEST * intervals * 9 / 10,
                    "{of:?} flaps: {to} after {stayed:?}"
                );
            }
            None => {}
        }
        self.turned += 1;
        let since = self.now;
        self.turns.insert(of, Turn { is_down, since });
    }

    /// A drained destination gets no new connections, from the step on that hears of it.
    pub(super) fn check_drains(&self) {
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
    pub(super) fn check(&self) {
        if self.now - self.disturbed < SETTLED {
            return;
        }
        let views = self.controller.services();
        for (service, view) in self.services.iter().zip(&views) {
            self.check_service(service, view);
        }
    }

    fn check_service(&self, service: &CheckedService, view: &ServiceView) {
        let kernel = &self.kernel[&service.id];
        let healthy = service
            .destinations
            .iter()
            .zip(&view.destinations)
            .filter(|(checked, seen)| {
                self.check_weight(service, view, checked, seen);
                self.is_healthy(checked, seen) && !checked.is_fallback
            })
            .count();
        if view.posture != Some(Posture::Below(BelowMinimum::Withdraw)) {
            let mut ips = service.virtual_ips.iter();
            let kept = ips.all(|ip| !self.withdrawn.contains(ip));
            assert!(kept, "{} has its minimum: {:?}", service.id, self.withdrawn);
        }
        let serves = kernel.values().any(|weight| *weight > Weight::DRAIN);
        let holds = healthy >= usize::from(service.policy.minimum);
        let is_served = matches!(
            service.policy.below_minimum,
            BelowMinimum::ServeAll | BelowMinimum::Fallback
        );
        assert!(
            serves || healthy == 0 || !(holds || is_served),
            "{} has {healthy} healthy servers and no destination: {kernel:?}",
            service.id
        );
    }

    /// The kernel has the weight that the controller desires, and that has its reason.
    fn check_weight(
        &self,
        service: &CheckedService,
        view: &ServiceView,
        checked: &CheckedDestination,
        seen: &DestinationView,
    ) {
        let desired = seen.desired.unwrap();
        let kernel: &BTreeMap<_, _> = &self.kernel[&service.id];
        let found = kernel.get(&checked.id).copied();
        assert_eq!(found, desired.weight, "{} of {}", checked.id, service.id);
        let turned = self.turns.get(&(service.id, checked.id));
        let since = turned.map_or(self.disturbed, |turn| self.disturbed.max(turn.since));
        explain::slow_start(&desired, self.now - since > SETTLED + SLOW_START);
        let posture = view.posture.unwrap();
        explain::weight(service, checked, seen, &self.drains, posture);
    }

    /// Returns whether a destination serves; one that is up is alive.
    fn is_healthy(&self, checked: &CheckedDestination, seen: &DestinationView) -> bool {
        let place = (0..self.servers.len()).find(|at| address(*at) == checked.id);
        let Some(server) = place.map(|at| &self.servers[at]) else {
            return false;
        };
        // Losses of single packets leave it failing or rising, never on the other side.
        assert!(
            server.is_alive || !seen.health.is_up() || checked.targets.is_empty(),
            "{} is dead since {:?} and {}",
            checked.id,
            server.since,
            seen.health
        );
        // One that is not tested asks for nothing.
        let wants = server.share != Some(Percent::ZERO) || checked.targets.is_empty();
        seen.health.is_up() && seen.drain.is_none() && wants
    }
}

/// So long after a mishap everything is as it must be: the longest interval × fall, a timeout, a late probe,
/// a lost one, and one observation.
const SETTLED: Duration = Duration::from_secs(240 * 5 + 900 + 60);

/// The time over which weights rise.
const SLOW_START: Duration = Duration::from_secs(3600);

/// The shortest fast interval.
const FASTEST: Duration = Duration::from_secs(60);
