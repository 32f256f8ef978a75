//! Tables that Debian's keepalived builds, beside those of its imported file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use lvs_core::cluster::StateDir;
use lvs_core::import::{self, Import};
use lvs_core::run::Runner;
use lvs_core::{Cluster, IfName, Netns};
use lvs_lab::{Daemon, run_tool};

use super::{PATIENCE, Table, applied, corpus, load_modules, options, table, with_links};

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

pub(super) fn keepalived_builds_the_same_table_of_plain_files() {
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

pub(super) fn keepalived_builds_the_same_table_of_checked_files() {
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

pub(super) fn keepalived_builds_the_same_table_of_groups_and_definitions() {
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

pub(super) fn keepalived_builds_the_same_table_of_tunnels_and_marks() {
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

pub(super) fn keepalived_builds_the_same_table_of_odd_files() {
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

pub(super) fn sorry_servers_serve_as_by_keepalived() {
    same_when_all_fail(&[
        ("alpha\nsorry_server 10.37.1.9 8080", ""),
        ("sorry_server 10.37.1.9 80\nsorry_server_lvs_method DR", ""),
    ]);
}

pub(super) fn inhibited_servers_are_as_by_keepalived() {
    let inhibited = "sorry_server 10.37.1.9 80\nsorry_server_inhibit\ninhibit_on_failure";
    same_when_all_fail(&[
        (inhibited, ""),
        ("sorry_server 10.37.1.9 80", "inhibit_on_failure"),
    ]);
}

pub(super) fn quorums_are_as_by_keepalived() {
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
pub(super) fn programs_set_weights_as_by_keepalived() {
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
pub(super) fn keepalived_calls_lvsctl_as_root() {
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
