//! What the facts of a machine tell: each sign that no kernel test brings about, and what looks like it
//! but is none. Facts are made up here; those of real kernels are in `kernel_check`.
#![cfg(all(feature = "check", feature = "toml"))]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may fail it; clippy knows that of tests only"
)]

use std::net::SocketAddr;
use std::time::Duration;

use lvs_core::Cluster;
use lvs_core::check::{self, Code, Facts, Gather, IpvsReading, ListeningSocket, Severity};
use lvs_core::ipvs::{
    Connection, DestinationStatus, Protocol, SchedulerName, Seconds, Service, ServiceEntryStatus,
    ServiceStatus, Stats, Thresholds, Weight,
};
use lvs_core::net::{Address, Link, Route};
use lvs_core::sysctl::SysctlKey;

const NAT: &str = include_str!("../../examples/nat.toml");
const DR: &str = include_str!("../../examples/dr.toml");
const TUNNEL: &str = include_str!("../../examples/tunnel.toml");

/// By masquerading over IPv6.
const SIX: &str = r#"
name = "six"
forwarding = "nat"
[director]
addresses = [
  { interface = "eth0", address = "2001:db8:1::11/64" },
  { interface = "eth1", address = "2001:db8:2::11/64" },
]
[[services]]
address = "[2001:db8:1::11]:80"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "2001:db8:2::12/64" }]
[[real-servers]]
name = "realserver2"
addresses = [{ interface = "eth0", address = "2001:db8:2::13/64" }]
"#;

fn cluster(text: &str) -> Cluster {
    Cluster::from_toml(&format!(
        "{text}\n[time]\nntp-server = \"ntp.example.org\"\n"
    ))
    .unwrap()
}

/// What is found on the machine, without the note about the router's route.
fn found(cluster: &Cluster, facts: &Facts) -> Vec<Code> {
    let report = check::on_node(cluster, facts);
    let findings = report.findings().iter().map(|it| it.code);
    findings
        .filter(|code| *code != Code::VIP_UPSTREAM)
        .collect()
}

fn link(index: u32, name: &str) -> Link {
    Link {
        index,
        name: name.parse().unwrap(),
        up: true,
        mtu: 1500,
        mac: (name != "lo").then(|| "02:00:00:00:00:01".parse().unwrap()),
        kind: None,
        controller: None,
    }
}

fn address(interface: &str, network: &str) -> Address {
    Address::new(interface.parse().unwrap(), network.parse().unwrap())
}

fn set(facts: &mut Facts, key: &str, value: &str) {
    facts
        .sysctls
        .insert(SysctlKey::new(key).unwrap(), value.to_owned());
}

fn default_route(gateway: &str, interface: &str) -> Route {
    let mut route = Route::via("0.0.0.0/0".parse().unwrap(), gateway.parse().unwrap());
    route.interface = Some(interface.parse().unwrap());
    route
}

fn listener(protocol: Protocol, address: &str) -> ListeningSocket {
    ListeningSocket {
        protocol,
        address: address.parse().unwrap(),
    }
}

/// A sound real server of `dr.toml`, with a second interface besides.
fn server() -> Facts {
    let mut facts = Facts::unknown("realserver1".parse().unwrap());
    facts.kernel = "6.1.176".to_owned();
    facts.links = vec![link(1, "lo"), link(2, "eth0"), link(3, "eth1")];
    facts.addresses = vec![
        address("lo", "127.0.0.1/8"),
        address("lo", "172.16.5.11/32"),
        address("eth0", "192.168.1.12/24"),
        address("eth1", "10.0.0.12/24"),
    ];
    facts.routes = vec![default_route("192.168.1.254", "eth0")];
    facts
        .listeners
        .insert(listener(Protocol::TCP, "0.0.0.0:80"));
    for conf in ["all", "lo", "eth0", "eth1"] {
        let on = if ["all", "lo"].contains(&conf) {
            ("1", "2")
        } else {
            ("0", "0")
        };
        set(
            &mut facts,
            &format!("net/ipv4/conf/{conf}/arp_ignore"),
            on.0,
        );
        set(
            &mut facts,
            &format!("net/ipv4/conf/{conf}/arp_announce"),
            on.1,
        );
        set(&mut facts, &format!("net/ipv4/conf/{conf}/rp_filter"), "0");
    }
    facts
}

/// A sound director of `nat.toml` through which one connection just came.
fn director(cluster: &Cluster) -> Facts {
    let mut facts = Facts::unknown("director".parse().unwrap());
    facts.kernel = "6.1.176".to_owned();
    facts.ipvs_loaded = Some(true);
    facts.links = vec![link(1, "lo"), link(2, "eth0"), link(3, "eth1")];
    facts.addresses = vec![
        address("eth0", "172.16.5.11/16"),
        address("eth1", "192.168.1.11/24"),
    ];
    facts.routes = vec![default_route("172.16.0.1", "eth0")];
    for conf in ["all", "eth0", "eth1"] {
        set(&mut facts, &format!("net/ipv4/conf/{conf}/forwarding"), "1");
        set(
            &mut facts,
            &format!("net/ipv4/conf/{conf}/send_redirects"),
            "1",
        );
        set(
            &mut facts,
            &format!("net/ipv4/conf/{conf}/promote_secondaries"),
            "0",
        );
    }
    for (name, value) in [
        ("expire_nodest_conn", "0"),
        ("expire_quiescent_template", "0"),
        ("conntrack", "0"),
        ("conn_reuse_mode", "1"),
    ] {
        set(&mut facts, &format!("net/ipv4/vs/{name}"), value);
    }
    facts.readings = vec![reading(cluster, 10), reading(cluster, 12)];
    facts
}

/// The table as the file has it, after so many connections, shared out equally.
fn reading(cluster: &Cluster, connections: u64) -> IpvsReading {
    let stats = |connections| Stats {
        connections,
        packets_in: connections * 5,
        packets_out: connections * 4,
        ..Stats::default()
    };
    let state = cluster.node("director").unwrap();
    let services = state.services.iter().map(|wanted| ServiceEntryStatus {
        status: ServiceStatus {
            service: wanted.service.clone(),
            stats: stats(connections),
        },
        destinations: wanted
            .destinations
            .iter()
            .map(|it| DestinationStatus {
                destination: it.value,
                active: 0,
                inactive: 0,
                persistent: 0,
                stats: stats(connections / 2),
            })
            .collect(),
    });
    IpvsReading {
        services: services.collect(),
        ..IpvsReading::default()
    }
}

fn connection(protocol: Protocol, client: &str, to: &str, state: &str, expires: u32) -> Connection {
    let socket = |text: &str| text.parse::<SocketAddr>().unwrap();
    Connection {
        protocol,
        client: socket(client),
        service: socket("172.16.5.11:80"),
        destination: socket(to),
        state: state.to_owned(),
        expires: Seconds(expires),
        engine: None,
        engine_data: None,
        origin: None,
    }
}

fn destination(facts: &mut Facts, place: usize) -> &mut DestinationStatus {
    let reading = facts.readings.last_mut().unwrap();
    &mut reading.services[0].destinations[place]
}

fn service(facts: &mut Facts) -> &mut Service {
    let reading = facts.readings.last_mut().unwrap();
    &mut reading.services[0].status.service
}

#[test]
fn sound_machines_are_sound() {
    assert_eq!(found(&cluster(DR), &server()), []);
    let nat = cluster(NAT);
    assert_eq!(found(&nat, &director(&nat)), []);
}

#[test]
fn listeners_must_hear_the_virtual_ip() {
    let dr = cluster(DR);
    for (bound, hears) in [
        ("172.16.5.11:80", true),
        ("[::]:80", true),
        ("[::ffff:172.16.5.11]:80", true),
        ("192.168.1.12:80", false),
        ("0.0.0.0:81", false),
        ("[::1]:80", false),
    ] {
        let mut facts = server();
        facts.listeners = [listener(Protocol::TCP, bound)].into();
        let expected: &[Code] = if hears { &[] } else { &[Code::NO_LISTENER] };
        assert_eq!(found(&dr, &facts), expected, "{bound}");
    }
    let mut facts = server();
    facts.listeners = [listener(Protocol::UDP, "0.0.0.0:80")].into();
    assert_eq!(found(&dr, &facts), [Code::NO_LISTENER]);
}

#[test]
fn with_masquerading_listeners_must_hear_the_real_ip() {
    let nat = cluster(&NAT.replace("\"rr\"", "\"rr\"\ndestinations = [{ real-server = \"realserver1\", port = 8080 }, { real-server = \"realserver2\" }]"));
    let mut facts = server();
    facts
        .addresses
        .retain(|it| it.id.network.prefix_len() != 32);
    facts.routes = vec![default_route("192.168.1.11", "eth0")];
    assert_eq!(found(&nat, &facts), [Code::NO_LISTENER]);
    facts
        .listeners
        .insert(listener(Protocol::TCP, "192.168.1.12:8080"));
    assert_eq!(found(&nat, &facts), []);
}

#[test]
fn strict_rp_filter_hurts_where_answers_take_another_way() {
    let dr = cluster(DR);
    for (all, eth0, way_out, hurts) in [
        ("1", "0", "eth1", true),
        ("0", "1", "eth1", true),
        ("1", "2", "eth1", false),
        ("1", "1", "eth0", false),
    ] {
        let mut facts = server();
        set(&mut facts, "net/ipv4/conf/all/rp_filter", all);
        set(&mut facts, "net/ipv4/conf/eth0/rp_filter", eth0);
        facts.routes = vec![default_route("10.0.0.1", way_out)];
        let expected: &[Code] = if hurts { &[Code::RP_FILTER] } else { &[] };
        assert_eq!(found(&dr, &facts), expected, "{all} {eth0} {way_out}");
    }
}

/// A sound real server of `tunnel.toml`.
fn tunnelled() -> Facts {
    let mut facts = server();
    facts.addresses[1] = address("tunl0", "172.16.5.11/32");
    facts.addresses[2] = address("eth0", "10.1.1.12/24");
    let mut tunl0 = link(4, "tunl0");
    tunl0.mac = None;
    tunl0.kind = Some("ipip".to_owned());
    facts.links.push(tunl0);
    facts.routes = vec![default_route("10.1.1.254", "eth0")];
    facts.routes[0].advmss = Some(1440);
    set(&mut facts, "net/ipv4/conf/tunl0/rp_filter", "2");
    facts
}

#[test]
fn room_for_the_tunnel_can_be_made_in_two_ways() {
    let tunnel = cluster(TUNNEL);
    for (advmss, mtu, fits) in [
        (Some(1440), 1500, true),
        (Some(1400), 1500, true),
        (Some(1460), 1500, false),
        (None, 1500, false),
        (None, 1519, false),
        (None, 1520, true),
        (None, 9000, true),
    ] {
        let mut facts = tunnelled();
        facts.routes[0].advmss = advmss;
        facts.links[1].mtu = mtu;
        let expected: &[Code] = if fits { &[] } else { &[Code::TUNNEL_MTU] };
        assert_eq!(found(&tunnel, &facts), expected, "{advmss:?} {mtu}");
    }
    // The file names no gateway, but the machine has a route that leaves room.
    let unnamed = cluster(&TUNNEL.replace("gateway = \"10.1.1.254\"\n", ""));
    assert_eq!(found(&unnamed, &tunnelled()), []);
    let report = check::on_paper(&unnamed);
    let mut findings = report.findings().iter();
    assert!(findings.any(|it| it.code == Code::TUNNEL_MTU));
}

/// Elsewhere nobody asks for the virtual IP, so that nothing hurts yet.
#[test]
fn arp_switches_matter_most_on_the_directors_link() {
    for (text, mut facts, severity) in [
        (TUNNEL, tunnelled(), Severity::Warning),
        (DR, server(), Severity::Error),
    ] {
        facts.links[2].up = false;
        set(&mut facts, "net/ipv4/conf/all/arp_ignore", "0");
        let report = check::on_node(&cluster(text), &facts);
        let mut findings = report.findings().iter();
        let arp = findings.find(|it| it.code == Code::ARP_IGNORE).unwrap();
        assert_eq!(arp.severity, severity);
    }
}

#[test]
fn the_directors_own_packets_leave_from_its_own_address() {
    let dr = cluster(DR);
    let via = |text: &str, source: Option<&str>| {
        let mut route = default_route("192.168.1.254", "eth0");
        route.id.destination = text.parse().unwrap();
        route.gateway = None;
        route.source = source.map(|it| it.parse().unwrap());
        route
    };
    let mut facts = director(&dr);
    facts.addresses = vec![
        address("eth0", "172.16.5.11/32"),
        address("eth0", "192.168.1.11/24"),
    ];
    let vip = Some("172.16.5.11");
    for (routes, codes) in [
        (vec![via("192.168.1.0/24", Some("192.168.1.11"))], vec![]),
        (vec![via("192.168.1.0/24", vip)], vec![Code::VIP_AS_SOURCE]),
        // A wider route does not count, and a narrower one does.
        (
            vec![
                via("0.0.0.0/0", vip),
                via("192.168.1.0/24", Some("192.168.1.11")),
            ],
            vec![],
        ),
        (
            vec![
                via("192.168.1.12/32", vip),
                via("192.168.1.0/24", Some("192.168.1.11")),
            ],
            vec![Code::VIP_AS_SOURCE],
        ),
    ] {
        facts.routes = routes;
        assert_eq!(found(&dr, &facts), codes, "{:?}", facts.routes);
    }
    // Masquerading does not mind.
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    facts.routes = vec![via("192.168.1.0/24", vip)];
    assert_eq!(found(&nat, &facts), []);
}

#[test]
fn daemons_on_every_address_are_on_the_virtual_ip() {
    let nat = cluster(NAT);
    for (bound, is_open) in [
        ("0.0.0.0:22", true),
        ("[::]:22", true),
        ("172.16.5.11:22", true),
        ("192.168.1.11:22", false),
        ("127.0.0.1:22", false),
        ("[::1]:22", false),
        // That is the service's.
        ("0.0.0.0:80", false),
    ] {
        let mut facts = director(&nat);
        facts.listeners = [listener(Protocol::TCP, bound)].into();
        let expected: &[Code] = if is_open { &[Code::EXPOSED] } else { &[] };
        assert_eq!(found(&nat, &facts), expected, "{bound}");
        // Questions of its own to name and time servers look like this.
        facts.listeners = [listener(Protocol::UDP, bound)].into();
        assert_eq!(found(&nat, &facts), [], "udp {bound}");
    }
}

#[test]
fn advertised_routes_end_on_a_machine_that_routes() {
    let six = cluster(SIX);
    for (protocol, accept_ra, ends) in [
        (9, "1", true),
        (9, "2", false),
        // systemd-networkd listens itself.
        (9, "0", false),
        // Somebody added it by hand.
        (3, "1", false),
    ] {
        let mut facts = director(&six);
        facts.addresses = vec![
            address("eth0", "2001:db8:1::11/64"),
            address("eth1", "2001:db8:2::11/64"),
        ];
        let mut route = Route::via("::/0".parse().unwrap(), "fe80::1".parse().unwrap());
        route.interface = Some("eth0".parse().unwrap());
        route.protocol = protocol;
        facts.routes = vec![route];
        set(&mut facts, "net/ipv6/conf/eth0/accept_ra", accept_ra);
        let expected: &[Code] = if ends { &[Code::ADVERTISED_ROUTE] } else { &[] };
        assert_eq!(found(&six, &facts), expected, "{protocol} {accept_ra}");
    }
}

#[test]
fn a_full_connection_tracker_is_named() {
    let nat = cluster(NAT);
    for (count, most, full) in [
        ("89", "100", false),
        ("90", "100", true),
        ("90", "0", false),
        ("", "100", false),
    ] {
        let mut facts = director(&nat);
        set(&mut facts, "net/netfilter/nf_conntrack_count", count);
        set(&mut facts, "net/netfilter/nf_conntrack_max", most);
        let expected: &[Code] = if full { &[Code::CONNTRACK_FULL] } else { &[] };
        assert_eq!(found(&nat, &facts), expected, "{count} {most}");
    }
}

/// As the kernel combines them, on every interface that can hear.
#[test]
fn arp_levels_as_they_count() {
    let dr = cluster(DR);
    for (all, eth1, quiet) in [
        ("0", "1", false),
        ("1", "0", true),
        ("2", "0", true),
        ("1", "3", false),
        ("1", "8", false),
        ("4", "0", false),
    ] {
        let mut facts = server();
        set(&mut facts, "net/ipv4/conf/all/arp_ignore", all);
        set(&mut facts, "net/ipv4/conf/eth1/arp_ignore", eth1);
        assert_eq!(found(&dr, &facts).is_empty(), quiet, "{all} {eth1}");
        // A bridge answers for its ports, and who is down hears nothing.
        facts.links[1].up = false;
        facts.links[2].controller = Some(9);
        assert_eq!(found(&dr, &facts), [], "{all} {eth1}");
    }
}

#[test]
fn broadcasts_of_the_machine_are_looked_at() {
    let mut facts = server();
    facts.addresses[1].broadcast = Some([172, 16, 5, 255].into());
    assert_eq!(found(&cluster(DR), &facts), [Code::BROADCAST]);
    facts.addresses[1].broadcast = Some([172, 16, 5, 11].into());
    assert_eq!(found(&cluster(DR), &facts), []);
}

#[test]
fn an_ipv6_address_that_another_has_is_not_in_use() {
    let text = DR
        .replace("172.16.5.11/32", "2001:db8::11/128")
        .replace("172.16.5.11:80", "[2001:db8::11]:80");
    let text = text.replace(
        "\"192.168.1.11/24\", label = \"eth0:1\"",
        "\"2001:db8:1::11/64\"",
    );
    let text = text
        .replace("192.168.1.12/24", "2001:db8:1::12/64")
        .replace("192.168.1.13/24", "2001:db8:1::13/64");
    let text = text.replace("192.168.1.254", "2001:db8:1::fe");
    let mut facts = server();
    facts.addresses = vec![
        address("lo", "2001:db8::11/128"),
        address("eth0", "2001:db8:1::12/64"),
    ];
    facts.routes = vec![Route::via(
        "::/0".parse().unwrap(),
        "2001:db8:1::fe".parse().unwrap(),
    )];
    facts.listeners.insert(listener(Protocol::TCP, "[::]:80"));
    assert_eq!(found(&cluster(&text), &facts), []);
    facts.duplicates.insert("2001:db8::11".parse().unwrap());
    assert_eq!(found(&cluster(&text), &facts), [Code::DUPLICATE_ADDRESS]);
}

#[test]
fn other_managers_are_named() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    facts.managers = ["keepalived".to_owned(), "NetworkManager".to_owned()].into();
    assert_eq!(found(&nat, &facts), [Code::OTHER_MANAGER]);
    facts.managers.clear();
    facts
        .managed
        .insert("eth1".parse().unwrap(), "NetworkManager".to_owned());
    assert_eq!(found(&nat, &facts), [], "there is no virtual IP on eth1");
    facts
        .managed
        .insert("eth0".parse().unwrap(), "NetworkManager".to_owned());
    assert_eq!(found(&nat, &facts), [Code::MANAGED_INTERFACE]);
}

#[test]
fn reuse_stalls_on_old_kernels() {
    let nat = cluster(NAT);
    for (kernel, mode, conntrack, stalls) in [
        ("5.8.18", "1", "1", true),
        ("5.9.0", "1", "1", false),
        ("5.4.1-generic", "0", "1", false),
        ("5.4.1", "1", "0", false),
        ("unknown", "1", "1", false),
    ] {
        let mut facts = director(&nat);
        facts.kernel = kernel.to_owned();
        set(&mut facts, "net/ipv4/vs/conn_reuse_mode", mode);
        set(&mut facts, "net/ipv4/vs/conntrack", conntrack);
        let expected: &[Code] = if stalls { &[Code::REUSE_STALLS] } else { &[] };
        assert_eq!(found(&nat, &facts), expected, "{kernel} {mode} {conntrack}");
    }
}

#[test]
fn a_full_destination_is_named() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    let full = destination(&mut facts, 0);
    full.destination.thresholds = Thresholds::new(4, 3).unwrap();
    full.active = 3;
    assert_eq!(found(&nat, &facts), []);
    destination(&mut facts, 0).inactive = 1;
    assert_eq!(found(&nat, &facts), [Code::OVERLOADED]);
    destination(&mut facts, 0).destination.weight = Weight::DRAIN;
    assert_eq!(found(&nat, &facts), []);
}

#[test]
fn one_that_gets_everything_is_named() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    facts.readings = vec![reading(&nat, 10), reading(&nat, 30)];
    assert_eq!(found(&nat, &facts), []);
    let before = facts.readings[0].services[0].destinations[1].stats;
    destination(&mut facts, 1).stats = before;
    assert_eq!(found(&nat, &facts), [Code::ONE_GETS_ALL]);
    destination(&mut facts, 1).destination.weight = Weight::DRAIN;
    assert_eq!(found(&nat, &facts), [], "it was meant so");
}

#[test]
fn living_connections_to_what_is_gone_are_counted() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    for state in ["FIN_WAIT", "SYN_RECV", "TIME_WAIT"] {
        let closing = connection(
            Protocol::TCP,
            "198.51.100.7:4000",
            "192.168.1.99:80",
            state,
            50,
        );
        facts.readings[1].connections.push(closing);
    }
    assert_eq!(found(&nat, &facts), []);
    let living = connection(
        Protocol::TCP,
        "198.51.100.7:4001",
        "192.168.1.99:80",
        "ESTABLISHED",
        800,
    );
    facts.readings[1].connections.push(living);
    assert_eq!(found(&nat, &facts), [Code::GONE_DESTINATION]);
    set(&mut facts, "net/ipv4/vs/expire_nodest_conn", "1");
    assert_eq!(found(&nat, &facts), []);
}

#[test]
fn connections_that_came_about_late_are_no_sign() {
    let nat = cluster(NAT);
    let stalled = |port: u16, expires| {
        connection(
            Protocol::TCP,
            &format!("198.51.100.7:{port}"),
            "192.168.1.12:80",
            "SYN_RECV",
            expires,
        )
    };
    let mut facts = director(&nat);
    facts.readings[1].connections = vec![stalled(1, 59), stalled(2, 60), stalled(3, 60)];
    assert_eq!(found(&nat, &facts), [], "they have just begun");
    facts.readings[1].connections = vec![stalled(1, 58), stalled(2, 57)];
    assert_eq!(found(&nat, &facts), [Code::HALF_OPEN]);
    facts.readings[1].at = Gather::PAUSE;
    facts.readings[0].connections = vec![stalled(1, 59), stalled(2, 60)];
    facts.readings[1].connections = vec![stalled(1, 58), stalled(2, 59)];
    assert_eq!(
        found(&nat, &facts),
        [Code::HALF_OPEN],
        "their clients asked again"
    );
    facts.readings[1].connections = vec![stalled(1, 57), stalled(2, 58)];
    assert_eq!(found(&nat, &facts), [], "their clients have given up");
    facts.readings[0].connections = vec![stalled(1, 40), stalled(2, 30)];
    assert_eq!(
        found(&nat, &facts),
        [],
        "it was the real server that repeated"
    );
}

/// Clients that ask every second renew their entries: a reading between shows that they wait.
#[test]
fn connections_that_were_there_a_second_ago_have_waited() {
    let nat = cluster(NAT);
    let entry = |port: u16, state: &'static str| {
        let client = format!("198.51.100.7:{port}");
        connection(Protocol::TCP, &client, "192.168.1.12:80", state, 59)
    };
    let facts = |middle: u64, states: [&'static str; 2]| {
        let mut facts = director(&nat);
        let mut between = facts.readings[0].clone();
        between.at = Duration::from_millis(middle);
        facts.readings.insert(1, between);
        facts.readings[2].at = Gather::PAUSE;
        for (place, state) in [(1, states[0]), (2, states[1])] {
            facts.readings[place].connections = vec![entry(1, state), entry(2, state)];
        }
        facts
    };
    let asked = ["SYN_RECV"; 2];
    assert_eq!(found(&nat, &facts(1250, asked)), [Code::HALF_OPEN]);
    assert_eq!(found(&nat, &facts(2000, asked)), [], "they have just begun");
    let answered = ["SYN_RECV", "ESTABLISHED"];
    assert_eq!(found(&nat, &facts(1250, answered)), []);
}

#[test]
fn udp_clients_that_a_drain_does_not_reach() {
    let udp = cluster(&NAT.replace(
        "scheduler = \"rr\"",
        "scheduler = \"rr\"\nprotocol = \"udp\"",
    ));
    let facts = |expires| {
        let mut facts = director(&udp);
        destination(&mut facts, 0).destination.weight = Weight::DRAIN;
        for (place, expires) in [(0, 298), (1, expires)] {
            let entry = connection(
                Protocol::UDP,
                "198.51.100.7:4000",
                "192.168.1.12:80",
                "UDP",
                expires,
            );
            facts.readings[place].connections.push(entry);
        }
        facts
    };
    assert_eq!(found(&udp, &facts(295)), [], "it runs out");
    assert_eq!(found(&udp, &facts(299)), [Code::STUCK_UDP]);
}

#[test]
fn a_scheduler_of_none_is_named() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    service(&mut facts).scheduler = SchedulerName::NONE;
    assert_eq!(found(&nat, &facts), [Code::NO_SCHEDULER]);
}

#[test]
fn services_of_others_are_not_ours_to_judge() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    let mut other = facts.readings[1].services[0].clone();
    other.status.service = Service::new("tcp 203.0.113.1:0".parse().unwrap(), SchedulerName::NONE);
    other.destinations.clear();
    facts.readings[1].services.push(other);
    assert_eq!(found(&nat, &facts), []);
}

/// What the file leaves open, the machine may answer.
#[test]
fn what_is_taken_care_of_is_no_finding() {
    let one_arm = cluster(&NAT.replace("eth1", "eth0"));
    let mut facts = director(&one_arm);
    facts.addresses[1].id.interface = "eth0".parse().unwrap();
    assert_eq!(found(&one_arm, &facts), [Code::REDIRECTS]);
    set(&mut facts, "net/ipv4/conf/eth0/send_redirects", "0");
    assert_eq!(
        found(&one_arm, &facts),
        [Code::REDIRECTS],
        "all has it still"
    );
    set(&mut facts, "net/ipv4/conf/all/send_redirects", "0");
    assert_eq!(found(&one_arm, &facts), []);

    let ftp = cluster(&NAT.replace(":80", ":21"));
    let mut facts = director(&ftp);
    assert_eq!(found(&ftp, &facts), [Code::FTP]);
    facts.modules.insert("ip_vs_ftp".to_owned());
    assert_eq!(found(&ftp, &facts), []);

    let sticky = cluster(&NAT.replace("\"rr\"", "\"rr\"\npersistence = 300").replace(
        "name = \"realserver2\"",
        "name = \"realserver2\"\ndrain = true",
    ));
    let mut facts = director(&sticky);
    assert_eq!(found(&sticky, &facts), [Code::STICKY_DRAIN]);
    set(&mut facts, "net/ipv4/vs/expire_quiescent_template", "1");
    assert_eq!(found(&sticky, &facts), []);
}

#[test]
fn a_route_of_the_router_shows_in_connections() {
    let dr = cluster(DR);
    let mut facts = director(&dr);
    facts.addresses = vec![
        address("eth0", "172.16.5.11/32"),
        address("eth0", "192.168.1.11/24"),
    ];
    let note = |facts: &Facts| {
        let report = check::on_node(&dr, facts);
        report
            .findings()
            .iter()
            .any(|it| it.code == Code::VIP_UPSTREAM)
    };
    assert!(!note(&facts));
    facts.readings = vec![reading(&dr, 0), reading(&dr, 0)];
    assert!(note(&facts));
}

#[test]
fn no_traffic_is_a_note() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    facts.readings = vec![reading(&nat, 10), reading(&nat, 10)];
    let report = check::on_node(&nat, &facts);
    let seen: Vec<_> = report
        .findings()
        .iter()
        .map(|it| (it.code, it.severity))
        .collect();
    assert_eq!(seen, [(Code::NO_TRAFFIC, Severity::Note)]);
    facts.readings.pop();
    assert_eq!(found(&nat, &facts), [], "traffic was not asked for");
}

#[test]
fn facts_of_a_bug_report_are_judged_alike() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    set(&mut facts, "net/ipv4/conf/eth1/forwarding", "0");
    let kept: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
    assert_eq!(kept, facts);
    assert_eq!(found(&nat, &kept), [Code::FORWARDING]);
    let text = check::on_node(&nat, &kept).findings()[0].to_string();
    assert!(text.contains("net/ipv4/conf/eth1/forwarding"), "{text}");
}

#[test]
fn an_empty_table_and_unknown_destinations_do_no_harm() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    facts.readings = vec![IpvsReading::default(), IpvsReading::default()];
    assert_eq!(found(&nat, &facts), [Code::NO_TRAFFIC]);
    let mut facts = director(&nat);
    facts.readings[1].services[0].destinations.clear();
    assert_eq!(found(&nat, &facts), [Code::NO_DESTINATION]);
    let unknown = Facts::unknown("director".parse().unwrap());
    assert_eq!(
        found(&nat, &unknown),
        [],
        "what was not looked at is not judged"
    );
    let unknown = Facts::unknown("realserver1".parse().unwrap());
    assert_eq!(found(&cluster(DR), &unknown), []);
}
