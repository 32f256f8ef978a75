//! What follows from health besides a weight of 0.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use nix::sys::signal::Signal;

use crate::run::resident::{DR, NAT, Resident, with_keys};

pub(crate) fn the_fallback_serves_below_the_minimum() {
    let mut resident = Resident::new(&with_keys(DR, "fallback = \"realserver2\""), &[]);
    resident.waits_for(&[2, 0]);
    resident.breaks("the fallback's turn", &[0, 3], |resident| {
        resident.lab.stop_servers("realserver1");
    });
    assert_eq!(resident.request().as_deref(), Some("realserver2"));
}

/// Else a scheduler that hashes would refuse its share of clients. Nothing repairs that.
pub(crate) fn a_fallback_is_in_the_table_only_while_it_serves() {
    let keys = "fallback = \"realserver2\"\non-failure = \"remove\"";
    let text = with_keys(DR, keys).replace("\"wrr\"", "\"sh\"");
    let mut resident = Resident::new(&text, &[]);
    resident.waits_for(&[2]);
    resident.serves(8);
    resident.breaks("the turn of a fallback that is added", &[3], |resident| {
        resident.lab.stop_servers("realserver1");
    });
    assert_eq!(resident.request().as_deref(), Some("realserver2"));
    // An end and a start take nothing from it.
    let table = resident.prints(&["save"]);
    resident.end(Signal::SIGKILL);
    resident.start();
    assert_eq!(resident.prints(&["save"]), table);
    resident.waits_for_message("below the minimum: fallback");
    assert_eq!(resident.prints(&["save"]), table);
    resident.serves(8);
    let repairs = resident.messages();
    assert!(
        !repairs.iter().any(|line| line.contains("repaired")),
        "{repairs:#?}"
    );
}

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 16, 5, 11));

pub(crate) fn carries_virtual_ip(resident: &Resident) -> bool {
    let addresses = resident.on_director(|host| host.net().addresses().unwrap());
    addresses.iter().any(|found| found.id.network.addr() == VIP)
}

fn cut_off(resident: &Resident, server: &str) {
    resident.on(server, |host| {
        host.net().set_down(&"eth0".parse().unwrap()).unwrap()
    });
}

pub(crate) fn a_virtual_ip_is_withdrawn_below_the_minimum() {
    let text = with_keys(DR, "below-minimum = \"withdraw\"\nminimum = 2");
    let mut resident = Resident::new(&text, &[]);
    assert!(carries_virtual_ip(&resident));
    cut_off(&resident, "realserver2");
    resident.waits("withdrawal", || !carries_virtual_ip(&resident));
    resident.waits_for_message("warning: 172.16.5.11: is withdrawn");
    let status = resident.prints(&["status"]);
    assert!(
        status.contains("below: withdraw") && status.contains("withdrawn: 172.16.5.11"),
        "{status}"
    );
    resident.waits("finding", || {
        let report = resident.lvsctl(&["check"]);
        let text = String::from_utf8_lossy(&report.stdout).into_owned();
        let is_found = text.contains(
            "LVS091 error director 172.16.5.11: tcp 172.16.5.11:80: 1 available, minimum 2",
        ) && text.contains("realserver2 down for ");
        let refuted = ["ok addresses", "ok services", "ok upkeep"];
        is_found && report.status.code() == Some(1) && !refuted.iter().any(|ok| text.contains(ok))
    });
    // Killed and started again it does not come back for a moment, before anything is known.
    resident.end(Signal::SIGKILL);
    resident.start();
    assert!(!carries_virtual_ip(&resident));
    resident.waits_for_message("below the minimum: withdraw");
    assert!(!carries_virtual_ip(&resident));
    resident.lab.apply_to("realserver2").unwrap();
    resident.waits("virtual IP", || carries_virtual_ip(&resident));
    resident.serves(4);
    // And with its minimum it stays.
    resident.end(Signal::SIGKILL);
    resident.start();
    assert!(carries_virtual_ip(&resident));
    resident.settle();
    let moved = resident
        .messages()
        .iter()
        .any(|line| line.contains("withdrawn"));
    assert!(!moved, "{:#?}", resident.messages());
}

/// The address is still off, and a plain apply adds it: both say so.
pub(crate) fn what_health_decided_is_told_when_it_has_ended() {
    let text = with_keys(DR, "below-minimum = \"withdraw\"\nminimum = 2");
    let mut resident = Resident::new(&text, &[]);
    cut_off(&resident, "realserver2");
    resident.waits("withdrawal", || !carries_virtual_ip(&resident));
    resident.waits_for(&[2, 0]);
    resident.end(Signal::SIGTERM);
    let status = resident.prints(&["status"]);
    for part in [
        "no controller runs",
        "withdrawn: 172.16.5.11, by the controller that ran last",
        "by health, when a controller ran last",
    ] {
        assert!(status.contains(part), "{part:?} is not in {status}");
    }
    comes_after_a_reboot(&resident);
    for verb in ["plan", "apply"] {
        let said = resident.prints(&[verb]);
        for part in [
            "172.16.5.11: is withdrawn by the controller that ran last",
            "health gave 192.168.1.13:80 weight 0 instead of 3",
        ] {
            assert!(said.contains(part), "{verb}: {part:?} is not in {said}");
        }
    }
    assert!(carries_virtual_ip(&resident));
    let status = resident.prints(&["status"]);
    assert!(
        !status.contains("withdrawn") && !status.contains("ran last"),
        "{status}"
    );
}

/// A state directory on a disk outlives the kernel of which it tells: nothing of that one is said of another.
fn comes_after_a_reboot(resident: &Resident) {
    const KEPT: &str = "/run/state/web.kept";
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let told = fs::read_to_string(KEPT).unwrap();
    let before = told.replace(boot.trim(), "of-another-kernel");
    assert_ne!(before, told);
    fs::write(KEPT, before).unwrap();
    for verb in ["plan", "status"] {
        let said = resident.prints(&[verb]);
        assert!(!said.contains("ran last"), "{verb}: {said}");
    }
    fs::write(KEPT, told).unwrap();
}

/// Another service on the virtual IP, before what follows.
pub(crate) const ADMIN: &str = r#"[[services]]
address = "172.16.5.11:8080"
check = { type = "tcp", interval = "500ms" }
below-minimum = "withdraw"

[[real-servers]]"#;

/// A service that serves is not silenced by another one on its virtual IP.
pub(crate) fn a_virtual_ip_stays_for_its_other_services() {
    let keys = "below-minimum = \"withdraw\"\nminimum = 2";
    let text = with_keys(DR, keys).replacen("[[real-servers]]", ADMIN, 1);
    let mut resident = Resident::new(&text, &[]);
    let plan = resident.prints(&["plan"]);
    assert!(
        plan.contains("172.16.5.11 is withdrawn only while all of its services"),
        "{plan}"
    );
    cut_off(&resident, "realserver2");
    resident.waits_for_message("below the minimum: withdraw");
    let status = resident.prints(&["status"]);
    assert!(
        status.contains("but other services keep the virtual IP"),
        "{status}"
    );
    assert!(carries_virtual_ip(&resident));
    cut_off(&resident, "realserver1");
    resident.waits("withdrawal", || !carries_virtual_ip(&resident));
    resident.lab.apply_to("realserver1").unwrap();
    resident.waits("virtual IP", || carries_virtual_ip(&resident));
}

/// Started again while the fallback serves, it still does.
pub(crate) fn a_restart_decides_nothing_before_the_probes() {
    let mut resident = Resident::new(&with_keys(DR, "fallback = \"realserver2\""), &[]);
    resident.lab.stop_servers("realserver1");
    resident.waits_for(&[0, 3]);
    let table = resident.prints(&["save"]);
    resident.end(Signal::SIGKILL);
    resident.start();
    assert_eq!(resident.prints(&["save"]), table);
    resident.waits_for_message("below the minimum: fallback");
    assert_eq!(resident.prints(&["save"]), table);
    let messages = resident.messages();
    assert!(
        !messages.iter().any(|line| line.contains("minimum again")),
        "{messages:#?}"
    );
}

/// Behind the director's own address of its network, that of a virtual IP stays.
pub(crate) fn a_virtual_ip_of_a_network_is_withdrawn() {
    let vip = r#"{ interface = "eth0", address = "172.16.5.11/16" },"#;
    let own = r#"{ interface = "eth0", address = "172.16.5.9/16" },"#;
    let text = with_keys(NAT, "below-minimum = \"withdraw\"").replace(vip, &format!("{own} {vip}"));
    let mut resident = Resident::new(&text, &[]);
    for server in ["realserver1", "realserver2"] {
        cut_off(&resident, server);
    }
    resident.waits_for_message("172.16.5.11: is withdrawn");
    resident.waits("withdrawal", || !carries_virtual_ip(&resident));
    resident.end(Signal::SIGKILL);
    resident.start();
    assert!(!carries_virtual_ip(&resident));
    resident.lab.apply_to("realserver2").unwrap();
    resident.waits("virtual IP", || carries_virtual_ip(&resident));
    resident.serves(4);
}

pub(crate) fn a_dead_server_is_removed_and_added_again() {
    let resident = Resident::new(&with_keys(DR, "on-failure = \"remove\""), &[]);
    cut_off(&resident, "realserver2");
    resident.waits_for(&[2]);
    resident.serves(8);
    // Another apply does not add it again.
    let applied = resident.prints(&["apply"]);
    assert!(
        applied.contains("nothing to do") && applied.contains("keeps this cluster"),
        "{applied}"
    );
    resident.waits_for(&[2]);
    resident.lab.apply_to("realserver2").unwrap();
    resident.waits_for(&[2, 3]);
    let repairs = resident.messages();
    let applied = repairs
        .iter()
        .filter(|line| line.contains("note: applied:"))
        .count();
    assert_eq!(applied, 1, "what is removed is no drift: {repairs:#?}");
}

pub(crate) fn a_weight_rises_slowly() {
    let text = with_keys(DR, "slow-start = \"3s\"").replace("weight = 3", "weight = 100");
    let resident = Resident::new(&text, &[]);
    assert_eq!(resident.weights()[1].1, 100, "not at the start");
    cut_off(&resident, "realserver2");
    resident.waits_for(&[2, 0]);
    resident.lab.apply_to("realserver2").unwrap();
    let mut seen = Vec::new();
    resident.waits("full weight", || {
        let weight = resident.weights()[1].1;
        if seen.last() != Some(&weight) {
            seen.push(weight);
        }
        weight == 100
    });
    assert!(seen.is_sorted() && seen.len() > 2, "{seen:?}");
}
