//! The verbs of lvsctl on a real kernel.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

use lvs_core::{Host, IfName, Netns};

mod checks;
mod direct;
mod reports;
mod tables;

lvs_lab::tests! {
    plan_apply_list_remove,
    json_reports,
    without_privilege_nothing_is_changed,
    root_of_a_container_is_told_why_it_fails,
    without_ip_vs_nothing_is_changed,
    without_the_interface_nothing_is_changed,
    the_node_is_found_by_host_name,
    checks::check_reads_this_node,
    checks::check_asks_for_the_time,
    checks::saved_facts_give_the_same_findings,
    direct::saved_is_restored,
    checks::what_is_imported_plans_nothing,
    direct::direct_verbs,
    direct::every_list,
    direct::the_plain_list_is_whole_and_flushed,
    reports::quiet_changes_print_errors_only,
    reports::what_changed_is_told_as_json,
    reports::what_was_restored_is_told_as_json,
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
