//! What `lvsctl check` says it examined, and that it says ok of nothing else.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use lvs_core::{Cluster, Host};
use lvs_lab::{Lab, http};

use crate::trust::nodes::Node;
use crate::trust::{DR, NAT};

const FILE: &str = "/run/web.toml";

/// Builds a cluster whose file names its own time server, so that a healthy one is silent.
fn lab(text: &str) -> Lab {
    let text = format!("{text}\n[time]\nntp-server = \"192.168.1.254\"\n");
    let cluster = Cluster::from_toml(&text).unwrap();
    let lab = Lab::new(&cluster, 1).unwrap();
    lab.apply().unwrap();
    lab.wait_for_servers().unwrap();
    fs::write(FILE, text).unwrap();
    lab
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The first line, every line that begins with a word, and the exit status.
#[track_caller]
fn reports(output: &Output, status: i32, first: &str, lines: &[&str], never: &[&str]) {
    let text = said(output);
    assert_eq!(text.lines().next(), Some(first), "{text}");
    for line in lines {
        let is_there = text.lines().any(|printed| printed.starts_with(line));
        assert!(is_there, "{line:?} is not in:\n{text}");
    }
    for line in never {
        let is_there = text.lines().any(|printed| printed.starts_with(line));
        assert!(!is_there, "{line:?} is in:\n{text}");
    }
    assert_eq!(output.status.code(), Some(status), "{text}");
}

const PAPER: &str = "check on paper of every node: no host was examined";
const OUTSIDE: &str =
    "check on paper of every node, and by ARP from this host, which is no node of the file";

pub(crate) fn the_host_itself_is_examined() {
    let lab = lab(NAT);
    let node = |name| Node::new(&lab, name, Path::new(FILE));
    for name in ["director", "realserver1"] {
        let here = format!("check of node {name} on this host");
        let ok = [
            "ok addresses: ",
            "ok routing: ",
            "ok services: ",
            "ok upkeep: ",
        ];
        reports(
            &node(name).run("check", &[]),
            0,
            &here,
            &ok,
            &["not examined routing"],
        );
        let paper = node(name).start(&["check", FILE, "--paper"]);
        reports(
            &paper,
            0,
            PAPER,
            &["not examined routing: "],
            &["ok routing", "ok clock"],
        );
    }
    // From the client's network: its addresses are no node's.
    let client = lab.network().client();
    let from = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        client
            .run(|_| crate::trust::program(&words).output().unwrap())
            .unwrap()
    };
    let elsewhere = from(&["check", FILE]);
    let no_node = format!("{PAPER}, for this one is evidently no node of the file");
    reports(
        &elsewhere,
        0,
        &no_node,
        &["not examined routing: "],
        &["ok routing"],
    );
    let asked = from(&["check", FILE, "--arp"]);
    reports(
        &asked,
        0,
        OUTSIDE,
        &["ok arp: only the director answered"],
        &["ok routing"],
    );
}

/// Types a line on a node whose `/proc` hides everything but processes, or is not there at all.
fn with_proc(node: &Node<'_>, mount: &str) -> Output {
    let lvsctl = env!("CARGO_BIN_EXE_lvsctl");
    let (file, state) = (FILE, &node.state);
    node.shell(&format!(
        "unshare --mount sh -c 'mount {mount} none /proc && \"{lvsctl}\" check {file} --state {state}'"
    ))
}

pub(crate) fn what_proc_hides_is_not_examined() {
    let lab = lab(DR);
    let server = Node::new(&lab, "realserver1", Path::new(FILE));
    let quiet = |value: &str| {
        let write = |host: &mut Host| {
            let key = lvs_core::sysctl::SysctlKey::new("net/ipv4/conf/all/arp_ignore").unwrap();
            host.sysctl().write(&key, value).unwrap();
        };
        lab.node("realserver1").unwrap().run(write).unwrap();
    };
    quiet("0");
    let here = "check of node realserver1 on this host";
    let hidden = [
        "not examined arp: ",
        "not examined routing: ",
        "not examined upkeep: ",
    ];
    let never = ["ok arp", "ok routing", "ok upkeep"];
    for mount in ["-t proc -o subset=pid", "-t tmpfs"] {
        reports(&with_proc(&server, mount), 1, here, &hidden, &never);
    }
    quiet("1");
    let director = Node::new(&lab, "director", Path::new(FILE));
    let here = "check of node director on this host";
    let output = with_proc(&director, "-t tmpfs");
    let hidden = [
        "not examined services: ",
        "not examined traffic: ",
        "not examined upkeep: ",
    ];
    reports(
        &output,
        1,
        here,
        &hidden,
        &["ok services", "ok traffic", "LVS030", "LVS044"],
    );
    // An ordinary user may see addresses and routes, and not the table.
    let lvsctl = env!("CARGO_BIN_EXE_lvsctl");
    let user = director.shell(&format!(
        "setpriv --reuid=65534 --regid=65534 --clear-groups \"{lvsctl}\" check {FILE}"
    ));
    reports(
        &user,
        1,
        here,
        &["ok addresses: ", "not examined services: "],
        &["ok traffic"],
    );
}

pub(crate) fn a_link_that_cannot_be_asked_is_no_abort() {
    let lab = lab(NAT);
    let director = Node::new(&lab, "director", Path::new(FILE));
    director.shell("ip link set eth0 down");
    let here = "check of node director on this host";
    let lines = [
        "not examined arp: ask by ARP",
        "LVS067 error director eth0: eth0 is down",
    ];
    let output = director.run("check", &["--arp"]);
    reports(
        &output,
        1,
        here,
        &lines,
        &["ok arp", "ok routing", "ok upkeep"],
    );
}

/// One client, seldom: too few to accuse the real server, and enough to say nothing reassuring.
pub(crate) fn few_requests_reassure_nobody() {
    let lab = lab(DR);
    let director = Node::new(&lab, "director", Path::new(FILE));
    lab.node("realserver2")
        .unwrap()
        .run(|host| host.net().set_down(&"eth0".parse().unwrap()).unwrap())
        .unwrap();
    let vip: SocketAddr = "172.16.5.11:80".parse().unwrap();
    for _ in 0..5 {
        // wrr 2:3, so that some of them wait in vain.
        let ask = |_: &mut Host| drop(http::fetch(vip, None, Duration::from_millis(1200)));
        lab.network().client().run(ask).unwrap();
    }
    let output = director.run("check", &[]);
    let here = "check of node director on this host";
    let text = said(&output);
    assert_eq!(text.lines().next(), Some(here), "{text}");
    assert!(!text.contains("ok traffic"), "{text}");
}

/// After `apply --grow` the old virtual IP is still there, and the node is not as the file says.
pub(crate) fn what_a_grown_file_left_is_told() {
    const NEW: &str = "/run/new.toml";
    let lab = lab(DR);
    let text = fs::read_to_string(FILE).unwrap();
    fs::write(NEW, text.replace("172.16.5.11", "172.16.5.12")).unwrap();
    let [old, new] = [FILE, NEW].map(|file| Node::new(&lab, "realserver1", Path::new(file)));
    let applied = |node: &Node<'_>, options: &[&str]| {
        let options = [&["--node", "realserver1"], options].concat();
        let output = node.run("apply", &options);
        assert!(output.status.success(), "{}", said(&output));
    };
    let checked = || said(&new.run("check", &["--node", "realserver1"]));
    applied(&old, &[]);
    applied(&new, &["--grow"]);
    let grown = checked();
    assert!(grown.contains("LVS044"), "{grown}");
    assert!(
        grown.contains("delete address 172.16.5.11/32 on lo"),
        "{grown}"
    );
    let more = "impact: the node has more than the file says";
    assert!(grown.contains(more), "{grown}");
    assert!(!grown.contains("ok upkeep"), "{grown}");
    applied(&new, &[]);
    let done = checked();
    assert!(done.contains("ok upkeep"), "{done}");
}
