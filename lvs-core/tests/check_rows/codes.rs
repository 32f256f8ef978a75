//! For every kind of finding, where it was broken and fixed.

use lvs_core::check::Code;

use crate::KERNEL_TESTS;
use crate::Where::{self, Kernel, Not};

/// For every kind of finding a test that has broken a cluster on a kernel in this way and fixed it by the finding's
/// own words, or the reason why there is none.
const BROKEN_AND_FIXED: &[(Code, Where)] = &[
    (Code::ARP_IGNORE, Kernel("dr::no_arp_switches")),
    (
        Code::ARP_ANNOUNCE,
        Kernel("dr::arp_ignore_without_arp_announce"),
    ),
    (Code::ARP_PROBE, Kernel("probe::a_real_server_answers_too")),
    (
        Code::VIP_ON_NIC,
        Kernel("dr::virtual_ip_on_a_network_interface"),
    ),
    (
        Code::VIP_MISSING_ON_SERVER,
        Kernel("dr::virtual_ip_missing_on_a_real_server"),
    ),
    (
        Code::VIP_MISSING_ON_DIRECTOR,
        Kernel("dr::virtual_ip_missing_on_the_director"),
    ),
    (
        Code::NETWORK_ON_LO,
        Kernel("dr::virtual_ip_with_its_network_on_lo"),
    ),
    (
        Code::BROADCAST,
        Kernel("shares::a_broadcast_of_a_network_on_lo"),
    ),
    (
        Code::SECONDARY_VIP,
        Kernel("nat::virtual_ip_that_hangs_on_another"),
    ),
    (
        Code::VIP_UPSTREAM,
        Not(
            "the fix is a route of a router of another owner; in every cluster of the lab it is there",
        ),
    ),
    (
        Code::DUPLICATE_ADDRESS,
        Kernel("six::the_director_finds_a_duplicate"),
    ),
    (
        Code::REAL_IP,
        Not("of the file alone: the lab cannot wire a real server without a network"),
    ),
    (Code::NAT_GATEWAY, Kernel("nat::another_gateway")),
    (
        Code::DR_GATEWAY,
        Kernel("dr::a_gateway_that_is_the_director"),
    ),
    (
        Code::SHARED_LINK,
        Not("of the file alone: the lab wires nodes by the networks that they share"),
    ),
    (Code::NO_DEFAULT_ROUTE, Kernel("nat::no_gateway")),
    (
        Code::REDIRECTS,
        Kernel("shares::masquerading_over_one_interface"),
    ),
    (
        Code::CLIENT_ON_SERVER_NETWORK,
        Kernel("nat::a_client_beside_the_real_servers"),
    ),
    (Code::FORWARDING, Kernel("nat::no_forwarding")),
    (Code::RP_FILTER, Kernel("tunnel::strict_rp_filter")),
    (Code::NO_DESTINATION, Kernel("nat::all_weights_zero")),
    (
        Code::HASH_WITHOUT_FALLBACK,
        Kernel("shares::a_drained_server_that_a_hash_keeps"),
    ),
    (
        Code::FTP,
        Not("the lab has no FTP server; the module's effect is the kernel's"),
    ),
    (
        Code::PORT_ZERO,
        Kernel("nat::every_port_without_persistence"),
    ),
    (
        Code::WIDE_PERSISTENCE,
        Kernel("shares::persistence_of_a_whole_network"),
    ),
    (
        Code::STICKY_DRAIN,
        Kernel("shares::a_drain_that_persistence_defeats"),
    ),
    (
        Code::THRESHOLD_RULE,
        Not("a note on a number that the file leaves out; kernel_scheduler compares the kernel's"),
    ),
    (
        Code::OVERLOADED,
        Kernel("shares::a_threshold_that_is_reached"),
    ),
    (
        Code::ONE_SERVER,
        Not("a second real server is another machine"),
    ),
    (Code::NOT_LOADED, Kernel("nat::ip_vs_is_not_there")),
    (Code::NO_SCHEDULER, Kernel("nat::no_scheduler")),
    (Code::PORT_WITHOUT_NAT, Kernel("dr::another_port")),
    (
        Code::NO_LISTENER,
        Kernel("machines::a_daemon_of_the_real_ip_only"),
    ),
    (
        Code::REUSE_STALLS,
        Not("the oldest kernel of the lab is younger"),
    ),
    (
        Code::METHOD_CHANGE,
        Not("of a change, not of a state; kernel_traffic makes the steps of its fix"),
    ),
    (
        Code::HALF_OPEN,
        Kernel("dr::virtual_ip_missing_on_a_real_server"),
    ),
    (Code::NO_ANSWERS, Kernel("nat::no_gateway")),
    (
        Code::ONE_GETS_ALL,
        Kernel("shares::persistence_of_a_whole_network"),
    ),
    (
        Code::GONE_DESTINATION,
        Kernel("shares::a_connection_to_what_is_gone"),
    ),
    (
        Code::STUCK_UDP,
        Kernel("machines::datagrams_to_a_drained_real_server"),
    ),
    (
        Code::DIRECTOR_AS_CLIENT,
        Kernel("dr::the_director_as_client"),
    ),
    (Code::NO_TRAFFIC, Kernel("nat::a_healthy_one_is_sound")),
    (
        Code::DEAD_DESTINATION,
        Kernel("nat::a_loopback_destination"),
    ),
    (Code::DRIFT, Kernel("sync::a_daemon_that_does_not_run")),
    (
        Code::MANAGED_INTERFACE,
        Kernel("machines::an_interface_that_networkd_configures"),
    ),
    (
        Code::OTHER_MANAGER,
        Kernel("machines::another_program_that_manages_ipvs"),
    ),
    (Code::NO_TIME_SERVER, Kernel("clock::no_server_at_all")),
    (
        Code::CLOCK_OFF,
        Kernel("clock::a_server_that_is_5_seconds_ahead"),
    ),
    (
        Code::TIME_SERVER_SILENT,
        Kernel("clock::chrony_has_the_same_time"),
    ),
    (Code::TUNNEL_DEVICE, Kernel("tunnel::a_device_that_is_down")),
    (
        Code::TUNNEL_PORT,
        Kernel("tunnel::a_port_that_nobody_unwraps"),
    ),
    (
        Code::ENCAPSULATION,
        Kernel("tunnel::another_wrapping_of_the_director"),
    ),
    (Code::TUNNEL_MTU, Kernel("tunnel::no_room_for_the_tunnel")),
    (Code::NEVER_MARKED, Kernel("marks::no_rule_that_marks")),
    (
        Code::SHADOWED_BY_MARK,
        Kernel("marks::a_mark_that_takes_everything"),
    ),
    (
        Code::SYNC_LENGTH,
        Kernel("sync::datagrams_larger_than_the_interface_takes"),
    ),
    (
        Code::VIP_AS_SOURCE,
        Kernel("machines::the_virtual_ip_first_in_its_network"),
    ),
    (
        Code::EXPOSED,
        Kernel("machines::a_daemon_that_the_virtual_ip_exposes"),
    ),
    (
        Code::CONNTRACK_FULL,
        Kernel("machines::a_full_connection_tracker"),
    ),
    (
        Code::FLOATING_ON_STANDBY,
        Kernel("pair::a_floating_address_on_the_standby"),
    ),
    (
        Code::TWO_ACTIVE,
        Kernel("pair::a_floating_address_on_the_standby"),
    ),
    (Code::VIP_UNANSWERED, Kernel("pair::neither_is_active")),
    (
        Code::BALANCED_TWICE,
        Kernel("pair::the_standby_balances_too"),
    ),
    (
        Code::ADVERTISED_ROUTE,
        Kernel("six::a_default_route_that_is_not_renewed"),
    ),
    (
        Code::CHANGE_OUTAGE,
        Not("of a change, not of a state; its fix is to wait for a quiet hour"),
    ),
    (
        Code::LINK_MISSING,
        Kernel("promises::an_interface_that_does_not_exist"),
    ),
    (
        Code::LINK_DOWN,
        Kernel("promises::an_interface_that_is_down"),
    ),
    (
        Code::ONE_PACKET_NAT,
        Not("of the file alone: another method is needed from the beginning"),
    ),
    (Code::OTHER_UPLINK, Kernel("paths::two_uplinks")),
    (
        Code::DEAD_NEIGHBOUR,
        Kernel("neighbours::a_real_server_without_a_cable"),
    ),
    (
        Code::WRONG_NEIGHBOUR,
        Kernel("neighbours::a_permanent_entry_of_another_machine"),
    ),
    (
        Code::SHARED_ADDRESS,
        Kernel("neighbours::two_machines_with_one_address"),
    ),
];

#[test]
fn every_kind_of_finding_was_broken_and_fixed_on_a_kernel() {
    let listed: Vec<_> = BROKEN_AND_FIXED.iter().map(|(code, _)| *code).collect();
    assert_eq!(listed, Code::all().collect::<Vec<_>>());
    for (code, place) in BROKEN_AND_FIXED {
        let held = match place {
            Kernel(test) => KERNEL_TESTS.contains(&format!("    {test},\n")),
            Not(reason) => !reason.is_empty(),
            _ => false,
        };
        assert!(held, "{code}");
    }
}
