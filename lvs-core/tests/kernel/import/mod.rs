//! Imports on a real kernel: Debian's keepalived and ipvsadm build a table in one namespace, an imported
//! cluster file in another, and `ipvsadm -Sn` sees the same; and what the kernel holds comes back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../paper/properties/clusters.rs"]
mod clusters;
mod keepalived;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lvs_core::cluster::{DesiredState, PlanOptions, Role, StateDir};
use lvs_core::import::{self, Import, Options};
use lvs_core::net::{Address, IpNet};
use lvs_core::{Cluster, Host, IfName, Netns};
use lvs_lab::{load_module, run_tool};

lvs_lab::tests! {
    keepalived::keepalived_builds_the_same_table_of_plain_files,
    keepalived::keepalived_builds_the_same_table_of_checked_files,
    keepalived::keepalived_builds_the_same_table_of_groups_and_definitions,
    keepalived::keepalived_builds_the_same_table_of_tunnels_and_marks,
    keepalived::keepalived_builds_the_same_table_of_odd_files,
    keepalived::sorry_servers_serve_as_by_keepalived,
    keepalived::inhibited_servers_are_as_by_keepalived,
    keepalived::quorums_are_as_by_keepalived,
    keepalived::programs_set_weights_as_by_keepalived,
    keepalived::keepalived_calls_lvsctl_as_root,
    ipvsadm_builds_the_same_table,
    #[long]
    what_the_kernel_holds_comes_back,
}

/// Longer than anything takes on the guest's one processor.
const PATIENCE: Duration = Duration::from_secs(30);

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
    let ids = node.addresses.iter().map(|desired| &desired.value.id);
    let own: BTreeSet<_> = ids
        .filter(|id| id.interface != IfName::LO)
        .filter_map(|id| Some((id.interface.clone(), own_address(id.network)?)))
        .collect();
    for (interface, own) in own {
        host.net().set_up(&interface).unwrap();
        let mut own = Address::new(interface, own);
        own.no_dad = true;
        host.net().add_address(&own).unwrap();
    }
}

fn own_address(network: IpNet) -> Option<IpNet> {
    match network {
        IpNet::V4(network) if network.prefix_len() < 31 => {
            let last = Ipv4Addr::from_bits(network.broadcast().to_bits() - 1);
            IpNet::new(last.into(), network.prefix_len()).ok()
        }
        IpNet::V4(_) => None,
        IpNet::V6(network) => {
            let first = network.addr().to_bits() >> 64 << 64;
            IpNet::new(Ipv6Addr::from_bits(first | 0xfffe).into(), 64).ok()
        }
    }
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
