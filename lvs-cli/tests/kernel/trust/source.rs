//! A virtual IP is never the source address of what a director sends to a real server that carries it, too: the
//! real server would not answer, and with direct routing no client would be served.

use std::net::IpAddr;
use std::time::Duration;

use lvs_core::net::{Address, Route, RouteQuery};
use lvs_core::{Cluster, Host};
use lvs_lab::{Lab, http};

use super::{PATIENCE, in_file, says};
use crate::trust::nodes::Node;
use crate::trust::records::{look, without_records};

const NODES: [&str; 3] = ["rs1", "rs2", "director"];
const VIP6: &str = "2001:db8:1::100";
const VIP: &str = "192.168.1.100";

pub(crate) const DR6: &str = r#"
name = "web6"
forwarding = "dr"
[director]
addresses = [
  { interface = "eth0", address = "2001:db8:1::11/64" },
  { interface = "eth0", address = "2001:db8:1::100/128" },
]
[[services]]
address = "[2001:db8:1::100]:80"
scheduler = "rr"
[[real-servers]]
name = "rs1"
addresses = [{ interface = "eth0", address = "2001:db8:1::12/64" }]
[[real-servers]]
name = "rs2"
addresses = [{ interface = "eth0", address = "2001:db8:1::13/64" }]
"#;

const DR4: &str = r#"
name = "web"
forwarding = "dr"
[director]
addresses = [
  { interface = "eth0", address = "192.168.1.11/24" },
  { interface = "eth0", address = "192.168.1.100/24" },
]
[[services]]
address = "192.168.1.100:80"
scheduler = "rr"
[[real-servers]]
name = "rs1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
[[real-servers]]
name = "rs2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
"#;

fn build(text: &str) -> Lab {
    without_records(Lab::new(&Cluster::from_toml(text).unwrap(), 1).unwrap())
}

fn on_all(lab: &Lab, text: &str, verb: &str) {
    let file = in_file("web.toml", text);
    for name in NODES {
        let output = Node::new(lab, name, &file).run(verb, &["--node", name]);
        says(&output, 0, &["done and verified"]);
    }
}

fn on_eth0(network: &str) -> Address {
    Address::new("eth0".parse().unwrap(), network.parse().unwrap())
}

/// What an operator had configured before.
fn prepare(lab: &Lab, addresses: &[&str]) {
    let prepared = lab.node("director").unwrap().run(|host: &mut Host| {
        host.net().set_up(&"eth0".parse().unwrap())?;
        addresses
            .iter()
            .try_for_each(|network| host.net().add_address(&on_eth0(network)))
    });
    prepared.unwrap().unwrap();
}

fn source_towards(lab: &Lab, ip: &str) -> Option<IpAddr> {
    let query = RouteQuery::to(ip.parse().unwrap());
    let look = |host: &mut Host| host.net().lookup(&query).unwrap().source;
    lab.node("director").unwrap().run(look).unwrap()
}

#[track_caller]
fn both_serve(lab: &Lab, vip: &str) {
    lab.wait_for_servers().unwrap();
    let service = match vip == VIP6 {
        true => format!("tcp [{vip}]:80"),
        false => format!("tcp {vip}:80"),
    };
    let answers = lab.ask(&service.parse().unwrap(), 6).unwrap();
    assert_eq!(answers.shares().len(), 2, "{answers}");
}

/// Added by apply, or found and changed: an operator's own comes back as it was.
pub(crate) fn ipv6_virtual_ips_are_no_source() {
    for method in ["dr", "tunnel"] {
        let text = DR6.replace("\"dr\"", &format!("\"{method}\""));
        for found in [None, Some("2001:db8:1::100/128")] {
            let lab = build(&text);
            prepare(&lab, &[]);
            prepare(&lab, found.as_slice());
            let before = NODES.map(|name| look(&lab, name));
            on_all(&lab, &text, "apply");
            both_serve(&lab, VIP6);
            for rip in ["2001:db8:1::12", "2001:db8:1::13"] {
                let own = "2001:db8:1::11".parse().ok();
                assert_eq!(source_towards(&lab, rip), own, "{method} {found:?}");
            }
            on_all(&lab, &text, "remove");
            assert_eq!(NODES.map(|name| look(&lab, name)), before);
        }
    }
}

/// The director was set up by hand: IPVS has looked up the virtual IP as the source of what it encapsulates, and
/// keeps it until the destination or a route changes.
pub(crate) fn an_ipv6_virtual_ip_in_use_is_no_source_any_more() {
    let text = DR6.replace("\"dr\"", "\"tunnel\"");
    let lab = build(&text);
    prepare(&lab, &["2001:db8:1::11/64", "2001:db8:1::100/128"]);
    let director = Node::new(&lab, "director", &in_file("web.toml", &text));
    let rules = "-A -t [2001:db8:1::100]:80 -s rr\n\
                 -a -t [2001:db8:1::100]:80 -r [2001:db8:1::12]:80 -i -w 1\n\
                 -a -t [2001:db8:1::100]:80 -r [2001:db8:1::13]:80 -i -w 1\n";
    let typed = format!("printf -- '{rules}' | lvsctl restore");
    says(&director.shell(&typed), 0, &[]);
    let client = lab.network().client();
    let vip = format!("[{VIP6}]:80").parse().unwrap();
    for _ in 0..2 {
        let answer = client.run(|_| http::fetch(vip, None, Duration::from_secs(1)));
        assert!(answer.unwrap().is_err(), "the source is the virtual IP");
    }
    on_all(&lab, &text, "apply");
    both_serve(&lab, VIP6);
    let named = ["--node", "director"];
    says(&director.run("plan", &named), 0, &["nothing to do"]);
}

/// The kernel takes the first address of a network: one that was there before the director's own.
pub(crate) fn a_virtual_ip_that_was_first_is_put_behind() {
    for method in ["dr", "tunnel"] {
        let text = DR4.replace("\"dr\"", &format!("\"{method}\""));
        let orders = [
            &["192.168.1.100/24"][..],
            &["192.168.1.100/24", "192.168.1.11/24"],
            &["192.168.1.100/24", "192.168.1.50/24"],
        ];
        for found in orders {
            let lab = build(&text);
            prepare(&lab, found);
            on_all(&lab, &text, "apply");
            let source = source_towards(&lab, "192.168.1.12");
            assert!(source.is_some() && source != VIP.parse().ok(), "{source:?}");
            both_serve(&lab, VIP);
            let file = in_file("web.toml", &text);
            let director = Node::new(&lab, "director", &file);
            let named = ["--node", "director"];
            says(&director.run("plan", &named), 0, &["nothing to do"]);
            says(&director.run("remove", &named), 0, &["done and verified"]);
            let addresses = lab.node("director").unwrap().run(|host: &mut Host| {
                let all = host.net().addresses().unwrap();
                let found = all.iter().filter(|own| own.id.interface.as_str() == "eth0");
                let ids = found.map(|own| own.id.network.to_string());
                ids.filter(|id| id.contains("192.168")).count()
            });
            assert_eq!(addresses.unwrap(), found.len());
        }
    }
}

pub(crate) fn a_virtual_ip_without_an_own_address_beside_it_is_refused() {
    let only = DR4.replace(
        "  { interface = \"eth0\", address = \"192.168.1.11/24\" },\n",
        "",
    );
    let lab = build(&only);
    let before = look(&lab, "director");
    let director = Node::new(&lab, "director", &in_file("web.toml", &only));
    for verb in ["plan", "apply"] {
        let output = director.run(verb, &["--node", "director"]);
        let why = "192.168.1.100/24 on eth0 would be the source address of what this node sends to";
        says(&output, 1, &[why, "an address of its own"]);
    }
    assert_eq!(look(&lab, "director"), before);
    // With one that the file does not name all is well.
    prepare(&lab, &["192.168.1.77/24"]);
    on_all(&lab, &only, "apply");
    both_serve(&lab, VIP);
}

/// By IPv6 it is the source where the director has no other address, although it is deprecated: of what a tunnel
/// encapsulates, but not of the neighbour discovery that direct routing needs.
pub(crate) fn an_ipv6_virtual_ip_alone_serves_by_direct_routing_only() {
    let only = |method: &str| {
        DR6.replace(
            "  { interface = \"eth0\", address = \"2001:db8:1::11/64\" },\n",
            "",
        )
        .replace("2001:db8:1::100/128", "2001:db8:1::100/64")
        .replace("\"dr\"", &format!("\"{method}\""))
    };
    let lab = build(&only("tunnel"));
    on_all(&lab, &only("dr"), "apply");
    let vip = format!("[{VIP6}]:80").parse().unwrap();
    let client = lab.network().client();
    for _ in 0..6 {
        let answer = client.run(|_| http::fetch(vip, None, PATIENCE)).unwrap();
        assert!(answer.unwrap().starts_with("rs"));
    }
    on_all(&lab, &only("dr"), "remove");

    let before = look(&lab, "director");
    let tunnel = in_file("web.toml", &only("tunnel"));
    let director = Node::new(&lab, "director", &tunnel);
    let output = director.run("apply", &["--node", "director"]);
    let why = "2001:db8:1::100/64 on eth0 would be the source address of what this node sends to 2001:db8:1::12";
    says(&output, 1, &[why, "the virtual IP the prefix length 128"]);
    assert_eq!(look(&lab, "director"), before);
    // With one that the file does not name all is well.
    prepare(&lab, &["2001:db8:1::77/64"]);
    on_all(&lab, &only("tunnel"), "apply");
    both_serve(&lab, VIP6);
}

/// A route of the operator's decides: only the kernel knows.
pub(crate) fn a_virtual_ip_as_source_of_a_route_is_rolled_back() {
    let lab = build(DR4);
    prepare(&lab, &["192.168.1.11/24", "192.168.1.100/24"]);
    let mut route = Route::via("192.168.1.12/32".parse().unwrap(), VIP.parse().unwrap());
    (route.gateway, route.source) = (None, VIP.parse().ok());
    route.interface = "eth0".parse().ok();
    let added = lab
        .node("director")
        .unwrap()
        .run(|host: &mut Host| host.net().add_route(&route));
    added.unwrap().unwrap();
    let before = look(&lab, "director");
    let director = Node::new(&lab, "director", &in_file("web.toml", DR4));
    let output = director.run("apply", &["--node", "director"]);
    let why = "the kernel sends from the virtual IP 192.168.1.100 to 192.168.1.12";
    says(&output, 1, &[why, "all changes were rolled back"]);
    assert_eq!(look(&lab, "director"), before);
}
