//! What a removal restores, and what is deleted when a file changes.

use lvs_core::cluster::{IpvsState, Plan, PlanOptions};
use lvs_core::ipvs::{
    Destination, Forwarding, SchedulerName, Service, ServiceEntry, Thresholds, Weight,
};
use lvs_core::net::Address;
use lvs_core::sysctl::SysctlKey;

use super::{DR, applied, cases, node, nothing, observed, removed, same};

#[test]
fn a_removal_restores_everything() {
    for (case, node, before) in cases() {
        // There nothing bears a mark of ours from a time that no record knows.
        let is_marked = before.addresses.iter().any(|found| found.protocol == 76)
            || before.routes.iter().any(|found| found.protocol == 76);
        if is_marked {
            continue;
        }
        let (record, after) = applied(&node, &nothing(&node), &before);
        let (left, back) = removed(&node, &record, &after);
        println!("{case}");
        same(&back, &before);
        let (_, still) = removed(&node, &left, &back);
        same(&still, &back);
    }
}

/// A service that was there before the cluster, and not on one of its virtual IPs.
#[test]
fn a_found_service_and_its_destinations_return_with_the_file() {
    let (named, plain) = (
        format!("{DR}\n[[services]]\nfwmark = 9\nmatch = [\"udp 172.16.5.11:53\"]\n"),
        node(DR, "director"),
    );
    let named = node(&named, "director");
    let mut before = observed("dr-director-fresh");
    let service = Service::new("fwmark 9 ipv4".parse().unwrap(), SchedulerName::WLC);
    let destination = Destination {
        id: "192.168.1.99:80".parse().unwrap(),
        forwarding: Forwarding::Masquerade,
        weight: Weight::new(5).unwrap(),
        thresholds: Thresholds::OFF,
    };
    before.ipvs = IpvsState::Loaded {
        timeouts: IpvsState::DEFAULT_TIMEOUTS,
        services: vec![ServiceEntry {
            service,
            destinations: vec![destination],
        }],
    };
    let (_, without) = applied(&plain, &nothing(&plain), &before);
    let (record, after) = applied(&named, &nothing(&named), &before);
    assert_ne!(after.services()[0], before.services()[0]);
    let (record, again) = applied(&plain, &record, &after);
    same(&again, &without);
    let (_, back) = removed(&plain, &record, &again);
    same(&back, &before);
}

#[test]
fn what_the_file_no_longer_names_is_deleted() {
    let both = format!(
        "{}\n[[services]]\naddress = \"172.16.5.12:443\"\n",
        DR.replace(
            "{ interface = \"eth0\", address = \"172.16.5.11/32\" },",
            "{ interface = \"eth0\", address = \"172.16.5.11/32\" },\n  { interface = \"eth0\", address = \"172.16.5.12/32\" },"
        )
    );
    for name in ["director", "realserver1"] {
        let case = if name == "director" {
            "dr-director-fresh"
        } else {
            "dr-real-server-fresh"
        };
        let before = observed(case);
        let one = node(DR, name);
        let (_, wanted) = applied(&one, &nothing(&one), &before);
        let two = node(&both, name);
        let (record, more) = applied(&two, &nothing(&two), &before);
        assert_ne!(more, wanted);
        let (record, less) = applied(&one, &record, &more);
        same(&less, &wanted);
        let (_, back) = removed(&one, &record, &less);
        same(&back, &before);
    }
}

#[test]
fn forwarding_is_restored_with_all_that_it_changes() {
    let before = observed("dr-director-fresh");
    let (with, without) = (DR, DR.replace("ip-forward = true\n", ""));
    let node_with = node(with, "director");
    let mut mixed = before;
    let eth0: SysctlKey = "net/ipv4/conf/eth0/forwarding".parse().unwrap();
    mixed.sysctls.insert(eth0, "1".to_owned());
    let (record, after) = applied(&node_with, &nothing(&node_with), &mixed);
    assert_eq!(after.sysctls[&SysctlKey::IP_FORWARD], "1");
    let node_without = node(&without, "director");
    let (_, less) = applied(&node_without, &record, &after);
    assert_eq!(less.sysctls, mixed.sysctls, "by a changed file");
    let (_, back) = removed(&node_with, &record, &after);
    assert_eq!(back.sysctls, mixed.sysctls, "by a removal");
}

#[test]
fn what_another_program_has_changed_since_stays() {
    let node = node(DR, "realserver1");
    let before = observed("dr-real-server-fresh");
    let (record, mut after) = applied(&node, &nothing(&node), &before);
    let key: SysctlKey = "net/ipv4/conf/all/arp_announce".parse().unwrap();
    after.sysctls.insert(key.clone(), "1".to_owned());
    let plan = Plan::removal_with_record(&node, &after, &record);
    let note = format!("sysctl {key} stays unchanged: it was modified after the last apply");
    assert!(plan.notes.contains(&note), "{plan}");
    assert_eq!(plan.outcome(&after).sysctls[&key], "1");
}

#[test]
fn an_address_that_was_found_is_never_removed() {
    let node = node(DR, "director");
    let mut before = observed("dr-director-fresh");
    let own = &node.addresses[1].value;
    let theirs = Address::new(own.id.interface.clone(), own.id.network);
    before.addresses.push(theirs.clone());
    let (record, mut after) = applied(&node, &nothing(&node), &before);
    // Another program deletes it, the next apply adds it again: it is still not ours.
    after.addresses.retain(|found| found.id != theirs.id);
    let (record, again) = applied(&node, &record, &after);
    let (_, back) = removed(&node, &record, &again);
    assert!(back.address(&theirs.id).is_some());
}

#[test]
fn unmanaged_objects_are_taken_over_once_and_restored_at_the_end() {
    let (_, node, before) = cases()
        .into_iter()
        .find(|(case, ..)| case == "take-over")
        .unwrap();
    let refused = Plan::with_record(&node, &before, &nothing(&node), PlanOptions::default());
    assert!(!refused.refusals.is_empty());
    let (record, after) = applied(&node, &nothing(&node), &before);
    let stranger = before
        .services()
        .iter()
        .find(|entry| after.service(&entry.service.id).is_none())
        .unwrap();
    let (_, back) = removed(&node, &record, &after);
    assert!(back.service(&stranger.service.id).is_some());

    // Who comes later goes for good.
    let mut later = after.clone();
    let IpvsState::Loaded { services, .. } = &mut later.ipvs else {
        unreachable!("a director has IPVS");
    };
    let mut other = stranger.clone();
    other.service.id = "udp 172.16.5.11:5353".parse().unwrap();
    services.push(other.clone());
    let (record, after) = applied(&node, &record, &later);
    assert!(after.service(&other.service.id).is_none());
    let (_, back) = removed(&node, &record, &after);
    assert!(back.service(&other.service.id).is_none());
}
