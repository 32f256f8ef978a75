//! Whole clusters on a real kernel, from their files to answered requests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpStream;

use lvs_core::Cluster;
use lvs_core::cluster::Plan;
use lvs_lab::{Answers, Lab, run_tool};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::TcpMaxSeg;

lvs_lab::tests! {
    nat_alternates,
    dr_keeps_to_its_weights,
    ipv6_and_datagrams_are_no_different,
    many_clients_take_turns,
    a_second_apply_changes_nothing,
    nat_typed_by_hand,
    dr_typed_by_hand,
    tunnel_alternates,
    tunnel_leaves_room_for_itself,
    tunnel_typed_by_hand,
    ipv6_by_direct_routing_and_tunnel,
    ipv6_typed_by_hand,
    ipv6_in_every_encapsulation,
    ipv4_behind_ipv6,
    ipv6_behind_ipv4,
    gue_alternates,
    gue_typed_by_hand,
    gre_alternates,
    gre_typed_by_hand,
    two_directors_alternate,
    two_directors_typed_by_hand,
}

const NAT: &str = include_str!("../../../nat.toml");
const DR: &str = include_str!("../../../dr.toml");
const SIX: &str = include_str!("../../../ipv6.toml");
const TWO: &str = include_str!("../../../two_directors.toml");
const TUNNEL: &str = include_str!("../../../tunnel.toml");

/// A cluster by masquerading over IPv6, with one UDP service and one with other ports on the real servers.
const IPV6: &str = r#"
    name = "six"
    forwarding = "nat"
    [director]
    addresses = [
        { interface = "eth0", address = "2001:db8:1::11/64" },
        { interface = "eth1", address = "2001:db8:2::11/64" },
    ]
    [[services]]
    address = "[2001:db8:1::11]:53"
    protocol = "udp"
    scheduler = "rr"
    [[services]]
    address = "[2001:db8:1::11]:80"
    scheduler = "rr"
    destinations = [
        { real-server = "realserver1", port = 8080 },
        { real-server = "realserver2", port = 8081 },
    ]
    [[real-servers]]
    name = "realserver1"
    addresses = [{ interface = "eth0", address = "2001:db8:2::12/64" }]
    [[real-servers]]
    name = "realserver2"
    addresses = [{ interface = "eth0", address = "2001:db8:2::13/64" }]
"#;

fn applied(text: &str, clients: usize) -> (Cluster, Lab) {
    let cluster = Cluster::from_toml(text).unwrap();
    let lab = Lab::new(&cluster, clients).unwrap();
    lab.apply().unwrap();
    lab.wait_for_servers().unwrap();
    (cluster, lab)
}

fn ask(cluster: &Cluster, lab: &Lab, service: usize, requests: usize) -> Answers {
    let service = &cluster.services()[service].service.id;
    lab.ask(service, requests).unwrap()
}

/// Asserts that the servers alternate; the last destination added is picked first.
fn assert_alternates(answers: &[String]) {
    for pair in answers.chunks(2) {
        assert_eq!(pair, ["realserver2", "realserver1"], "{answers:?}");
    }
}

fn nat_alternates() {
    let (cluster, lab) = applied(NAT, 1);
    assert_alternates(&ask(&cluster, &lab, 0, 10));
}

fn dr_keeps_to_its_weights() {
    let (cluster, lab) = applied(DR, 1);
    let answers = ask(&cluster, &lab, 0, 20);
    assert_eq!(answers.of("realserver1"), 8, "{answers:?}");
    assert_eq!(answers.of("realserver2"), 12, "{answers:?}");
}

fn ipv6_and_datagrams_are_no_different() {
    let (cluster, lab) = applied(IPV6, 1);
    assert_alternates(&ask(&cluster, &lab, 0, 4));
    assert_alternates(&ask(&cluster, &lab, 1, 4));
}

/// With source hashing the client's address decides.
fn many_clients_take_turns() {
    let text = NAT.replace("scheduler = \"rr\"", "scheduler = \"sh\"");
    let (cluster, lab) = applied(&text, 8);
    let answers = ask(&cluster, &lab, 0, 16);
    let (first, second) = answers.split_at(8);
    assert_eq!(first, second, "a client's server stays the same");
    assert!(first.iter().any(|name| *name != first[0]), "{first:?}");
}

fn a_second_apply_changes_nothing() {
    for text in [NAT, DR, TUNNEL, IPV6, SIX, TWO] {
        let cluster = Cluster::from_toml(text).unwrap();
        let lab = Lab::new(&cluster, 1).unwrap();
        assert!(lab.apply().unwrap().iter().all(|plan| !plan.is_empty()));
        assert!(lab.apply().unwrap().iter().all(|plan| plan.is_empty()));
    }
}

fn nat_typed_by_hand() {
    let (cluster, lab) = typed(NAT);
    assert_alternates(&ask(&cluster, &lab, 0, 4));
}

fn dr_typed_by_hand() {
    let (cluster, lab) = typed(DR);
    let answers = ask(&cluster, &lab, 0, 5);
    assert_eq!(answers.of("realserver1"), 2, "{answers:?}");
}

fn tunnel_alternates() {
    let (cluster, lab) = applied(TUNNEL, 1);
    assert_alternates(&ask(&cluster, &lab, 0, 10));
}

/// The client's kernel uses segments of 1500 bytes without two IP headers and one of TCP.
fn tunnel_leaves_room_for_itself() {
    let (_, lab) = applied(TUNNEL, 1);
    let segment = lab.network().client().run(|_| {
        let stream = TcpStream::connect("172.16.5.11:80").unwrap();
        getsockopt(&stream, TcpMaxSeg).unwrap()
    });
    // Time stamps take 12 bytes of it.
    assert_eq!(segment.unwrap(), 1500 - 20 - 20 - 20 - 12);
}

fn tunnel_typed_by_hand() {
    let (cluster, lab) = typed(TUNNEL);
    assert_alternates(&ask(&cluster, &lab, 0, 4));
}

/// Returns the tunnel cluster of the example with other encapsulations.
fn encapsulated(tunnels: &[&str]) -> impl Iterator<Item = String> {
    tunnels
        .iter()
        .map(|tunnel| TUNNEL.replace("{ type = \"ipip\" }", tunnel))
}

const GUE: [&str; 3] = [
    "{ type = \"gue\", port = 5555 }",
    "{ type = \"gue\", port = 5555, checksum = \"full\" }",
    "{ type = \"gue\", port = 5555, checksum = \"remote\" }",
];

const GRE: [&str; 2] = [
    "{ type = \"gre\" }",
    "{ type = \"gre\", checksum = \"full\" }",
];

fn alternates_in(tunnels: &[&str]) {
    for text in encapsulated(tunnels) {
        let (cluster, lab) = applied(&text, 1);
        assert_alternates(&ask(&cluster, &lab, 0, 4));
        assert!(lab.apply().unwrap().iter().all(Plan::is_empty), "{text}");
    }
}

fn gue_alternates() {
    alternates_in(&GUE);
}

fn gre_alternates() {
    alternates_in(&GRE);
}

fn typed_in(tunnel: &str) {
    let text = encapsulated(&[tunnel]).next().unwrap();
    let (cluster, lab) = typed(&text);
    assert_alternates(&ask(&cluster, &lab, 0, 2));
}

fn gue_typed_by_hand() {
    typed_in(GUE[1]);
}

fn gre_typed_by_hand() {
    typed_in(GRE[1]);
}

fn assert_thirds(answers: &[String]) {
    for round in answers.chunks(3) {
        assert_eq!(round, ["realserver3", "realserver2", "realserver1"]);
    }
}

fn ipv6_by_direct_routing_and_tunnel() {
    let (cluster, lab) = applied(SIX, 1);
    assert_thirds(&ask(&cluster, &lab, 0, 12));
}

fn ipv6_typed_by_hand() {
    let (cluster, lab) = typed(SIX);
    assert_thirds(&ask(&cluster, &lab, 0, 3));
}

fn ipv6_in_every_encapsulation() {
    for tunnel in GUE.iter().chain(&GRE) {
        let text = SIX.replace(
            "forwarding = \"dr\"",
            &format!("forwarding = \"dr\"\ntunnel = {tunnel}"),
        );
        let (cluster, lab) = applied(&text, 1);
        assert_thirds(&ask(&cluster, &lab, 0, 3));
        assert!(lab.apply().unwrap().iter().all(Plan::is_empty), "{text}");
    }
}

/// A cluster whose real servers are of another family than their service: only tunnels can reach them.
const MIXED: &str = r#"
    name = "mixed"
    forwarding = "tunnel"
    [director]
    gateway = "ROUTER"
    addresses = [
        { interface = "eth0", address = "VIP" },
        { interface = "eth0", address = "192.168.1.11/24" },
        { interface = "eth0", address = "2001:db8:1::11/64" },
    ]
    [[services]]
    address = "SERVICE"
    scheduler = "rr"
    [[real-servers]]
    name = "realserver1"
    addresses = [{ interface = "eth0", address = "RIP2/LENGTH" }]
    gateway = "WAY"
    [[real-servers]]
    name = "realserver2"
    addresses = [{ interface = "eth0", address = "RIP3/LENGTH" }]
    gateway = "WAY"
"#;

/// Applies the mixed cluster and asserts that its servers answer, in the service's family.
fn answers_in_mixed(words: [(&str, &str); 7], routes: &[&[&str]]) {
    let text = words.iter().fold(MIXED.to_owned(), |text, (word, value)| {
        text.replace(word, value)
    });
    let (cluster, lab) = applied(&text, 1);
    for server in cluster.real_servers() {
        let node = lab.node(server.name.as_str()).unwrap();
        for route in routes {
            node.run(|_| run_tool("ip", route)).unwrap().unwrap();
        }
    }
    assert_alternates(&ask(&cluster, &lab, 0, 4));
    assert!(lab.apply().unwrap().iter().all(Plan::is_empty), "{text}");
}

/// The gateway is an IPv6 one: for an IPv4 one these nodes would send ARP requests with the virtual IP as
/// source address.
fn ipv4_behind_ipv6() {
    let words = [
        ("ROUTER", "192.168.1.254"),
        ("WAY", "2001:db8:1::fe"),
        ("VIP", "172.16.5.11/32"),
        ("SERVICE", "172.16.5.11:80"),
        ("RIP2", "2001:db8:1::12"),
        ("RIP3", "2001:db8:1::13"),
        ("LENGTH", "64"),
    ];
    answers_in_mixed(words, &[]);
}

/// The file cannot set how IPv6 answers leave a node that is only on IPv4 networks: here they use a neighbour.
fn ipv6_behind_ipv4() {
    let words = [
        ("ROUTER", "2001:db8:1::fe"),
        ("WAY", "192.168.1.254"),
        ("VIP", "2001:db8:5::11/128"),
        ("SERVICE", "[2001:db8:5::11]:80"),
        ("RIP2", "192.168.1.12"),
        ("RIP3", "192.168.1.13"),
        ("LENGTH", "24"),
    ];
    let neighbour = ["-6", "route", "add", "2001:db8:1::fe/128", "dev", "eth0"];
    let default = ["-6", "route", "add", "default", "via", "2001:db8:1::fe"];
    answers_in_mixed(words, &[&neighbour, &default]);
}

/// The first director of the file is active.
fn two_directors_alternate() {
    let (cluster, lab) = applied(TWO, 1);
    assert_alternates(&ask(&cluster, &lab, 0, 10));
}

fn two_directors_typed_by_hand() {
    let (cluster, lab) = typed(TWO);
    assert_alternates(&ask(&cluster, &lab, 0, 4));
}

/// Configures every node by hand.
fn typed(text: &str) -> (Cluster, Lab) {
    let cluster = Cluster::from_toml(text).unwrap();
    let lab = Lab::new(&cluster, 1).unwrap();
    for step in cluster.rollout(None) {
        let state = cluster.node(step.node.as_str()).unwrap();
        lab.type_plan(&state).unwrap();
    }
    lab.wait_for_servers().unwrap();
    (cluster, lab)
}
