//! Single decisions; what holds over years is simulated in `tests/simulation`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::*;
use crate::cluster::Draining;
use crate::health::{
    BelowMinimum, CheckKind, Failure, Health, Healthy, Outcome, Policy, Posture, ProbePath,
    SlowStart, Subject, Target, Timing,
};
use crate::ipvs::{DestinationId, ServiceId, Weight};

const DOWN: Outcome = Err(Failure::ConnectTimedOut);
const UP: Outcome = Ok(Healthy { share: None });

const VIP: [u8; 4] = [172, 16, 5, 11];

fn id(port: u16) -> ServiceId {
    ServiceId::tcp((VIP, port).into())
}

fn service(port: u16, policy: Policy) -> CheckedService {
    let destination: DestinationId = "192.168.1.12:80".parse().unwrap();
    let target = Target {
        kind: CheckKind::Tcp,
        path: ProbePath::direct(SocketAddr::new(destination.address, destination.port)),
        via: None,
        subject: Subject {
            cluster: "web".parse().unwrap(),
            service: id(port),
            server: "rs1".parse().unwrap(),
            destination,
        },
    };
    let timing = Timing::default();
    CheckedService {
        id: id(port),
        policy,
        virtual_ips: vec![VIP.into()],
        destinations: vec![CheckedDestination {
            id: destination,
            server: "rs1".parse().unwrap(),
            weight: Weight::new(10).unwrap(),
            drain: None,
            is_fallback: false,
            targets: vec![CheckedTarget { target, timing }],
        }],
    }
}

/// A controller whose probes end as a test says, and the actions that are no probes.
struct Bench {
    controller: Controller,
    now: Duration,
    probes: Vec<ProbeRun>,
    actions: Vec<Action>,
}

impl Bench {
    fn new(services: Vec<CheckedService>, weight: u32) -> Self {
        Self::starting(BTreeSet::new(), services, weight)
    }

    /// On a director that lacks the virtual IP.
    fn without_virtual_ip(services: Vec<CheckedService>, weight: u32) -> Self {
        Self::starting([VIP.into()].into(), services, weight)
    }

    fn starting(absent: BTreeSet<IpAddr>, services: Vec<CheckedService>, weight: u32) -> Self {
        let mut bench = Self {
            controller: Controller::new(1),
            now: Duration::ZERO,
            probes: Vec::new(),
            actions: Vec::new(),
        };
        bench.step(Event::Withdrawn(absent));
        let weights = |service: &CheckedService| -> BTreeMap<DestinationId, Weight> {
            service
                .destinations
                .iter()
                .map(|checked| checked.id)
                .map(|id| (id, Weight::new(weight).unwrap()))
                .collect()
        };
        let kernel = services
            .iter()
            .map(|service| (service.id, weights(service)))
            .collect();
        bench.step(Event::Load(services));
        bench.step(Event::Observed(kernel));
        bench
    }

    fn step(&mut self, event: Event) {
        for action in self.controller.step(event, self.now) {
            match action {
                Action::Probe { run, .. } => self.probes.push(run),
                other => self.actions.push(other),
            }
        }
    }

    /// Lets the next probes begin and end.
    fn probe(&mut self, outcome: &Outcome, took: Duration) {
        self.now = self.controller.wake().unwrap();
        self.step(Event::Tick);
        self.now += took;
        for run in std::mem::take(&mut self.probes) {
            let outcome = outcome.clone();
            self.step(Event::Probed { run, took, outcome });
        }
    }

    fn moves_virtual_ip(&self) -> bool {
        let is_move = |action: &Action| matches!(action, Action::Withdraw(_) | Action::Announce(_));
        self.actions.iter().any(is_move)
    }

    fn health(&self) -> Health {
        self.controller.services()[0].destinations[0].health
    }

    fn available(&self) -> usize {
        self.controller.services()[0].available
    }

    fn weight(&self) -> Option<u32> {
        self.controller.services()[0].destinations[0]
            .kernel
            .map(Weight::get)
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(5);

#[test]
fn a_dead_server_is_down_within_the_promised_time() {
    let refuse = Policy {
        below_minimum: BelowMinimum::Refuse,
        ..Policy::default()
    };
    let mut bench = Bench::new(vec![service(80, refuse)], 10);
    bench.probe(&UP, MOMENT);
    bench.probe(&UP, MOMENT);
    assert_eq!((bench.health(), bench.weight()), (Health::Up, Some(10)));
    let died = bench.now;
    while bench.health() != Health::Down {
        bench.probe(&DOWN, SECOND);
    }
    assert!(bench.now - died <= Timing::default().longest_until_down());
    assert_eq!(bench.weight(), Some(0));
}

#[test]
fn services_share_the_probe_of_one_target() {
    let policy = Policy::default();
    let mut bench = Bench::new(vec![service(80, policy), service(443, policy)], 10);
    bench.now = bench.controller.wake().unwrap();
    bench.step(Event::Tick);
    assert_eq!(bench.probes.len(), 1);
}

#[test]
fn a_reload_keeps_what_did_not_change_and_forgets_what_is_gone() {
    let policy = Policy::default();
    let mut bench = Bench::new(vec![service(80, policy)], 10);
    bench.probe(&UP, MOMENT);
    bench.probe(&UP, MOMENT);
    let mut changed = service(
        80,
        Policy {
            minimum: 0,
            ..policy
        },
    );
    bench.actions.clear();
    bench.step(Event::Load(vec![changed.clone()]));
    assert_eq!(bench.actions, [Action::Notify(Notice::Changed(id(80)))]);
    assert_eq!(bench.health(), Health::Up);
    // Another check is unknown, and the weight stays.
    changed.destinations[0].targets[0].timing.timeout = "2s".parse().unwrap();
    bench.step(Event::Load(vec![changed]));
    assert_eq!(
        (bench.health(), bench.weight()),
        (Health::Unknown, Some(10))
    );
    assert!(
        bench
            .actions
            .iter()
            .any(|action| matches!(action, Action::Forget(_)))
    );
}

#[test]
fn a_weight_rises_when_its_time_has_come() {
    let slow = Policy {
        slow_start: Some(SlowStart("10s".parse().unwrap())),
        below_minimum: BelowMinimum::Withdraw,
        ..Policy::default()
    };
    let mut bench = Bench::without_virtual_ip(vec![service(80, slow)], 0);
    bench.probe(&UP, MOMENT);
    assert!(!bench.moves_virtual_ip(), "nothing is known yet");
    bench.probe(&UP, MOMENT);
    assert!(bench.actions.contains(&Action::Announce(VIP.into())));
    assert_eq!(bench.weight(), Some(1));
    let admitted = bench.now;
    for second in 1..10 {
        bench.now = admitted + SECOND * second;
        assert!(
            bench.controller.wake().unwrap() <= bench.now,
            "it wakes for the step"
        );
        bench.step(Event::Tick);
        assert_eq!(bench.weight(), Some(second + 1));
    }
}

#[test]
fn a_stalled_director_takes_nothing_from_a_server_once() {
    let mut bench = Bench::new(vec![service(80, Policy::default())], 10);
    bench.probe(&UP, MOMENT);
    bench.probe(&UP, MOMENT);
    bench.probe(&DOWN, SECOND * 3);
    assert_eq!(bench.health(), Health::Up);
    assert!(matches!(
        bench.actions.last(),
        Some(Action::Notify(Notice::Late(_)))
    ));
    bench.probe(&DOWN, SECOND * 3);
    assert_eq!(bench.health(), Health::Failing);
}

#[test]
fn a_drain_is_at_once_and_a_drift_is_repaired() {
    let mut bench = Bench::new(vec![service(80, Policy::default())], 10);
    let drain = "192.168.1.12".parse().unwrap();
    bench.step(Event::Drain(drain, Draining::Quiet));
    assert_eq!(bench.weight(), Some(0));
    let destination = "192.168.1.12:80".parse().unwrap();
    let found = Weight::new(7).unwrap();
    let kernel = BTreeMap::from([(destination, found)]);
    bench.actions.clear();
    bench.step(Event::Observed(BTreeMap::from([(id(80), kernel)])));
    let drift = Notice::Drift {
        service: id(80),
        destination,
        found: Some(found),
    };
    assert_eq!(bench.actions.first(), Some(&Action::Notify(drift)));
    assert_eq!(bench.weight(), Some(0));
    bench.step(Event::Undrain(drain));
    assert_eq!(bench.weight(), Some(10));
}

const WITHDRAW: Policy = Policy {
    below_minimum: BelowMinimum::Withdraw,
    ..Policy::DEFAULT
};

#[test]
fn a_restart_decides_nothing_before_the_probes_have() {
    for absent in [true, false] {
        let start = match absent {
            true => Bench::without_virtual_ip,
            false => Bench::new,
        };
        let mut bench = start(vec![service(80, WITHDRAW)], 0);
        bench.probe(&DOWN, SECOND);
        bench.probe(&DOWN, SECOND);
        assert!(!bench.moves_virtual_ip());
        bench.probe(&DOWN, SECOND);
        let moved = bench.actions.contains(&Action::Withdraw(VIP.into()));
        assert_eq!(moved, !absent);
        assert!(bench.controller.withdrawn().contains(&VIP.into()));
    }
}

#[test]
fn what_stays_unknown_is_decided_when_its_time_is_up() {
    let mut bench = Bench::new(vec![service(80, WITHDRAW)], 0);
    let began = bench.now;
    let longest = Timing::default().longest_until_known();
    while bench.now <= began + longest {
        bench.probe(&Err(Failure::NotProbed("no memory".to_owned())), MOMENT);
    }
    assert_eq!(bench.health(), Health::Unknown);
    assert!(bench.actions.contains(&Action::Withdraw(VIP.into())));
}

#[test]
fn a_virtual_ip_is_withdrawn_when_its_services_agree() {
    let mut other = service(443, WITHDRAW);
    let target = &mut other.destinations[0].targets[0].target;
    target.path = ProbePath::direct("192.168.1.12:443".parse().unwrap());
    let mut bench = Bench::new(vec![service(80, WITHDRAW), other], 10);
    let (mut first, mut second) = (0, 0);
    while second < 3 {
        bench.now = bench.controller.wake().unwrap();
        bench.step(Event::Tick);
        for run in std::mem::take(&mut bench.probes) {
            // The first three rounds are those of one of the two.
            let is_first = run.probe == ProbeId(0);
            let outcome = match is_first || first >= 3 {
                true => DOWN,
                false => UP,
            };
            first += usize::from(is_first);
            second += usize::from(!is_first && outcome == DOWN);
            assert!(!bench.moves_virtual_ip(), "one of them serves");
            bench.step(Event::Probed {
                run,
                took: MOMENT,
                outcome,
            });
        }
    }
    assert!(bench.actions.contains(&Action::Withdraw(VIP.into())));
}

/// It is up at once and for good, and the minimum counts it.
#[test]
fn a_destination_that_no_check_tests_is_taken_as_up() {
    let mut service = service(80, Policy::default());
    let tested = service.destinations[0].clone();
    service.destinations.push(CheckedDestination {
        id: "192.168.1.13:80".parse().unwrap(),
        targets: Vec::new(),
        ..tested
    });
    let mut bench = Bench::new(vec![service], 10);
    while bench.health() != Health::Down {
        bench.probe(&DOWN, MOMENT);
    }
    let view = bench.controller.services().remove(0);
    assert_eq!((view.posture, view.available), (Some(Posture::Serving), 1));
    let untested = &view.destinations[1];
    assert_eq!(untested.health, Health::Unchecked);
    assert_eq!(
        (untested.since, untested.kernel),
        (None, Weight::new(10).ok())
    );
    assert_eq!(bench.weight(), Some(0), "not every one serves");
}

/// Another program deleted the service, and nothing repairs it.
#[test]
fn a_service_that_the_kernel_lacks_has_as_many_as_answer() {
    let mut bench = Bench::new(vec![service(80, Policy::default())], 10);
    bench.probe(&UP, MOMENT);
    bench.probe(&UP, MOMENT);
    bench.step(Event::Observed(BTreeMap::new()));
    assert_eq!(bench.available(), 1);
    while bench.health() != Health::Down {
        bench.probe(&DOWN, MOMENT);
    }
    assert_eq!(bench.available(), 0);
}

#[test]
fn after_a_start_one_whose_probe_failed_is_not_available() {
    let mut bench = Bench::new(vec![service(80, Policy::default())], 10);
    assert_eq!(bench.available(), 1);
    bench.probe(&DOWN, MOMENT);
    assert_eq!(
        (bench.health(), bench.weight(), bench.available()),
        (Health::Unknown, Some(10), 0)
    );
}
