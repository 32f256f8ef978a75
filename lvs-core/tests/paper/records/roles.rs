//! The roles of two directors: nothing of one stays in the other.

use lvs_core::Cluster;
use lvs_core::cluster::Role;
use lvs_core::net::{Address, Route};
use std::fs;
use std::path::Path;

use super::{TWO, applied, cases, nothing, observed, removed, same};

fn cluster_text(case: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    fs::read_to_string(root.join(case).join("cluster.toml")).unwrap()
}

/// The fresh machines of two directors, in both roles by turns: nothing is left over or missing.
#[test]
fn roles_change_to_and_fro_and_leave_no_trace() {
    let paired = cases()
        .into_iter()
        .filter(|(_, node, before)| node.role.is_some() && before.addresses.is_empty());
    let mut done = 0;
    for (case, node, before) in paired {
        let text = cluster_text(&case);
        let cluster = Cluster::from_toml(&text).unwrap();
        let as_role = |role| cluster.node_as(node.name.as_str(), role).unwrap();
        let (active, standby) = (as_role(Role::Active), as_role(Role::Standby));
        let (record, first) = applied(&standby, &nothing(&standby), &before);
        assert_eq!(record.role(), Some(Role::Standby));
        assert!(
            standby
                .absent
                .iter()
                .all(|desired| first.address(&desired.value.id).is_none())
        );
        let (record, second) = applied(&active, &record, &first);
        assert_eq!(record.role(), Some(Role::Active));
        assert!(
            standby
                .absent
                .iter()
                .all(|desired| second.address(&desired.value.id).is_some())
        );
        let (record, third) = applied(&standby, &record, &second);
        same(&first, &third);
        let (record, fourth) = applied(&active, &record, &third);
        same(&second, &fourth);
        // Whoever removes need not know the role.
        let (record, after) = removed(&standby, &record, &fourth);
        assert_eq!(record.role(), None);
        same(&before, &after);
        done += 1;
    }
    assert!(done >= 5, "{done}");
}

/// The first default route is the machine's own, and comes back while the cluster's is not there.
#[test]
fn the_default_route_moves_with_the_addresses_it_needs() {
    let text = cluster_text("directors-outside-standby");
    let cluster = Cluster::from_toml(&text).unwrap();
    let standby = cluster.node_as("lb1", Role::Standby).unwrap();
    let active = cluster.node_as("lb1", Role::Active).unwrap();
    let (record, machine) = applied(
        &standby,
        &nothing(&standby),
        &observed("directors-outside-standby"),
    );
    assert!(!standby.absent_routes.is_empty() && machine.routes.is_empty());
    let (record, machine) = applied(&active, &record, &machine);
    assert_eq!(machine.routes.len(), 1);
    let (_, machine) = applied(&standby, &record, &machine);
    assert!(machine.routes.is_empty(), "{:?}", machine.routes);
}

/// Another way out that the machine had is its own again while it stands by.
#[test]
fn a_default_route_that_was_found_serves_the_standby() {
    let text = cluster_text("directors-outside-standby");
    let cluster = Cluster::from_toml(&text).unwrap();
    let standby = cluster.node_as("lb1", Role::Standby).unwrap();
    let active = cluster.node_as("lb1", Role::Active).unwrap();
    let mut machine = observed("directors-outside-standby");
    let everywhere = "0.0.0.0/0".parse().unwrap();
    let mut own = Route::via(everywhere, "192.168.1.253".parse().unwrap());
    own.interface = Some("eth1".parse().unwrap());
    machine.addresses = vec![Address::new(
        "eth1".parse().unwrap(),
        "192.168.1.21/24".parse().unwrap(),
    )]
    .into();
    machine.routes = vec![own].into();
    let (record, first) = applied(&active, &nothing(&active), &machine);
    assert_ne!(first.routes, machine.routes);
    let (record, second) = applied(&standby, &record, &first);
    assert_eq!(second.routes, machine.routes);
    let (record, third) = applied(&active, &record, &second);
    assert_eq!(third.routes, first.routes);
    let (_, last) = removed(&active, &record, &third);
    assert_eq!(last.routes, machine.routes);
}

/// A plan by file alone, as a machine that has lost its record makes it, releases what floats too.
#[test]
fn a_floating_address_that_another_program_added_is_deleted() {
    let cluster = Cluster::from_toml(TWO).unwrap();
    let standby = cluster.node_as("lb1", Role::Standby).unwrap();
    let mut machine = observed("directors-handover");
    machine.addresses.update(|address| address.protocol = 0);
    let (record, after) = applied(&standby, &nothing(&standby), &machine);
    assert_eq!(machine.addresses.len() - after.addresses.len(), 2);
    // What was found comes back with the removal, as everything does.
    let (_, after) = removed(&standby, &record, &after);
    assert_eq!(machine.addresses.len(), after.addresses.len());
}
