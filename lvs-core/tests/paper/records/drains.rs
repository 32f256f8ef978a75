//! Destinations that are drained on record.

use std::net::IpAddr;

use lvs_core::Cluster;
use lvs_core::cluster::{
    DesiredState, Drain, DrainTarget, Draining, IpvsState, Observed, Plan, PlanOptions, Record,
    Role,
};
use lvs_core::ipvs::Weight;
use lvs_core::sysctl::SysctlKey;

use super::{DR, NAT, TWO, applied, node, nothing, observed, removed};

fn weights(observed: &Observed) -> Vec<u32> {
    let services = observed.services().iter();
    let mut all: Vec<_> = services
        .flat_map(|service| &service.destinations)
        .map(|destination| (destination.id, destination.weight.get()))
        .collect();
    all.sort();
    all.into_iter().map(|(_, weight)| weight).collect()
}

#[test]
fn a_drained_destination_stays_so_until_undrained() {
    let node = node(DR, "director");
    let before = observed("dr-director-fresh");
    let (record, after) = applied(&node, &nothing(&node), &before);
    assert_eq!(weights(&after), [2, 3]);
    let drain: Drain = "192.168.1.12".parse().unwrap();
    assert!(
        record
            .before_draining(&["192.0.2.1".parse().unwrap()], Draining::Quiet, &after)
            .is_none()
    );

    let record = record
        .before_draining(&[drain], Draining::Quiet, &after)
        .unwrap();
    let drained = record.plan_drains(&after).outcome(&after);
    assert_eq!(weights(&drained), [0, 3]);
    let (record, applied_again) = applied(&node, &record, &drained);
    assert_eq!(weights(&applied_again), [0, 3]);

    let (stopped, gone) = removed(&node, &record, &applied_again);
    let (record, started) = applied(&node, &stopped, &gone);
    assert_eq!(weights(&started), [0, 3], "also after a removal");

    let record = record
        .before_draining(&[drain], Draining::Removed, &started)
        .unwrap();
    let without = record.plan_drains(&started).outcome(&started);
    assert_eq!(weights(&without), [3]);
    let (record, without) = applied(&node, &record, &without);
    assert_eq!(weights(&without), [3]);

    let (record, back) = record.without_drains(&[drain]).unwrap();
    let full = record.plan_undrained(&back, &without).outcome(&without);
    assert_eq!(weights(&full), [2, 3]);
    let (record, _) = applied(&node, &record, &full);
    assert!(record.without_drains(&[drain]).is_none());
}

#[test]
fn a_kept_weight_is_restored_after_a_drain() {
    let kept = DR.replace(
        "scheduler = \"wrr\"",
        "scheduler = \"wrr\"\nkeep-weight = true",
    );
    let plain = node(&kept, "director");
    let (record, mut after) = applied(&plain, &nothing(&plain), &observed("dr-director-fresh"));
    let IpvsState::Loaded { services, .. } = &mut after.ipvs else {
        unreachable!("a director has IPVS");
    };
    for status in &mut services[0].destinations {
        status.weight = Weight::new(70).unwrap();
    }
    let (record, after) = applied(&plain, &record, &after);
    assert_eq!(weights(&after), [70, 70], "another program's");
    let drained = node(
        &kept.replace("weight = 2", "weight = 2\ndrain = true"),
        "director",
    );
    let (record, after) = applied(&drained, &record, &after);
    assert_eq!(weights(&after), [0, 70]);
    let (record, after) = applied(&drained, &record, &after);
    let (_, after) = applied(&plain, &record, &after);
    assert_eq!(weights(&after), [70, 70]);
}

#[test]
fn persistence_does_not_bring_clients_back() {
    let sticky = DR.replace(
        "scheduler = \"wrr\"",
        "scheduler = \"wrr\"\npersistence = 300",
    );
    let node = node(&sticky, "director");
    let mut before = observed("dr-director-fresh");
    let key = SysctlKey::EXPIRE_QUIESCENT_TEMPLATE;
    before.sysctls.insert(key.clone(), "0".to_owned());
    let (record, after) = applied(&node, &nothing(&node), &before);
    assert_eq!(after.sysctls[&key], "0");
    let drain: Drain = "192.168.1.12:80".parse().unwrap();
    let record = record
        .before_draining(&[drain], Draining::Quiet, &after)
        .unwrap();
    let drained = record.plan_drains(&after).outcome(&after);
    assert_eq!(drained.sysctls[&key], "1");
    let (record, drained) = applied(&node, &record, &drained);
    assert_eq!(drained.sysctls[&key], "1");
    let (record, back) = record.without_drains(&[drain]).unwrap();
    let full = record.plan_undrained(&back, &drained).outcome(&drained);
    assert_eq!(full.sysctls[&key], "0");
    let (record, full) = applied(&node, &record, &full);
    let (_, gone) = removed(&node, &record, &full);
    assert_eq!(gone.sysctls[&key], "0");
}

/// The real server is drained, not its address.
#[test]
fn a_drained_real_server_stays_so_with_another_address() {
    let old = node(NAT, "director");
    let moved = node(
        &NAT.replace("192.168.1.12/24", "192.168.1.22/24"),
        "director",
    );
    let before = observed("nat-director-fresh");
    let (record, after) = applied(&old, &nothing(&old), &before);
    let target: DrainTarget = "realserver1".parse().unwrap();
    let drains = record.drains_of(&target);
    assert_eq!(drains, ["192.168.1.12".parse().unwrap()]);
    let record = record
        .before_draining(&drains, Draining::Quiet, &after)
        .unwrap();
    let after = record.plan_drains(&after).outcome(&after);

    let (record, after) = applied(&moved, &record, &after);
    assert_eq!(weights(&after), [1, 0]);
    let (record, back) = record.without_drains(&record.drains_of(&target)).unwrap();
    assert!(record.drains().is_empty());
    let after = record.plan_undrained(&back, &after).outcome(&after);
    assert_eq!(weights(&after), [1, 1]);
}

/// Drains real servers, and returns the record and the node.
fn drained(drains: &[&str], record: &Record, before: &Observed) -> (Record, Observed) {
    let drains: Vec<Drain> = drains.iter().map(|drain| drain.parse().unwrap()).collect();
    let record = record
        .before_draining(&drains, Draining::Quiet, before)
        .unwrap();
    let after = record.plan_drains(before).outcome(before);
    (record, after)
}

/// Returns the notes of a plan on services that refuse their clients.
fn refused(node: &DesiredState, record: &Record, before: &Observed) -> Vec<String> {
    let plan = Plan::with_record(node, before, record, PlanOptions::default());
    refused_by(&plan)
}

fn refused_by(plan: &Plan) -> Vec<String> {
    let mut notes = plan.notes.clone();
    notes.retain(|note| note.contains("are refused"));
    notes
}

#[test]
fn a_service_that_is_drained_off_is_noted() {
    let both = node(NAT, "director");
    let (record, after) = applied(&both, &nothing(&both), &observed("nat-director-fresh"));
    assert!(refused(&both, &record, &after).is_empty());
    let (record, one) = drained(&["192.168.1.12"], &record, &after);
    assert!(refused(&both, &record, &one).is_empty());
    let (record, none) = drained(&["192.168.1.13"], &record, &one);
    let note = "tcp 172.16.5.11:80: every destination has weight 0 (drained: realserver1, realserver2): all new \
                connections are refused; `lvsctl undrain 192.168.1.12` restores a weight";
    assert_eq!(refused(&both, &record, &none), [note]);
    let off = NAT.replace("name = \"realserver", "weight = 0\nname = \"realserver");
    assert!(refused(&node(&off, "director"), &record, &none).is_empty());

    let by_file = NAT.replace("name = \"realserver", "drain = true\nname = \"realserver");
    let by_file = node(&by_file, "director");
    let notes = refused(&by_file, &nothing(&by_file), &after);
    assert!(notes[0].ends_with("end a drain in the file"), "{notes:?}");
}

/// What a service has for now serves on until it is deleted.
#[test]
fn growing_refuses_no_client() {
    let only = |name| {
        let text = NAT.replace(
            "scheduler = \"rr\"",
            &format!("scheduler = \"rr\"\ndestinations = [{{ real-server = \"{name}\" }}]"),
        );
        node(&text, "director")
    };
    let (old, new) = (only("realserver1"), only("realserver2"));
    let both = node(NAT, "director");
    let (record, after) = applied(&both, &nothing(&both), &observed("nat-director-fresh"));
    let (record, after) = drained(&["192.168.1.13"], &record, &after);
    let (record, after) = applied(&old, &record, &after);
    let plan = Plan::with_record(&new, &after, &record, PlanOptions::default());
    assert_eq!(refused_by(&plan).len(), 1, "{plan}");
    assert!(refused_by(&plan.growing()).is_empty());
}

/// No client reaches it yet.
#[test]
fn a_standby_refuses_no_client() {
    let cluster = Cluster::from_toml(TWO).unwrap();
    let as_role = |role| cluster.node_as("lb1", role).unwrap();
    let (active, standby) = (as_role(Role::Active), as_role(Role::Standby));
    let before = observed("directors-active-fresh");
    let (record, after) = applied(&active, &nothing(&active), &before);
    let (record, after) = drained(&["192.168.1.12", "192.168.1.13"], &record, &after);
    assert_eq!(refused(&active, &record, &after).len(), 1);
    assert!(refused(&standby, &record, &after).is_empty());
}

#[test]
fn a_drain_follows_real_servers_that_exchange_their_addresses() {
    let old = node(NAT, "director");
    let swapped = NAT
        .replace("192.168.1.12/24", "192.168.1.0/24")
        .replace("192.168.1.13/24", "192.168.1.12/24")
        .replace("192.168.1.0/24", "192.168.1.13/24");
    let renamed = NAT.replace("realserver1", "www1");
    let before = observed("nat-director-fresh");
    let (record, after) = applied(&old, &nothing(&old), &before);
    let drains = record.drains_of(&"realserver1".parse().unwrap());
    let record = record
        .before_draining(&drains, Draining::Quiet, &after)
        .unwrap();
    let after = record.plan_drains(&after).outcome(&after);
    for (text, name, address) in [
        (&swapped, "realserver1", "192.168.1.13"),
        (&renamed, "www1", "192.168.1.12"),
    ] {
        let (record, after) = applied(&node(text, "director"), &record, &after);
        let expected = [address.parse().unwrap()];
        assert_eq!(record.drains_of(&name.parse().unwrap()), expected);
        let services = after.services();
        let destinations = services.iter().flat_map(|entry| &entry.destinations);
        let drained = destinations.filter(|destination| destination.weight == Weight::DRAIN);
        let drained: Vec<_> = drained.map(|destination| destination.id.address).collect();
        assert_eq!(drained, [address.parse::<IpAddr>().unwrap()]);
    }
}

#[test]
fn a_drain_without_a_destination_is_noted() {
    let old = node(NAT, "director");
    let other = NAT
        .replace("realserver1", "www1")
        .replace("192.168.1.12/24", "192.168.1.14/24");
    let (record, after) = applied(&old, &nothing(&old), &observed("nat-director-fresh"));
    let (record, after) = drained(&["192.168.1.12"], &record, &after);
    for (text, is_noted) in [(NAT, false), (&other, true)] {
        let plan = Plan::with_record(
            &node(text, "director"),
            &after,
            &record,
            PlanOptions::default(),
        );
        let note = "  192.168.1.12 stays drained, although the file has no such destination: \
                    `lvsctl undrain 192.168.1.12` ends that\n";
        assert_eq!(plan.to_string().contains(note), is_noted, "{plan}");
    }
    let (record, after) = applied(&node(&other, "director"), &record, &after);
    assert_eq!(record.drains().len(), 1);
    let (ended, restored) = record
        .without_drains(&["192.168.1.12".parse().unwrap()])
        .unwrap();
    assert!(restored.is_empty() && ended.drains().is_empty());
    let plan = Plan::with_record(
        &node(&other, "director"),
        &after,
        &ended,
        PlanOptions::default(),
    );
    assert!(!plan.to_string().contains("stays drained"), "{plan}");

    let cluster = Cluster::from_toml(TWO).unwrap();
    let standby = cluster.node_as("lb1", Role::Standby).unwrap();
    let before = observed("directors-active-fresh");
    let (record, after) = applied(&standby, &nothing(&standby), &before);
    let (record, after) = drained(&["192.168.1.12"], &record, &after);
    let plan = Plan::with_record(&standby, &after, &record, PlanOptions::default());
    assert!(!plan.to_string().contains("stays drained"), "{plan}");
}
