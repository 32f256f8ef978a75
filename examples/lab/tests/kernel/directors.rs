//! Two directors on a real kernel: clients find the new active one at once, and connections survive.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use lvs_core::cluster::{PlanOptions, Role};
use lvs_core::ipvs::Origin;
use lvs_core::{Cluster, Host, IfName};
use lvs_lab::{Lab, http};

lvs_lab::tests! {
    a_takeover_by_nat_is_found_at_once,
    a_takeover_by_direct_routing_is_found_at_once,
    a_takeover_over_ipv6_is_found_at_once,
    a_takeover_without_announcement_is_not_found,
    a_takeover_by_tunnel_is_found_at_once,
    roles_change_while_clients_ask,
    roles_typed_by_hand,
    a_connection_by_nat_survives,
    a_connection_by_direct_routing_survives,
    a_connection_over_ipv6_survives,
    a_connection_survives_the_death_of_its_director,
    directors_that_serve_balance_once,
    directors_that_serve_and_synchronise_balance_once,
}

const NAT: &str = include_str!("../../../two_directors.toml");

const DR: &str = include_str!("../two_directors_dr.toml");

const IPV6: &str = r#"
    name = "six"
    forwarding = "nat"
    [[directors]]
    name = "lb1"
    addresses = [
        { interface = "eth0", address = "2001:db8:1::11/64", floating = true },
        { interface = "eth1", address = "2001:db8:2::11/64", floating = true },
        { interface = "eth1", address = "2001:db8:2::21/64" },
    ]
    [[directors]]
    name = "lb2"
    addresses = [
        { interface = "eth0", address = "2001:db8:1::11/64", floating = true },
        { interface = "eth1", address = "2001:db8:2::11/64", floating = true },
        { interface = "eth1", address = "2001:db8:2::22/64" },
    ]
    [[services]]
    address = "[2001:db8:1::11]:80"
    scheduler = "rr"
    [[real-servers]]
    name = "realserver1"
    addresses = [{ interface = "eth0", address = "2001:db8:2::12/64" }]
    [[real-servers]]
    name = "realserver2"
    addresses = [{ interface = "eth0", address = "2001:db8:2::13/64" }]
"#;

/// Long even on a busy host, and far below the time in which a neighbour finds the new address by itself.
const SOON: Duration = Duration::from_secs(8);

/// How long the kernel may take to send a connection to the other director, and TCP to repeat lost packets.
const PATIENCE: Duration = Duration::from_secs(30);

struct Pair {
    cluster: Cluster,
    lab: Lab,
}

/// Builds a pair with `lb1` active, and with a client and servers that have just exchanged packets with it.
fn pair(text: &str) -> Pair {
    let cluster = Cluster::from_toml(text).unwrap();
    let lab = Lab::new(&cluster, 1).unwrap();
    lab.apply().unwrap();
    lab.wait_for_servers().unwrap();
    let pair = Pair { cluster, lab };
    for _ in 0..4 {
        pair.ask().unwrap();
    }
    pair
}

impl Pair {
    fn vip(&self) -> SocketAddr {
        let id = self.cluster.services()[0].service.id;
        id.to_string().trim_start_matches("tcp ").parse().unwrap()
    }

    fn ask(&self) -> std::io::Result<String> {
        let ask = |_: &mut Host| http::fetch(self.vip(), None, SOON);
        self.lab.network().client().run(ask).unwrap()
    }

    fn on<T: Send>(&self, name: &str, what: impl FnOnce(&mut Host) -> T + Send) -> T {
        self.lab.node(name).unwrap().run(what).unwrap()
    }

    /// Kills a director: it is disconnected and sends nothing more.
    fn kill(&self, name: &str) {
        self.on(name, |host| {
            for link in host.net().links().unwrap() {
                if link.name != IfName::LO && link.name.as_str().starts_with("eth") {
                    host.net().set_down(&link.name).unwrap();
                }
            }
        });
    }

    /// Returns the clients whose connections a director has balanced itself.
    fn balanced(&self, name: &str) -> BTreeSet<SocketAddr> {
        let connections = self.on(name, |host| host.proc().sync_connections().unwrap());
        connections
            .iter()
            .filter(|connection| connection.origin == Some(Origin::Local))
            .map(|connection| connection.client)
            .collect()
    }

    /// Returns whether a director has received an established connection from the other one.
    fn was_synced(&self, name: &str) -> bool {
        let connections = self.on(name, |host| host.proc().sync_connections().unwrap());
        connections.iter().any(|connection| {
            connection.origin == Some(Origin::Sync) && connection.state == "ESTABLISHED"
        })
    }
}

/// Asserts that the first request after a takeover is answered soon.
fn is_found_at_once(text: &str) {
    let pair = pair(text);
    pair.kill("lb1");
    pair.lab.apply_as("lb2", Role::Active).unwrap();
    let answers = [pair.ask().unwrap(), pair.ask().unwrap()];
    assert_ne!(answers[0], answers[1], "both servers answer");
    assert!(pair.lab.apply_as("lb2", Role::Active).unwrap().is_empty());
}

fn a_takeover_by_nat_is_found_at_once() {
    is_found_at_once(NAT);
}

fn a_takeover_by_direct_routing_is_found_at_once() {
    is_found_at_once(DR);
}

fn a_takeover_by_tunnel_is_found_at_once() {
    is_found_at_once(&DR.replace("forwarding = \"dr\"", "forwarding = \"tunnel\""));
}

fn a_takeover_over_ipv6_is_found_at_once() {
    is_found_at_once(IPV6);
}

/// Makes the same steps without an announcement: this proves that the other tests depend on it.
fn a_takeover_without_announcement_is_not_found() {
    for text in [NAT, DR] {
        let pair = pair(text);
        pair.kill("lb1");
        let state = pair.cluster.node_as("lb2", Role::Active).unwrap();
        pair.on("lb2", |host| {
            let plan = state.plan(host, PlanOptions::default()).unwrap();
            plan.steps().for_each(|step| step.execute(host).unwrap());
        });
        let error = pair.ask().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        // Only the announcement was missing.
        pair.lab.apply_as("lb2", Role::Active).unwrap();
        pair.ask().unwrap();
    }
}

/// Makes a planned change: one director gives up its role, the other takes it.
fn roles_change_while_clients_ask() {
    for text in [NAT, DR, IPV6] {
        let pair = pair(text);
        for (from, to) in [("lb1", "lb2"), ("lb2", "lb1"), ("lb1", "lb2")] {
            let released = pair.lab.apply_as(from, Role::Standby).unwrap();
            assert!(released.steps().count() <= 2, "{released}");
            let taken = pair.lab.apply_as(to, Role::Active).unwrap();
            assert!(taken.steps().count() <= 2, "{taken}");
            for _ in 0..4 {
                pair.ask().unwrap();
            }
            let is_balancing = |name: &str| {
                let totals = pair.on(name, |host| host.proc().listing().unwrap());
                totals
                    .destinations()
                    .any(|(_, destination)| destination.inactive > 0)
            };
            assert!(is_balancing(to));
            for name in [from, to] {
                let role = if name == to {
                    Role::Active
                } else {
                    Role::Standby
                };
                assert!(pair.lab.apply_as(name, role).unwrap().is_empty());
            }
        }
    }
}

fn roles_typed_by_hand() {
    for text in [NAT, DR, IPV6] {
        let pair = pair(text);
        for (name, role) in [("lb1", Role::Standby), ("lb2", Role::Active)] {
            let state = pair.cluster.node_as(name, role).unwrap();
            pair.lab.type_plan(&state).unwrap();
        }
    }
}

/// Opens a connection and sends lines of a request until the other director knows the connection.
fn begun(pair: &Pair) -> TcpStream {
    let connect = |_: &mut Host| TcpStream::connect(pair.vip()).unwrap();
    let mut client = pair.lab.network().client().run(connect).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let started = Instant::now();
    while !pair.was_synced("lb2") {
        assert!(
            started.elapsed() < PATIENCE,
            "lb2 did not receive the connection"
        );
        client.write_all(b"More: and more\r\n").unwrap();
    }
    client
}

/// Sends the end of the request, which reaches the same server through the other director.
fn ends_well(mut client: TcpStream) {
    client.write_all(b"\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("realserver"), "{answer:?}");
}

fn survives(text: &str) {
    let pair = pair(text);
    let client = begun(&pair);
    pair.lab.apply_as("lb1", Role::Standby).unwrap();
    pair.lab.apply_as("lb2", Role::Active).unwrap();
    ends_well(client);
}

fn a_connection_by_nat_survives() {
    survives(NAT);
}

fn a_connection_by_direct_routing_survives() {
    survives(DR);
}

/// Both the connection and its synchronisation use IPv6.
fn a_connection_over_ipv6_survives() {
    let sync = "\n[sync]\nid = 1\ninterface = \"eth1\"\ngroup = \"ff02::81\"\n";
    survives(&[IPV6, sync].concat());
}

fn a_connection_survives_the_death_of_its_director() {
    for text in [NAT, DR] {
        let pair = pair(text);
        let client = begun(&pair);
        pair.kill("lb1");
        pair.lab.apply_as("lb2", Role::Active).unwrap();
        ends_well(client);
    }
}

/// Returns a cluster whose only real servers are both directors.
fn serving(sync: &str) -> String {
    let (directors, _) = DR.split_once("[sync]").unwrap();
    let service = "[[services]]\naddress = \"172.16.5.11:80\"\nscheduler = \"rr\"\n";
    let servers = "destinations = [{ real-server = \"lb1\" }, { real-server = \"lb2\" }]\n";
    [directors, sync, service, servers].concat()
}

fn balance_once(text: &str) {
    let pair = pair(text);
    for (standby, active) in [("lb1", "lb2"), ("lb2", "lb1")] {
        pair.lab.apply_as(standby, Role::Standby).unwrap();
        pair.lab.apply_as(active, Role::Active).unwrap();
        let before = pair.balanced(standby);
        let answers: Vec<_> = (0..8).map(|_| pair.ask().unwrap()).collect();
        for name in ["lb1", "lb2"] {
            let count = answers.iter().filter(|answer| *answer == name).count();
            assert_eq!(count, 4, "{answers:?}");
        }
        let again = &pair.balanced(standby) - &before;
        assert!(again.is_empty(), "{standby} has balanced again: {again:?}");
    }
}

fn directors_that_serve_balance_once() {
    balance_once(&serving(""));
}

fn directors_that_serve_and_synchronise_balance_once() {
    balance_once(&serving("[sync]\nid = 1\ninterface = \"eth0\"\n"));
}
