//! Imports on a real kernel: Debian's keepalived and ipvsadm build a table in one namespace, an imported
//! cluster file in another, and `ipvsadm -Sn` sees the same; and what the kernel holds comes back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../paper/properties/clusters.rs"]
mod clusters;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use lvs_core::cluster::{DesiredState, PlanOptions, Role, StateDir};
use lvs_core::import::{self, Import, Options};
use lvs_core::net::{Address, IpNet};
use lvs_core::run::Runner;
use lvs_core::{Cluster, Host, IfName, Netns};
use lvs_lab::{Daemon, load_module, run_tool};

lvs_lab::tests! {
    keepalived_builds_the_same_table_of_plain_files,
    keepalived_builds_the_same_table_of_checked_files,
    keepalived_builds_the_same_table_of_groups_and_definitions,
    keepalived_builds_the_same_table_of_tunnels_and_marks,
    keepalived_builds_the_same_table_of_odd_files,
    sorry_servers_serve_as_by_keepalived,
    inhibited_servers_are_as_by_keepalived,
    quorums_are_as_by_keepalived,
    programs_set_weights_as_by_keepalived,
    keepalived_calls_lvsctl_as_root,
    ipvsadm_builds_the_same_table,
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

/// Starts keepalived with a file, in a namespace of its own.
fn keepalived(path: &Path, name: &str) -> (Netns, Daemon) {
    let netns = Netns::create().unwrap();
    netns
        .run(|host| host.net().set_up(&IfName::LO).unwrap())
        .unwrap();
    let file_option = format!("--use-file={}", path.display());
    let pid = format!("--pid=/run/{name}.pid");
    let checkers = format!("--checkers_pid=/run/{name}.checkers");
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
    (netns, daemon)
}

/// The table that keepalived makes, when it no longer changes and is as long as expected.
fn by_keepalived(file: &str, expected: &Table) -> Table {
    let path = corpus("keepalived_conf", file);
    let copy = Path::new("/run").join(format!("{file}.conf"));
    fs::copy(&path, &copy).unwrap();
    let (netns, daemon) = keepalived(&copy, file);
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

/// Returns whether a service is one by the marks of probes.
fn is_probe(service: &str) -> bool {
    let mark = service
        .strip_prefix("-f ")
        .and_then(|mark| mark.parse::<u32>().ok());
    mark.is_some_and(|mark| mark >> 16 == 0x4C56)
}

/// The destinations that are fallbacks, as ipvsadm writes them.
fn fallbacks(import: &Import) -> Vec<String> {
    let cluster = Cluster::from_toml(&import.file).unwrap();
    let services = cluster.services().iter();
    let names = services.filter_map(|service| service.fallback.as_ref());
    let addresses = names.flat_map(|name| {
        let servers = cluster.real_servers().iter();
        servers
            .filter(move |server| server.name == *name)
            .flat_map(|server| &server.addresses)
    });
    addresses
        .map(|address| format!("-r {}:", address.id.network.addr()))
        .collect()
}

/// Where the director is a destination itself, the file has its own address in place of a loopback one.
fn itself_by_loopback(import: &Import, table: &mut Table) {
    let cluster = Cluster::from_toml(&import.file).unwrap();
    let own = cluster.directors()[0].addresses.iter();
    let own: Vec<_> = own
        .map(|address| format!("-r {}:", address.id.network.addr()))
        .collect();
    for lines in table.values_mut() {
        let before = lines.clone();
        for address in &own {
            for line in lines.iter_mut() {
                *line = line.replace(address.as_str(), "-r 127.0.0.1:");
            }
        }
        // ipvsadm sorts by addresses.
        if *lines != before {
            lines.sort();
        }
    }
}

fn same_as_keepalived(files: &[&str]) {
    load_modules();
    let mut differ = Vec::new();
    for file in files {
        let text = fs::read_to_string(corpus("keepalived_conf", file)).unwrap();
        let import = import::keepalived("k", &text, &options(), &mut |_| Ok(Vec::new())).unwrap();
        let mut ours = applied(&import);
        // What a controller deletes until it is needed.
        for lines in ours.values_mut() {
            lines.retain(|line| !fallbacks(&import).iter().any(|end| line.contains(end)));
        }
        // Probes of a director with an address of its own are no service of keepalived.
        ours.retain(|service, _| !is_probe(service));
        itself_by_loopback(&import, &mut ours);
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
        "weighted-quorum",
        "sh-inhibit-sorry",
        "vip-port-other-than-real",
        "one-line-blocks",
    ]);
}

/// Writes a virtual server with two real servers that fail within a second or two.
fn failing(name: &str, lines: &str, of_server: &str) -> String {
    let server = |ip: &str| {
        format!(
            "real_server {ip} 80 {{\nweight 2\n{of_server}\nTCP_CHECK {{\nconnect_timeout 1\nretry 0\n}}\n}}\n"
        )
    };
    let text = format!(
        "virtual_server 10.37.0.1 80 {{\ndelay_loop 1\nlb_algo rr\nlb_kind NAT\nprotocol TCP\n{lines}\n{}{}}}\n",
        server("10.37.1.1"),
        server("10.37.1.2")
    );
    let path = Path::new("/run").join(name);
    fs::write(&path, &text).unwrap();
    text
}

/// When all real servers have failed, `lvsctl run` has the table that keepalived has.
fn same_when_all_fail(cases: &[(&str, &str)]) {
    load_modules();
    let mut differ = Vec::new();
    for (number, (lines, of_server)) in cases.iter().enumerate() {
        let name = format!("failing-{number}");
        let text = failing(&name, lines, of_server);
        let import = import::keepalived("k", &text, &options(), &mut |_| Ok(Vec::new())).unwrap();
        let theirs = failed_by_keepalived(&name);
        let ours = by_run(&import, &theirs);
        if ours != theirs {
            differ.push(format!(
                "{lines} {of_server}\nours: {ours:#?}\nkeepalived: {theirs:#?}\n{}",
                import.file
            ));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

fn sorry_servers_serve_as_by_keepalived() {
    same_when_all_fail(&[
        ("alpha\nsorry_server 10.37.1.9 8080", ""),
        ("sorry_server 10.37.1.9 80\nsorry_server_lvs_method DR", ""),
    ]);
}

fn inhibited_servers_are_as_by_keepalived() {
    let inhibited = "sorry_server 10.37.1.9 80\nsorry_server_inhibit\ninhibit_on_failure";
    same_when_all_fail(&[
        (inhibited, ""),
        ("sorry_server 10.37.1.9 80", "inhibit_on_failure"),
    ]);
}

fn quorums_are_as_by_keepalived() {
    same_when_all_fail(&[
        ("sorry_server 10.37.1.9 80\nquorum 3", ""),
        ("quorum 2", ""),
    ]);
}

/// Writes a program.
fn program(name: &str, lines: &str) -> PathBuf {
    let path = Path::new("/run").join(name);
    fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The exit status of `misc_dynamic` is a weight, and 2 more than that.
fn programs_set_weights_as_by_keepalived() {
    load_modules();
    let path = program(
        "weigh",
        "case $1$LVS_ADDRESS in *10.37.1.1) exit 7;; *) exit 0;; esac",
    );
    let server = |ip: &str| {
        let check = format!(
            "MISC_CHECK {{\nmisc_path \"{} {ip}\"\nmisc_dynamic\n}}",
            path.display()
        );
        format!("real_server {ip} 80 {{\nweight 3\n{check}\n}}\n")
    };
    let text = format!(
        "global_defs {{\nscript_user root\n}}\nvirtual_server 10.37.0.1 80 {{\ndelay_loop 1\nlb_algo rr\nlb_kind NAT\n\
         protocol TCP\n{}{}}}\n",
        server("10.37.1.1"),
        server("10.37.1.2")
    );
    fs::write("/run/weighed", &text).unwrap();
    let import = import::keepalived("k", &text, &options(), &mut |_| Ok(Vec::new())).unwrap();
    let (netns, daemon) = keepalived(Path::new("/run/weighed"), "weighed");
    let (began, mut theirs) = (Instant::now(), Table::new());
    while !theirs.values().flatten().any(|line| line.contains("-w 5")) {
        theirs = netns.run(|_| table()).unwrap();
        assert!(
            began.elapsed() < PATIENCE,
            "{theirs:?}\n{}",
            daemon.output()
        );
        sleep(Duration::from_millis(50));
    }
    assert_eq!(by_run(&import, &theirs), theirs, "{}", import.file);
}

/// Whichever user its other scripts run as, and with strict VRRP.
fn keepalived_calls_lvsctl_as_root() {
    let source = "global_defs {\nvrrp_strict\nscript_user nosuchuser\n}\nvrrp_instance V {\nstate BACKUP\ninterface eth0\n\
                  virtual_router_id 5\npriority 100\nvirtual_ipaddress {\n10.37.0.1/24\n}\n}\n\
                  virtual_server 10.37.0.1 80 {\nprotocol TCP\nreal_server 10.37.0.7 80 {\n}\n}\n";
    let import = import::keepalived("k", source, &options(), &mut |_| Ok(Vec::new())).unwrap();
    let called = program(
        "called",
        "id -u > /run/called-as.new; mv /run/called-as.new /run/called-as; cat \"$1\"",
    );
    let reduced = import.keepalived.unwrap();
    let reduced = reduced.replace(
        "/etc/keepalived/lvsctl-notify",
        &called.display().to_string(),
    );
    fs::write("/run/reduced.conf", &reduced).unwrap();
    let netns = Netns::create().unwrap();
    netns
        .run(|host| {
            host.net().set_up(&IfName::LO).unwrap();
            let words = "link add eth0 type veth peer name eth1";
            run_tool("ip", &words.split(' ').collect::<Vec<_>>()).unwrap();
            run_tool("ip", &["link", "set", "eth1", "up"]).unwrap();
            run_tool("ip", &["address", "add", "10.37.0.2/24", "dev", "eth0"]).unwrap();
            run_tool("ip", &["link", "set", "eth0", "up"]).unwrap();
        })
        .unwrap();
    let arguments = [
        "--dont-fork",
        "--log-console",
        "--log-detail",
        "--vrrp",
        "--use-file=/run/reduced.conf",
        "--pid=/run/reduced.pid",
        "--vrrp_pid=/run/reduced.vrrp",
    ];
    let daemon = Daemon::start(&netns, "keepalived", &arguments).unwrap();
    daemon.wait_for("Entering MASTER STATE").unwrap();
    let began = Instant::now();
    while !Path::new("/run/called-as").exists() {
        assert!(began.elapsed() < PATIENCE, "{}", daemon.output());
        sleep(Duration::from_millis(50));
    }
    assert_eq!(fs::read_to_string("/run/called-as").unwrap(), "0\n");
}

/// The table of keepalived when both real servers have failed, and it has not changed for a while.
fn failed_by_keepalived(name: &str) -> Table {
    let (netns, daemon) = keepalived(&Path::new("/run").join(name), name);
    let (began, mut last, mut same) = (Instant::now(), Table::new(), 0);
    while same < 10 {
        let found = netns.run(|_| table()).unwrap();
        let serves = |line: &String| line.contains("-w 2");
        let has_failed = !found.is_empty() && !found.values().flatten().any(serves);
        same = if has_failed && found == last {
            same + 1
        } else {
            0
        };
        last = found;
        let is_late = began.elapsed() > PATIENCE;
        assert!(!is_late, "{last:?}\n{}", daemon.output());
        sleep(Duration::from_millis(50));
    }
    last
}

/// The table of a controller that runs with the imported file, when it is as expected or does not become so.
fn by_run(import: &Import, expected: &Table) -> Table {
    let cluster = Cluster::from_toml(&import.file).unwrap();
    let node = cluster.node("director").unwrap();
    let netns = Netns::create().unwrap();
    netns.run(|host| with_links(host, &node)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let state = StateDir::at(directory.path().join("state"));
    let (runner, handle) = Runner::new(cluster, node.name, state);
    thread::scope(|scope| {
        let run = scope.spawn(|| netns.run(|_| runner.run(&mut |_| ())));
        let began = Instant::now();
        let mut found = Table::new();
        while found != *expected && began.elapsed() < PATIENCE {
            sleep(Duration::from_millis(100));
            found = netns.run(|_| table()).unwrap();
            // Probes have services of their own.
            found.retain(|service, _| !service.starts_with("-f "));
        }
        handle.stop();
        run.join().unwrap().unwrap().unwrap();
        found
    })
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
