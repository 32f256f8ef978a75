//! Several clusters on one node, and what outlives a reboot.

use std::fs;
use std::path::Path;

use lvs_core::sysctl::SysctlKey;
use lvs_core::{Cluster, Host};
use lvs_lab::{Lab, run_tool};

use super::{NAT, in_file, says};
use crate::trust::nodes::Node;
use crate::trust::records::{look, without_records};

const NODES: [&str; 3] = ["rs1", "rs2", "director"];
const TWO: &str = include_str!("../../../../examples/two_directors.toml");

/// Two clusters that share the director's address, its default route and `ip_forward`.
const NAT_PAIR: &str = r#"
name = "NAME"
forwarding = "nat"
[director]
gateway = "172.16.0.1"
addresses = [
  VIPS
  { interface = "eth1", address = "192.168.1.11/24" },
]
SERVICES
[[real-servers]]
name = "rs1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
[[real-servers]]
name = "rs2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
"#;

/// Two clusters that share the sysctls of the real servers.
const DR_PAIR: &str = r#"
name = "NAME"
forwarding = "dr"
[director]
addresses = [
  { interface = "eth0", address = "192.168.1.11/24" },
  VIPS
]
SERVICES
[[real-servers]]
name = "rs1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
[[real-servers]]
name = "rs2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
"#;

/// Returns the file of both, and those of each.
fn pair(text: &str, vips: [&str; 2]) -> (String, [String; 2], [String; 2]) {
    let (ports, names) = ([80, 25], ["web", "mail"]);
    let address = |vip: &str| format!("{{ interface = \"eth0\", address = \"{vip}\" }},");
    let ip = |vip: &str| vip.split('/').next().unwrap().to_owned();
    let socket = |i: usize| format!("{}:{}", ip(vips[i]), ports[i]);
    let service = |i| {
        format!(
            "[[services]]\naddress = \"{}\"\nscheduler = \"rr\"\n",
            socket(i)
        )
    };
    let file = |name: &str, addresses: &str, services: &str| {
        text.replace("NAME", name)
            .replace("VIPS", addresses)
            .replace("SERVICES", services)
    };
    let both = file(
        "both",
        &(address(vips[0]) + &address(vips[1])),
        &(service(0) + &service(1)),
    );
    let each = [0, 1].map(|i| file(names[i], &address(vips[i]), &service(i)));
    (both, each, [0, 1].map(|i| format!("tcp {}", socket(i))))
}

fn on_all(lab: &Lab, name: &str, text: &str, verb: &str) {
    let file = in_file(&format!("{name}.toml"), text);
    for node in NODES {
        let output = Node::new(lab, node, &file).run(verb, &["--node", node]);
        says(&output, 0, &[]);
    }
}

fn everything(lab: &Lab) -> [String; 3] {
    NODES.map(|name| {
        let read = |host: &mut Host| {
            let keys = ["arp_ignore", "arp_announce"].map(|key| format!("net/ipv4/conf/all/{key}"));
            keys.map(|key| host.sysctl().read(&SysctlKey::new(key).unwrap()).unwrap())
        };
        let arp = lab.node(name).unwrap().run(read).unwrap();
        format!("{} {arp:?}", look(lab, name))
    })
}

#[track_caller]
fn served(lab: &Lab, service: &str) {
    let answers = lab.ask(&service.parse().unwrap(), 6).unwrap();
    assert_eq!(answers.shares().len(), 2, "{service}: {answers}");
}

pub(crate) fn two_clusters_leave_a_node_in_any_order() {
    for (text, vips) in [
        (NAT_PAIR, ["172.16.5.11/16", "172.16.5.12/16"]),
        (DR_PAIR, ["192.168.1.100/32", "192.168.1.101/32"]),
    ] {
        let (both, each, services) = pair(text, vips);
        for (first, second) in [(0, 1), (1, 0)] {
            let lab = without_records(Lab::new(&Cluster::from_toml(&both).unwrap(), 1).unwrap());
            let before = everything(&lab);
            on_all(&lab, "a", &each[0], "apply");
            on_all(&lab, "b", &each[1], "apply");
            lab.wait_for_servers().unwrap();
            services.iter().for_each(|service| served(&lab, service));
            on_all(&lab, "first", &each[first], "remove");
            served(&lab, &services[second]);
            on_all(&lab, "second", &each[second], "remove");
            assert_eq!(everything(&lab), before, "{first} before {second}");
        }
    }
}

pub(crate) fn two_values_of_a_sysctl_are_refused() {
    let (both, [web, mail], _) = pair(DR_PAIR, ["192.168.1.100/32", "192.168.1.101/32"]);
    let forwarding = |text: &str, value: bool| {
        text.replace("[director]", &format!("[director]\nip-forward = {value}"))
    };
    let lab = without_records(Lab::new(&Cluster::from_toml(&both).unwrap(), 1).unwrap());
    let node = |name: &str, text: &str| {
        Node::new(&lab, "director", &in_file(name, text)).run("apply", &["--node", "director"])
    };
    says(
        &node("a.toml", &forwarding(&web, true)),
        0,
        &["done and verified"],
    );
    let before = look(&lab, "director");
    let refused = node("b.toml", &forwarding(&mail, false));
    let why = "must be 0 for the cluster mail, and 1 for the cluster web";
    says(
        &refused,
        1,
        &["net/ipv4/ip_forward", why, "nothing was changed"],
    );
    assert_eq!(look(&lab, "director"), before);
    says(
        &node("b.toml", &forwarding(&mail, true)),
        0,
        &["done and verified"],
    );
}

/// Deletes what a reboot deletes of a state directory: all but what is in `/var/lib`, whose boot is another one now.
fn reboot(state: &str) {
    for entry in fs::read_dir(state).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => another_boot(&path),
            false => fs::remove_file(path).unwrap(),
        }
    }
}

fn another_boot(lasting: &Path) {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    for entry in fs::read_dir(lasting).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(boot.trim(), "another")).unwrap();
    }
}

pub(crate) fn drains_and_the_role_outlive_a_reboot() {
    let cluster = Cluster::from_toml(TWO).unwrap();
    let lab = without_records(Lab::new(&cluster, 1).unwrap());
    let file = in_file("web.toml", TWO);
    let lb2 = Node::new(&lab, "lb2", &file);
    // The file's second director would begin as standby.
    says(
        &lb2.run("apply", &["--node", "lb2", "--role", "active"]),
        0,
        &["done and verified"],
    );
    let state = ["--state", &lb2.state];
    let drain = [&["drain", "192.168.1.12"], &state[..], &["--timeout", "1s"]].concat();
    says(&lb2.start(&drain), 0, &["192.168.1.12:80"]);
    reboot(&lb2.state);

    // A kernel without anything.
    let lab = Lab::new(&cluster, 1).unwrap();
    for name in ["realserver1", "realserver2"] {
        lab.apply_to(name).unwrap();
    }
    let lb2 = Node::new(&lab, "lb2", &file);
    says(
        &lb2.run("apply", &["--node", "lb2"]),
        0,
        &[
            "active director",
            "172.16.5.11/16 on eth0",
            "done and verified",
        ],
    );
    says(
        &lb2.start(&["list"]),
        0,
        &["192.168.1.12:80 nat 0", "192.168.1.13:80 nat 1"],
    );
    let service = "tcp 172.16.5.11:80".parse().unwrap();
    for number in 0..4 {
        assert_eq!(lab.request(&service, number).unwrap(), "realserver2");
    }
}

/// The director of one cluster answers for a virtual IP on lo, which a real server of another must not.
pub(crate) fn a_real_server_that_would_hide_a_virtual_ip_is_refused() {
    let (both, [web, _], _) = pair(DR_PAIR, ["192.168.1.100/32", "192.168.1.101/32"]);
    let lab = without_records(Lab::new(&Cluster::from_toml(&both).unwrap(), 1).unwrap());
    let on_lo = web.replace(
        "interface = \"eth0\", address = \"192.168.1.100/32\"",
        "interface = \"lo\", address = \"192.168.1.100/32\"",
    );
    assert_ne!(on_lo, web);
    on_all(&lab, "web", &on_lo, "apply");
    lab.wait_for_servers().unwrap();
    served(&lab, "tcp 192.168.1.100:80");

    let set = |host: &mut Host| {
        let key = SysctlKey::new("net/ipv4/conf/all/arp_ignore").unwrap();
        host.sysctl().write(&key, "1").unwrap();
    };
    let director = lab.node("director").unwrap();
    director.run(set).unwrap();
    let file = in_file("web.toml", &on_lo);
    let repaired = Node::new(&lab, "director", &file).run("apply", &["--node", "director"]);
    let sysctl = "net/ipv4/conf/all/arp_ignore: 1 -> 0";
    says(&repaired, 0, &[sysctl, "done and verified"]);

    let mail = "name = \"mail\"\nforwarding = \"dr\"\n\
        [director]\nname = \"rs1\"\naddresses = [{ interface = \"eth0\", address = \"192.168.1.12/24\" }, \
        { interface = \"eth0\", address = \"192.168.1.101/32\" }]\n\
        [[services]]\naddress = \"192.168.1.101:25\"\n\
        [[real-servers]]\nname = \"director\"\n\
        addresses = [{ interface = \"eth0\", address = \"192.168.1.11/24\" }]\n";
    let mail = in_file("mail.toml", mail);
    let why = "must be 1 for the cluster mail, and 0 for the cluster web";
    says(
        &Node::new(&lab, "director", &mail).run("apply", &["--node", "director"]),
        1,
        &["net/ipv4/conf/all/arp_ignore", why, "nothing was changed"],
    );
    for (_, netns) in lab.network().machines() {
        netns
            .run(|_| run_tool("ip", &["neigh", "flush", "all"]).unwrap())
            .unwrap();
    }
    served(&lab, "tcp 192.168.1.100:80");
}

/// The same cluster by IPv6.
fn of_ipv6(text: &str) -> String {
    let pairs = [
        ("172.16.0.1\"", "2001:db8:5::1\""),
        ("\"172.16.5.11:80", "\"[2001:db8:5::11]:80"),
        ("172.16.5.", "2001:db8:5::"),
        ("192.168.1.", "2001:db8:1::"),
        ("/16\"", "/64\""),
        ("/24\"", "/64\""),
    ];
    pairs
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Removes the cluster and forgets it as a reboot does: the role is remembered.
fn reboot_of(node: &Node<'_>) {
    let lasting = Path::new(&node.state).join("lasting");
    let name = fs::read_dir(&lasting)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = fs::read_to_string(&name).unwrap();
    says(
        &node.run("remove", &["--node", &node.name]),
        0,
        &["done and verified"],
    );
    fs::write(&name, text).unwrap();
    reboot(&node.state);
}

pub(crate) fn a_remembered_role_asks_who_is_active() {
    for (text, vip) in [
        (TWO.to_owned(), "172.16.5.11"),
        (of_ipv6(TWO), "2001:db8:5::11"),
    ] {
        let cluster = Cluster::from_toml(&text).unwrap();
        let lab = without_records(Lab::new(&cluster, 1).unwrap());
        for name in ["realserver1", "realserver2"] {
            lab.apply_to(name).unwrap();
        }
        let file = in_file("web.toml", &text);
        let [lb1, lb2] = ["lb1", "lb2"].map(|name| Node::new(&lab, name, &file));
        let apply = |node: &Node<'_>, options: &[&str]| {
            node.run(
                "apply",
                &[&["--node", node.name.as_str()], options].concat(),
            )
        };
        says(
            &apply(&lb2, &["--role", "standby"]),
            0,
            &["done and verified"],
        );
        says(
            &apply(&lb1, &["--role", "active"]),
            0,
            &["done and verified"],
        );
        lab.wait_for_servers().unwrap();
        reboot_of(&lb1);
        says(
            &apply(&lb2, &["--role", "active"]),
            0,
            &["done and verified"],
        );
        served(&lab, &cluster.services()[0].service.id.to_string());

        let answers =
            format!("answers for {vip} on eth0, and this director was active before, not since");
        let hint = "begin with --role standby, or take over with --role active";
        says(&apply(&lb1, &[]), 1, &["is in use", &answers, hint]);
        assert!(!look(&lab, "lb1").contains(vip));
        says(
            &apply(&lb1, &["--role", "active"]),
            0,
            &["done and verified", "announced"],
        );
        says(
            &apply(&lb2, &["--role", "standby"]),
            0,
            &["done and verified"],
        );
        served(&lab, &cluster.services()[0].service.id.to_string());
        // Active since the boot: what is lost comes back without a question.
        let lost = format!(
            "address delete {vip}{} dev eth0",
            if vip.contains(':') { "/64" } else { "/16" }
        );
        let words: Vec<_> = lost.split(' ').collect();
        lab.node("lb1")
            .unwrap()
            .run(|_| run_tool("ip", &words).unwrap())
            .unwrap();
        says(&apply(&lb1, &[]), 0, &["done and verified"]);
    }
}

pub(crate) fn what_is_done_is_no_failure_without_a_place_to_report_it() {
    let lab = without_records(super::lab(NAT));
    let director = Node::new(&lab, "director", &in_file("web.toml", NAT));
    for verb in ["apply", "remove"] {
        let file = director.file().concat();
        let line = format!(
            "lvsctl {verb} {file} --node director --state {} > /dev/full",
            director.state
        );
        says(&director.shell(&line), 0, &["done, but not reported"]);
        let expected = if verb == "apply" {
            "nothing to do"
        } else {
            "+ address"
        };
        says(
            &director.run("plan", &["--node", "director"]),
            0,
            &[expected],
        );
    }
}
