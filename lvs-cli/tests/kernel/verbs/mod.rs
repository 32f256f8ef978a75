//! The verbs of lvsctl on a real kernel.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

use lvs_core::{Host, IfName, Netns};

mod tables;

lvs_lab::tests! {
    plan_apply_list_remove,
    json_reports,
    without_privilege_nothing_is_changed,
    root_of_a_container_is_told_why_it_fails,
    without_ip_vs_nothing_is_changed,
    without_the_interface_nothing_is_changed,
    the_node_is_found_by_host_name,
    check_reads_this_node,
    check_asks_for_the_time,
    saved_facts_give_the_same_findings,
    saved_is_restored,
    what_is_imported_plans_nothing,
    direct_verbs,
    every_list,
    the_plain_list_is_whole_and_flushed,
    tables::texts_of_ipvsadm_are_restored,
    tables::an_interrupted_restore_is_whole_or_not_at_all,
    tables::a_changing_table_is_listed_and_saved_when_it_settles,
}

const DR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/dr.toml");

type Outcome = lvs_core::Result<()>;

/// Runs the test in a namespace with an interface `eth0`, which is down.
fn on_a_node(test: impl FnOnce(&mut Host) + Send) -> Outcome {
    let eth0: IfName = "eth0".parse().unwrap();
    let port: IfName = "port0".parse().unwrap();
    Netns::create()?.run(|host| {
        host.net().add_veth(&eth0, &port, None)?;
        host.net().set_up(&port)?;
        test(host);
        Ok(())
    })?
}

/// A program inherits the namespace of the thread that starts it.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lvsctl"));
    command.args(arguments);
    command
}

fn lvsctl(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

#[track_caller]
fn says(output: &Output, status: i32, parts: &[&str]) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert_eq!(output.status.code(), Some(status), "{text}");
}

fn plan_apply_list_remove() -> Outcome {
    on_a_node(|_| {
        let node = |verb| lvsctl(&[verb, DR, "--node", "director", "--exit-code"]);
        says(&node("plan"), 2, &["director (director of web): 9 changes"]);
        says(&node("apply"), 2, &["9 changes", "done and verified"]);
        says(&node("apply"), 0, &["nothing to do"]);
        says(&node("plan"), 0, &["nothing to do"]);
        says(
            &lvsctl(&["list"]),
            0,
            &[
                "tcp 172.16.5.11:80 wrr\n  192.168.1.13:80",
                "dr               3       0         0\n  192.168.1.12:80",
            ],
        );
        says(
            &lvsctl(&["remove", DR, "--node", "director"]),
            0,
            &["- address 172.16.5.11/32 on eth0"],
        );
        says(&lvsctl(&["list"]), 0, &["no services"]);
    })
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn json_reports() -> Outcome {
    on_a_node(|_| {
        let plan = json(&lvsctl(&[
            "plan", DR, "--node", "director", "--format", "json",
        ]));
        assert_eq!(plan["schema"], "lvsctl.plan/1");
        assert_eq!(plan["changed"], true);
        let done = json(&lvsctl(&["apply", DR, "--node", "director", "--json"]));
        assert_eq!(done["schema"], "lvsctl.apply/1");
        assert_eq!(done["phases"], plan["phases"]);
        assert_eq!(
            (&done["applied"], &done["error"]),
            (&true.into(), &().into())
        );
        let list = json(&lvsctl(&["list", "--json"]));
        assert_eq!(list["services"][0]["service"]["id"], "tcp 172.16.5.11:80");
        let first = &list["services"][0]["destinations"][0]["destination"];
        assert_eq!(
            (&first["id"], &first["weight"]),
            (&"192.168.1.13:80".into(), &3.into())
        );
    })
}

fn without_privilege_nothing_is_changed() -> Outcome {
    on_a_node(|host| {
        let unprivileged = |node, state| {
            let mut command = command(&["apply", DR, "--node", node, "--state", state]);
            command.uid(65534).gid(65534).output().unwrap()
        };
        let lock = "lock /run/lvsctl: Permission denied";
        says(
            &unprivileged("director", "/run/lvsctl"),
            1,
            &[lock, "who usually is root"],
        );
        let own = "/run/unprivileged";
        std::fs::create_dir(own).unwrap();
        std::os::unix::fs::chown(own, Some(65534), Some(65534)).unwrap();
        says(
            &unprivileged("director", own),
            1,
            &["EPERM", "CAP_NET_ADMIN"],
        );
        let nothing = ["CAP_NET_ADMIN", "nothing was changed"];
        says(&unprivileged("realserver1", own), 1, &nothing);
        let eth0 = host.net().link(&"eth0".parse().unwrap()).unwrap();
        assert!(!eth0.up);
    })
}

/// Root of another user namespace, as in a rootless container, has every privilege there but IPVS.
fn root_of_a_container_is_told_why_it_fails() -> Outcome {
    on_a_node(|_| {
        let lvsctl = env!("CARGO_BIN_EXE_lvsctl");
        let contained = |arguments: &[&str]| {
            let mut unshare = Command::new("unshare");
            unshare.args(["--user", "--map-root-user", "--net", lvsctl]);
            unshare.args(arguments).output().unwrap()
        };
        let why = "CAP_NET_ADMIN in the initial user namespace";
        says(&contained(&["list"]), 1, &["EPERM", why]);
        let apply = contained(&["apply", DR, "--node", "director"]);
        says(&apply, 1, &["EPERM", why, "nothing was changed"]);
    })
}

fn without_ip_vs_nothing_is_changed() -> Outcome {
    for module in ["ip_vs_rr", "ip_vs_wrr", "ip_vs_wlc", "ip_vs"] {
        lvs_lab::unload_module(module).unwrap();
    }
    on_a_node(|host| {
        let output = lvsctl(&["apply", DR, "--node", "director"]);
        says(
            &output,
            1,
            &[
                "ip_vs is not loaded",
                "modprobe ip_vs",
                "nothing was changed",
            ],
        );
        assert!(!host.net().link(&"eth0".parse().unwrap()).unwrap().up);
        says(&lvsctl(&["list"]), 0, &["ip_vs is not loaded"]);
    })?;
    lvs_lab::load_module("ip_vs_wrr").unwrap();
    Ok(())
}

fn without_the_interface_nothing_is_changed() -> Outcome {
    Netns::create()?.run(|_| {
        let output = lvsctl(&["apply", DR, "--node", "realserver1"]);
        says(
            &output,
            1,
            &[
                "link eth0 does not exist on this node",
                "nothing was changed",
            ],
        );
    })
}

fn the_node_is_found_by_host_name() -> Outcome {
    on_a_node(|_| {
        std::fs::write("/proc/sys/kernel/hostname", "realserver1.example.org").unwrap();
        says(
            &lvsctl(&["plan", DR]),
            0,
            &["realserver1 (real server of web): 10 changes"],
        );
    })
}

/// Has every kind of line that `save` writes, in its order.
const SAVED: &str = "\
--set 800 100 200
-A -t 10.0.0.1:80 -s wrr -p 60
-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 5 -x 10 -y 3
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -g -w 1
-A -u [2001:db8::1]:53 -s rr -o
-A -f 4294967295 -s wlc
";

fn fed(arguments: &[&str], input: &str) -> Output {
    let mut command = command(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

/// Runs the test with `lo` up: IPVS accepts no real server while it is down.
fn with_lo(test: impl FnOnce() + Send) -> Outcome {
    on_a_node(|host| {
        host.net().set_up(&IfName::LO).unwrap();
        test();
    })
}

#[track_caller]
fn saves(expected: &str) {
    let output = lvsctl(&["save"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    assert_eq!(output.status.code(), Some(0));
}

fn saved_is_restored() -> Outcome {
    with_lo(|| {
        says(&fed(&["restore"], SAVED), 0, &["6 changes\n"]);
        saves(SAVED);
        says(
            &fed(&["restore", "--replace"], SAVED),
            0,
            &["nothing to do\n"],
        );
        let compatible = lvsctl(&["save", "--compatible"]);
        says(
            &compatible,
            0,
            &["-A -f -1 -s wlc\n-A -t 10.0.0.1:80", "-m -w 5\n"],
        );

        let twice = fed(&["restore"], "# again\n-A -t 10.0.0.1:80\n");
        says(
            &twice,
            1,
            &["line 2", "service tcp 10.0.0.1:80", "exists already"],
        );
        let unknown = fed(&["restore", "--replace"], "-A -f 1 -s nonesuch\n");
        says(
            &unknown,
            1,
            &["add service fwmark 1 ipv4", "ENOENT", "nonesuch"],
        );
        let wrong = fed(&["restore"], "-A -f 2\n-A -t web:80\n");
        says(
            &wrong,
            1,
            &["error: standard input: line 2: \"web\" is not an IP address; this host finds no"],
        );
        saves(SAVED);

        let less = fed(
            &["restore", "--replace"],
            "-A -f 4294967295 -s wlc\n-a -f -1 -r 10.1.0.1 -g -w2",
        );
        says(&less, 0, &["3 changes\n"]);
        saves(
            "--set 800 100 200\n-A -f 4294967295 -s wlc\n-a -f 4294967295 -r 10.1.0.1:0 -g -w 2\n",
        );
    })
}

fn direct_verbs() -> Outcome {
    with_lo(|| {
        let done = |line: &str| says(&lvsctl(&line.split(' ').collect::<Vec<_>>()), 0, &[]);
        done("service add -t 10.0.0.1:80 -s wrr -p 60");
        done("service edit -t 10.0.0.1:80 -s rr");
        done("destination add -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3 -x 9");
        done("destination edit -t 10.0.0.1:80 -r 10.1.0.1:8080 -w 5");
        done("destination add -t 10.0.0.1:80 -r 10.1.0.2");
        done("destination delete -t 10.0.0.1:80 -r 10.1.0.2");
        done("timeouts 800 0 200");
        done("daemon start backup --mcast-interface lo --syncid 7");
        done("zero");
        done("zero -t 10.0.0.1:80");
        saves(
            "--set 800 120 200\n-A -t 10.0.0.1:80 -s rr -p 60\n\
               -a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 5 -x 9\n\
               --start-daemon backup --mcast-interface lo --syncid 7 --sync-maxlen 65507 \
               --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1\n",
        );
        refusals();
        done("daemon stop backup");
        done("service delete -t 10.0.0.1:80");
        done("service add -f 1");
        done("flush");
        saves("--set 800 120 200\n");
    })
}

fn refusals() {
    let said = |line: &str, status, parts: &[&str]| {
        says(&lvsctl(&line.split(' ').collect::<Vec<_>>()), status, parts);
    };
    said(
        "service add -t 10.0.0.1:80",
        1,
        &["add service tcp 10.0.0.1:80", "EEXIST"],
    );
    said(
        "service add -u 10.0.0.1:80 -o -p",
        1,
        &["one-packet scheduling", "exclude each other"],
    );
    said(
        "service add -t 10.0.0.2:80 -w 3",
        64,
        &["\"-w\" does not go with \"-A\""],
    );
    said(
        "service edit -t 10.0.0.2:80 -s rr",
        1,
        &["service tcp 10.0.0.2:80", "does not exist; add it"],
    );
    said(
        "destination add -t 10.0.0.1:80 -r 10.1.0.9:81",
        64,
        &["service's port 80", "only -m"],
    );
    said(
        "destination delete -t 10.0.0.1:80 -r 10.1.0.9",
        1,
        &["ENOENT", "no such destination"],
    );
    said("zero -f 9", 1, &["zero counters of fwmark 9 ipv4", "ESRCH"]);
    said("daemon stop master", 1, &["not running"]);
}

fn every_list() -> Outcome {
    with_lo(|| {
        says(&fed(&["restore"], SAVED), 0, &[]);
        says(
            &lvsctl(&["daemon", "start", "master", "--mcast-interface", "lo"]),
            0,
            &[],
        );
        for (view, parts) in [
            (
                "--stats",
                &["CONNS  PKTS-IN", "udp [2001:db8::1]:53", "total"][..],
            ),
            ("--rates", &["CONNS/S", "  10.1.0.2:80"]),
            (
                "--thresholds",
                &["UPPER  LOWER", "10      3       0         0"],
            ),
            (
                "--persistent",
                &[
                    "WEIGHT  PERSISTENT",
                    "tcp 10.0.0.1:80 wrr persistent 60s /32\n",
                ],
            ),
            ("--connections", &["no connections\n"]),
            (
                "--timeouts",
                &["tcp      800s\ntcp-fin  100s\nudp      200s\n"],
            ),
            (
                "--daemon",
                &[
                    "ROLE",
                    "master  lo          0  224.0.0.81  8848    1        1472",
                ],
            ),
        ] {
            says(&lvsctl(&["list", view]), 0, parts);
            let json = json(&lvsctl(&["list", "--json", view]));
            assert_eq!(json["schema"], "lvsctl.list/1");
            let asked = view.trim_start_matches("--");
            let shown = json["services"].as_array().map(Vec::len);
            match asked {
                "connections" => assert!(json["connections"].is_array()),
                "timeouts" => assert_eq!(json["timeouts"]["tcp"], 800),
                "daemon" => assert_eq!(json["daemons"][0]["port"], 8848),
                _ => assert_eq!(shown, Some(3)),
            }
        }
        says(
            &lvsctl(&["list", "--stats", "--rates"]),
            64,
            &["cannot be used with"],
        );
    })
}

/// Every method, a mark of both families, and a service without destinations.
const METHODS: &str = "\
-A -t 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 3
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -g -w 0
-A -t 10.0.0.1:81 -s rr
-a -t 10.0.0.1:81 -r 10.1.0.1:81 -g -w 1
-a -t 10.0.0.1:81 -r 10.1.0.2:81 -i -w 1
-A -u [2001:db8::1]:53 -s rr -o
-a -u [2001:db8::1]:53 -r [2001:db8:1::1]:53 -m -w 1
-A -f 7 -s rr
-a -f 7 -r 10.1.0.9 -g -w 1
-A -f 7 -6 -s wlc
-a -f 7 -6 -r [2001:db8:1::9] -g -w 2
-A -f 8 -s rr
";

const METHODS_LISTED: &str = "\
FORWARDING WEIGHT ACTIVE INACTIVE
tcp 10.0.0.1:80 rr
10.1.0.2:80 dr 0 0 0
10.1.0.1:80 nat 3 0 0
tcp 10.0.0.1:81 rr
10.1.0.2:81 tunnel 1 0 0
10.1.0.1:81 dr 1 0 0
udp [2001:db8::1]:53 rr one-packet
[2001:db8:1::1]:53 nat 1 0 0
fwmark 7 ipv4 rr
10.1.0.9:0 dr 1 0 0
fwmark 7 ipv6 wlc
[2001:db8:1::9]:0 dr 2 0 0
fwmark 8 ipv4 rr
total 0 0
";

/// The list shows everything, and what was flushed is restored the same.
fn the_plain_list_is_whole_and_flushed() -> Outcome {
    with_lo(|| {
        for _ in 0..2 {
            says(&fed(&["restore"], METHODS), 0, &["13 changes"]);
            let listed = String::from_utf8(lvsctl(&["list"]).stdout).unwrap();
            let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            let lines: Vec<_> = listed.lines().map(words).collect();
            assert_eq!(lines.join("\n"), METHODS_LISTED.trim_end());
            says(&lvsctl(&["flush"]), 0, &[]);
            says(&lvsctl(&["list"]), 0, &["no services\n"]);
        }
    })
}

fn check_reads_this_node() -> Outcome {
    on_a_node(|_| {
        let check = || lvsctl(&["check", DR, "--node", "realserver1"]);
        says(&check(), 1, &["LVS067 error realserver1 lo: lo is down"]);
        lvsctl(&["apply", DR, "--node", "realserver1"]);
        // The rest is applied, but no web server runs here.
        let nothing_listens = "LVS033 error realserver1 tcp 172.16.5.11:80";
        says(&check(), 1, &["ok arp: ", "ok upkeep: ", nothing_listens]);
        let server = std::net::TcpListener::bind("172.16.5.11:80").unwrap();
        says(&check(), 0, &["ok services: "]);
        drop(server);
    })
}

/// The clock is compared with Debian's chrony on the same node; without an answer nothing is known of it.
fn check_asks_for_the_time() -> lvs_lab::Result<()> {
    let file = "/run/web.toml";
    let text = std::fs::read_to_string(DR).unwrap() + "\n[time]\nntp-server = \"127.0.0.1\"\n";
    std::fs::write(file, text).unwrap();
    let check = |status, parts: &[&str]| {
        let output = lvsctl(&["check", file, "--node", "director"]);
        says(&output, status, parts);
    };
    Netns::create()?.run(|host| {
        host.net().set_up(&IfName::LO)?;
        let chrony = lvs_lab::chrony(&Netns::current()?)?;
        check(1, &["ok clock: "]);
        drop(chrony);
        check(1, &["LVS049 warning director 127.0.0.1"]);
        Ok(())
    })?
}

fn saved_facts_give_the_same_findings() -> Outcome {
    on_a_node(|_| {
        lvsctl(&["apply", DR, "--node", "director"]);
        let facts = "/run/facts.json";
        let here = lvsctl(&["check", DR, "--node", "director", "--save-facts", facts]);
        says(&here, 0, &["LVS042 note director traffic"]);
        let elsewhere = lvsctl(&["check", DR, "--facts", facts]);
        says(&here, 0, &["check of node director on this host\n"]);
        says(&elsewhere, 0, &["check of node director by saved facts\n"]);
        let lines = |output: &Output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.split_once('\n').unwrap().1.to_owned()
        };
        assert_eq!(lines(&elsewhere), lines(&here));
    })
}

fn what_is_imported_plans_nothing() -> Outcome {
    on_a_node(|_| {
        let applied = lvsctl(&["apply", DR, "--node", "director"]);
        says(&applied, 0, &["done and verified"]);
        let imported = lvsctl(&["import", "kernel", "--node", "director"]);
        says(
            &imported,
            0,
            &["address = \"172.16.5.11:80\"", "directives: "],
        );
        let file = "/run/imported.toml";
        std::fs::write(file, &imported.stdout).unwrap();
        let plan = [
            "plan",
            file,
            "--node",
            "director",
            "--exit-code",
            "--state",
            "/run/other",
        ];
        says(&lvsctl(&plan), 0, &["nothing to do"]);
    })
}
