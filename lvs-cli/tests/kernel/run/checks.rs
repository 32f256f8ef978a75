//! What `check` says of what the controller knows.

use std::process::Output;

use crate::run::resident::{DR, Resident, checked};

#[track_caller]
pub(crate) fn reports(output: &Output, status: i32, part: &str) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(part), "{part:?} is not in {text}");
    assert_eq!(output.status.code(), Some(status), "{text}");
}

/// One real server down is a warning, and all of them an error, whatever the table has.
pub(crate) fn what_the_controller_knows() {
    let mut resident = Resident::new(&checked(DR), &[]);
    let sound = resident.lvsctl(&["check"]);
    reports(&sound, 0, "ok services: ");
    assert!(!String::from_utf8_lossy(&sound.stdout).contains("LVS09"));
    resident.lab.stop_servers("realserver1");
    resident.waits_for(&[0, 3]);
    let report = resident.lvsctl(&["check"]);
    let down = "LVS093 warning director 192.168.1.12:80 of tcp 172.16.5.11:80: realserver1 is down";
    reports(&report, 0, down);
    let text = String::from_utf8_lossy(&report.stdout);
    assert!(!text.contains("ok services"), "{text}");
    assert!(
        text.contains("fix: lvsctl check FILE --node realserver1  # on realserver1"),
        "{text}"
    );
    reports(&resident.lvsctl(&["check", "--deny-warnings"]), 1, down);
    resident.lab.stop_servers("realserver2");
    resident.waits_for_message("below the minimum: serve-all");
    let report = resident.lvsctl(&["check"]);
    let below = "LVS092 error director tcp 172.16.5.11:80: 0 available, minimum 1; realserver1 ";
    reports(&report, 1, below);
    let text = String::from_utf8_lossy(&report.stdout);
    assert!(!text.contains("ok services"), "{text}");
}
