//! The mistakes that are met in practice, and where each is found. The numbers are those of the survey
//! that collected them, from how-tos, manuals, bug reports and experiments.
#![cfg(all(feature = "check", feature = "toml"))]

use lvs_core::Cluster;

const NAT: &str = include_str!("../../examples/nat.toml");
const DR: &str = include_str!("../../examples/dr.toml");
const KERNEL_TESTS: &str = include_str!("kernel_check/main.rs");
const PAPER_TESTS: &str = include_str!("check_paper.rs");
const MACHINE_TESTS: &str = include_str!("check_machine.rs");

enum Where {
    /// The file alone tells, with this finding.
    Paper(&'static str),
    /// The facts of a machine tell, made up in a test.
    Machine(&'static str),
    /// A cluster on a kernel was broken like this, found and mended.
    Kernel(&'static str),
    /// The file's own validation refuses it.
    Refused(&'static str, &'static str, &'static str),
    /// No file can say it, for the plan does right by itself.
    Follows(&'static str),
    /// Not looked for, and why.
    Not(&'static str),
}
use Where::{Follows, Kernel, Machine, Not, Paper, Refused};

const TUNNEL: &str = "tunnels are not supported yet";
const TWO: &str = "two directors are not supported yet";
const MARK: &str = "services by firewall mark are not supported yet";

const ROWS: &[(u8, &str, &[Where])] = &[
    (
        1,
        "no ARP switches on a real server",
        &[
            Follows("the plan of every real server of direct routing has them"),
            Kernel("dr::no_arp_switches"),
            Kernel("probe::a_real_server_answers_too"),
        ],
    ),
    (
        2,
        "ARP switches only on lo",
        &[Kernel("dr::arp_switches_only_on_lo")],
    ),
    (
        3,
        "arp_ignore without arp_announce",
        &[Kernel("dr::arp_ignore_without_arp_announce")],
    ),
    (
        4,
        "virtual IP before the ARP switches",
        &[Follows("the plan's phases: switches, then addresses")],
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
            Machine("broadcasts_of_the_machine_are_looked_at"),
        ],
    ),
    (
        7,
        "virtual IP missing on a real server",
        &[Kernel("dr::virtual_ip_missing_on_a_real_server")],
    ),
    (
        8,
        "virtual IP missing on the director",
        &[
            Refused(DR, "172.16.5.11:80", "172.16.5.12:80"),
            Kernel("dr::virtual_ip_missing_on_the_director"),
            Kernel("nat::virtual_ip_missing_on_the_director"),
        ],
    ),
    (
        9,
        "daemon bound to the real IP only",
        &[Machine("listeners_must_hear_the_virtual_ip")],
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
            Paper("REDIRECTS"),
            Machine("what_is_taken_care_of_is_no_finding"),
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
            Machine("strict_rp_filter_hurts_where_answers_take_another_way"),
            Not(TUNNEL),
        ],
    ),
    (19, "no tunnel device", &[Not(TUNNEL)]),
    (20, "encapsulations that differ", &[Not(TUNNEL)]),
    (21, "packets too large for the tunnel", &[Not(TUNNEL)]),
    (22, "packets merged on receipt", &[Not(TUNNEL)]),
    (
        23,
        "all weights 0",
        &[Paper("NOBODY_SERVES"), Kernel("nat::all_weights_zero")],
    ),
    (
        24,
        "hashing without fallback while draining",
        &[Paper("HASH_WITHOUT_FALLBACK")],
    ),
    (25, "failover without gratuitous ARP", &[Not(TWO)]),
    (
        26,
        "virtual IP that hangs on another address",
        &[
            Paper("SECONDARY_VIP"),
            Kernel("nat::virtual_ip_that_hangs_on_another"),
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
        "no way back from a real server",
        &[
            Paper("DR_GATEWAY"),
            Kernel("dr::a_gateway_that_is_the_director"),
        ],
    ),
    (
        29,
        "a cloud that drops foreign sources",
        &[
            Not("it is on no machine of the cluster; connections that do not come about show it"),
            Kernel("dr::virtual_ip_missing_on_a_real_server"),
        ],
    ),
    (
        30,
        "a firewall that takes the traffic for invalid",
        &[Not("firewall rules are not read")],
    ),
    (
        31,
        "source NAT without conntrack",
        &[Not("the file cannot ask for source NAT")],
    ),
    (
        32,
        "conntrack table full",
        &[Not("the connection tracker is not looked at")],
    ),
    (33, "a mark that no rule sets", &[Not(MARK)]),
    (34, "a mark without local delivery", &[Not(MARK)]),
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
        &[Not(TWO)],
    ),
    (37, "synchronisation that does not match", &[Not(TWO)]),
    (
        38,
        "stalls of reused ports on old kernels",
        &[Machine("reuse_stalls_on_old_kernels")],
    ),
    (
        39,
        "connections to a removed real server",
        &[Machine("living_connections_to_what_is_gone_are_counted")],
    ),
    (
        40,
        "a drain that persistence defeats",
        &[Paper("STICKY_DRAIN")],
    ),
    (
        41,
        "persistence of too many clients at once",
        &[
            Paper("WIDE_PERSISTENCE"),
            Machine("one_that_gets_everything_is_named"),
        ],
    ),
    (
        42,
        "a health check of something else",
        &[
            Not("health checks are another program's; what it misses is seen"),
            Machine("listeners_must_hear_the_virtual_ip"),
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
        ],
    ),
    (
        44,
        "an address that the director and real servers fight for",
        &[
            Follows("virtual IPs of real servers are added to lo, with nodad"),
            Machine("an_ipv6_address_that_another_has_is_not_in_use"),
            Kernel("dr::virtual_ip_on_a_network_interface"),
        ],
    ),
    (
        45,
        "virtual IP as source of the director's own packets",
        &[Not("which source the kernel chooses is not asked")],
    ),
    (
        46,
        "daemons that the virtual IP exposes",
        &[Not(
            "every machine has some; it would be found on each sound cluster",
        )],
    ),
    (
        47,
        "a dot in the interface's name",
        &[Kernel("dr::an_interface_with_a_dot")],
    ),
    (
        48,
        "switches set in default only",
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
        ],
    ),
    (
        51,
        "another program that manages the same table",
        &[Machine("other_managers_are_named")],
    ),
];

#[test]
fn every_mistake_is_listed_once() {
    let numbers: Vec<_> = ROWS.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=51).collect::<Vec<_>>());
}

#[test]
fn every_mistake_is_found_where_it_says() {
    for (number, mistake, places) in ROWS {
        assert!(!places.is_empty(), "{number} {mistake}");
        for place in *places {
            let held = match place {
                Paper(code) => PAPER_TESTS.contains(&format!("code: Code::{code},")),
                Machine(test) => MACHINE_TESTS.contains(&format!("fn {test}()")),
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
