//! How it ends, and what it does with files.

use std::fs;
use std::process::Output;
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::Host;
use lvs_core::net::Address;
use lvs_lab::http::Kept;
use nix::sys::signal::Signal;

use crate::run::checks::reports;
use crate::run::resident::{DR, PATIENCE, Resident, checked, with_keys};

/// The table is the same, and no healthy server loses traffic.
pub(crate) fn killed_and_started_again() {
    let mut resident = Resident::new(&checked(DR), &[]);
    resident.lab.stop_servers("realserver1");
    resident.waits_for(&[0, 3]);
    let table = resident.prints(&["save"]);
    resident.end(Signal::SIGKILL);
    assert_eq!(resident.prints(&["save"]), table);
    resident.serves(4);
    // Another apply does not bring the dead server back meanwhile, and all say why.
    let left = "192.168.1.12:80 of tcp 172.16.5.11:80 has weight 0, not 2";
    for verb in ["plan", "apply"] {
        let said = resident.prints(&[verb]);
        assert!(
            said.contains(left) && said.contains("was killed"),
            "{verb}: {said}"
        );
    }
    assert_eq!(resident.prints(&["save"]), table);
    let status = resident.prints(&["status"]);
    assert!(
        status.contains("by health, when a controller ran last"),
        "{status}"
    );
    let report = resident.lvsctl(&["check"]);
    reports(&report, 1, "LVS094 error director director: none runs for");
    reports(&report, 1, left);
    resident.start();
    assert_eq!(
        resident.prints(&["save"]),
        table,
        "nothing is known yet, and nothing changes"
    );
    resident.serves(8);
    resident.waits("health", || {
        resident.prints(&["status"]).contains("connection refused")
    });
    assert_eq!(resident.prints(&["save"]), table);
    let report = resident.lvsctl(&["check"]);
    let report = String::from_utf8_lossy(&report.stdout);
    assert!(
        !report.contains("LVS094") && !report.contains("LVS095"),
        "{report}"
    );
    assert_eq!(resident.end(Signal::SIGTERM), 0);
    let untested =
        "LVS095 warning director director: none runs, and tcp 172.16.5.11:80 has a check";
    // The weight that health has left is no error: the other one serves, and only probes can tell whether it may rise.
    let report = resident.lvsctl(&["check"]);
    reports(&report, 0, untested);
    reports(&report, 0, left);
    is_fixed_by_run(&report);
    starts_again(&mut resident, &table);
    assert_eq!(resident.end(Signal::SIGTERM), 0);
    let applied = resident.prints(&["apply"]);
    assert!(applied.contains("until `lvsctl run` runs"), "{applied}");
}

/// Executes what `check` says: no request fails, before the probes and after, and the table stays.
fn starts_again(resident: &mut Resident, table: &str) {
    resident.start();
    resident.serves(8);
    assert_eq!(resident.prints(&["save"]), table);
    resident.waits("health", || {
        resident.prints(&["status"]).contains("connection refused")
    });
    resident.serves(8);
    assert_eq!(resident.prints(&["save"]), table);
}

/// What `check` says of weights that health has left names the controller, and no apply.
#[track_caller]
fn is_fixed_by_run(report: &Output) {
    let text = String::from_utf8_lossy(&report.stdout);
    let (_, of_health) = text.split_once("LVS095 ").unwrap();
    let mut fixes = of_health
        .lines()
        .filter_map(|line| line.split_once("fix: "));
    assert_eq!(fixes.next(), Some(("  ", "lvsctl run FILE")), "{text}");
    let names_apply = text.contains("LVS044") || text.contains("lvsctl apply");
    assert!(!names_apply, "{text}");
}

/// A real server that health has deleted is not added by what `check` says after the end.
pub(crate) fn ended_while_a_server_is_removed() {
    let mut resident = Resident::new(&with_keys(DR, "on-failure = \"remove\""), &[]);
    resident.lab.stop_servers("realserver1");
    resident.waits_for(&[3]);
    let table = resident.prints(&["save"]);
    assert_eq!(resident.end(Signal::SIGTERM), 0);
    resident.serves(4);
    let report = resident.lvsctl(&["check"]);
    let left =
        "192.168.1.12:80 of tcp 172.16.5.11:80 is not in the table, and has weight 2 in the file";
    reports(&report, 0, left);
    is_fixed_by_run(&report);
    starts_again(&mut resident, &table);
}

/// At up to a hundred moments, from the first instruction on: the table stays, and so do connections.
pub(crate) fn killed_at_any_moment() {
    let mut resident = Resident::new(&checked(DR), &[]);
    resident.lab.stop_servers("realserver1");
    resident.waits_for(&[0, 3]);
    let table = resident.prints(&["save"]);
    let address = "172.16.5.11:80".parse().unwrap();
    let open = |_: &mut Host| Kept::open(address, PATIENCE).unwrap();
    let mut kept = resident.lab.network().client().run(open).unwrap();
    assert_eq!(kept.fetch().unwrap(), "realserver2");
    resident.end(Signal::SIGKILL);
    let began = Instant::now();
    let mut kills = 0;
    while kills < 100 && began.elapsed() < PATIENCE * 2 {
        let mut child = resident.spawn();
        thread::sleep(Duration::from_millis(kills * 61 % 700));
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        if kills % 8 == 0 {
            assert_eq!(kept.fetch().unwrap(), "realserver2");
            resident.serves(1);
        }
    }
    println!("killed {kills} times");
    assert_eq!(resident.prints(&["save"]), table);
    resident.start();
    resident.waits("health", || {
        let status = resident.prints(&["status"]);
        status.contains("connection refused") && status.contains(" up ")
    });
    assert_eq!(resident.prints(&["save"]), table);
    assert_eq!(kept.fetch().unwrap(), "realserver2");
    resident.serves(4);
}

pub(crate) fn sigterm_leaves_the_table() {
    let mut resident = Resident::new(&checked(DR), &[]);
    resident.lab.stop_servers("realserver1");
    resident.waits_for(&[0, 3]);
    let table = resident.prints(&["save"]);
    let (status, messages) = resident.ends(Signal::SIGTERM);
    assert_eq!(status, 0);
    assert!(
        messages
            .iter()
            .any(|line| line.contains("the table stays as it is")),
        "{messages:#?}"
    );
    assert_eq!(resident.prints(&["save"]), table);
    resident.serves(4);
    let status = resident.prints(&["status"]);
    assert!(status.contains("no controller runs"), "{status}");
    assert!(
        status.contains("realserver1"),
        "the record knows names: {status}"
    );
    let metrics = resident.prints(&["metrics"]);
    assert!(metrics.contains("real_server=\"realserver1\""), "{metrics}");
    // Now the file counts again.
    resident.prints(&["apply"]);
    resident.waits_for(&[2, 3]);
    resident.prints(&["remove"]);
    assert_eq!(resident.weights(), []);
    assert!(
        !resident.prints(&["save"]).contains("-f "),
        "probe services are removed"
    );

    let mut resident = Resident::new(&checked(DR), &["--remove-on-exit"]);
    assert_eq!(resident.end(Signal::SIGINT), 0);
    assert_eq!(resident.weights(), []);
}

pub(crate) fn a_file_with_a_mistake_is_refused() {
    let mut resident = Resident::new(&checked(DR), &[]);
    let table = resident.prints(&["save"]);
    fs::write(
        &resident.file,
        checked(DR).replace("weight = 2", "wieght = 2"),
    )
    .unwrap();
    resident.send(Signal::SIGHUP);
    resident.waits_for_message("wieght");
    assert_eq!(resident.prints(&["save"]), table);
    // One that cannot be applied.
    let elsewhere = checked(DR).replace("interface = \"eth0\"", "interface = \"eth9\"");
    fs::write(&resident.file, elsewhere).unwrap();
    resident.send(Signal::SIGHUP);
    resident.waits_for_message("eth9");
    assert_eq!(resident.prints(&["save"]), table);
    // It goes on by the old one.
    resident.lab.stop_servers("realserver1");
    resident.waits_for(&[0, 3]);
    resident.serves(4);
}

pub(crate) fn a_new_file_is_loaded_when_it_appears() {
    let mut resident = Resident::new(&checked(DR), &[]);
    resident.lab.stop_servers("realserver1");
    resident.waits_for(&[0, 3]);
    let text = checked(DR).replace("weight = 3", "weight = 7");
    // As an editor does: another file in its place.
    fs::write("/run/web.new", text).unwrap();
    fs::rename("/run/web.new", &resident.file).unwrap();
    resident.waits_for(&[0, 7]);
    let news = resident.messages();
    let downs = news.iter().filter(|line| line.contains("is down")).count();
    assert_eq!(
        downs, 1,
        "the state of a check that did not change is kept: {news:#?}"
    );
    resident.serves(4);
}

/// A program that takes long, and ignores SIGTERM, does not outlive it.
pub(crate) fn programs_end_with_it() {
    const PROGRAM: &str = r#"check = { type = "program", command = ["/bin/sh", "-c", "trap '' TERM; sleep 4321; sleep 4321"], timeout = "2m", interval = "5m", fast-interval = "1s" }"#;
    let text = DR.replace("[[services]]", &format!("[[services]]\n{PROGRAM}"));
    let mut resident = Resident::idle(&text, "director", &[]);
    resident.start();
    resident.waits("programs", || sleeping() == 2);
    resident.end(Signal::SIGTERM);
    resident.waits("their end", || sleeping() == 0);
}

/// The file itself adds the first address; the second one comes later.
pub(crate) fn metrics_wait_for_their_address() {
    let page = |resident: &Resident, address: &str| {
        let address = address.parse().unwrap();
        resident.on_director(|_| Kept::open(address, PATIENCE).map(drop))
    };
    let mut resident = Resident::new(&checked(DR), &["--metrics", "172.16.5.11:9677"]);
    assert!(page(&resident, "172.16.5.11:9677").is_ok());
    let messages = resident.messages();
    assert!(
        !messages.iter().any(|line| line.contains("scrapes")),
        "{messages:#?}"
    );
    assert_eq!(resident.end(Signal::SIGTERM), 0);

    resident.options = ["--metrics", "172.16.5.77:9677"].map(str::to_owned).into();
    resident.start();
    resident.waits_for_message("does not have the address now");
    resident.on_director(|host| {
        let network = "172.16.5.77/32".parse().unwrap();
        let address = Address::new("lo".parse().unwrap(), network);
        host.net().add_address(&address).unwrap();
    });
    resident.waits("metrics", || page(&resident, "172.16.5.77:9677").is_ok());
    let told = resident.messages();
    let told = told.iter().filter(|line| line.contains("scrapes"));
    assert_eq!(told.count(), 1);
}

pub(crate) fn standard_input_is_read_once() {
    let mut resident = Resident::idle(&checked(DR), "director", &[]);
    resident.file = "-".into();
    resident.start();
    resident.settle();
    resident.send(Signal::SIGHUP);
    resident.waits_for_message("standard input is read once");
    resident.lab.stop_servers("realserver1");
    resident.waits_for(&[0, 3]);
    // Longer than it takes until a file that is gone is refused.
    thread::sleep(Duration::from_secs(4));
    let status = resident.prints(&["status"]);
    assert!(!status.contains("an older file is in force"), "{status}");
    let messages = resident.messages();
    assert!(
        !messages.iter().any(|line| line.contains(": refused")),
        "{messages:#?}"
    );
}

/// How many sleep so long, each for one server.
fn sleeping() -> usize {
    let commands = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    commands
        .filter(|command| command.as_slice() == b"sleep\x004321\x00")
        .count()
}
