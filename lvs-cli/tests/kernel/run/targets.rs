//! Destinations that another program finds, by `file_sd` of Prometheus.

use std::fs;

use nix::sys::signal::Signal;

use crate::run::resident::{DR, Resident, checked, says};

const TARGETS: &str = "/run/targets.json";
const BOTH: &str = r#"[
  {"targets": ["192.168.1.12:80"], "labels": {"name": "realserver1", "weight": "2"}},
  {"targets": ["192.168.1.13:80"], "labels": {"weight": "3"}}
]"#;
const SECOND: &str = r#"[{"targets": ["192.168.1.13:80"], "labels": {"weight": "3"}}]"#;

/// The cluster without its real servers.
fn file() -> String {
    let (text, _) = DR.split_once("[[real-servers]]").unwrap();
    let (defaults, destinations) = (
        "defaults = { interface = \"eth0\", gateway = \"192.168.1.254\" }",
        format!("destinations = [{{ file-sd = \"{TARGETS}\" }}]"),
    );
    checked(text)
        .replace("\n[director]\n", &format!("\n{defaults}\n[director]\n"))
        .replace("scheduler =", &format!("{destinations}\nscheduler ="))
}

/// As a program does that wants no reader to see half of it.
fn write(text: &str) {
    write_to(TARGETS, text);
}

fn write_to(path: &str, text: &str) {
    fs::write("/run/targets.new", text).unwrap();
    fs::rename("/run/targets.new", path).unwrap();
}

pub(crate) fn targets_of_another_program_are_served() {
    let mut resident = Resident::idle(&checked(DR), "director", &[]);
    fs::write(&resident.file, file()).unwrap();
    says(&resident.lvsctl(&["run"]), 1, "targets.json: No such file");
    write(SECOND);
    resident.start();
    resident.waits_for(&[3]);
    resident.settle();
    resident.serves(4);
    write(BOTH);
    resident.waits_for(&[2, 3]);
    let status = resident.prints(&["status"]);
    assert!(
        status.contains("realserver1") && status.contains("192.168.1.13"),
        "{status}"
    );
    for (text, problem) in [
        ("[{", "the text is not JSON"),
        ("[]", "has no targets"),
        (r#"[{"targets": ["web1:80"]}]"#, "is not ADDRESS:PORT"),
        (r#"{"targets": []}"#, "expected a list of tables"),
    ] {
        write(text);
        resident.waits_for_message(problem);
        resident.waits_for(&[2, 3]);
    }
    fs::remove_file(TARGETS).unwrap();
    resident.waits_for_message("No such file");
    resident.serves(4);
    resident.waits_for(&[2, 3]);
    write(SECOND);
    resident.waits_for(&[3]);
    resident.serves(4);
}

/// A target that goes, or gets weight 0, leaves the service below its minimum: that is told, and the file is followed.
pub(crate) fn fewer_targets_than_the_minimum_are_followed() {
    let mut resident = Resident::idle(&checked(DR), "director", &[]);
    let text = file().replace("scheduler =", "minimum = 2\nscheduler =");
    fs::write(&resident.file, text).unwrap();
    write(BOTH);
    resident.start();
    resident.waits_for(&[2, 3]);
    resident.settle();
    write(SECOND);
    resident.waits_for(&[3]);
    resident.waits_for_message("1 available, below the minimum: serve-all");
    resident.waits_for_message("minimum: 2 is above the number of destinations, 1");
    resident.serves(4);
    write(&BOTH.replace("\"weight\": \"2\"", "\"weight\": \"0\""));
    resident.waits_for(&[0, 3]);
    resident.serves(4);
    // A start of the controller is refused no more than a reload.
    resident.end(Signal::SIGTERM);
    resident.start();
    resident.waits_for(&[0, 3]);
    write(BOTH);
    resident.waits_for(&[2, 3]);
    resident.settle();
    resident.waits_for_message("has its minimum again");
    resident.serves(4);
}

/// Of two files the one is empty: its service keeps its targets, and the other one's targets are followed.
pub(crate) fn a_file_without_targets_keeps_no_other_back() {
    const OTHERS: &str = "/run/others.json";
    let mut resident = Resident::idle(&checked(DR), "director", &[]);
    let second = format!(
        "[[services]]\naddress = \"172.16.5.11:81\"\ndestinations = [{{ file-sd = \"{OTHERS}\" }}]\n"
    );
    fs::write(&resident.file, format!("{}\n{second}", file())).unwrap();
    write(BOTH);
    write_to(OTHERS, r#"[{"targets": ["192.168.1.12:81"]}]"#);
    resident.start();
    resident.waits_for(&[2, 3]);
    write_to(OTHERS, "[]");
    resident.waits_for_message("others.json: has no targets");
    write(SECOND);
    resident.waits_for(&[3]);
    resident.waits("targets of the other file", || {
        let list = resident.prints(&["list"]);
        list.contains("192.168.1.12:81") && resident.prints(&["status"]).contains("others.json")
    });
    resident.serves(4);
    write_to(OTHERS, r#"[{"targets": ["192.168.1.13:81"]}]"#);
    resident.waits("new targets of the other file", || {
        let list = resident.prints(&["list"]);
        list.contains("192.168.1.13:81") && !list.contains("192.168.1.12:81")
    });
    assert!(!resident.prints(&["status"]).contains("refused"));
}
