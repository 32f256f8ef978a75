//! A cluster that works, to be broken, checked and fixed.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::check::{
    self, Area, Code, Examined, Facts, Finding, Gather, NotExamined, Report, Severity,
};
use lvs_core::cluster::{DesiredState, PlanOptions, Role};
use lvs_core::ipvs::{Command, DestinationId, Seconds, ServiceId};
use lvs_core::net::{Address, IpNet, Route};
use lvs_core::sysctl::SysctlKey;
use lvs_core::{Cluster, Host, IfName, Netns};
use lvs_lab::{Lab, http, run_tool};

/// How often a check is made again until it has seen what it should: beside many other guests clients ask slowly.
const TRIES: usize = 15;

/// Clients that keep asking while a machine is checked.
const CLIENTS: usize = 8;
/// Between two questions of one of them: other guests want the processor, too.
const PACE: Duration = Duration::from_millis(100);
/// So many requests meet every real server.
const REQUESTS: usize = 6;

pub(crate) struct Web {
    pub(crate) lab: Lab,
    pub(crate) cluster: Cluster,
    pub(crate) service: ServiceId,
    /// Of two directors the one that is active.
    active: &'static str,
}

impl Web {
    /// Applies the file and sees that it works. The time server has tests of its own.
    pub(crate) fn new(text: &str) -> Self {
        Self::prepared(text, |_| ())
    }

    /// Applies the file to nodes that were prepared, and sees that it works.
    pub(crate) fn prepared(text: &str, prepare: impl FnOnce(&Lab)) -> Self {
        let web = Self::unapplied(text);
        prepare(&web.lab);
        web.lab.apply().unwrap();
        web.lab.load_rules().unwrap();
        web.lab.wait_for_servers().unwrap();
        assert!(web.works(), "the healthy cluster works");
        web
    }

    /// Builds the nodes, and applies nothing.
    pub(crate) fn unapplied(text: &str) -> Self {
        let text = format!("{text}\n[time]\nntp-server = \"127.0.0.1\"\n");
        let cluster = Cluster::from_toml(&text).unwrap();
        let lab = Lab::new(&cluster, CLIENTS).unwrap();
        let service = cluster.services()[0].service.id;
        Self {
            lab,
            cluster,
            service,
            active: "director",
        }
    }

    /// The other one of two directors becomes active, as a VRRP daemon would have it.
    pub(crate) fn take_over(&mut self, active: &'static str) {
        let before = std::mem::replace(&mut self.active, active);
        for name in [before, active] {
            self.run(name, "lvsctl apply FILE --take-over");
        }
    }

    /// What a machine must look like now.
    fn state(&self, node: &str) -> DesiredState {
        let role = match node == self.active {
            true => Role::Active,
            false => Role::Standby,
        };
        let state = self.cluster.node_as(node, role);
        state.unwrap_or_else(|| self.cluster.node(node).unwrap())
    }

    /// A machine of the cluster, "client" or "router".
    fn machine(&self, name: &str) -> &Netns {
        let mut machines = self.lab.network().machines();
        machines.find(|(it, _)| *it == name).unwrap().1
    }

    pub(crate) fn on<T: Send>(&self, machine: &str, f: impl FnOnce(&mut Host) -> T + Send) -> T {
        self.machine(machine).run(f).unwrap()
    }

    /// Who answers a few requests; `None` where nobody does.
    pub(crate) fn answers(&self) -> Vec<Option<String>> {
        let requests = 0..REQUESTS;
        requests
            .map(|number| self.lab.request(&self.service, number).ok())
            .collect()
    }

    /// Whether every one of a few requests is answered.
    pub(crate) fn works(&self) -> bool {
        (0..REQUESTS).all(|number| self.lab.request(&self.service, number).is_ok())
    }

    /// Whether a machine gets an answer from an address, asking itself.
    pub(crate) fn reaches(&self, machine: &str, address: &str) -> Option<String> {
        let address: SocketAddr = address.parse().unwrap();
        self.on(machine, |_| {
            http::fetch(address, None, Duration::from_secs(2)).ok()
        })
    }

    /// Whether a machine gets a TCP connection to an address at all.
    pub(crate) fn connects(&self, machine: &str, address: &str) -> bool {
        let address: SocketAddr = address.parse().unwrap();
        self.on(machine, |_| {
            TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok()
        })
    }

    /// The connections that the director has counted for the service, live.
    pub(crate) fn counted(&self) -> u32 {
        self.counted_by(&self.service)
    }

    pub(crate) fn counted_by(&self, service: &ServiceId) -> u32 {
        self.on(self.active, |host| {
            let destinations = host.ipvs().unwrap().destinations(service).unwrap();
            destinations
                .iter()
                .map(|destination| destination.active + destination.inactive)
                .sum()
        })
    }

    /// Checks a machine while clients keep asking.
    pub(crate) fn check(&self, node: &str) -> Report {
        self.check_while(node, |number| {
            // What becomes of it is what the check is to find out.
            let _ = self.lab.request(&self.service, number);
        })
    }

    /// Checks a node until the code is found, a few times at most: what is seen of connections depends on the moment
    /// at which their clients repeat a request.
    pub(crate) fn check_until(&self, node: &str, code: Code) -> Report {
        let is_found =
            |report: &Report| findings(report).iter().any(|finding| finding.code == code);
        let mut report = self.check(node);
        for _ in 0..TRIES {
            if is_found(&report) {
                break;
            }
            report = self.check(node);
        }
        report
    }

    /// Checks a healthy node, a few times at most: on a slow machine a connection may have waited for a second.
    pub(crate) fn check_until_sound(&self, node: &str) -> Report {
        let is_sound = |report: &Report| {
            let mut areas = report.areas().iter();
            report.findings().is_empty()
                && !areas
                    .any(|area| matches!(area.examined, Examined::Not(NotExamined::Undecided(_))))
        };
        let mut report = self.check(node);
        for _ in 0..TRIES {
            if is_sound(&report) {
                break;
            }
            report = self.check(node);
        }
        report
    }

    /// Checks a machine while `ask` is called again and again by several clients.
    pub(crate) fn check_while(&self, node: &str, ask: impl Fn(usize) + Sync) -> Report {
        let done = AtomicBool::new(false);
        let number = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        ask(number.fetch_add(1, Ordering::Relaxed));
                        thread::sleep(PACE);
                    }
                });
            }
            // Also where the check fails, for otherwise they would ask for ever.
            let _until_the_end = Stop(&done);
            self.check_alone(node, None)
        })
    }

    pub(crate) fn check_alone(&self, node: &str, arp: Option<Duration>) -> Report {
        let state = self.state(node);
        let gather = Gather {
            clock: false,
            arp,
            ..Gather::default()
        };
        let gathered = self.on(node, |host| {
            Facts::gather(host, &self.cluster, &state, &gather)
        });
        let report = check::on_node(&self.cluster, &gathered.unwrap());
        honest(&report);
        report
    }

    /// Checks a node against another file, with nobody asking.
    pub(crate) fn check_as(&self, text: &str, node: &str) -> Report {
        let text = format!("{text}\n[time]\nntp-server = \"127.0.0.1\"\n");
        let cluster = Cluster::from_toml(&text).unwrap();
        let state = cluster.node(node).unwrap();
        let gather = Gather {
            clock: false,
            ..Gather::default()
        };
        let gathered = self.on(node, |host| Facts::gather(host, &cluster, &state, &gather));
        let report = check::on_node(&cluster, &gathered.unwrap());
        honest(&report);
        report
    }

    /// Does what the finding says, to the letter.
    pub(crate) fn fix(&self, finding: &Finding) {
        let node = finding.node.as_ref().unwrap().as_str();
        for line in &finding.fix {
            let words = ["or ", "in the file", "first, "];
            if words.iter().any(|word| line.starts_with(word)) {
                continue;
            }
            let places = [
                ("on the router: ", ["router"].as_slice()),
                ("on the real servers: ", &["realserver1", "realserver2"]),
            ];
            let here = [node];
            let of_place = |(place, machines)| Some((machines, line.strip_prefix(place)?));
            let (machines, line) = places
                .into_iter()
                .find_map(of_place)
                .unwrap_or((&here, line));
            // The comment of one for another host names the node of the finding.
            let line = line.split("  # ").next().unwrap_or_default();
            for machine in machines {
                line.split(" && ")
                    .for_each(|command| self.run(machine, command));
            }
        }
    }

    /// Types a line of `ip` on a machine.
    pub(crate) fn ip(&self, machine: &str, line: &str) {
        self.run(machine, &format!("ip {line}"));
    }

    /// What a person would type: a command of Debian's, or one of ours.
    pub(crate) fn run(&self, machine: &str, command: &str) {
        let words: Vec<_> = command.split_whitespace().collect();
        match words.as_slice() {
            ["lvsctl", "apply", ..] => {
                let state = self.state(machine);
                let take_over = command.contains("--take-over");
                self.on(machine, |host| {
                    let take_over = take_over || !tells_own(host);
                    let options = PlanOptions { take_over };
                    state.apply(host, options, &mut |_| ()).map(drop).unwrap();
                });
            }
            ["lvsctl", "timeouts", timeouts @ ..] => {
                let line = [&["--set"], timeouts].concat();
                self.on(machine, |_| run_tool("ipvsadm", &line).map(drop).unwrap());
            }
            ["lvsctl", "service", "delete", _, service] => {
                let service: ServiceId = format!("tcp {service}").parse().unwrap();
                self.on(machine, |host| {
                    put(host, &[Command::DeleteService(service)]);
                });
            }
            [
                "lvsctl",
                "destination",
                verb,
                kind,
                service,
                "-r",
                server,
                ..,
            ] => {
                let protocol = if *kind == "-u" { "udp" } else { "tcp" };
                let service: ServiceId = format!("{protocol} {service}").parse().unwrap();
                let server: SocketAddr = server.parse().unwrap();
                let id = DestinationId::new(server.ip(), server.port());
                self.on(machine, |host| {
                    let destinations = host.ipvs().unwrap().destinations(&service).unwrap();
                    let mut found = destinations.iter().map(|status| status.destination);
                    let found = found.find(|destination| destination.id == id).unwrap();
                    let command = match *verb {
                        "delete" => Command::DeleteDestination(service, id),
                        _ => Command::EditDestination(service, found),
                    };
                    put(host, &[command]);
                });
            }
            [tool @ ("ip" | "sysctl" | "tc"), arguments @ ..] => {
                self.on(machine, |_| run_tool(tool, arguments).map(drop).unwrap());
            }
            _ => panic!("no command: {command}"),
        }
    }

    /// Breaks the cluster on a node, and verifies whether clients notice, that exactly this is found, and that the
    /// fix works.
    #[track_caller]
    pub(crate) fn broken(
        &self,
        node: &str,
        code: Code,
        harm: Harm,
        how: impl FnOnce(&mut Host) + Send,
    ) {
        self.on(node, how);
        assert_eq!(self.works(), harm == Harm::None, "whether clients notice");
        let report = self.check(node);
        let finding = only(&report, code);
        if harm == Harm::Clients {
            assert_eq!(finding.severity, Severity::Error, "{finding}");
            self.not_reassured(node, &report);
        }
        if harm == Harm::None {
            self.let_clients_close();
        }
        self.fix(&finding);
        self.fixed(node);
    }

    /// Waits until the clients that were answered have closed their connections: where a fix replaces a destination,
    /// the last packet of a client that is still under way is missed.
    fn let_clients_close(&self) {
        let is_open = |host: &mut Host| {
            let connections = host.proc().connections().unwrap();
            let mut connections = connections.into_iter();
            connections.any(|connection| connection.state == "ESTABLISHED")
        };
        let started = Instant::now();
        while self.on(self.active, is_open) && started.elapsed() < Duration::from_secs(10) {
            thread::sleep(PACE);
        }
    }

    /// Whatever node is broken, as long as clients get no answer the director does not say that they do.
    #[track_caller]
    pub(crate) fn not_reassured(&self, node: &str, report: &Report) {
        let of_director = match node == self.active {
            true => report.clone(),
            false => self.check(self.active),
        };
        let sound: Vec<_> = of_director.sound().collect();
        assert!(
            !sound.contains(&Area::Traffic),
            "{sound:?}:\n{}",
            text(&of_director)
        );
    }

    /// Waits until no client that began before the fix sends requests any more: their connections say nothing about
    /// the present state. SYN_RECV lasts 60 s from the last request on.
    fn let_clients_give_up(&self) {
        let is_recent = |host: &mut Host| {
            let connections = host.proc().connections().unwrap();
            let mut connections = connections.into_iter();
            connections.any(|connection| {
                connection.state == "SYN_RECV" && connection.expires > Seconds(56)
            })
        };
        let started = Instant::now();
        while self.on(self.active, is_recent) {
            assert!(started.elapsed() < Duration::from_secs(20), "they ask on");
            thread::sleep(PACE);
        }
    }

    #[track_caller]
    pub(crate) fn fixed(&self, node: &str) {
        assert!(self.works(), "the fixed cluster works");
        self.let_clients_give_up();
        sound(&self.check(node));
    }
}

/// Whether the kernel tells which addresses are the cluster's, as from 5.18 on. Otherwise a record does, which these
/// tests do not keep.
pub(crate) fn tells_own(host: &mut Host) -> bool {
    let addresses = host.net().addresses().unwrap();
    let mut protocols = addresses.iter().map(|address| address.protocol);
    protocols.any(|protocol| protocol == Address::PROTOCOL)
}

/// Sets a flag when it is dropped, also by a test that fails.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Some or all clients.
    Clients,
    /// Traffic continues as before.
    None,
}

/// The areas beyond its own whose line a fault refutes.
const REFUTED: &[(Code, &[Area])] = &[
    (Code::VIP_MISSING_ON_DIRECTOR, &[Area::Upkeep]),
    (Code::VIP_MISSING_ON_SERVER, &[Area::Upkeep]),
    (Code::VIP_ON_NIC, &[Area::Upkeep]),
    (Code::FORWARDING, &[Area::Upkeep]),
    (Code::NOT_LOADED, &[Area::Upkeep]),
    (Code::NO_DESTINATION, &[Area::Upkeep]),
    (Code::DEAD_DESTINATION, &[Area::Upkeep]),
    (Code::PORT_ZERO, &[Area::Upkeep]),
    (Code::TUNNEL_DEVICE, &[Area::Upkeep]),
    (Code::TUNNEL_PORT, &[Area::Upkeep]),
    (Code::ENCAPSULATION, &[Area::Upkeep]),
    (Code::FLOATING_ON_STANDBY, &[Area::Upkeep]),
    (Code::LINK_MISSING, &[Area::Upkeep, Area::Routing]),
    (Code::LINK_DOWN, &[Area::Upkeep, Area::Routing]),
];

/// No line says ok that a finding refutes: of its own area, and of those in the table; and where clients get no answer
/// nothing is said of connections.
#[track_caller]
fn honest(report: &Report) {
    let sound: Vec<_> = report.sound().collect();
    for finding in report.findings() {
        let beyond = REFUTED.iter().filter(|(code, _)| *code == finding.code);
        let mut refuted: Vec<_> = beyond.flat_map(|(_, areas)| *areas).copied().collect();
        refuted.push(finding.code.area());
        if finding.severity == Severity::Error {
            refuted.push(Area::Traffic);
        }
        for area in refuted {
            assert!(!sound.contains(&area), "ok {area} beside\n{finding}");
        }
    }
}

/// The findings, without the note that the router needs a route, which only the director can judge.
pub(crate) fn findings(report: &Report) -> Vec<&Finding> {
    let findings = report.findings().iter();
    findings
        .filter(|finding| finding.code != Code::VIP_UPSTREAM)
        .collect()
}

#[track_caller]
pub(crate) fn sound(report: &Report) {
    assert!(findings(report).is_empty(), "{}", text(report));
}

/// Exactly one finding, of this code.
#[track_caller]
pub(crate) fn only(report: &Report, code: Code) -> Finding {
    match findings(report).as_slice() {
        [finding] if finding.code == code => (*finding).clone(),
        _ => panic!("{code} alone was expected:\n{}", text(report)),
    }
}

pub(crate) fn codes(report: &Report) -> Vec<Code> {
    findings(report)
        .iter()
        .map(|finding| finding.code)
        .collect()
}

pub(crate) fn text(report: &Report) -> String {
    let findings = report.findings().iter().map(Finding::to_string);
    findings.collect::<Vec<_>>().join("\n")
}

pub(crate) fn set(host: &Host, key: &str, value: &str) {
    host.sysctl()
        .write(&SysctlKey::new(key).unwrap(), value)
        .unwrap();
}

pub(crate) fn address(interface: &str, network: &str) -> Address {
    Address::new(
        interface.parse::<IfName>().unwrap(),
        network.parse::<IpNet>().unwrap(),
    )
}

pub(crate) fn default_via(gateway: &str) -> Route {
    Route::via(
        "0.0.0.0/0".parse().unwrap(),
        gateway.parse::<IpAddr>().unwrap(),
    )
}

/// Straight into the table, sense or not.
pub(crate) fn put(host: &mut Host, commands: &[Command]) {
    let results = host.ipvs().unwrap().batch(commands).unwrap();
    results.into_iter().for_each(|result| result.unwrap());
}
