//! The services that the kernel lists.

use lvs_core::check::Code;
use lvs_core::ipvs::{SchedulerName, Service, Thresholds, Weight};

use crate::check_machine::facts::{NAT, cluster, destination, director, found, service, set};

#[test]
fn reuse_stalls_on_old_kernels() {
    let nat = cluster(NAT);
    for (kernel, mode, conntrack, stalls) in [
        ("5.8.18", "1", "1", true),
        ("5.9.0", "1", "1", false),
        ("5.4.1-generic", "0", "1", false),
        ("5.4.1", "1", "0", false),
        ("unknown", "1", "1", false),
    ] {
        let mut facts = director(&nat);
        facts.kernel = kernel.to_owned();
        set(&mut facts, "net/ipv4/vs/conn_reuse_mode", mode);
        set(&mut facts, "net/ipv4/vs/conntrack", conntrack);
        let expected: &[Code] = if stalls { &[Code::REUSE_STALLS] } else { &[] };
        assert_eq!(found(&nat, &facts), expected, "{kernel} {mode} {conntrack}");
    }
}

#[test]
fn a_full_destination_is_named() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    let full = destination(&mut facts, 0);
    full.destination.thresholds = Thresholds::new(4, 3).unwrap();
    full.active = 3;
    assert_eq!(found(&nat, &facts), []);
    destination(&mut facts, 0).inactive = 1;
    assert_eq!(found(&nat, &facts), [Code::OVERLOADED]);
    destination(&mut facts, 0).destination.weight = Weight::DRAIN;
    assert_eq!(found(&nat, &facts), []);
}

#[test]
fn a_scheduler_of_none_is_named() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    service(&mut facts).scheduler = SchedulerName::NONE;
    assert_eq!(found(&nat, &facts), [Code::NO_SCHEDULER]);
}

#[test]
fn services_of_others_are_not_ours_to_judge() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    let mut other = facts.readings[1].services[0].clone();
    other.status.service = Service::new("tcp 203.0.113.1:0".parse().unwrap(), SchedulerName::NONE);
    other.destinations.clear();
    facts.readings[1].services.push(other);
    assert_eq!(found(&nat, &facts), []);
}
