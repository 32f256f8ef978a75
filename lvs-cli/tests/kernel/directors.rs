//! lvsctl on two directors, on a real kernel: roles, announcements, rollback and removal.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use lvs_core::net::{Address, Route};
use lvs_core::{Cluster, Host};
use lvs_lab::Lab;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

lvs_lab::tests! {
    a_role_is_kept_until_another_is_given,
    a_director_that_joins_grows,
    a_takeover_needs_nothing_of_the_other_director,
    a_standby_releases_addresses_even_if_a_step_fails,
    a_standby_releases_addresses_even_if_refused,
    an_unconfirmed_role_is_rolled_back,
    roles_are_reported,
    a_drain_names_the_other_director,
    a_difference_of_a_standby_needs_no_take_over,
    a_failed_announcement_is_reported,
    a_role_passes_a_pending_confirmation,
    a_standby_releases_addresses_whatever_is_wrong,
    an_active_director_takes_over_where_nothing_can_be_recorded,
}

const TWO: &str = include_str!("../../../examples/two_directors.toml");
/// The cluster file, in the guest.
const FILE: &str = "/run/web.toml";

fn lab() -> Lab {
    fs::write(FILE, TWO).unwrap();
    let lab = Lab::new(&Cluster::from_toml(TWO).unwrap(), 1).unwrap();
    for server in ["realserver1", "realserver2"] {
        says(&run(&lab, server, "apply", &[]), 0, &["done and verified"]);
    }
    lab
}

fn command(node: &str, verb: &str, options: &[&str]) -> Vec<String> {
    let state = format!("/run/state-{node}");
    let program = env!("CARGO_BIN_EXE_lvsctl");
    let on_file = [program, verb, FILE, "--node", node, "--state", &state];
    let words = match verb {
        "list" => &[program, verb],
        _ => &on_file[..],
    };
    let words = words.iter().chain(options);
    words.map(ToString::to_string).collect()
}

/// A program inherits the namespace of the thread that starts it.
fn start(lab: &Lab, node: &str, words: &[String]) -> Output {
    let (program, arguments) = words.split_first().unwrap();
    let run = |_: &mut Host| Command::new(program).args(arguments).output().unwrap();
    lab.node(node).unwrap().run(run).unwrap()
}

fn run(lab: &Lab, node: &str, verb: &str, options: &[&str]) -> Output {
    start(lab, node, &command(node, verb, options))
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

fn snapshot(lab: &Lab, node: &str) -> (Vec<Address>, Vec<Route>) {
    let read = |host: &mut Host| {
        (
            host.net().addresses().unwrap(),
            host.net().routes().unwrap(),
        )
    };
    lab.node(node).unwrap().run(read).unwrap()
}

fn carries(lab: &Lab, node: &str, ip: &str) -> bool {
    let (addresses, _) = snapshot(lab, node);
    addresses
        .iter()
        .any(|address| address.id.network.addr().to_string() == ip)
}

const ANNOUNCED: &str = "announced 172.16.5.11/16 on eth0, 192.168.1.11/24 on eth1";

fn a_role_is_kept_until_another_is_given() {
    let lab = lab();
    let lvsctl = |verb, options: &[&str]| run(&lab, "lb1", verb, options);
    let before = snapshot(&lab, "lb1");
    let undecided = "lb1: role is unknown; the file has two directors, lb1 and lb2";
    says(&lvsctl("apply", &[]), 64, &[undecided]);
    let (active, standby) = (
        "lb1 (active director of web)",
        "lb1 (standby director of web)",
    );
    says(
        &lvsctl("apply", &["--role", "active"]),
        0,
        &[active, "done and verified", ANNOUNCED],
    );
    says(&lvsctl("apply", &[]), 0, &[active, "nothing to do"]);
    says(
        &lvsctl("apply", &["--role", "standby"]),
        0,
        &[standby, "2 changes"],
    );
    says(&lvsctl("apply", &[]), 0, &[standby, "nothing to do"]);
    let ahead = lvsctl("plan", &["--role", "active", "--exit-code"]);
    says(&ahead, 2, &[active, "2 changes"]);

    // Another file does not change it either.
    fs::write(FILE, TWO.replace("\"rr\"", "\"wlc\"")).unwrap();
    says(&lvsctl("apply", &[]), 0, &[standby, "1 change\n"]);
    assert!(!carries(&lab, "lb1", "172.16.5.11"));
    says(
        &lvsctl("apply", &["--role", "active"]),
        0,
        &[active, "2 changes"],
    );
    assert!(carries(&lab, "lb1", "172.16.5.11"));

    says(&lvsctl("remove", &[]), 0, &["lb1 (director of web)"]);
    assert_eq!(snapshot(&lab, "lb1"), before);
    says(&lvsctl("plan", &[]), 64, &[undecided]);
}

/// One that is active would be standby only by name, and keep the addresses.
fn a_director_that_joins_grows() {
    let lab = lab();
    let grow = |node, role| run(&lab, node, "apply", &["--grow", "--role", role]);
    says(
        &run(&lab, "lb1", "apply", &["--role", "active"]),
        0,
        &["done and verified"],
    );
    let kept = "has to be released by a standby, and growing deletes nothing";
    says(&grow("lb1", "standby"), 1, &[kept, "apply without --grow"]);
    assert!(carries(&lab, "lb1", "172.16.5.11"));
    let still = "lb1 (active director of web): nothing to do";
    says(&run(&lab, "lb1", "apply", &[]), 0, &[still]);

    says(
        &grow("lb2", "standby"),
        0,
        &["lb2 (standby director of web)", "done and verified"],
    );
    assert!(!carries(&lab, "lb2", "172.16.5.11"));
    let rest = [
        "lb2 (standby director of web)",
        "+ daemon master",
        "done and verified",
    ];
    says(&run(&lab, "lb2", "apply", &[]), 0, &rest);
    lab.wait_for_servers().unwrap();
    let answers = lab.ask(&"tcp 172.16.5.11:80".parse().unwrap(), 4).unwrap();
    assert_eq!(answers.shares().len(), 2, "{answers}");
}

/// The other director died before it became standby.
fn a_takeover_needs_nothing_of_the_other_director() {
    let lab = lab();
    let role = |node, role| run(&lab, node, "apply", &["--role", role]);
    says(&role("lb2", "standby"), 0, &["done and verified"]);
    says(&role("lb1", "active"), 0, &["done and verified"]);
    lab.wait_for_servers().unwrap();
    let service = "tcp 172.16.5.11:80".parse().unwrap();
    lab.request(&service, 0).unwrap();
    let die = |host: &mut Host| {
        for name in ["eth0", "eth1"] {
            host.net().set_down(&name.parse().unwrap()).unwrap();
        }
    };
    lab.node("lb1").unwrap().run(die).unwrap();
    says(&role("lb2", "active"), 0, &["2 changes", ANNOUNCED]);
    lab.request(&service, 0).unwrap();
}

const RELEASED: &str = "the floating addresses stay released";

/// Two directors with the same address are worse than one that is incomplete.
fn a_standby_releases_addresses_even_if_a_step_fails() {
    let lab = lab();
    let lvsctl = |verb, options: &[&str]| run(&lab, "lb1", verb, options);
    says(
        &lvsctl("apply", &["--role", "active"]),
        0,
        &["done and verified"],
    );
    // In the guest no program loads the module of this scheduler.
    fs::write(FILE, TWO.replace("\"rr\"", "\"lblcr\"")).unwrap();
    let failed = lvsctl("apply", &["--role", "standby"]);
    says(&failed, 3, &["lblcr", RELEASED]);
    assert!(!carries(&lab, "lb1", "172.16.5.11") && carries(&lab, "lb1", "172.16.5.21"));
    fs::write(FILE, TWO).unwrap();
    says(
        &lvsctl("apply", &[]),
        0,
        &["lb1 (standby director of web): nothing to do"],
    );
    says(&lvsctl("list", &[]), 0, &["tcp 172.16.5.11:80 rr"]);
}

fn a_standby_releases_addresses_even_if_refused() {
    let lab = lab();
    let lvsctl = |verb, options: &[&str]| run(&lab, "lb1", verb, options);
    let program = env!("CARGO_BIN_EXE_lvsctl").to_owned();
    let words = "service add -t 172.16.5.11:22"
        .split(' ')
        .map(str::to_owned);
    let words: Vec<_> = [program].into_iter().chain(words).collect();
    says(&start(&lab, "lb1", &words), 0, &[]);
    let carry = |host: &mut Host| {
        let network = "172.16.5.11/16".parse().unwrap();
        let address = Address::new("eth0".parse().unwrap(), network);
        host.net().add_address(&address).unwrap();
    };
    lab.node("lb1").unwrap().run(carry).unwrap();
    let refused = "tcp 172.16.5.11:22 is on a virtual IP of the cluster, but not in the file";
    says(
        &lvsctl("apply", &["--role", "standby"]),
        3,
        &[refused, RELEASED],
    );
    assert!(!carries(&lab, "lb1", "172.16.5.11"));
    says(
        &lvsctl("apply", &[]),
        1,
        &["lb1 (standby", refused, "nothing was changed"],
    );
}

/// Without a confirmation the floating addresses come back, too.
fn an_unconfirmed_role_is_rolled_back() {
    let lab = lab();
    let lvsctl = |verb, options: &[&str]| run(&lab, "lb1", verb, options);
    says(
        &lvsctl("apply", &["--role", "active"]),
        0,
        &["done and verified"],
    );
    let unconfirmed = lvsctl("apply", &["--role", "standby", "--confirm", "1s"]);
    says(&unconfirmed, 1, &["not confirmed in time", "rolled back"]);
    assert!(carries(&lab, "lb1", "172.16.5.11"));
    says(
        &lvsctl("apply", &[]),
        0,
        &["lb1 (active director of web): nothing to do"],
    );
}

fn roles_are_reported() {
    let lab = lab();
    let output = run(&lab, "lb2", "apply", &["--role", "active", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["role"], "active");
    assert_eq!(json["announced"][1], "192.168.1.11/24 on eth1");
    assert_eq!(json["not_announced"], serde_json::json!([]));
    let output = run(
        &lab,
        "lb2",
        "plan",
        &["--role", "standby", "--format", "json"],
    );
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["role"], "standby");
    assert_eq!(json["phases"][0]["name"], "released addresses");
}

/// A takeover without announcements is better than none: it is completed.
fn a_failed_announcement_is_reported() {
    let lab = lab();
    let mut words = vec![
        "setpriv".to_owned(),
        "--bounding-set".to_owned(),
        "-net_raw".to_owned(),
    ];
    words.extend(command("lb2", "apply", &["--role", "active"]));
    let problem = "warning: the change is complete, but an address was not announced: announce 172.16.5.11 on eth0";
    says(
        &start(&lab, "lb2", &words),
        0,
        &["done and verified", problem, "CAP_NET_RAW"],
    );
    assert!(carries(&lab, "lb2", "172.16.5.11"));
}

fn spawn(lab: &Lab, words: &[String]) -> Child {
    let (program, arguments) = words.split_first().unwrap();
    let run = |_: &mut Host| {
        let mut command = Command::new(program);
        let command = command.args(arguments).stdout(Stdio::piped());
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    lab.node("lb1").unwrap().run(run).unwrap()
}

/// The role changes at once, no other change is made, and what is rolled back then keeps the role.
fn a_role_passes_a_pending_confirmation() {
    let lab = lab();
    let lvsctl = |verb, options: &[&str]| run(&lab, "lb1", verb, options);
    let standby = lvsctl("apply", &["--role", "standby"]);
    says(&standby, 0, &["done and verified"]);
    let changed = TWO.replacen("172.16.5.11:80\"", "172.16.5.11:8080\"", 1);
    assert_ne!(changed, TWO);
    fs::write(FILE, changed).unwrap();
    let mut pending = spawn(&lab, &command("lb1", "apply", &["--confirm", "1h"]));
    let messages = BufReader::new(pending.stderr.take().unwrap());
    let is_asked = |line: &String| line.contains("unless `lvsctl confirm` is run");
    let mut messages = messages.lines().map(Result::unwrap);
    assert!(messages.any(|line| is_asked(&line)));
    let active = lvsctl("apply", &["--role", "active"]);
    says(&active, 0, &["done and verified", ANNOUNCED]);
    assert!(carries(&lab, "lb1", "172.16.5.11"));
    let refused = lvsctl("remove", &[]);
    says(
        &refused,
        1,
        &["waits for a confirmation for", "`lvsctl confirm`"],
    );

    let id = i32::try_from(pending.id()).unwrap();
    kill(Pid::from_raw(id), Signal::SIGQUIT).unwrap();
    assert_eq!(pending.wait().unwrap().code(), Some(1));
    assert!(messages.any(|line| line.contains("rolled back")));
    assert!(carries(&lab, "lb1", "172.16.5.11"), "the role stays");
    let list = String::from_utf8(lvsctl("list", &[]).stdout).unwrap();
    assert!(
        list.contains("172.16.5.11:80 ") && !list.contains(":8080"),
        "{list}"
    );
    fs::write(FILE, TWO).unwrap();
    let same = "lb1 (active director of web): nothing to do";
    says(&lvsctl("apply", &[]), 0, &[same]);
}

fn a_standby_releases_addresses_whatever_is_wrong() {
    let lab = lab();
    let lvsctl = |verb, options: &[&str]| run(&lab, "lb1", verb, options);
    let record = "/run/state-lb1/web@lb1.json";
    let wrongs: [(fn(), &str); 3] = [
        (
            || fs::write(FILE, format!("{TWO}\nx = 1\n")).unwrap(),
            "unknown key",
        ),
        (
            || fs::write("/run/state-lb1/web@lb1.json", "{").unwrap(),
            "EOF",
        ),
        (
            || fs::write("/run/state-lb1/other@lb1.json", "{").unwrap(),
            "done and verified",
        ),
    ];
    for (wrong, message) in wrongs {
        says(&lvsctl("apply", &["--role", "active"]), 0, &[]);
        let kept = fs::read(record).unwrap();
        assert!(carries(&lab, "lb1", "172.16.5.11"));
        wrong();
        let released = lvsctl("apply", &["--role", "standby"]);
        let status = if message.starts_with("done") { 0 } else { 3 };
        says(&released, status, &[message]);
        assert!(!carries(&lab, "lb1", "172.16.5.11"), "{message}");
        fs::write(FILE, TWO).unwrap();
        fs::write(record, kept).unwrap();
    }
    says(&lvsctl("apply", &["--role", "active"]), 0, &[]);
    let lock = ["/run/state-lb1/lock", "sleep", "1000"];
    let mut holder = Command::new("flock")
        .args(["-F"])
        .args(lock)
        .spawn()
        .unwrap();
    let is_held = || {
        Command::new("flock")
            .args(["-n", "/run/state-lb1/lock", "true"])
            .status()
    };
    while is_held().unwrap().success() {}
    let released = lvsctl("apply", &["--role", "standby"]);
    says(
        &released,
        3,
        &["not known", "only the floating addresses were released"],
    );
    assert!(!carries(&lab, "lb1", "172.16.5.11"));
    holder.kill().unwrap();
    holder.wait().unwrap();
}

fn an_active_director_takes_over_where_nothing_can_be_recorded() {
    let lab = lab();
    let lvsctl = |verb, options: &[&str]| run(&lab, "lb2", verb, options);
    says(&lvsctl("apply", &["--role", "standby"]), 0, &[]);
    let state = "/run/state-lb2";
    let mount = ["-t", "tmpfs", "-o", "ro,mode=700", "tmpfs", state];
    assert!(
        Command::new("mount")
            .args(mount)
            .status()
            .unwrap()
            .success()
    );
    let active = lvsctl("apply", &["--role", "active"]);
    assert!(
        Command::new("umount")
            .arg(state)
            .status()
            .unwrap()
            .success()
    );
    says(&active, 0, &["done and verified", "Read-only file system"]);
    assert!(carries(&lab, "lb2", "172.16.5.11"));
}

fn applied() -> Lab {
    let lab = lab();
    let apply = |node, role| run(&lab, node, "apply", &["--role", role]);
    says(&apply("lb1", "active"), 0, &["done and verified"]);
    says(&apply("lb2", "standby"), 0, &["done and verified"]);
    lab
}

/// Each has a record of its own.
fn a_drain_names_the_other_director() {
    let lab = applied();
    let state = "/run/state-lb1";
    let program = env!("CARGO_BIN_EXE_lvsctl");
    for verb in ["drain", "undrain"] {
        let words = [program, verb, "realserver1", "--state", state];
        let output = start(&lab, "lb1", &words.map(str::to_owned));
        let there = format!("on lb2, before a takeover: lvsctl {verb} realserver1");
        says(&output, 0, &[&there]);
    }
}

fn a_difference_of_a_standby_needs_no_take_over() {
    let lab = applied();
    let edit = [
        env!("CARGO_BIN_EXE_lvsctl"),
        "destination",
        "edit",
        "-t",
        "172.16.5.11:80",
        "-r",
        "192.168.1.12:80",
        "-w",
        "0",
    ];
    says(&start(&lab, "lb2", &edit.map(str::to_owned)), 0, &[]);
    let report = run(&lab, "lb2", "check", &[]);
    let text = String::from_utf8_lossy(&report.stdout);
    assert!(
        text.contains("LVS044 warning lb2 192.168.1.12:80")
            && text.contains("fix: lvsctl apply FILE\n"),
        "{text}"
    );
    says(&run(&lab, "lb2", "apply", &[]), 0, &["done and verified"]);
}
