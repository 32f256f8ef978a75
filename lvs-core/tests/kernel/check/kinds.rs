//! Healthy clusters of every kind: nothing is found on any of their machines.

use std::collections::BTreeSet;
use std::fmt::Write;

use lvs_core::check::Area;

use crate::check::support::{NAT_OF_IPV6, local_node, marked, wrapped};
use crate::check::web::{Web, sound};
use crate::check::{DR, NAT, SIX, TUNNEL};
use crate::support::MIXED;

/// Every area that was examined has its line, on every machine; nobody asked for the time.
fn is_sound(text: &str) {
    let web = Web::new(text);
    let names: Vec<_> = web.cluster.node_names().cloned().collect();
    for name in names {
        let report = web.check_until_sound(name.as_str());
        sound(&report);
        let areas: BTreeSet<_> = report.sound().collect();
        let always = [Area::Addresses, Area::Routing, Area::Services, Area::Upkeep];
        assert!(areas.is_superset(&always.into()), "{name}: {areas:?}");
        let is_director = name.as_str() == "director";
        assert_eq!(areas.contains(&Area::Traffic), is_director, "{name}");
    }
}

pub(crate) fn tunnel_of_ip_in_ip() {
    is_sound(TUNNEL);
}

pub(crate) fn tunnel_of_gue() {
    is_sound(&wrapped(
        "{ type = \"gue\", port = 5555, checksum = \"remote\" }",
    ));
}

pub(crate) fn tunnel_of_gre() {
    is_sound(&wrapped("{ type = \"gre\", checksum = \"full\" }"));
}

/// By direct routing, and one real server by tunnel.
pub(crate) fn ipv6() {
    is_sound(SIX);
}

pub(crate) fn masquerading_of_ipv6() {
    is_sound(NAT_OF_IPV6);
}

/// IPv4 services of real servers that have IPv6 only.
pub(crate) fn ipv4_behind_ipv6() {
    is_sound(MIXED);
}

pub(crate) fn marks() {
    for text in [NAT, DR, TUNNEL] {
        is_sound(&marked(text));
    }
}

pub(crate) fn the_director_serves_too() {
    is_sound(&local_node(NAT, ", port = 8080"));
    is_sound(&local_node(DR, ""));
    is_sound(&local_node(TUNNEL, ""));
}

pub(crate) fn synchronised() {
    is_sound(&format!(
        "{NAT}\n[sync]\nid = 7\ninterface = \"eth1\"\n[ipvs]\nexpire-nodest-conn = true\n"
    ));
}

/// Two virtual IPs, two methods, three protocols and a service of every port.
pub(crate) fn many_services() {
    let mut text = String::from(
        r#"
name = "many"
forwarding = "nat"
[director]
gateway = "192.168.2.254"
addresses = [
  { interface = "eth0", address = "172.16.5.11/16" },
  { interface = "eth1", address = "192.168.1.11/24" },
  { interface = "eth2", address = "192.168.2.11/24" },
  { interface = "eth2", address = "10.20.0.1/32" },
]
[[real-servers]]
name = "nat1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
[[real-servers]]
name = "nat2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
[[real-servers]]
name = "dr1"
addresses = [{ interface = "eth0", address = "192.168.2.15/24" }]
gateway = "192.168.2.254"
[[real-servers]]
name = "tun1"
addresses = [{ interface = "eth0", address = "192.168.2.16/24" }]
gateway = "192.168.2.254"
"#,
    );
    // The first one is that which clients ask: only then is it known that the router has a route.
    for port in 8080..8090 {
        writeln!(
            text,
            "[[services]]\naddress = \"10.20.0.1:{port}\"\nscheduler = \"rr\"\ndestinations = [\
             {{ real-server = \"dr1\", forwarding = \"dr\" }}, \
             {{ real-server = \"tun1\", forwarding = \"tunnel\" }}]"
        )
        .unwrap();
    }
    text.push_str(
        r#"
[[services]]
address = "172.16.5.11:0"
scheduler = "rr"
persistence = 300
destinations = [{ real-server = "nat1" }, { real-server = "nat2" }]
[[services]]
address = "172.16.5.11:9"
protocol = "sctp"
scheduler = "rr"
destinations = [{ real-server = "nat1" }, { real-server = "nat2" }]
[[services]]
address = "10.20.0.1:53"
protocol = "udp"
one-packet = true
scheduler = "rr"
destinations = [{ real-server = "dr1", forwarding = "dr" }, { real-server = "tun1", forwarding = "tunnel" }]
"#,
    );
    is_sound(&text);
}
