//! Destinations that another program finds, by `file_sd` of Prometheus.

use std::fs;

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
    fs::write("/run/targets.new", text).unwrap();
    fs::rename("/run/targets.new", TARGETS).unwrap();
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
