//! What follows from health besides a weight of 0.

use std::net::IpAddr;

use crate::run::resident::{DR, Resident, with_keys};

pub(crate) fn the_fallback_serves_below_the_minimum() {
    let mut resident = Resident::new(&with_keys(DR, "fallback = \"realserver2\""), &[]);
    resident.waits_for(&[2, 0]);
    resident.breaks("the fallback's turn", &[0, 3], |resident| {
        resident.lab.stop_servers("realserver1");
    });
    assert_eq!(resident.request().as_deref(), Some("realserver2"));
}

pub(crate) fn a_virtual_ip_is_withdrawn_below_the_minimum() {
    let text = with_keys(DR, "below-minimum = \"withdraw\"\nminimum = 2");
    let mut resident = Resident::new(&text, &[]);
    let carries = |resident: &Resident| {
        let vip: IpAddr = "172.16.5.11".parse().unwrap();
        let addresses = resident.on_director(|host| host.net().addresses().unwrap());
        addresses.iter().any(|found| found.id.network.addr() == vip)
    };
    assert!(carries(&resident));
    resident.on("realserver2", |host| {
        host.net().set_down(&"eth0".parse().unwrap()).unwrap()
    });
    resident.waits("withdrawal", || !carries(&resident));
    resident.waits_for_message("below the minimum: withdraw");
    resident.lab.apply_to("realserver2").unwrap();
    resident.waits("virtual IP", || carries(&resident));
    resident.serves(4);
}

pub(crate) fn a_dead_server_is_removed_and_added_again() {
    let resident = Resident::new(&with_keys(DR, "on-failure = \"remove\""), &[]);
    resident.on("realserver2", |host| {
        host.net().set_down(&"eth0".parse().unwrap()).unwrap()
    });
    resident.waits_for(&[2]);
    resident.serves(8);
    // Another apply does not send clients to it.
    resident.prints(&["apply"]);
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
    resident.on("realserver2", |host| {
        host.net().set_down(&"eth0".parse().unwrap()).unwrap()
    });
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
