//! The verbs beside a controller: what health decided is no difference of the file, and another file is refused.

use crate::run::checks::reports;
use crate::run::resident::{DR, Resident, says, with_keys};

/// Nothing is to be done by `plan`, `apply` and `check`, which say who keeps the weights.
#[track_caller]
fn nothing_is_to_be_done(resident: &Resident) {
    for verb in [
        &["apply"][..],
        &["apply", "--dry-run"],
        &["plan", "--exit-code"],
    ] {
        let text = resident.prints(verb);
        assert!(text.contains("nothing to do"), "{verb:?}: {text}");
        assert!(text.contains("run /run/web.toml (process"), "{text}");
    }
    let report = resident.lvsctl(&["check"]);
    let text = String::from_utf8_lossy(&report.stdout);
    assert_eq!(
        text.contains("ok upkeep"),
        !text.contains("LVS091"),
        "{text}"
    );
    assert!(
        !text.contains("LVS044") && !text.contains("lvsctl apply"),
        "{text}"
    );
}

pub(crate) fn a_removed_server_is_no_difference() {
    let mut resident = Resident::new(&with_keys(DR, "on-failure = \"remove\""), &[]);
    nothing_is_to_be_done(&resident);
    resident.lab.stop_servers("realserver1");
    resident.waits_for(&[3]);
    let table = resident.prints(&["save"]);
    nothing_is_to_be_done(&resident);
    assert_eq!(resident.prints(&["save"]), table);
    resident.serves(4);
}

pub(crate) fn a_weight_of_0_and_a_withdrawn_virtual_ip_are_no_difference() {
    let text = with_keys(DR, "below-minimum = \"withdraw\"");
    let mut resident = Resident::new(&text, &[]);
    resident.lab.stop_servers("realserver1");
    resident.waits_for(&[0, 3]);
    nothing_is_to_be_done(&resident);
    resident.lab.stop_servers("realserver2");
    resident.waits_for_message("is withdrawn");
    resident.waits("withdrawal", || {
        let status = resident.prints(&["status"]);
        status.contains("no drift") && status.contains("withdrawn: 172.16.5.11")
    });
    nothing_is_to_be_done(&resident);
    let report = resident.lvsctl(&["check"]);
    reports(&report, 1, "LVS091 error director 172.16.5.11");
}

/// No plan shows it, for weights are the controller's.
pub(crate) fn other_weights_are_refused() {
    let text = with_keys(DR, "");
    let resident = Resident::new(&text, &[]);
    let other = text.replace("weight = 3", "weight = 7");
    let part = "192.168.1.13:80 has weight 7 in this file";
    says(&resident.lvsctl_of(&other, &["apply"]), 1, part);
    says(
        &resident.lvsctl_of(&other, &["apply", "--dry-run"]),
        1,
        part,
    );
    let plan = resident.lvsctl_of(&other, &["plan"]);
    assert!(String::from_utf8_lossy(&plan.stdout).contains(part));
    resident.waits_for(&[2, 3]);
}
