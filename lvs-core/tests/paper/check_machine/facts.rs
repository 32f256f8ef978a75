//! Clusters, and facts of nodes that are sound.

use std::net::SocketAddr;

use lvs_core::Cluster;
use lvs_core::check::{self, Code, Facts, IpvsReading, ListeningSocket};
use lvs_core::ipvs::{
    Connection, DestinationStatus, Protocol, Seconds, Service, ServiceEntryStatus, ServiceStatus,
    Stats,
};
use lvs_core::net::{Address, Link, Route};
use lvs_core::sysctl::SysctlKey;

pub(crate) const NAT: &str = include_str!("../../../../examples/nat.toml");
pub(crate) const DR: &str = include_str!("../../../../examples/dr.toml");
pub(crate) const TUNNEL: &str = include_str!("../../../../examples/tunnel.toml");

/// By masquerading over IPv6.
pub(crate) const SIX: &str = r#"
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

pub(crate) fn cluster(text: &str) -> Cluster {
    Cluster::from_toml(&format!(
        "{text}\n[time]\nntp-server = \"ntp.example.org\"\n"
    ))
    .unwrap()
}

/// Returns the codes of the findings, without the note about the router's route.
pub(crate) fn found(cluster: &Cluster, facts: &Facts) -> Vec<Code> {
    let report = check::on_node(cluster, facts);
    let findings = report.findings().iter().map(|finding| finding.code);
    findings
        .filter(|code| *code != Code::VIP_UPSTREAM)
        .collect()
}

pub(crate) fn link(index: u32, name: &str) -> Link {
    let mut link = Link::new(index, name.parse().unwrap());
    link.mac = (name != "lo").then(|| "02:00:00:00:00:01".parse().unwrap());
    link
}

pub(crate) fn address(interface: &str, network: &str) -> Address {
    Address::new(interface.parse().unwrap(), network.parse().unwrap())
}

pub(crate) fn set(facts: &mut Facts, key: &str, value: &str) {
    facts
        .sysctls
        .insert(SysctlKey::new(key).unwrap(), value.to_owned());
}

pub(crate) fn default_route(gateway: &str, interface: &str) -> Route {
    let mut route = Route::via("0.0.0.0/0".parse().unwrap(), gateway.parse().unwrap());
    route.interface = Some(interface.parse().unwrap());
    route
}

pub(crate) fn listener(protocol: Protocol, address: &str) -> ListeningSocket {
    ListeningSocket {
        protocol,
        address: address.parse().unwrap(),
    }
}

/// A sound real server of `dr.toml`, with a second interface besides.
pub(crate) fn server() -> Facts {
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
pub(crate) fn director(cluster: &Cluster) -> Facts {
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
pub(crate) fn reading(cluster: &Cluster, connections: u64) -> IpvsReading {
    let stats = |connections| {
        let mut stats = Stats::default();
        stats.connections = connections;
        stats.packets_in = connections * 5;
        stats.packets_out = connections * 4;
        stats
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
            .map(|desired| DestinationStatus {
                destination: desired.value,
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

pub(crate) fn connection(
    protocol: Protocol,
    client: &str,
    to: &str,
    state: &str,
    expires: u32,
) -> Connection {
    let socket = |text: &str| text.parse::<SocketAddr>().unwrap();
    Connection {
        protocol,
        client: socket(client),
        service: socket("172.16.5.11:80"),
        destination: socket(to),
        state: state.into(),
        expires: Seconds(expires),
        engine: None,
        engine_data: None,
        origin: None,
    }
}

pub(crate) fn destination(facts: &mut Facts, place: usize) -> &mut DestinationStatus {
    let reading = facts.readings.last_mut().unwrap();
    &mut reading.services[0].destinations[place]
}

pub(crate) fn service(facts: &mut Facts) -> &mut Service {
    let reading = facts.readings.last_mut().unwrap();
    &mut reading.services[0].status.service
}

/// A sound real server of `tunnel.toml`.
pub(crate) fn tunnelled() -> Facts {
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
