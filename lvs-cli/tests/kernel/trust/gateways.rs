//! Routers as nodes have them: on no network of theirs, link-local, and the director's only address; and interfaces
//! by their other names.

use std::time::Duration;

use lvs_core::net::Address;
use lvs_core::{Cluster, Host, IfName};
use lvs_lab::{Lab, http, load_module, run_tool};

use super::{DR, NAT, PATIENCE, in_file, says};
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

/// Long enough for an answer, if one comes.
const SHORT: Duration = Duration::from_secs(2);

const ONE_NETWORK: &str = r#"
name = "web"
forwarding = "nat"
[director]
addresses = [
  { interface = "eth0", address = "172.16.5.11/16" },
  { interface = "eth1", address = "192.168.1.11/24" },
]
[[services]]
address = "172.16.5.11:80"
scheduler = "rr"
[[real-servers]]
name = "rs1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
[[real-servers]]
name = "rs2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
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

/// The line to the provider is a tunnel between director and router, which has no address at either end.
pub(crate) fn a_point_to_point_link_is_the_gateway() {
    let lab = without_records(Lab::new(&Cluster::from_toml(RENTED).unwrap(), 1).unwrap());
    let text = RENTED.replace(
        "{ address = \"172.31.1.1\", interface = \"eth0\", on-link = true }",
        "{ interface = \"ppp0\" }",
    );
    let typed = |lines: &[&str]| {
        for line in lines {
            let words: Vec<_> = line.split(' ').collect();
            run_tool("ip", &words).unwrap();
        }
    };
    load_module("ipip").unwrap();
    let router = lab.network().router().unwrap();
    router
        .run(|_| {
            typed(&[
                "address add 10.9.0.1/24 dev eth0",
                "tunnel add ppp0 mode ipip local 10.9.0.1 remote 10.9.0.11",
                "link set ppp0 up",
                "address add 203.0.113.9/32 dev lo",
                "route replace 198.51.100.11 dev ppp0 src 203.0.113.9",
            ])
        })
        .unwrap();
    let director = lab.node("director").unwrap();
    let prepared = |_: &mut Host| {
        typed(&[
            "link set eth0 up",
            "address add 10.9.0.11/24 dev eth0",
            "tunnel add ppp0 mode ipip local 10.9.0.11 remote 10.9.0.1",
        ]);
    };
    director.run(prepared).unwrap();
    let before = NODES.map(|name| look(&lab, name));
    on_all(&lab, &text, "apply");
    lab.wait_for_servers().unwrap();
    let vip = "198.51.100.11:80".parse().unwrap();
    for _ in 0..4 {
        let answer = router.run(|_| http::fetch(vip, None, PATIENCE)).unwrap();
        assert!(answer.unwrap().starts_with("rs"));
    }
    nothing_to_do(&lab, &text);
    on_all(&lab, &text, "remove");
    assert_eq!(NODES.map(|name| look(&lab, name)), before);
    director.run(|_| typed(&["link delete ppp0"])).unwrap();
    let file = in_file("web.toml", &text);
    let output = Node::new(&lab, "director", &file).run("apply", &["--node", "director"]);
    says(&output, 1, &["link ppp0", "does not exist on this node"]);
}

/// The rule was there before; its author may mean other packets, so that it is noted and nothing else.
pub(crate) fn rules_that_divert_answers_are_noted() {
    let lab = without_records(Lab::new(&Cluster::from_toml(ONE_NETWORK).unwrap(), 1).unwrap());
    on_all(&lab, ONE_NETWORK, "apply");
    lab.wait_for_servers().unwrap();
    let service = "tcp 172.16.5.11:80".parse().unwrap();
    assert_eq!(lab.ask(&service, 4).unwrap().shares().len(), 2);
    let on = |name: &str, commands: &[&[&str]]| {
        let node = lab.node(name).unwrap();
        let typed = |_: &mut Host| {
            commands.iter().for_each(|words| {
                run_tool("ip", words).unwrap();
            });
        };
        node.run(typed).unwrap();
    };
    let rule = ["rule", "add", "from", "192.168.1.12", "prio", "100"];
    on("rs1", &[&[&rule[..], &["lookup", "100"]].concat()]);
    let file = in_file("web.toml", ONE_NETWORK);
    let plan = |name: &str, verb: &str, parts: &[&str]| {
        let output = Node::new(&lab, name, &file).run(verb, &["--node", name]);
        says(&output, 0, parts);
        String::from_utf8(output.stdout).unwrap()
    };
    let silent = plan("rs1", "plan", &["nothing to do"]);
    assert!(!silent.contains("ip rule"), "its table is empty: {silent}");
    let by_another = [
        "route",
        "add",
        "default",
        "via",
        "192.168.1.13",
        "table",
        "100",
    ];
    on("rs1", &[&by_another]);
    let client = lab.network().client();
    let vip = "172.16.5.11:80".parse().unwrap();
    let asked = (0..4).map(|_| client.run(|_| http::fetch(vip, None, SHORT)).unwrap());
    let answers: Vec<_> = asked.filter_map(Result::ok).collect();
    assert!(answers.iter().all(|name| name != "rs1"), "{answers:?}");
    let note = "ip rule 100: from 192.168.1.12 lookup 100 decides on answers from 192.168.1.12";
    plan("rs1", "plan", &["nothing to do", note]);
    plan("rs1", "apply", &["nothing to do", note]);
    let refused = [
        "rule",
        "add",
        "to",
        "192.168.1.13",
        "prio",
        "90",
        "prohibit",
    ];
    on("director", &[&refused]);
    let note =
        "ip rule 90: from all to 192.168.1.13 prohibit decides on clients' packets to 192.168.1.13";
    plan("director", "plan", &["nothing to do", note]);
}

/// The kernel adds no other one beside it, and its metric wins.
pub(crate) fn a_default_route_that_refuses_packets_is_named() {
    let lab = without_records(super::lab(NAT));
    let file = in_file("nat.toml", NAT);
    let director = Node::new(&lab, "director", &file);
    says(&director.run("apply", &["--node", "director"]), 0, &[]);
    lab.wait_for_servers().unwrap();
    served(&lab);
    let server = Node::new(&lab, "realserver1", &file);
    let on_it = ["--node", "realserver1"];
    says(
        &server.shell("ip route del default && ip route add unreachable default"),
        0,
        &[],
    );
    let problem = "would lose against unreachable default, which refuses packets";
    let fix = "ip route del unreachable default";
    says(&server.run("plan", &on_it), 1, &[problem, fix]);
    says(
        &server.run("apply", &on_it),
        1,
        &[problem, "nothing was changed"],
    );
    says(&server.shell(fix), 0, &[]);
    says(&server.run("apply", &on_it), 0, &["done and verified"]);
    served(&lab);
}
