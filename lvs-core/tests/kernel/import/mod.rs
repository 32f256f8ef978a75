//! Imports on a real kernel: Debian's keepalived and ipvsadm build a table in one namespace, an imported
//! cluster file in another, and `ipvsadm -Sn` sees the same; and what the kernel holds comes back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../paper/properties/clusters.rs"]
mod clusters;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use lvs_core::cluster::{DesiredState, PlanOptions, Role, StateDir};
use lvs_core::import::{self, Import, Options};
use lvs_core::net::{Address, IpNet};
use lvs_core::{Cluster, Host, IfName, Netns};
use lvs_lab::{Daemon, load_module, run_tool};

lvs_lab::tests! {
    keepalived_builds_the_same_table_of_plain_files,
    keepalived_builds_the_same_table_of_checked_files,
    keepalived_builds_the_same_table_of_groups_and_definitions,
    keepalived_builds_the_same_table_of_tunnels_and_marks,
    keepalived_builds_the_same_table_of_odd_files,
    ipvsadm_builds_the_same_table,
    what_the_kernel_holds_comes_back,
}

fn options() -> Options {
    Options::new("web".parse().unwrap(), "director".parse().unwrap())
}

fn corpus(kind: &str, file: &str) -> PathBuf {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    corpus.join(kind).join(file)
}

fn load_modules() {
    for module in [
        "ip_vs_sh",
        "ip_vs_mh",
        "ip_vs_dh",
        "ip_vs_lc",
        "ip_vs_wlc",
        "ip_vs_lblc",
        "ip_vs_lblcr",
        "ip_vs_sed",
        "ip_vs_nq",
        "ip_vs_fo",
        "ip_vs_ovf",
        "ip_vs_wrr",
        "ip_vs_pe_sip",
    ] {
        // Some are there already.
        let _ = load_module(module);
    }
}

/// The lines of `ipvsadm -Sn` by service: its own, then its destinations in the kernel's order.
type Table = BTreeMap<String, Vec<String>>;

fn table() -> Table {
    let mut table = Table::new();
    for line in run_tool("ipvsadm", &["-Sn"]).unwrap().lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let family = if words.contains(&"-6") { " -6" } else { "" };
        let service = format!("{} {}{family}", words[1], words[2]);
        table.entry(service).or_default().push(line.to_owned());
    }
    table
}

/// The table that an imported cluster file makes on a node with its interfaces.
fn applied(import: &Import) -> Table {
    let cluster = Cluster::from_toml(&import.file).unwrap();
    let node = cluster.node_as("director", Role::Active);
    let node = node.or_else(|| cluster.node("director")).unwrap();
    Netns::create()
        .unwrap()
        .run(|host| {
            apply(host, &node, import);
            table()
        })
        .unwrap()
}

fn apply(host: &mut Host, node: &DesiredState, import: &Import) {
    with_links(host, node);
    let directory = tempfile::tempdir().unwrap();
    let state = StateDir::at(directory.path().join("state"));
    let mut session = state.lock("apply").unwrap();
    let done = session.apply(node, host, PlanOptions::default(), &mut |_| ());
    done.unwrap_or_else(|error| panic!("{error}\n{}", import.file));
}

fn with_links(host: &mut Host, node: &DesiredState) {
    host.net().set_up(&IfName::LO).unwrap();
    for (index, name) in node
        .links
        .keys()
        .filter(|name| **name != IfName::LO)
        .enumerate()
    {
        let peer: IfName = format!("peer{index}").parse().unwrap();
        host.net().add_veth(name, &peer, None).unwrap();
        host.net().set_up(&peer).unwrap();
    }
    with_own_addresses(host, node);
    host.ipvs().unwrap();
}

/// The addresses that a director has besides, which its keepalived.conf does not name: the last ones of its networks.
fn with_own_addresses(host: &mut Host, node: &DesiredState) {
    let mut networks = BTreeSet::new();
    for desired in &node.addresses {
        let id = &desired.value.id;
        let IpNet::V4(network) = id.network else {
            continue;
        };
        if network.prefix_len() < 31 && networks.insert((id.interface.clone(), network.trunc())) {
            let last = Ipv4Addr::from_bits(network.broadcast().to_bits() - 1);
            let own = format!("{last}/{}", network.prefix_len());
            let own = Address::new(id.interface.clone(), own.parse().unwrap());
            host.net().set_up(&id.interface).unwrap();
            host.net().add_address(&own).unwrap();
        }
    }
}

/// The table that keepalived makes, when it no longer changes and is as long as expected.
fn by_keepalived(file: &str, expected: &Table) -> Table {
    let path = corpus("keepalived_conf", file);
    let copy = Path::new("/run").join(format!("{file}.conf"));
    fs::copy(&path, &copy).unwrap();
    let netns = Netns::create().unwrap();
    netns
        .run(|host| host.net().set_up(&IfName::LO).unwrap())
        .unwrap();
    let file_option = format!("--use-file={}", copy.display());
    let pid = format!("--pid=/run/{file}.pid");
    let checkers = format!("--checkers_pid=/run/{file}.checkers");
    let arguments = [
        "--dont-fork",
        "--log-console",
        "--check",
        "--config-id=director",
        &file_option,
        &pid,
        &checkers,
    ];
    let daemon = Daemon::start(&netns, "keepalived", &arguments).unwrap();
    let mut found = Table::new();
    for _ in 0..30 {
        sleep(Duration::from_millis(150));
        found = netns.run(|_| table()).unwrap();
        if found == *expected {
            return found;
        }
    }
    println!("{}", daemon.output());
    found
}

fn same_as_keepalived(files: &[&str]) {
    load_modules();
    let mut differ = Vec::new();
    for file in files {
        let text = fs::read_to_string(corpus("keepalived_conf", file)).unwrap();
        let import = import::keepalived("k", &text, &options(), &mut |_| Ok(Vec::new())).unwrap();
        let ours = applied(&import);
        let theirs = by_keepalived(file, &ours);
        if ours != theirs {
            differ.push(format!(
                "{file}\nours: {ours:#?}\nkeepalived: {theirs:#?}\n{}",
                import.report
            ));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

fn keepalived_builds_the_same_table_of_plain_files() {
    same_as_keepalived(&[
        "minimal-dr",
        "brace-below",
        "tabs-and-no-indent",
        "windows-line-ends",
        "quotes-and-comments",
        "lower-case-words",
        "ldap-imap-smtp",
        "sctp",
        "sip-engine",
    ]);
}

fn keepalived_builds_the_same_table_of_checked_files() {
    same_as_keepalived(&[
        "web-nat-http-get",
        "different-checks",
        "udp-check",
        "dns-udp-tcp",
        "misc-check-mysql",
        "unicast-pair",
        "sync-group",
        "sync-daemon-and-timeouts",
        "galera-three",
    ]);
}

fn keepalived_builds_the_same_table_of_groups_and_definitions() {
    same_as_keepalived(&[
        "group-range",
        "group-ipv6",
        "group-used-before-declared",
        "definitions",
        "definition-multi-line",
        "definition-nested",
        "sequence",
        "sequence-two",
        "list",
        "conditions",
    ]);
}

fn keepalived_builds_the_same_table_of_tunnels_and_marks() {
    same_as_keepalived(&[
        "tunnel-ipip",
        "tunnel-gre-csum",
        "tunnel-six-over-four",
        "ipv6-dr",
        "fwmark-persistent",
        "fwmark-dr-ports",
        "scheduler-flags",
        "all-schedulers",
    ]);
}

fn keepalived_builds_the_same_table_of_odd_files() {
    same_as_keepalived(&[
        "typo-scheduler-and-method",
        "defaults-only",
        "every-port",
        "other-port-with-dr",
        "duplicate-real-server",
        "duplicate-virtual-server",
        "thresholds-and-weights",
        "two-methods",
        "local-node",
        "no-real-server",
        "mixed-families-refused-destinations",
    ]);
}

fn ipvsadm_builds_the_same_table() {
    load_modules();
    for file in [
        "saved",
        "saved-nat",
        "saved-six",
        "saved-fwmark",
        "long-options",
        "every-port",
        "sip",
        "dr-other-port",
        "sctp",
    ] {
        let text = fs::read_to_string(corpus("ipvsadm_script", file)).unwrap();
        let import = import::rules("r", &text, &options(), &mut |_| None).unwrap();
        let ours = applied(&import);
        let theirs = Netns::create()
            .unwrap()
            .run(|host| {
                host.net().set_up(&IfName::LO).unwrap();
                for line in text.lines() {
                    let words: Vec<_> = line
                        .split_whitespace()
                        .skip_while(|word| *word == "ipvsadm")
                        .collect();
                    run_tool("ipvsadm", &words).unwrap();
                }
                table()
            })
            .unwrap();
        assert_eq!(ours, theirs, "{file}");
    }
}

fn what_the_kernel_holds_comes_back() {
    load_modules();
    let examples = [
        include_str!("../../../../examples/nat.toml"),
        include_str!("../../../../examples/dr.toml"),
        include_str!("../../../../examples/tunnel.toml"),
        include_str!("../../../../examples/ipv6.toml"),
    ];
    let examples = examples
        .iter()
        .map(|text| Cluster::from_toml(text).unwrap());
    let random = (1..=60).map(|seed| clusters::cluster(&mut crate::random::Random::new(seed)));
    let clusters: Vec<_> = examples.chain(random).collect();
    let back = clusters.iter().filter(|cluster| {
        let netns = Netns::create().unwrap();
        netns.run(|host| comes_back(host, cluster)).unwrap()
    });
    let count = back.count();
    println!("{count} of {} clusters came back", clusters.len());
    assert!(count > 40);
}

/// Whether a cluster could be applied: random ones have default routes that the kernel refuses.
fn comes_back(host: &mut Host, cluster: &Cluster) -> bool {
    let name = &cluster.directors()[0].name;
    let node = cluster.node_as(name.as_str(), Role::Active);
    let node = node.or_else(|| cluster.node(name.as_str())).unwrap();
    with_links(host, &node);
    let directory = tempfile::tempdir().unwrap();
    let state = StateDir::at(directory.path().join("state"));
    let mut session = state.lock("apply").unwrap();
    if session
        .apply(&node, host, PlanOptions::default(), &mut |_| ())
        .is_err()
    {
        return false;
    }
    drop(session);
    let observed = import::read_kernel(host).unwrap();
    let options = Options::new("again".parse().unwrap(), name.clone());
    let import = import::kernel(&observed, &options).unwrap();
    let again = Cluster::from_toml(&import.file)
        .unwrap()
        .node(name.as_str())
        .unwrap();
    let fresh = StateDir::at(directory.path().join("fresh"));
    let plan = fresh.plan(&again, host, PlanOptions::default()).unwrap();
    assert!(plan.is_empty(), "{plan}\n{}", import.file);
    let wanted: Vec<_> = again
        .services
        .iter()
        .map(|service| {
            let destinations = service.destinations.iter();
            (
                service.service.id,
                destinations
                    .map(|wanted| wanted.value.id)
                    .collect::<Vec<_>>(),
            )
        })
        .collect();
    for (id, destinations) in wanted {
        let service = node
            .services
            .iter()
            .find(|service| service.service.id == id)
            .unwrap();
        let first = service.destinations.iter().map(|wanted| wanted.value.id);
        assert_eq!(first.collect::<Vec<_>>(), destinations, "{id}");
    }
    true
}
