//! Healthy clusters that are broken in one way each: what it does to clients, and whether the check
//! finds exactly that, and mends it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use lvs_core::check::{self, Code, Facts, Finding, Gather, Report, Severity};
use lvs_core::ipvs::{Destination, Forwarding, ServiceId, Weight};
use lvs_core::net::{Address, Route};
use lvs_core::sysctl::SysctlKey;
use lvs_core::{Cluster, Host, IfName};
use lvs_lab::Lab;

const NAT: &str = include_str!("../../examples/nat.toml");
const DR: &str = include_str!("../../examples/dr.toml");

lvs_lab::main! {
    healthy_nat_is_sound,
    healthy_dr_is_sound,
}

/// A cluster that works. The time server has tests of its own.
struct Web {
    lab: Lab,
    cluster: Cluster,
    service: ServiceId,
}

impl Web {
    fn new(text: &str) -> Self {
        let text = format!("{text}\n[time]\nntp-server = \"127.0.0.1\"\n");
        let cluster = Cluster::from_toml(&text).unwrap();
        let lab = Lab::new(&cluster, 8).unwrap();
        lab.apply().unwrap();
        lab.wait_for_servers().unwrap();
        let service = cluster.services()[0].service.id;
        let web = Self {
            lab,
            cluster,
            service,
        };
        assert!(web.works(), "the healthy cluster works");
        web
    }

    fn on<T: Send>(&self, node: &str, f: impl FnOnce(&mut Host) -> T + Send) -> T {
        self.lab.node(node).unwrap().run(f).unwrap()
    }

    /// Whether every one of a few requests is answered.
    fn works(&self) -> bool {
        (0..6).all(|number| self.lab.request(&self.service, number).is_ok())
    }

    /// Checks a machine while clients keep asking.
    fn check(&self, node: &str) -> Report {
        let done = AtomicBool::new(false);
        let number = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let number = number.fetch_add(1, Ordering::Relaxed);
                        // What becomes of it is what the check is to find out.
                        let _ = self.lab.request(&self.service, number);
                    }
                });
            }
            let report = self.check_alone(node);
            done.store(true, Ordering::Relaxed);
            report
        })
    }

    fn check_alone(&self, node: &str) -> Report {
        let state = self.cluster.node(node).unwrap();
        let gather = Gather {
            clock: false,
            ..Gather::default()
        };
        let gathered = self.on(node, |host| {
            Facts::gather(host, &self.cluster, &state, &gather)
        });
        check::on_machine(&self.cluster, &gathered.unwrap())
    }
}

fn codes(report: &Report) -> Vec<Code> {
    report
        .findings()
        .iter()
        .map(|finding| finding.code)
        .collect()
}

#[track_caller]
fn sound(report: &Report) {
    assert_eq!(report.findings(), [], "{}", text(report));
}

fn text(report: &Report) -> String {
    let findings = report.findings().iter().map(Finding::to_string);
    findings.collect::<Vec<_>>().join("\n")
}

fn healthy_nat_is_sound() {
    let web = Web::new(NAT);
    for node in ["director", "realserver1", "realserver2"] {
        sound(&web.check(node));
    }
}

fn healthy_dr_is_sound() {
    let web = Web::new(DR);
    let director = web.check("director");
    sound(&director);
    for node in ["realserver1", "realserver2"] {
        // The router's route can only be judged where connections are counted.
        assert_eq!(codes(&web.check(node)), [Code::VIP_UPSTREAM]);
    }
}
