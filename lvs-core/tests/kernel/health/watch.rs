//! A cluster whose director probes: by the clients' path, and straight.

use std::time::{Duration, Instant};

use lvs_core::cluster::Role;
use lvs_core::health::{
    Check, Failure, Outcome, ProbePlan, ProbeRoute, Prober, SourcePorts, Subject, Target,
};
use lvs_core::{Cluster, Host, Netns};
use lvs_lab::Lab;

/// What a probe says, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Up,
    Timeout,
    Refused,
    Other,
}

impl From<Outcome> for Seen {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Ok(_) => Self::Up,
            Err(failure) if failure.is_timeout() => Self::Timeout,
            Err(Failure::Refused) => Self::Refused,
            Err(failure) => {
                eprintln!("{failure}");
                Self::Other
            }
        }
    }
}

pub(crate) struct Watch {
    pub(crate) lab: Lab,
    pub(crate) plan: ProbePlan,
    cluster: Cluster,
    director: &'static str,
    ports: SourcePorts,
}

impl Watch {
    /// Applies the file everywhere, with a check in each service, for which the director gets what its probes
    /// need.
    pub(crate) fn new(text: &str) -> Self {
        Self::at(text, "director", Role::Active)
    }

    /// The same for the probes of one of two directors in a role.
    pub(crate) fn at(text: &str, director: &'static str, role: Role) -> Self {
        let checked = text.replace("[[services]]", "[[services]]\ncheck = \"http\"");
        let cluster = Cluster::from_toml(&checked).unwrap();
        let lab = Lab::new(&cluster, 1).unwrap();
        lab.apply().unwrap();
        lab.wait_for_servers().unwrap();
        Self {
            lab,
            plan: ProbePlan::new(&cluster, director, role).unwrap(),
            cluster,
            director,
            ports: SourcePorts::new(1),
        }
    }

    /// Sets the sysctls that probes need, or sets them back.
    pub(crate) fn set_sysctls(&self, is_wanted: bool) {
        let sysctls = &self.plan.sysctls;
        self.on(self.director, |host| {
            for sysctl in sysctls {
                let value = if is_wanted { &sysctl.value } else { "0" };
                host.sysctl().write(&sysctl.key, value).unwrap();
            }
        });
    }

    fn machine(&self, name: &str) -> &Netns {
        let mut machines = self.lab.network().machines();
        machines.find(|(machine, _)| *machine == name).unwrap().1
    }

    pub(crate) fn on<T: Send>(&self, machine: &str, act: impl FnOnce(&mut Host) -> T + Send) -> T {
        self.machine(machine).run(act).unwrap()
    }

    /// Probes every destination of the first service, in the order of the file.
    pub(crate) fn probe(&mut self, check: &str, route: ProbeRoute) -> Vec<Seen> {
        let mut check: Check = serde_json::from_str(check).unwrap();
        check.route = route;
        let service = self.cluster.services()[0].service.id;
        let probes: Vec<_> = self
            .plan
            .probes
            .iter()
            .filter(|probe| probe.service == service)
            .cloned()
            .collect();
        probes
            .iter()
            .map(|probe| {
                let (path, taken) = probe.path(&check).unwrap();
                assert_eq!(taken, route, "{probe:?}");
                let port = self.ports.take(path.destination);
                let target = Target {
                    kind: check.kind.clone(),
                    path,
                    via: probe.via.map(|via| via.key),
                    subject: Subject {
                        cluster: self.cluster.name().clone(),
                        service,
                        server: probe.server.clone(),
                        destination: probe.destination,
                    },
                };
                let timeout = check.timing.timeout;
                let run = |_: &mut Host| Prober::new(target).run_from(port, timeout).0;
                self.on(self.director, run).into()
            })
            .collect()
    }

    pub(crate) fn by_service(&mut self) -> Vec<Seen> {
        self.probe(HTTP, ProbeRoute::Service)
    }

    pub(crate) fn by_server(&mut self) -> Vec<Seen> {
        self.probe(HTTP, ProbeRoute::Server)
    }

    /// Probes until the real servers are seen so; neighbours and routes may need a moment.
    #[track_caller]
    pub(crate) fn sees(&mut self, expected: &[Seen]) {
        let began = Instant::now();
        loop {
            let seen = self.by_service();
            if seen == expected {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{seen:?}, not {expected:?}"
            );
        }
    }
}

/// The lab's servers answer with their names. A slow machine needs more than the default second.
const HTTP: &str = r#"{"type": "http", "timeout": "2s"}"#;
