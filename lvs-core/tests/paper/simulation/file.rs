//! The cluster file of a simulated cluster, which its operators change.

use lvs_core::cluster::Draining;
use lvs_core::health::{
    BelowMinimum, CheckKind, OnFailure, Policy, ProbePath, SlowStart, Subject, Target, Timing,
};
use lvs_core::ipvs::{DestinationId, ServiceId, Weight};
use lvs_core::run::{CheckedDestination, CheckedService, CheckedTarget};

use super::world::{World, address};

impl World {
    /// What the file says: other policies and timings each time, for the same servers.
    pub(super) fn file(&mut self) -> Vec<CheckedService> {
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
            self.add_fallback(&mut destinations);
        }
        CheckedService {
            id,
            policy,
            virtual_ips: vec![[172, 16, 5, 11].into()],
            destinations,
        }
    }

    /// One of the servers, or one that is not tested and never dies; one in ten has weight 0.
    fn add_fallback(&mut self, destinations: &mut Vec<CheckedDestination>) {
        if self.random.once_in(2) {
            destinations.push(CheckedDestination {
                id: DestinationId::new([192, 168, 1, 200].into(), 80),
                server: "sorry".parse().unwrap(),
                weight: Weight::ONE,
                drain: self.random.once_in(10).then_some(Draining::Quiet),
                is_fallback: true,
                targets: Vec::new(),
            });
        } else if let Some(last) = destinations.last_mut() {
            last.is_fallback = true;
            if self.random.once_in(10) {
                last.weight = Weight::DRAIN;
            }
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
}
