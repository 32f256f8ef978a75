//! Whole clusters on a real kernel, from their files to answered requests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lvs_core::Cluster;
use lvs_core::cluster::PlanOptions;
use lvs_lab::{Lab, run_command};

lvs_lab::main! {
    nat_alternates,
    dr_keeps_to_its_weights,
    ipv6_and_datagrams_are_no_different,
    many_clients_take_turns,
    a_second_apply_changes_nothing,
    nat_typed_by_hand,
    dr_typed_by_hand,
}

const NAT: &str = include_str!("../../nat.toml");
const DR: &str = include_str!("../../dr.toml");

/// By masquerading, over IPv6, one service of datagrams and one that goes to another port.
const IPV6: &str = r#"
    name = "six"
    forwarding = "nat"
    [director]
    addresses = [
        { interface = "eth0", address = "2001:db8:1::11/64" },
        { interface = "eth1", address = "2001:db8:2::11/64" },
    ]
    [[services]]
    address = "[2001:db8:1::11]:53"
    protocol = "udp"
    scheduler = "rr"
    [[services]]
    address = "[2001:db8:1::11]:80"
    scheduler = "rr"
    destinations = [
        { real-server = "realserver1", port = 8080 },
        { real-server = "realserver2", port = 8081 },
    ]
    [[real-servers]]
    name = "realserver1"
    addresses = [{ interface = "eth0", address = "2001:db8:2::12/64" }]
    [[real-servers]]
    name = "realserver2"
    addresses = [{ interface = "eth0", address = "2001:db8:2::13/64" }]
"#;

fn applied(text: &str, clients: usize) -> (Cluster, Lab) {
    let cluster = Cluster::from_toml(text).unwrap();
    let lab = Lab::new(&cluster, clients).unwrap();
    lab.apply().unwrap();
    lab.wait_for_servers().unwrap();
    (cluster, lab)
}

fn ask(cluster: &Cluster, lab: &Lab, service: usize, requests: usize) -> Vec<String> {
    let service = &cluster.services()[service].service.id;
    let ask = |number| lab.request(service, number).unwrap();
    (0..requests).map(ask).collect()
}

fn count(answers: &[String], name: &str) -> usize {
    answers.iter().filter(|answer| *answer == name).count()
}

/// The last destination added is the first one asked.
fn assert_alternates(answers: &[String]) {
    for pair in answers.chunks(2) {
        assert_eq!(pair, ["realserver2", "realserver1"], "{answers:?}");
    }
}

fn nat_alternates() {
    let (cluster, lab) = applied(NAT, 1);
    assert_alternates(&ask(&cluster, &lab, 0, 10));
}

fn dr_keeps_to_its_weights() {
    let (cluster, lab) = applied(DR, 1);
    let answers = ask(&cluster, &lab, 0, 20);
    assert_eq!(count(&answers, "realserver1"), 8, "{answers:?}");
    assert_eq!(count(&answers, "realserver2"), 12, "{answers:?}");
}

fn ipv6_and_datagrams_are_no_different() {
    let (cluster, lab) = applied(IPV6, 1);
    assert_alternates(&ask(&cluster, &lab, 0, 4));
    assert_alternates(&ask(&cluster, &lab, 1, 4));
}

/// By source hashing it is the client's address that decides.
fn many_clients_take_turns() {
    let text = NAT.replace("scheduler = \"rr\"", "scheduler = \"sh\"");
    let (cluster, lab) = applied(&text, 8);
    let answers = ask(&cluster, &lab, 0, 16);
    let (first, second) = answers.split_at(8);
    assert_eq!(first, second, "a client's server stays the same");
    assert!(first.iter().any(|name| *name != first[0]), "{first:?}");
}

fn a_second_apply_changes_nothing() {
    for text in [NAT, DR, IPV6] {
        let cluster = Cluster::from_toml(text).unwrap();
        let lab = Lab::new(&cluster, 1).unwrap();
        assert!(lab.apply().unwrap().iter().all(|plan| !plan.is_empty()));
        assert!(lab.apply().unwrap().iter().all(|plan| plan.is_empty()));
    }
}

fn nat_typed_by_hand() {
    let (cluster, lab) = typed(NAT);
    assert_alternates(&ask(&cluster, &lab, 0, 4));
}

fn dr_typed_by_hand() {
    let (cluster, lab) = typed(DR);
    let answers = ask(&cluster, &lab, 0, 5);
    assert_eq!(count(&answers, "realserver1"), 2, "{answers:?}");
}

/// Every machine set up by the lines that its plan prints, typed with Debian's own tools: nothing is left to
/// do afterwards.
fn typed(text: &str) -> (Cluster, Lab) {
    let cluster = Cluster::from_toml(text).unwrap();
    let lab = Lab::new(&cluster, 1).unwrap();
    for stage in cluster.rollout(None) {
        let state = cluster.node(stage.node.as_str()).unwrap();
        let machine = lab.node(stage.node.as_str()).unwrap();
        let plan = || {
            let plan = machine.run(|host| state.plan(host, PlanOptions::default()));
            plan.unwrap().unwrap()
        };
        let script = plan().to_shell();
        let arguments = ["-ec".into(), script.clone().into()];
        let status = run_command(lab.network(), machine, &"sh".into(), &arguments).unwrap();
        assert!(status.success(), "{status}:\n{script}");
        assert!(plan().is_empty(), "after\n{script}\nstill\n{}", plan());
    }
    lab.wait_for_servers().unwrap();
    (cluster, lab)
}
