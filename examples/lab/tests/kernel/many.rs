//! Clusters of many services, networks and methods on a real kernel.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use lvs_core::Cluster;
use lvs_core::cluster::{Observed, Plan, PlanOptions, ReadScope};
use lvs_lab::Lab;

lvs_lab::tests! {
    every_service_has_its_own_method,
    one_datagram_is_one_decision,
    one_datagram_by_nat_is_not_answered,
    a_persistent_client_keeps_its_server,
    clients_of_one_network_share_a_server,
    two_hundred_services_on_twenty_real_servers,
    marks_keep_a_client_together,
    marks_by_direct_routing_and_tunnel,
    marks_over_ipv6,
    the_director_serves_too_by_nat,
    the_director_serves_too_by_direct_routing,
    all_of_it_typed_by_hand,
}

/// A cluster with two virtual IPs on one network and a third on another, three protocols, three methods, real
/// servers on two networks, and all options of a destination.
const MANY: &str = r#"
    name = "many"
    forwarding = "nat"
    [director]
    gateway = "192.168.2.254"
    addresses = [
        { interface = "eth0", address = "172.16.5.11/16" },
        { interface = "eth0", address = "172.16.5.12/16" },
        { interface = "eth1", address = "192.168.1.11/24" },
        { interface = "eth2", address = "192.168.2.11/24" },
        { interface = "eth2", address = "10.20.0.1/32" },
    ]
    [[services]]
    address = "172.16.5.11:80"
    scheduler = "wrr"
    destinations = [
        { real-server = "nat1", port = 8080, weight = 1, upper-threshold = 1000, lower-threshold = 800 },
        { real-server = "nat2", port = 8081, weight = 3 },
    ]
    [[services]]
    address = "10.20.0.1:53"
    protocol = "udp"
    one-packet = true
    scheduler = "rr"
    destinations = [
        { real-server = "dr1", forwarding = "dr" },
        { real-server = "tun1", forwarding = "tunnel" },
    ]
    [[services]]
    address = "172.16.5.11:9"
    protocol = "sctp"
    scheduler = "rr"
    destinations = [{ real-server = "nat1" }, { real-server = "nat2" }]
    [[services]]
    address = "172.16.5.12:80"
    scheduler = "rr"
    destinations = [{ real-server = "nat2" }, { real-server = "nat3" }]
    [[services]]
    address = "10.20.0.1:80"
    scheduler = "rr"
    destinations = [
        { real-server = "dr1", forwarding = "dr" },
        { real-server = "tun1", forwarding = "tunnel" },
    ]
    [[real-servers]]
    name = "nat1"
    addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
    [[real-servers]]
    name = "nat2"
    addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
    [[real-servers]]
    name = "nat3"
    addresses = [{ interface = "eth0", address = "192.168.2.14/24" }]
    [[real-servers]]
    name = "dr1"
    addresses = [{ interface = "eth0", address = "192.168.2.15/24" }]
    gateway = "192.168.2.254"
    [[real-servers]]
    name = "tun1"
    addresses = [{ interface = "eth0", address = "192.168.2.16/24" }]
    gateway = "192.168.2.254"
"#;

fn applied(text: &str, clients: usize) -> (Cluster, Lab) {
    let cluster = Cluster::from_toml(text).unwrap();
    let lab = Lab::new(&cluster, clients).unwrap();
    lab.apply().unwrap();
    lab.wait_for_servers().unwrap();
    assert!(lab.apply().unwrap().iter().all(Plan::is_empty), "{text}");
    (cluster, lab)
}

/// Asserts how often each server answers, by name.
#[track_caller]
fn assert_shares(lab: &Lab, service: &str, expected: &[(&str, usize)]) {
    let requests = expected.iter().map(|(_, count)| count).sum();
    let answers = lab.ask(&service.parse().unwrap(), requests).unwrap();
    assert_eq!(answers.shares(), expected, "{answers}");
}

fn every_service_has_its_own_method() {
    let (_, lab) = applied(MANY, 1);
    assert_shares(&lab, "tcp 172.16.5.11:80", &[("nat1", 2), ("nat2", 6)]);
    assert_shares(&lab, "udp 10.20.0.1:53", &[("dr1", 2), ("tun1", 2)]);
    assert_shares(&lab, "sctp 172.16.5.11:9", &[("nat1", 2), ("nat2", 2)]);
    assert_shares(&lab, "tcp 172.16.5.12:80", &[("nat2", 2), ("nat3", 2)]);
    assert_shares(&lab, "tcp 10.20.0.1:80", &[("dr1", 2), ("tun1", 2)]);
}

/// Without one-packet scheduling all datagrams from one port of a client are one connection.
fn one_datagram_is_one_decision() {
    for (text, names) in [
        (MANY.to_owned(), ["tun1", "dr1", "tun1", "dr1"]),
        (MANY.replace("one-packet = true", ""), ["tun1"; 4]),
    ] {
        let (_, lab) = applied(&text, 1);
        let answers = lab.network().client().run(|_| four_datagrams()).unwrap();
        assert_eq!(answers, names);
    }
}

fn four_datagrams() -> Vec<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("10.20.0.1:53").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    let ask = |_| {
        socket.send(b"who?").unwrap();
        let mut answer = [0; 64];
        let length = socket.recv(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    (0..4).map(ask).collect()
}

/// The plan notes it, and the lab confirms it.
fn one_datagram_by_nat_is_not_answered() {
    let address = "address = \"172.16.5.11:80\"";
    let udp = format!("{address}\nprotocol = \"udp\"\none-packet = true");
    let (cluster, lab) = applied(&include_str!("../../../nat.toml").replace(address, &udp), 1);
    let notes = cluster.node("director").unwrap().notes;
    assert!(notes[0].contains("is one-packet and nat"), "{notes:?}");
    let service = &cluster.services()[0].service.id;
    let error = lab.request(service, 0).unwrap_err();
    assert!(error.to_string().contains("does not answer"), "{error}");
}

fn persistent(netmask: u8) -> String {
    let persistence = format!("persistence = {{ timeout = 300, netmask = {netmask} }}");
    include_str!("../../../nat.toml").replace(
        "scheduler = \"rr\"",
        &format!("scheduler = \"rr\"\n{persistence}"),
    )
}

fn a_persistent_client_keeps_its_server() {
    let (cluster, lab) = applied(&persistent(32), 4);
    let service = &cluster.services()[0].service.id;
    let answers = lab.ask(service, 8).unwrap();
    let (first, second) = answers.split_at(4);
    assert_eq!(first, second, "every client keeps its server");
    assert_eq!(first[0], first[2]);
    assert_ne!(first[0], first[1], "each client is bound by itself");
}

fn clients_of_one_network_share_a_server() {
    let (cluster, lab) = applied(&persistent(24), 4);
    let service = &cluster.services()[0].service.id;
    let answers = lab.ask(service, 8).unwrap();
    assert!(
        answers.iter().all(|name| *name == answers[0]),
        "{answers:?}"
    );
}

/// Returns a cluster of 200 services on 10 virtual IPs, each with all of 20 real servers.
fn large() -> String {
    let mut text =
        String::from("name = \"large\"\nforwarding = \"nat\"\n[director]\naddresses = [\n");
    for vip in 1..=10 {
        writeln!(
            text,
            "{{ interface = \"eth0\", address = \"172.16.5.{vip}/16\" }},"
        )
        .unwrap();
    }
    text += "{ interface = \"eth1\", address = \"192.168.1.1/24\" },\n]\n";
    for service in 0..200 {
        let (vip, port) = (service % 10 + 1, 8000 + service / 10);
        let address = format!("172.16.5.{vip}:{port}");
        writeln!(
            text,
            "[[services]]\naddress = \"{address}\"\nscheduler = \"rr\""
        )
        .unwrap();
    }
    for server in 1..=20 {
        let address = format!("192.168.1.{}/24", server + 10);
        writeln!(text, "[[real-servers]]\nname = \"rs{server}\"").unwrap();
        writeln!(
            text,
            "addresses = [{{ interface = \"eth0\", address = \"{address}\" }}]"
        )
        .unwrap();
    }
    text
}

/// Uses the director alone: twenty nodes with twenty servers each would only take time.
fn two_hundred_services_on_twenty_real_servers() {
    let cluster = Cluster::from_toml(&large()).unwrap();
    let topology = lvs_lab::topology::Topology::of(&cluster, 1).unwrap();
    let network = lvs_lab::Network::build(&topology).unwrap();
    let node = cluster.node("director").unwrap();
    let options = PlanOptions::default();
    let director = network.node("director").unwrap();
    director
        .run(|host| {
            let plan = node.apply(host, options, &mut |_| ()).unwrap();
            assert_eq!(
                plan.steps().filter(|step| step.change.is_ipvs()).count(),
                200 + 4000
            );
            assert!(node.apply(host, options, &mut |_| ()).unwrap().is_empty());
            let observed = Observed::read(host, &ReadScope::of(&node)).unwrap();
            assert_eq!(observed.services().len(), 200);
            let destinations: usize = observed
                .services()
                .iter()
                .map(|service| service.destinations.len())
                .sum();
            assert_eq!(destinations, 4000);
            node.remove(host, &mut |_| ()).unwrap();
            let observed = Observed::read(host, &ReadScope::of(&node)).unwrap();
            assert!(observed.services().is_empty());
        })
        .unwrap();
    let vip: IpAddr = "172.16.5.10".parse().unwrap();
    assert!(cluster.virtual_ips().contains(&vip));
}

/// Returns a cluster with http and https by one mark, which persistence binds to one server.
fn marked(text: &str, address: &str, family: &str) -> String {
    let service = format!(
        "fwmark = 1\nfamily = \"{family}\"\nmatch = [\"tcp {address}:80\", \"tcp {address}:443\"]\npersistence = 300"
    );
    text.replace(&format!("address = \"{address}:80\""), &service)
}

const HTTP: &str = "tcp 172.16.5.11:80";
const HTTPS: &str = "tcp 172.16.5.11:443";

/// Asserts that each of four clients has one server for both services, and that not all have the same.
fn assert_one_server_for_both(text: &str, (http, https): (&str, &str)) {
    let (_, lab) = applied(text, 4);
    lab.load_rules().unwrap();
    let ask = |service: &str| lab.ask(&service.parse().unwrap(), 4).unwrap();
    let plain = ask(http);
    assert_eq!(plain, ask(https));
    assert!(plain.iter().any(|name| *name != plain[0]), "{plain:?}");
}

fn marks_keep_a_client_together() {
    let text = marked(include_str!("../../../nat.toml"), "172.16.5.11", "ipv4");
    assert_one_server_for_both(&text, (HTTP, HTTPS));
}

fn marks_by_direct_routing_and_tunnel() {
    for text in [
        include_str!("../../../dr.toml"),
        include_str!("../../../tunnel.toml"),
    ] {
        assert_one_server_for_both(&marked(text, "172.16.5.11", "ipv4"), (HTTP, HTTPS));
    }
}

fn marks_over_ipv6() {
    let address = "[2001:db8:5::11]";
    let text = marked(include_str!("../../../ipv6.toml"), address, "ipv6");
    assert_one_server_for_both(
        &text,
        ("tcp [2001:db8:5::11]:80", "tcp [2001:db8:5::11]:443"),
    );
}

/// Adds the director as the third real server.
fn local_node(text: &str, port: &str) -> String {
    let destinations = format!(
        "destinations = [{{ real-server = \"realserver1\" }}, {{ real-server = \"realserver2\" }}, \
         {{ real-server = \"director\"{port} }}]"
    );
    let scheduler = "address = \"172.16.5.11:80\"\n";
    text.replace(scheduler, &format!("{scheduler}{destinations}\n"))
}

fn serves_too(text: &str) {
    let text = text.replace("\"wrr\"", "\"rr\"");
    let (_, lab) = applied(&text, 1);
    assert_shares(
        &lab,
        HTTP,
        &[("director", 3), ("realserver1", 3), ("realserver2", 3)],
    );
}

/// With masquerading the director's server may listen on another port.
fn the_director_serves_too_by_nat() {
    let nat = include_str!("../../../nat.toml");
    serves_too(&local_node(nat, ""));
    serves_too(&local_node(nat, ", port = 8080"));
}

fn the_director_serves_too_by_direct_routing() {
    serves_too(&local_node(include_str!("../../../dr.toml"), ""));
    serves_too(&local_node(include_str!("../../../tunnel.toml"), ""));
}

/// The shell lines of a plan cover all options: protocols, marks, persistence, local nodes, daemons, sysctls.
fn all_of_it_typed_by_hand() {
    let nat = include_str!("../../../nat.toml");
    let synchronised = format!(
        "{nat}\n[sync]\nid = 1\ninterface = \"eth1\"\n[ipvs]\nudp-timeout = 30\nconntrack = true\n"
    );
    let marked = marked(include_str!("../../../dr.toml"), "172.16.5.11", "ipv4");
    for text in [MANY, &marked, &local_node(nat, ""), &synchronised] {
        let cluster = Cluster::from_toml(text).unwrap();
        let lab = Lab::new(&cluster, 1).unwrap();
        for step in cluster.rollout(None) {
            let state = cluster.node(step.node.as_str()).unwrap();
            lab.type_plan(&state).unwrap();
        }
        lab.load_rules().unwrap();
        lab.wait_for_servers().unwrap();
        for service in cluster.services() {
            lab.ask(&service.service.id, 2).unwrap();
        }
    }
}
