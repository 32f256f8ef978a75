//! A cluster whose director probes: by the clients' path, and straight.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use lvs_core::cluster::Role;
use lvs_core::health::{
    Check, Failure, Marks, Outcome, ProbePlan, ProbeRoute, Prober, SourcePorts, Subject, Target,
};
use lvs_core::ipvs::Command;
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
    /// Applies the file everywhere, and what its director's probes need.
    pub(crate) fn new(text: &str) -> Self {
        let watch = Self::without_sysctls(text, "director", Role::Active);
        watch.set_sysctls();
        watch
    }

    /// The same without the sysctls; of two directors in a role.
    pub(crate) fn without_sysctls(text: &str, director: &'static str, role: Role) -> Self {
        let cluster = Cluster::from_toml(text).unwrap();
        let lab = Lab::new(&cluster, 1).unwrap();
        lab.apply().unwrap();
        lab.wait_for_servers().unwrap();
        let (held, taken) = (BTreeMap::new(), BTreeSet::new());
        let plan = ProbePlan::new(&cluster, director, role, Marks::default(), &held, &taken);
        let watch = Self {
            lab,
            plan: plan.unwrap().unwrap(),
            cluster,
            director,
            ports: SourcePorts::new(1),
        };
        let commands: Vec<Command> = watch
            .plan
            .services
            .iter()
            .flat_map(|probe| {
                let (service, destination) = (probe.service(), probe.destination());
                let id = service.id;
                [
                    Command::AddService(service),
                    Command::AddDestination(id, destination),
                ]
            })
            .collect();
        commands.iter().for_each(|command| command.check().unwrap());
        watch.on(director, |host| {
            let results = host.ipvs().unwrap().batch(&commands).unwrap();
            results.into_iter().for_each(|result| result.unwrap());
        });
        watch
    }

    pub(crate) fn set_sysctls(&self) {
        let sysctls = &self.plan.sysctls;
        self.on(self.director, |host| {
            for sysctl in sysctls {
                host.sysctl().write(&sysctl.key, &sysctl.value).unwrap();
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
