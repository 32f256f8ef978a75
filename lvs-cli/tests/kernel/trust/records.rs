//! What belongs to whom is in the records: a removal goes by them, and a new name keeps them.

use std::fs;

use lvs_core::{Cluster, Host};
use lvs_lab::Lab;

use super::{DR, NAT, in_file, lab, says};
use crate::trust::nodes::{Node, served};

/// Removes the records of labs that were built before: in the file they look like those of a living namespace.
pub(crate) fn without_records(lab: Lab) -> Lab {
    for name in [
        "director",
        "lb1",
        "lb2",
        "rs1",
        "rs2",
        "realserver1",
        "realserver2",
        "realserver3",
    ] {
        let _ = fs::remove_dir_all(format!("/run/state-{name}"));
    }
    lab
}

/// How a node looks: its addresses, routes and the sysctl that NAT sets.
pub(crate) fn look(lab: &Lab, name: &str) -> String {
    let read = |host: &mut Host| {
        let addresses = host.net().addresses().unwrap();
        let routes = host.net().routes().unwrap();
        let forward = host.sysctl().read(&lvs_core::sysctl::SysctlKey::IP_FORWARD);
        format!("{addresses:#?} {routes:#?} {}", forward.unwrap())
    };
    lab.node(name).unwrap().run(read).unwrap()
}

fn records(node: &Node<'_>) -> Vec<String> {
    let names = fs::read_dir(&node.state).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.contains('@')).collect();
    names.sort();
    names
}

pub(crate) fn a_cluster_is_removed_by_its_record() {
    for (text, name) in [(NAT, "director"), (DR, "director"), (DR, "realserver1")] {
        let lab = without_records(Lab::new(&Cluster::from_toml(text).unwrap(), 1).unwrap());
        let node = Node::new(&lab, name, &in_file("gone.toml", text));
        let before = look(&lab, name);
        says(
            &node.run("apply", &["--node", name]),
            0,
            &["done and verified"],
        );
        assert_ne!(look(&lab, name), before);
        fs::remove_file("/run/gone.toml").unwrap();
        let state = ["--state", &node.state];
        let by_name = |cluster: &str| node.start(&[&["remove", cluster], &state[..]].concat());
        let nothing = "shop: no such file, and no cluster of this name was applied here";
        let hint = "name the cluster file, or the cluster that was applied here: web";
        says(&by_name("shop"), 1, &[nothing, hint]);
        says(
            &by_name("Web"),
            1,
            &["Web: No such file or directory", hint],
        );
        let other = node.start(&[&["remove", "web", "--node", "lb9"], &state[..]].concat());
        let applied_as = format!("web: was not applied to this host as lb9, but as {name}");
        says(&other, 1, &[&applied_as]);
        // A directory of the cluster's name is no cluster file.
        let line = format!(
            "mkdir -p /run/here/web; cd /run/here; lvsctl remove web {}",
            state.join(" ")
        );
        says(&node.shell(&line), 0, &["done and verified"]);
        assert_eq!(look(&lab, name), before);
        says(&by_name("web"), 0, &["nothing to do"]);
    }
}

pub(crate) fn what_outlives_a_removal_is_said() {
    let lab = without_records(lab(NAT));
    let node = Node::new(&lab, "director", &in_file("web.toml", NAT));
    let state = ["--state", &node.state];
    let typed = |words: &[&str]| node.start(&[words, &state[..]].concat());
    says(&node.run("apply", &["--node", "director"]), 0, &[]);
    says(
        &typed(&["drain", "192.168.1.12", "--timeout", "1s"]),
        0,
        &[],
    );
    let drains = "drained real servers stay drained for the next apply: 192.168.1.12 (lvsctl undrain 192.168.1.12 ends";
    says(
        &typed(&["remove", "web"]),
        0,
        &["done and verified", drains],
    );
    // Of the record only the drains are left.
    fs::remove_file(format!("{}/web@director.json", node.state)).unwrap();
    let lost = "web: no such file, and no record says what of it was applied here";
    says(&typed(&["remove", "web"]), 1, &[lost]);
}

pub(crate) fn what_growing_leaves_is_said() {
    let lab = without_records(lab(DR));
    let node = Node::new(&lab, "director", &in_file("web.toml", DR));
    let named = ["--node", "director"];
    says(&node.run("apply", &named), 0, &["done and verified"]);
    in_file("web.toml", &DR.replace("\"wrr\"", "\"rr\""));
    let left = "1 change that deletes or replaces waits for an apply without --grow";
    for options in [&["--grow"][..], &["--grow", "--dry-run"]] {
        let grown = node.run("apply", &[&named, options].concat());
        says(&grown, 0, &["nothing to do", left]);
    }
    says(&node.run("apply", &named), 0, &["done and verified"]);
}

pub(crate) fn a_host_that_left_the_file_is_removed_by_its_record() {
    let lab = Lab::new(&Cluster::from_toml(DR).unwrap(), 1).unwrap();
    let node = Node::new(&lab, "realserver2", &in_file("web.toml", DR));
    let before = look(&lab, "realserver2");
    let named = ["--node", "realserver2"];
    says(&node.run("apply", &named), 0, &["done and verified"]);
    let (shorter, _) = DR
        .split_once("[[real-servers]]\nname = \"realserver2\"")
        .unwrap();
    in_file("web.toml", shorter);
    says(&node.run("remove", &named), 0, &["done and verified"]);
    assert_eq!(look(&lab, "realserver2"), before);
    let other = Node::new(&lab, "realserver1", &in_file("web.toml", shorter));
    let unknown = other.run("remove", &named);
    says(
        &unknown,
        64,
        &["--node realserver2: no such node in the file"],
    );
}

pub(crate) fn a_cluster_that_was_never_applied_removes_nothing() {
    let lab = lab(NAT);
    let web = Node::new(&lab, "director", &in_file("web.toml", NAT));
    let named = ["--node", "director"];
    says(&web.run("apply", &named), 0, &["done and verified"]);
    let shop = in_file("shop.toml", &NAT.replace("\"web\"", "\"shop\""));
    let shop = Node::new(&lab, "director", &shop);
    let owner = "172.16.5.11 belongs to the cluster web on this node";
    says(
        &shop.run("remove", &named),
        1,
        &[owner, "nothing was changed"],
    );
    says(&web.run("plan", &named), 0, &["nothing to do"]);
    served(&lab);
}

pub(crate) fn a_renamed_cluster_keeps_its_record() {
    for text in [NAT, DR] {
        let lab = without_records(lab(text));
        let before = look(&lab, "director");
        let web = Node::new(&lab, "director", &in_file("web.toml", text));
        let named = ["--node", "director"];
        says(&web.run("apply", &named), 0, &["done and verified"]);
        let shop = in_file("shop.toml", &text.replace("\"web\"", "\"shop\""));
        let shop = Node::new(&lab, "director", &shop);
        says(
            &shop.run("plan", &named),
            0,
            &["nothing to do", "it was renamed"],
        );
        assert_eq!(records(&shop), ["web@director.json"]);
        says(&shop.run("apply", &named), 0, &["nothing to do"]);
        assert_eq!(records(&shop), ["shop@director.json"]);
        served(&lab);
        says(&shop.run("remove", &named), 0, &["done and verified"]);
        assert_eq!(look(&lab, "director"), before);
    }
}

pub(crate) fn a_renamed_node_keeps_its_record() {
    let lab = Lab::new(&Cluster::from_toml(DR).unwrap(), 1).unwrap();
    let before = look(&lab, "realserver1");
    let host = Node::new(&lab, "realserver1", &in_file("web.toml", DR));
    let old = ["--node", "realserver1"];
    says(&host.run("apply", &old), 0, &["done and verified"]);
    let renamed = DR.replace("realserver1", "www1");
    // Refused before the first change: the record keeps its name.
    in_file("web.toml", &renamed.replace("eth0", "eth9"));
    let new = ["--node", "www1"];
    says(&host.run("apply", &new), 1, &["link eth9 does not exist"]);
    assert_eq!(records(&host), ["web@realserver1.json"]);
    in_file("web.toml", &renamed);
    says(
        &host.run("apply", &new),
        0,
        &["nothing to do", "it was renamed"],
    );
    assert_eq!(records(&host), ["web@www1.json"]);
    says(&host.run("remove", &new), 0, &["done and verified"]);
    assert_eq!(look(&lab, "realserver1"), before);
}

/// A service with another program's destinations, which the file would delete or change.
pub(crate) fn unmanaged_destinations_are_refused() {
    let service = ["-t", "172.16.5.11:80"];
    for (address, method) in [("10.9.9.9:80", "-m"), ("192.168.1.12:80", "-g")] {
        let lab = without_records(lab(NAT));
        let director = Node::new(&lab, "director", &in_file("web.toml", NAT));
        let state = ["--state", &director.state];
        let by_hand = |verb: &[&str], more: &[&str]| {
            let output = director.start(&[verb, &state[..], &service[..], more].concat());
            says(&output, 0, &[]);
        };
        by_hand(&["service", "add"], &["-s", "rr"]);
        by_hand(&["destination", "add"], &["-r", address, method]);
        let table = director.start(&["save"]).stdout;
        let named = ["--node", "director"];
        for verb in ["plan", "apply"] {
            let output = director.run(verb, &named);
            says(
                &output,
                1,
                &[address, "the cluster was never applied here", "--take-over"],
            );
        }
        assert_eq!(director.start(&["save"]).stdout, table);
        let taken = director.run("apply", &[&named[..], &["--take-over"]].concat());
        says(&taken, 0, &["done and verified"]);
        served(&lab);
    }
}
