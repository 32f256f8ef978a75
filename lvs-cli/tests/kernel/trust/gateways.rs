//! Routers as nodes have them: on no network of theirs, link-local, and the director's only address; and interfaces
//! by their other names.

use lvs_core::net::Address;
use lvs_core::{Cluster, Host, IfName};
use lvs_lab::{Lab, http, run_tool};

use super::{DR, PATIENCE, in_file, says};
use crate::trust::nodes::{Node, served};
use crate::trust::records::{look, without_records};

/// The director has a single address of its provider's network, and real servers an on-link gateway.
const RENTED: &str = r#"
name = "web"
forwarding = "nat"
[director]
gateway = { address = "172.31.1.1", interface = "eth0", on-link = true }
addresses = [
  { interface = "eth0", address = "198.51.100.11/32" },
  { interface = "eth1", address = "192.168.1.11/24" },
]
[[services]]
address = "198.51.100.11:80"
scheduler = "rr"
[[real-servers]]
name = "rs1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
gateway = { address = "192.168.1.11", interface = "eth0" }
[[real-servers]]
name = "rs2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
"#;

const LINK_LOCAL: &str = r#"
name = "web"
forwarding = "nat"
[director]
gateway = { address = "fe80::1", interface = "eth0" }
addresses = [
  { interface = "eth0", address = "2001:db8::1/128" },
  { interface = "eth1", address = "fd00::11/64" },
]
[[services]]
address = "[2001:db8::1]:80"
scheduler = "rr"
[[real-servers]]
name = "rs1"
addresses = [{ interface = "eth0", address = "fd00::12/64" }]
[[real-servers]]
name = "rs2"
addresses = [{ interface = "eth0", address = "fd00::13/64" }]
"#;

const ONE_ARM: &str = r#"
name = "web"
forwarding = "nat"
[director]
gateway = "192.168.50.1"
addresses = [{ interface = "eth0", address = "192.168.50.253/24" }]
[[services]]
address = "192.168.50.253:80"
scheduler = "rr"
[[real-servers]]
name = "rs1"
addresses = [{ interface = "eth0", address = "192.168.50.251/24" }]
[[real-servers]]
name = "rs2"
addresses = [{ interface = "eth0", address = "192.168.50.252/24" }]
"#;

const NODES: [&str; 3] = ["rs1", "rs2", "director"];

fn on_all(lab: &Lab, text: &str, verb: &str) {
    let file = in_file("web.toml", text);
    for name in NODES {
        let output = Node::new(lab, name, &file).run(verb, &["--node", name]);
        says(&output, 0, &["done and verified"]);
    }
}

fn nothing_to_do(lab: &Lab, text: &str) {
    let file = in_file("web.toml", text);
    for name in NODES {
        let output = Node::new(lab, name, &file).run("plan", &["--node", name]);
        says(&output, 0, &["nothing to do"]);
    }
}

pub(crate) fn routers_on_no_network_of_the_node_are_reached() {
    for (text, service) in [
        (RENTED, "tcp 198.51.100.11:80"),
        (LINK_LOCAL, "tcp [2001:db8::1]:80"),
    ] {
        let lab = without_records(Lab::new(&Cluster::from_toml(text).unwrap(), 1).unwrap());
        let before = NODES.map(|name| look(&lab, name));
        on_all(&lab, text, "apply");
        lab.wait_for_servers().unwrap();
        let answers = lab.ask(&service.parse().unwrap(), 6).unwrap();
        assert_eq!(answers.shares().len(), 2, "{answers}");
        nothing_to_do(&lab, text);
        on_all(&lab, text, "remove");
        assert_eq!(NODES.map(|name| look(&lab, name)), before);
    }
}

/// Clients are behind the router, which forwards a port to the director.
pub(crate) fn the_only_address_of_a_director_is_the_gateway() {
    let lab = without_records(Lab::new(&Cluster::from_toml(ONE_ARM).unwrap(), 1).unwrap());
    let before = NODES.map(|name| look(&lab, name));
    let router = lab.network().router().unwrap();
    let client = Address::new(IfName::LO, "203.0.113.9/32".parse().unwrap());
    let added = router.run(|host: &mut Host| host.net().add_address(&client));
    added.unwrap().unwrap();
    on_all(&lab, ONE_ARM, "apply");
    lab.wait_for_servers().unwrap();
    let vip = "192.168.50.253:80".parse().unwrap();
    let source = Some(client.id.network.addr());
    for _ in 0..4 {
        let answer = router.run(|_| http::fetch(vip, source, PATIENCE)).unwrap();
        assert!(answer.unwrap().starts_with("rs"));
    }
    nothing_to_do(&lab, ONE_ARM);
    on_all(&lab, ONE_ARM, "remove");
    assert_eq!(NODES.map(|name| look(&lab, name)), before);
}

/// Names as the firmware gives them, which `ip` takes, too.
pub(crate) fn alternative_names_of_interfaces_are_understood() {
    let text = DR
        .replacen("\"eth0\"", "\"enp0s31f6\"", 2)
        .replace("eth0:1", "enp0s31f6:1");
    let lab = without_records(Lab::new(&Cluster::from_toml(DR).unwrap(), 1).unwrap());
    let director = lab.node("director").unwrap();
    let added = director.run(|_| {
        let words = [
            "link",
            "property",
            "add",
            "dev",
            "eth0",
            "altname",
            "enp0s31f6",
        ];
        run_tool("ip", &words)
    });
    added.unwrap().unwrap();
    let before = look(&lab, "director");
    for name in ["realserver1", "realserver2"] {
        lab.apply_to(name).unwrap();
    }
    let node = Node::new(&lab, "director", &in_file("web.toml", &text));
    let named = ["--node", "director"];
    says(&node.run("plan", &named), 0, &["172.16.5.11/32 on eth0"]);
    says(
        &node.run("apply", &named),
        0,
        &["label eth0:1", "done and verified"],
    );
    lab.wait_for_servers().unwrap();
    served(&lab);
    says(&node.run("plan", &named), 0, &["nothing to do"]);
    let file = node.file();
    says(
        &node.start(&[&["check"], &file[..], &named].concat()),
        0,
        &["ok addresses"],
    );
    says(&node.run("remove", &named), 0, &["done and verified"]);
    assert_eq!(look(&lab, "director"), before);
}
