//! The mistakes that are met in practice, and where each is found. The numbers are those of the survey
//! that collected them, from how-tos, manuals, bug reports and experiments.
#![cfg(all(feature = "check", feature = "toml"))]

use std::fs;

use lvs_core::Cluster;
use lvs_core::check::Code;

const NAT: &str = include_str!("../../../examples/nat.toml");
const DR: &str = include_str!("../../../examples/dr.toml");
const TWO: &str = include_str!("../../../examples/two_directors.toml");
const KERNEL_TESTS: &str = include_str!("../kernel/check/mod.rs");
const PAPER_TESTS: &str = include_str!("check_paper/mistakes.rs");
const MACHINE_TESTS: &[&str] = &[
    include_str!("check_machine/addresses.rs"),
    include_str!("check_machine/arp.rs"),
    include_str!("check_machine/drops.rs"),
    include_str!("check_machine/listeners.rs"),
    include_str!("check_machine/routing.rs"),
    include_str!("check_machine/services.rs"),
    include_str!("check_machine/traffic.rs"),
    include_str!("check_machine/whole.rs"),
];

enum Where {
    /// The file alone tells, with this finding.
    Paper(&'static str),
    /// The facts of a node tell, made up in a test.
    Machine(&'static str),
    /// A cluster on a kernel was broken like this, and the fix of the finding worked.
    Kernel(&'static str),
    /// The file's own validation refuses it.
    Refused(&'static str, &'static str, &'static str),
    /// No file can say it, because the plan does the right by itself.
    Follows(&'static str),
    /// Not looked for, and why.
    Not(&'static str),
}
use Where::{Follows, Kernel, Machine, Not, Paper, Refused};

const ROWS: &[(u8, &str, &[Where])] = &[
    (
        1,
        "no ARP sysctls on a real server",
        &[
            Follows("the plan of every real server of direct routing has them"),
            Kernel("dr::no_arp_switches"),
            Kernel("probe::a_real_server_answers_too"),
        ],
    ),
    (
        2,
        "ARP sysctls only on lo",
        &[Kernel("dr::arp_switches_only_on_lo")],
    ),
    (
        3,
        "arp_ignore without arp_announce",
        &[
            Kernel("dr::arp_ignore_without_arp_announce"),
            Not("waiting for an ARP request of a real server: its sysctls tell at once"),
        ],
    ),
    (
        4,
        "virtual IP before the ARP sysctls",
        &[Follows("the plan's phases: sysctls, then addresses")],
    ),
    (
        5,
        "virtual IP with its network on lo",
        &[
            Paper("NETWORK_ON_LO"),
            Kernel("dr::virtual_ip_with_its_network_on_lo"),
        ],
    ),
    (
        6,
        "broadcast of a subnet on a single address",
        &[
            Paper("BROADCAST"),
            Machine("broadcasts_of_the_node_are_judged"),
            Kernel("shares::a_broadcast_of_a_network_on_lo"),
        ],
    ),
    (
        7,
        "virtual IP missing on a real server",
        &[
            Kernel("dr::virtual_ip_missing_on_a_real_server"),
            Kernel("tunnel::virtual_ip_missing_on_a_real_server"),
            Kernel("six::virtual_ip_missing_on_a_real_server"),
            Kernel("marks::virtual_ip_missing_on_a_real_server"),
        ],
    ),
    (
        8,
        "virtual IP missing on the director",
        &[
            Refused(DR, "172.16.5.11:80", "172.16.5.12:80"),
            Kernel("dr::virtual_ip_missing_on_the_director"),
            Kernel("nat::virtual_ip_missing_on_the_director"),
            Kernel("six::virtual_ip_missing_on_the_director"),
            Kernel("pair::neither_is_active"),
        ],
    ),
    (
        9,
        "daemon bound to the real IP only",
        &[
            Machine("listeners_must_hear_the_virtual_ip"),
            Kernel("machines::a_daemon_of_the_real_ip_only"),
        ],
    ),
    (
        10,
        "another port without masquerading",
        &[
            Refused(
                DR,
                "\"wrr\"",
                "\"wrr\"\ndestinations = [{ real-server = \"realserver1\", port = 8080 }]",
            ),
            Kernel("dr::another_port"),
        ],
    ),
    (
        11,
        "no forwarding with masquerading",
        &[
            Refused(NAT, "[director]\n", "[director]\nip-forward = false\n"),
            Kernel("nat::no_forwarding"),
            Kernel("six::no_forwarding"),
        ],
    ),
    (
        12,
        "no forwarding with direct routing, which is no mistake",
        &[Kernel("dr::no_forwarding_is_no_mistake")],
    ),
    (
        13,
        "a masqueraded real server with another gateway",
        &[
            Paper("NAT_GATEWAY"),
            Kernel("nat::another_gateway"),
            Kernel("nat::no_gateway"),
            Kernel("six::masquerading_without_gateway"),
            Kernel("marks::another_gateway"),
            Refused(
                TWO,
                "192.168.1.12/24\" }]",
                "192.168.1.12/24\" }]\ngateway = \"192.168.1.21\"",
            ),
            Kernel("pair::a_gateway_that_stays"),
            Kernel("pair::a_floating_gateway_that_is_missing"),
            Kernel("paths::narrower_routes_past_the_director"),
            Kernel("paths::rules_past_the_director"),
            Kernel("paths::rules_that_are_right"),
            Kernel("six::another_router"),
        ],
    ),
    (
        14,
        "clients on the real servers' network, masqueraded",
        &[
            Paper("CLIENT_ON_SERVER_NETWORK"),
            Kernel("nat::a_client_beside_the_real_servers"),
        ],
    ),
    (
        15,
        "masquerading over one interface",
        &[
            Machine("what_is_taken_care_of_is_no_finding"),
            Kernel("shares::masquerading_over_one_interface"),
        ],
    ),
    (
        16,
        "a real server as client, which always reaches itself",
        &[Kernel("dr::a_real_server_reaches_itself")],
    ),
    (
        17,
        "the director as client",
        &[Kernel("dr::the_director_as_client")],
    ),
    (
        18,
        "strict rp_filter",
        &[
            Follows("the plan has 2 on the device of every tunnel"),
            Machine("strict_rp_filter_drops_where_answers_leave_by_another_interface"),
            Kernel("machines::strict_rp_filter_with_answers_another_way"),
            Kernel("tunnel::strict_rp_filter"),
            Kernel("tunnel::strict_rp_filter_of_all"),
        ],
    ),
    (
        19,
        "no tunnel device",
        &[
            Follows("the plan has the device of every tunnel"),
            Kernel("tunnel::a_device_that_is_down"),
            Kernel("tunnel::a_device_that_is_not_there"),
            Kernel("tunnel::a_device_of_ipv6_that_is_down"),
        ],
    ),
    (
        20,
        "encapsulations that differ",
        &[
            Follows("the file says it once for both sides"),
            Kernel("tunnel::a_device_of_another_kind"),
            Kernel("tunnel::a_port_that_nobody_unwraps"),
            Kernel("tunnel::another_port_of_the_real_server"),
            Kernel("tunnel::another_wrapping_of_the_director"),
        ],
    ),
    (
        21,
        "packets too large for the tunnel",
        &[
            Paper("TUNNEL_MTU"),
            Machine("room_for_the_tunnel_can_be_made_in_two_ways"),
            Kernel("tunnel::no_room_for_the_tunnel"),
        ],
    ),
    (
        22,
        "packets merged on receipt",
        &[
            Kernel("tunnel::no_room_for_the_tunnel"),
            Not(
                "the kernel cuts them again, as that upload shows; a driver that does not is no fact of /proc",
            ),
        ],
    ),
    (
        23,
        "all weights 0",
        &[Paper("NO_DESTINATION"), Kernel("nat::all_weights_zero")],
    ),
    (
        24,
        "hashing without fallback while draining",
        &[
            Paper("HASH_WITHOUT_FALLBACK"),
            Kernel("files::a_hash_that_keeps_choosing_the_drained"),
        ],
    ),
    (
        25,
        "failover without gratuitous ARP",
        &[
            Follows("a director that the plan makes active announces its addresses"),
            Kernel("pair::healthy_by_masquerading"),
            Not(
                "a failover by another program: the tables of neighbours are wrong then, not the cluster",
            ),
            Kernel("pair::a_floating_address_on_the_standby"),
            Kernel("pair::neither_is_active"),
        ],
    ),
    (
        26,
        "virtual IP that is secondary to another address",
        &[
            Paper("SECONDARY_VIP"),
            Kernel("nat::virtual_ip_that_hangs_on_another"),
            Kernel("pair::an_own_address_that_hangs_on_a_floating_one"),
        ],
    ),
    (
        27,
        "virtual IP that upstream does not know",
        &[
            Paper("VIP_UPSTREAM"),
            Machine("a_route_of_the_router_shows_in_connections"),
        ],
    ),
    (
        28,
        "no default route of a real server",
        &[
            Paper("DR_GATEWAY"),
            Kernel("dr::a_gateway_that_is_the_director"),
            Kernel("paths::a_rule_through_the_director"),
            Kernel("tunnel::no_way_back"),
            Kernel("six::direct_routing_without_gateway"),
            Kernel("six::a_tunnel_without_gateway"),
        ],
    ),
    (
        29,
        "a cloud that drops foreign sources",
        &[
            Not("it is on no node of the cluster; connections that are not established show it"),
            Kernel("dr::virtual_ip_missing_on_a_real_server"),
        ],
    ),
    (
        30,
        "a firewall that takes the traffic for invalid",
        &[Not(
            "firewall rules are not read; connections that are not established show it",
        )],
    ),
    (
        31,
        "source NAT without conntrack",
        &[Not(
            "no setting says that source NAT is wanted; an operator who wants it sets [ipvs] conntrack",
        )],
    ),
    (
        32,
        "conntrack table full",
        &[
            Machine("a_full_connection_tracker_is_named"),
            Kernel("machines::a_full_connection_tracker"),
        ],
    ),
    (
        33,
        "a mark that no rule sets",
        &[
            Kernel("marks::no_rule_that_marks"),
            Paper("SHADOWED_BY_MARK"),
            Kernel("marks::a_mark_that_takes_everything"),
        ],
    ),
    (
        34,
        "a mark without local delivery",
        &[
            Refused(
                NAT,
                "address = \"172.16.5.11:80\"",
                "fwmark = 1\nfamily = \"ipv4\"\nmatch = [\"tcp 172.16.5.12:80\"]",
            ),
            Kernel("marks::virtual_ip_missing_on_the_director"),
        ],
    ),
    (
        35,
        "port 0 or FTP without persistence",
        &[
            Refused(NAT, "172.16.5.11:80", "172.16.5.11:0"),
            Paper("FTP"),
            Kernel("nat::every_port_without_persistence"),
        ],
    ),
    (
        36,
        "directors that are each other's real servers",
        &[
            Follows("the plan of the standby has backup_only, or none of these services"),
            Kernel("pair::the_standby_balances_too"),
            Kernel("pair::healthy_by_direct_routing"),
        ],
    ),
    (
        37,
        "synchronisation that does not match",
        &[
            Follows("the file says it once for both directors"),
            Kernel("sync::a_daemon_that_does_not_run"),
            Kernel("sync::another_id"),
            Kernel("sync::an_interface_without_multicast_is_no_mistake"),
            Kernel("sync::datagrams_larger_than_the_interface_takes"),
            Kernel("pair::the_other_one_knows_of_connections"),
        ],
    ),
    (
        38,
        "stalls of reused ports on old kernels",
        &[
            Machine("reuse_stalls_on_old_kernels"),
            Not("on a kernel: the oldest one of the lab is younger"),
        ],
    ),
    (
        39,
        "connections to a removed real server",
        &[
            Machine("living_connections_to_what_is_gone_are_counted"),
            Kernel("shares::a_connection_to_what_is_gone"),
        ],
    ),
    (
        40,
        "a drain that persistence defeats",
        &[
            Paper("STICKY_DRAIN"),
            Kernel("shares::a_drain_that_persistence_defeats"),
        ],
    ),
    (
        41,
        "persistence of too many clients at once",
        &[
            Paper("WIDE_PERSISTENCE"),
            Machine("one_that_gets_all_connections_is_named"),
            Kernel("shares::persistence_of_a_whole_network"),
        ],
    ),
    (
        42,
        "a health check of another address",
        &[
            Not("health checks are another program's; what it misses is seen"),
            Kernel("machines::a_daemon_of_the_real_ip_only"),
            Kernel("machines::no_daemon_on_the_director"),
        ],
    ),
    (
        43,
        "thresholds crossed, or forgotten",
        &[
            Refused(
                DR,
                "\"wrr\"",
                "\"wrr\"\ndestinations = [{ real-server = \"realserver1\", upper-threshold = 5, lower-threshold = 6 }]",
            ),
            Paper("THRESHOLD_RULE"),
            Machine("a_full_destination_is_named"),
            Kernel("shares::a_threshold_that_is_reached"),
        ],
    ),
    (
        44,
        "an address that the director and real servers fight for",
        &[
            Follows("virtual IPs of real servers are added to lo, with nodad"),
            Machine("an_ipv6_address_that_another_has_is_not_in_use"),
            Kernel("dr::virtual_ip_on_a_network_interface"),
            Kernel("six::a_real_server_answers_for_the_virtual_ip"),
            Kernel("six::a_real_server_finds_a_duplicate"),
            Kernel("six::the_director_finds_a_duplicate"),
            Kernel("probe::ipv6_is_asked_by_solicitation"),
        ],
    ),
    (
        45,
        "virtual IP as source of the director's own packets",
        &[
            Paper("VIP_AS_SOURCE"),
            Machine("the_directors_own_packets_leave_from_its_own_address"),
            Kernel("machines::the_virtual_ip_as_source"),
            Kernel("machines::the_virtual_ip_first_in_its_network"),
            Kernel("machines::the_virtual_ip_alone_in_its_network"),
            Kernel("six::the_virtual_ip_as_source"),
        ],
    ),
    (
        46,
        "daemons that the virtual IP exposes",
        &[
            Machine("daemons_on_every_address_are_on_the_virtual_ip"),
            Kernel("machines::a_daemon_that_the_virtual_ip_exposes"),
        ],
    ),
    (
        47,
        "a dot in the interface's name",
        &[Kernel("dr::an_interface_with_a_dot")],
    ),
    (
        48,
        "sysctls set in default only",
        &[Kernel("dr::arp_switches_only_in_default")],
    ),
    (
        49,
        "ip_forward written after what it resets",
        &[
            Follows("the plan's first phase writes it"),
            Kernel("nat::no_forwarding_on_the_interface"),
        ],
    ),
    (
        50,
        "destinations that no packet reaches",
        &[
            Refused(NAT, "192.168.1.12/24", "224.0.0.5/24"),
            Paper("REAL_IP"),
            Kernel("nat::a_loopback_destination"),
            Kernel("dr::destinations_of_the_director_itself"),
        ],
    ),
    (
        51,
        "another program that manages the same table",
        &[
            Machine("other_managers_are_named"),
            Kernel("machines::another_program_that_manages_ipvs"),
            Kernel("machines::an_interface_that_networkd_configures"),
        ],
    ),
    (
        52,
        "a director with several uplinks",
        &[Kernel("paths::two_uplinks")],
    ),
    (
        53,
        "a neighbour that is dead, wrong or there twice",
        &[
            Kernel("neighbours::a_permanent_entry_of_another_machine"),
            Kernel("neighbours::a_real_server_without_a_cable"),
            Kernel("neighbours::two_machines_with_one_address"),
            Kernel("neighbours::the_directors_gateway_is_dead"),
            Kernel("neighbours::a_real_servers_gateway_is_dead"),
        ],
    ),
    (
        54,
        "a virtual IP on a dummy, asked for where no client asks",
        &[Kernel("pair::the_surviving_director_asks_where_clients_do")],
    ),
];

#[test]
fn every_mistake_is_listed_once() {
    let numbers: Vec<_> = ROWS.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=54).collect::<Vec<_>>());
}

#[test]
fn every_mistake_is_found_where_it_says() {
    for (number, mistake, places) in ROWS {
        assert!(!places.is_empty(), "{number} {mistake}");
        for place in *places {
            let held = match place {
                Paper(code) => PAPER_TESTS.contains(&format!("code: Code::{code},")),
                Machine(test) => {
                    let name = format!("fn {test}()");
                    MACHINE_TESTS.iter().any(|text| text.contains(&name))
                }
                Kernel(test) => KERNEL_TESTS.contains(&format!("    {test},\n")),
                Refused(base, from, to) => {
                    base.contains(from) && Cluster::from_toml(&base.replacen(from, to, 1)).is_err()
                }
                Follows(reason) | Not(reason) => !reason.is_empty(),
            };
            assert!(held, "{number} {mistake}");
        }
    }
}

/// So that `grep -rl` with the code leads to its texts and its logic.
#[test]
fn every_code_is_in_one_file_of_the_rules() {
    let sources: Vec<_> = ["src/check", "src/check/rules"]
        .into_iter()
        .flat_map(|directory| fs::read_dir(directory).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    for code in Code::all() {
        let quoted = format!("\"{code}\"");
        let files = sources.iter().filter(|text| text.contains(&quoted)).count();
        assert_eq!(files, 1, "{code}");
    }
}
