//! What a removal deletes and restores, and what an apply cleans up that the file no longer names.

use std::net::IpAddr;

use lvs_core::cluster::{ApplyEvent, DesiredState, Plan, PlanOptions};
use lvs_core::ipvs::Ipvs;
use lvs_core::net::{Address, Net};
use lvs_core::{Cluster, Host};

use crate::state::{DR, NAT, Outcome, apply, disturb, look, name, node, on_a_machine, remove};

pub(crate) fn a_removal_brings_every_machine_back() -> Outcome {
    for text in [NAT, DR] {
        let cluster = Cluster::from_toml(text).unwrap();
        for name in cluster.node_names() {
            let node = cluster.node(name.as_str()).unwrap();
            for disturbed in [false, true] {
                on_a_machine(|host, state| {
                    if disturbed {
                        disturb(host);
                    }
                    let before = look(&node, host);
                    assert!(!apply(&state, &node, host).unwrap().is_empty());
                    assert!(apply(&state, &node, host).unwrap().is_empty());
                    remove(&state, &node, host).unwrap();
                    assert_eq!(look(&node, host), before, "{name}, disturbed: {disturbed}");
                    assert!(remove(&state, &node, host).unwrap().is_empty());
                    assert!(
                        !apply(&state, &node, host).unwrap().is_empty(),
                        "and once more"
                    );
                })?;
            }
        }
    }
    Ok(())
}

const WRAPPINGS: [&str; 3] = [
    "{ type = \"ipip\" }",
    "{ type = \"gue\", port = 5555 }",
    "{ type = \"gre\", checksum = \"full\" }",
];

const TUNNEL: &str = include_str!("../../../../examples/tunnel.toml");

/// A real server of the tunnel example in another wrapping.
fn wrapped(tunnel: &str) -> DesiredState {
    for module in ["ipip", "fou", "ip_gre"] {
        lvs_lab::load_module(module).unwrap();
    }
    node(
        &TUNNEL.replace("{ type = \"ipip\" }", tunnel),
        "realserver1",
    )
}

pub(crate) fn a_removal_takes_devices_and_ports_of_tunnels() -> Outcome {
    for tunnel in WRAPPINGS {
        let node = wrapped(tunnel);
        on_a_machine(|host, state| {
            let before = look(&node, host);
            apply(&state, &node, host).unwrap();
            remove(&state, &node, host).unwrap();
            assert_eq!(look(&node, host), before, "{tunnel}");
            assert!(remove(&state, &node, host).unwrap().is_empty());
        })?;
    }
    Ok(())
}

pub(crate) fn another_wrapping_takes_the_place_of_the_last() -> Outcome {
    let devices = |host: &mut Host| {
        let listeners = host.fou().unwrap().listeners().unwrap();
        let tunnels = host.net().tunnels().unwrap();
        let made = tunnels
            .iter()
            .filter(|tunnel| tunnel.name.as_str() == "lvs-gre");
        (made.count(), listeners.len())
    };
    on_a_machine(|host, state| {
        for (tunnel, expected) in [
            (WRAPPINGS[2], (1, 0)),
            (WRAPPINGS[1], (0, 1)),
            (WRAPPINGS[0], (0, 0)),
        ] {
            let node = wrapped(tunnel);
            apply(&state, &node, host).unwrap();
            assert_eq!(devices(host), expected, "{tunnel}");
            assert!(apply(&state, &node, host).unwrap().is_empty(), "{tunnel}");
        }
    })
}

const SYNC: &str = include_str!("../../plans/sync-director-fresh/cluster.toml");

pub(crate) fn a_removal_stops_daemons_and_puts_switches_back() -> Outcome {
    let node = node(SYNC, "director");
    on_a_machine(|host, state| {
        let before = look(&node, host);
        apply(&state, &node, host).unwrap();
        assert_eq!(host.ipvs().unwrap().daemons().unwrap().len(), 2);
        remove(&state, &node, host).unwrap();
        assert_eq!(look(&node, host), before);
    })
}

/// The kernel has not both: whichever goes is deleted first, and the plan says so.
pub(crate) fn mixed_families_take_the_place_of_daemons_and_back() -> Outcome {
    const MIXED: &str = include_str!("../../plans/mixed-director/cluster.toml");
    let same = MIXED.replace(
        "{ interface = \"eth0\", address = \"2001:db8:1::12/64\" }",
        "{ interface = \"eth0\", address = \"192.168.1.12/24\" }",
    );
    let same = same.replace("gateway = \"2001:db8:1::fe\"\n", "");
    let synchronised = format!("{same}\n[sync]\nid = 1\ninterface = \"eth0\"\n");
    let (mixed, synchronised) = (node(MIXED, "director"), node(&synchronised, "director"));
    on_a_machine(|host, state| {
        apply(&state, &synchronised, host).unwrap();
        let plan = apply(&state, &mixed, host).unwrap();
        let told = |plan: &Plan, word: &str| plan.notes.iter().any(|note| note.contains(word));
        assert!(
            told(&plan, "connections are no longer synchronised"),
            "{plan}"
        );
        assert!(host.ipvs().unwrap().daemons().unwrap().is_empty());
        let plan = apply(&state, &synchronised, host).unwrap();
        assert!(
            told(&plan, "are deleted before the sync daemons start"),
            "{plan}"
        );
        assert_eq!(host.ipvs().unwrap().daemons().unwrap().len(), 2);
        assert!(apply(&state, &synchronised, host).unwrap().is_empty());
    })
}

/// The cluster of DR with a second virtual IP.
fn with_second_vip() -> String {
    DR.replace(
        "{ interface = \"eth0\", address = \"172.16.5.11/32\" },",
        "{ interface = \"eth0\", address = \"172.16.5.11/32\" },\n  { interface = \"eth0\", address = \"172.16.5.12/32\" },",
    ) + "\n[[services]]\naddress = \"172.16.5.12:443\"\nscheduler = \"rr\"\n"
}

/// Whether the second virtual IP and its service exist.
fn second_vip_and_service() -> (bool, bool) {
    let vip: IpAddr = "172.16.5.12".parse().unwrap();
    let addresses = Net::open().unwrap().addresses().unwrap();
    let services = Ipvs::open().unwrap().services().unwrap();
    let id = "tcp 172.16.5.12:443".parse().unwrap();
    (
        addresses.iter().any(|found| found.id.network.addr() == vip),
        services.iter().any(|found| found.service.id == id),
    )
}

/// Between two phases a client must not reach a virtual IP without a service, neither when the file no
/// longer names it nor when the cluster is removed.
pub(crate) fn a_virtual_ip_is_deleted_before_the_service_behind_it() -> Outcome {
    let two = node(&with_second_vip(), "director");
    let one = node(DR, "director");
    for is_removal in [false, true] {
        on_a_machine(|host, state| {
            apply(&state, &two, host).unwrap();
            let mut seen = Vec::new();
            let mut session = state.lock("apply").unwrap();
            let mut events = |event: ApplyEvent<'_>| {
                if matches!(event, ApplyEvent::Phase(_) | ApplyEvent::Verified) {
                    seen.push(second_vip_and_service());
                }
            };
            if is_removal {
                session.remove(&two, host, &mut events).unwrap();
            } else {
                let options = PlanOptions::default();
                session.apply(&one, host, options, &mut events).unwrap();
            }
            seen.dedup();
            assert_eq!(seen, [(true, true), (false, true), (false, false)]);
        })?;
    }
    Ok(())
}

pub(crate) fn what_the_file_no_longer_names_goes() -> Outcome {
    let more = with_second_vip();
    for name in ["director", "realserver1"] {
        let (one, two) = (node(DR, name), node(&more, name));
        on_a_machine(|host, state| {
            apply(&state, &one, host).unwrap();
            let wanted = look(&one, host);
            apply(&state, &two, host).unwrap();
            assert_ne!(look(&one, host), wanted);
            apply(&state, &one, host).unwrap();
            assert_eq!(look(&one, host), wanted);
        })?;
    }
    Ok(())
}

/// Its first address takes the later ones of a network along, the new one and strangers' too.
pub(crate) fn an_address_moves_within_its_network() -> Outcome {
    let moved = DR.replace("192.168.1.11/24", "192.168.1.21/24");
    let (old, new) = (node(DR, "director"), node(&moved, "director"));
    on_a_machine(|host, state| {
        apply(&state, &old, host).unwrap();
        let theirs = Address::new(name("eth0"), "192.168.1.77/24".parse().unwrap());
        host.net().add_address(&theirs).unwrap();
        apply(&state, &new, host).unwrap();
        assert!(apply(&state, &new, host).unwrap().is_empty());
        let addresses = look(&new, host).addresses;
        let mut left: Vec<_> = addresses
            .iter()
            .map(|address| address.id.network.to_string())
            .collect();
        left.sort();
        assert_eq!(
            left,
            ["172.16.5.11/32", "192.168.1.21/24", "192.168.1.77/24"]
        );
        remove(&state, &new, host).unwrap();
        let addresses = look(&new, host).addresses;
        let left: Vec<_> = addresses
            .iter()
            .map(|address| address.id.network.to_string())
            .collect();
        assert_eq!(left, ["192.168.1.77/24"]);
    })
}
