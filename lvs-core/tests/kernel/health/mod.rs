//! Probes by the clients' path on a real kernel: what breaks for clients is seen, and by nothing else.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod watch;

use lvs_core::cluster::Role;
use lvs_core::health::ProbeRoute;
use lvs_core::ipvs::ServiceId;
use lvs_core::net::{Address, Route};
use watch::Seen::{Refused, Timeout, Up};
use watch::Watch;

use crate::support::MIXED;

const NAT: &str = include_str!("../../../../examples/nat.toml");
const DR: &str = include_str!("../../../../examples/dr.toml");
const TUNNEL: &str = include_str!("../../../../examples/tunnel.toml");
const SIX: &str = include_str!("../../../../examples/ipv6.toml");

lvs_lab::tests! {
    direct_routing,
    direct_routing_without_accept_local,
    a_tunnel_of_ip_in_ip,
    a_tunnel_of_gue,
    ipv6_by_direct_routing_and_by_a_tunnel,
    ipv6_by_masquerading,
    ipv4_behind_ipv6,
    a_service_by_firewall_mark,
    masquerading_from_the_clients_side,
    masquerading_from_the_dip_is_blind,
    masquerading_to_another_port,
    a_standby_sees_the_same,
    the_director_serves_too,
    probes_leave_little_behind,
}

fn lose(watch: &Watch, server: &str, interface: &str, vip: &str) {
    watch.on(server, |host| {
        let id = Address::new(interface.parse().unwrap(), vip.parse().unwrap()).id;
        host.net().delete_address(&id).unwrap();
    });
}

fn direct_routing() {
    let mut watch = Watch::new(DR);
    watch.sees(&[Up, Up]);
    lose(&watch, "realserver2", "lo", "172.16.5.11/32");
    assert_eq!(watch.by_service(), [Up, Timeout]);
    assert_eq!(watch.by_server(), [Up, Up], "what keepalived sees");
    watch.lab.stop_servers("realserver1");
    assert_eq!(watch.by_service(), [Refused, Timeout]);
}

fn direct_routing_without_accept_local() {
    let mut watch = Watch::new(DR);
    watch.set_sysctls(false);
    assert_eq!(watch.by_service(), [Timeout, Timeout]);
    watch.set_sysctls(true);
    watch.sees(&[Up, Up]);
}

fn a_tunnel_of_ip_in_ip() {
    let mut watch = Watch::new(TUNNEL);
    watch.sees(&[Up, Up]);
    lose(&watch, "realserver2", "tunl0", "172.16.5.11/32");
    assert_eq!(watch.by_service(), [Up, Timeout]);
    assert_eq!(watch.by_server(), [Up, Up]);
}

fn a_tunnel_of_gue() {
    let (ipip, gue) = (r#"{ type = "ipip" }"#, r#"{ type = "gue", port = 5555 }"#);
    assert!(TUNNEL.contains(ipip));
    let mut watch = Watch::new(&TUNNEL.replace(ipip, gue));
    watch.sees(&[Up, Up]);
    watch.on("realserver2", |_| {
        lvs_lab::run_tool("ip", &["fou", "del", "port", "5555"]).unwrap();
    });
    assert_ne!(watch.by_service()[1], Up);
    assert_eq!(watch.by_service()[0], Up);
}

fn ipv6_by_direct_routing_and_by_a_tunnel() {
    let mut watch = Watch::new(SIX);
    watch.sees(&[Up, Up, Up]);
    lose(&watch, "realserver2", "lo", "2001:db8:5::11/128");
    lose(&watch, "realserver3", "ip6tnl0", "2001:db8:5::11/128");
    let seen = watch.by_service();
    assert!(seen[0] == Up && seen[1] != Up && seen[2] != Up, "{seen:?}");
    assert_eq!(watch.by_server(), [Up, Up, Up]);
}

fn ipv4_behind_ipv6() {
    let mut watch = Watch::new(MIXED);
    watch.sees(&[Up, Up]);
    lose(&watch, "realserver2", "lvs-ip6tnl", "172.16.5.11/32");
    assert_ne!(watch.by_service()[1], Up);
    assert_eq!(watch.by_service()[0], Up);
}

fn ipv6_by_masquerading() {
    let mut watch = Watch::new(NAT_OF_IPV6);
    watch.sees(&[Up]);
    watch.on("realserver1", |host| {
        let default = "::/0".parse().unwrap();
        let elsewhere: std::net::IpAddr = "2001:db8:2::99".parse().unwrap();
        host.net()
            .replace_route(&Route::via(default, elsewhere))
            .unwrap();
    });
    assert_eq!(watch.by_service(), [Timeout]);
    assert_eq!(watch.by_server(), [Up]);
}

const NAT_OF_IPV6: &str = r#"
name = "web6"
forwarding = "nat"
[director]
addresses = [
  { interface = "eth0", address = "2001:db8:1::11/64" },
  { interface = "eth0", address = "2001:db8:1::9/64" },
  { interface = "eth1", address = "2001:db8:2::11/64" },
]
[[services]]
address = "[2001:db8:1::11]:80"
scheduler = "rr"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "2001:db8:2::12/64" }]
"#;

/// Two marks, the clients' and the probes', do not meet.
fn a_service_by_firewall_mark() {
    let marked = "fwmark = 1\nmatch = [\"tcp 172.16.5.11:80\"]";
    let mut watch = Watch::new(&DR.replace(r#"address = "172.16.5.11:80""#, marked));
    watch.lab.load_rules().unwrap();
    watch.sees(&[Up, Up]);
    lose(&watch, "realserver2", "lo", "172.16.5.11/32");
    assert_eq!(watch.by_service(), [Up, Timeout]);
}

/// With an address of the director's own where clients are.
fn seeing() -> String {
    let vip = r#"{ interface = "eth0", address = "172.16.5.11/16" },"#;
    let more = format!(r#"{vip} {{ interface = "eth0", address = "172.16.5.9/16" }},"#);
    NAT.replace(vip, &more)
}

/// Answers of a real server with another way out never come back to clients.
fn mislead(watch: &Watch, server: &str) {
    watch.on(server, |host| {
        let default = "0.0.0.0/0".parse().unwrap();
        let elsewhere = std::net::IpAddr::from([192, 168, 1, 250]);
        host.net()
            .replace_route(&Route::via(default, elsewhere))
            .unwrap();
    });
}

fn masquerading_from_the_clients_side() {
    let mut watch = Watch::new(&seeing());
    assert!(watch.plan.notes.is_empty());
    watch.sees(&[Up, Up]);
    mislead(&watch, "realserver2");
    assert_eq!(watch.by_service(), [Up, Timeout]);
    assert_eq!(watch.by_server(), [Up, Up]);
}

/// As the note says.
fn masquerading_from_the_dip_is_blind() {
    let mut watch = Watch::new(NAT);
    assert_eq!(watch.plan.notes.len(), 2);
    watch.sees(&[Up, Up]);
    mislead(&watch, "realserver2");
    assert_eq!(watch.by_service(), [Up, Up]);
    watch.lab.stop_servers("realserver1");
    assert_eq!(watch.by_service(), [Refused, Up]);
}

fn masquerading_to_another_port() {
    let mapped = "address = \"172.16.5.11:80\"\ndestinations = [\
        { real-server = \"realserver1\", port = 8080 }, { real-server = \"realserver2\" }]";
    let mut watch = Watch::new(&seeing().replace(r#"address = "172.16.5.11:80""#, mapped));
    watch.sees(&[Up, Up]);
    watch.lab.stop_servers("realserver1");
    assert_eq!(watch.by_service(), [Refused, Up]);
}

const PAIR: &str = r#"
name = "web"
forwarding = "dr"
[[directors]]
name = "lb1"
gateway = "192.168.1.254"
addresses = [
    { interface = "eth0", address = "172.16.5.11/32", floating = true },
    { interface = "eth0", address = "192.168.1.21/24" },
]
[[directors]]
name = "lb2"
gateway = "192.168.1.254"
addresses = [
    { interface = "eth0", address = "172.16.5.11/32", floating = true },
    { interface = "eth0", address = "192.168.1.22/24" },
]
[[services]]
address = "172.16.5.11:80"
scheduler = "rr"
[[real-servers]]
name = "realserver1"
gateway = "192.168.1.254"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
[[real-servers]]
name = "realserver2"
gateway = "192.168.1.254"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
"#;

/// It needs no `accept_local`, for the virtual IP is not local there.
fn a_standby_sees_the_same() {
    let mut watch = Watch::at(PAIR, "lb2", Role::Standby);
    watch.sees(&[Up, Up]);
    lose(&watch, "realserver2", "lo", "172.16.5.11/32");
    assert_eq!(watch.by_service(), [Up, Timeout]);
}

fn the_director_serves_too() {
    let file = DR.replace(
        r#"address = "172.16.5.11:80""#,
        "address = \"172.16.5.11:80\"\ndestinations = [\
            { real-server = \"realserver1\" }, { real-server = \"director\" }]",
    );
    let mut watch = Watch::new(&file);
    watch.sees(&[Up, Up]);
    watch.lab.stop_servers("director");
    assert_eq!(watch.by_service(), [Up, Refused]);
}

/// A TCP probe leaves an entry that is closed (10 s), a UDP one by direct routing none.
fn probes_leave_little_behind() {
    let mut watch = Watch::new(DR);
    watch.sees(&[Up, Up]);
    let udp = r#"{"type": "udp", "port": 9, "timeout": "300ms"}"#;
    assert_eq!(watch.probe(udp, ProbeRoute::Service), [Refused, Refused]);
    let connections = watch.on("director", |host| host.proc().connections().unwrap());
    assert!(!connections.is_empty());
    for connection in &connections {
        assert_eq!(connection.state, "CLOSE", "{connection:?}");
    }
    // Clients' connections count on the service, probes on their own.
    let (id, probe) = (
        ServiceId::tcp("172.16.5.11:80".parse().unwrap()),
        watch.plan.services[0].service().id,
    );
    let entries = watch.on("director", |host| {
        let ipvs = host.ipvs().unwrap();
        [id, probe].map(|id| ipvs.destinations(&id).unwrap())
    });
    let count = |place: usize| {
        entries[place]
            .iter()
            .map(|entry| entry.active + entry.inactive)
            .sum::<u32>()
    };
    assert_eq!(count(0), 0);
    assert!(count(1) > 0);
}
