//! Every kind of finding: a kernel on which it was made and ended again, or the reason why there is none.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(all(feature = "check", feature = "toml"))]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use lvs_core::check::Code;

const KERNEL_TESTS: &str = include_str!("../kernel/check/mod.rs");
const TRUST_TESTS: &str = include_str!("../../../lvs-cli/tests/kernel/trust/mod.rs");

const RUN_TESTS: &str = include_str!("../../../lvs-cli/tests/kernel/run/mod.rs");

enum Proof {
    /// A test of `kernel::check` breaks a cluster in this way, finds it, fixes it, and finds nothing more.
    Kernel(&'static str),
    /// A test of `kernel::trust` of lvsctl makes the change of which the finding warns.
    Change(&'static str),
    /// A test of `kernel::run` of lvsctl finds it beside a controller, or after one.
    Run(&'static str),
    /// No kernel can show it here, and why.
    Not(&'static str),
}
use Proof::{Change, Kernel, Not, Run};

macro_rules! proofs {
    ($($name:ident: $proof:ident($text:literal),)*) => {
        &[$((Code::$name, stringify!($name), $proof($text)),)*]
    };
}

#[rustfmt::skip]
const PROOFS: &[(Code, &str, Proof)] = proofs! {
    ARP_IGNORE: Kernel("dr::no_arp_switches"),
    ARP_ANNOUNCE: Kernel("dr::arp_ignore_without_arp_announce"),
    ARP_PROBE: Kernel("probe::a_real_server_answers_too"),
    VIP_ON_NIC: Kernel("dr::virtual_ip_on_a_network_interface"),
    VIP_MISSING_ON_SERVER: Kernel("dr::virtual_ip_missing_on_a_real_server"),
    VIP_MISSING_ON_DIRECTOR: Kernel("nat::virtual_ip_missing_on_the_director"),
    NETWORK_ON_LO: Kernel("dr::virtual_ip_with_its_network_on_lo"),
    BROADCAST: Kernel("shares::a_broadcast_of_a_network_on_lo"),
    SECONDARY_VIP: Kernel("nat::virtual_ip_that_hangs_on_another"),
    VIP_UPSTREAM: Kernel("files::a_router_without_a_route"),
    DUPLICATE_ADDRESS: Kernel("six::the_director_finds_a_duplicate"),
    REAL_IP: Not("what the file promises here is DEAD_DESTINATION in the kernel's table, which has a test"),
    NAT_GATEWAY: Kernel("nat::another_gateway"),
    DR_GATEWAY: Kernel("dr::a_gateway_that_is_the_director"),
    SHARED_LINK: Kernel("files::direct_routing_through_a_router"),
    NO_DEFAULT_ROUTE: Kernel("nat::no_gateway"),
    REDIRECTS: Kernel("shares::masquerading_over_one_interface"),
    CLIENT_ON_SERVER_NETWORK: Kernel("nat::a_client_beside_the_real_servers"),
    FORWARDING: Kernel("nat::no_forwarding"),
    RP_FILTER: Kernel("machines::strict_rp_filter_with_answers_another_way"),
    NO_DESTINATION: Kernel("nat::all_weights_zero"),
    HASH_WITHOUT_FALLBACK: Kernel("files::a_hash_that_keeps_choosing_the_drained"),
    FTP: Not("the lab has no FTP server; what the module does is the kernel's documentation"),
    PORT_ZERO: Kernel("nat::every_port_without_persistence"),
    WIDE_PERSISTENCE: Kernel("shares::persistence_of_a_whole_network"),
    STICKY_DRAIN: Kernel("shares::a_drain_that_persistence_defeats"),
    THRESHOLD_RULE: Not("a note about the kernel's rule, which kernel::scheduler compares; nothing is broken"),
    OVERLOADED: Kernel("shares::a_threshold_that_is_reached"),
    ONE_SERVER: Not("one real server serves; nothing is broken until it fails"),
    NOT_LOADED: Kernel("nat::ip_vs_is_not_there"),
    NO_SCHEDULER: Kernel("nat::no_scheduler"),
    PORT_WITHOUT_NAT: Kernel("dr::another_port"),
    NO_LISTENER: Kernel("machines::a_daemon_of_the_real_ip_only"),
    REUSE_STALLS: Not("the oldest kernel of the lab is younger"),
    METHOD_CHANGE: Change("rollout::a_changed_method_is_announced"),
    HALF_OPEN: Kernel("nat::another_gateway"),
    NO_ANSWERS: Kernel("nat::no_gateway"),
    ONE_GETS_ALL: Kernel("shares::persistence_of_a_whole_network"),
    GONE_DESTINATION: Kernel("shares::a_connection_to_what_is_gone"),
    STUCK_UDP: Kernel("machines::datagrams_to_a_drained_real_server"),
    DIRECTOR_AS_CLIENT: Kernel("dr::the_director_as_client"),
    NO_TRAFFIC: Kernel("files::nobody_asks"),
    DEAD_DESTINATION: Kernel("nat::a_loopback_destination"),
    DRIFT: Kernel("promises::a_flushed_table"),
    MANAGED_INTERFACE: Kernel("machines::an_interface_that_networkd_configures"),
    OTHER_MANAGER: Kernel("machines::another_program_that_manages_ipvs"),
    NO_TIME_SERVER: Kernel("clock::no_server_at_all"),
    CLOCK_OFF: Kernel("clock::half_of_a_second_is_the_limit"),
    TIME_SERVER_SILENT: Kernel("clock::chrony_has_the_same_time"),
    TUNNEL_DEVICE: Kernel("tunnel::a_device_that_is_down"),
    TUNNEL_PORT: Kernel("tunnel::a_port_that_nobody_unwraps"),
    ENCAPSULATION: Kernel("tunnel::another_wrapping_of_the_director"),
    TUNNEL_MTU: Kernel("tunnel::no_room_for_the_tunnel"),
    NEVER_MARKED: Kernel("marks::no_rule_that_marks"),
    SHADOWED_BY_MARK: Kernel("marks::a_mark_that_takes_everything"),
    SYNC_LENGTH: Kernel("sync::datagrams_larger_than_the_interface_takes"),
    VIP_AS_SOURCE: Kernel("machines::the_virtual_ip_as_source"),
    EXPOSED: Kernel("machines::a_daemon_that_the_virtual_ip_exposes"),
    CONNTRACK_FULL: Kernel("machines::a_full_connection_tracker"),
    FLOATING_ON_STANDBY: Kernel("pair::a_floating_address_on_the_standby"),
    TWO_ACTIVE: Kernel("pair::a_floating_address_on_the_standby"),
    VIP_UNANSWERED: Kernel("pair::neither_is_active"),
    BALANCED_TWICE: Kernel("pair::the_standby_balances_too"),
    BALANCED_HERE: Kernel("dr::a_real_server_that_balances_too"),
    NO_WAY_TO_SERVER: Kernel("hostile::the_director_has_a_real_servers_address"),
    IPVS_DROPS: Kernel("hostile::packets_that_ipvs_drops"),
    IPVS_PAUSED: Kernel("hostile::a_backup_daemon_on_a_lone_director"),
    ARP_HIDDEN: Kernel("hostile::arp_ignore_on_the_director"),
    NOT_LOCAL: Kernel("hostile::a_virtual_ip_that_is_not_local"),
    LEFTOVER_VIP: Kernel("hostile::a_virtual_ip_left_over"),
    SHORT_TIMEOUT: Kernel("hostile::timeouts_of_a_second"),
    ARP_OFF: Kernel("drops::arp_off"),
    SMALL_MTU: Kernel("drops::a_small_mtu"),
    UNANSWERED: Kernel("drops::a_firewall_of_a_real_server"),
    UNACCEPTED: Kernel("drops::a_program_that_hangs"),
    QDISC_DROPS: Kernel("drops::random_loss"),
    ASTRAY: Kernel("operators::a_route_by_the_wrong_host"),
    ENSLAVED: Kernel("operators::an_interface_that_became_a_port"),
    SHARED_MAC: Kernel("operators::two_real_servers_of_one_hardware_address"),
    ADVERTISED_ROUTE: Kernel("six::a_default_route_that_is_not_renewed"),
    REFUSED: Kernel("causes::programs_that_are_dead"),
    VIP_UNSOLICITED: Change("places::an_ipv6_virtual_ip_beside_its_network_is_refused"),
    CHANGE_OUTAGE: Change("rollout::a_changed_virtual_ip_fails_only_who_asks_the_old_one"),
    LINK_MISSING: Kernel("promises::an_interface_that_does_not_exist"),
    LINK_DOWN: Kernel("promises::an_interface_that_is_down"),
    ONE_PACKET_NAT: Kernel("files::one_packet_by_masquerading"),
    OTHER_UPLINK: Kernel("paths::two_uplinks"),
    DEAD_NEIGHBOUR: Kernel("neighbours::a_real_server_without_a_cable"),
    WRONG_NEIGHBOUR: Kernel("neighbours::a_permanent_entry_of_another_machine"),
    SHARED_ADDRESS: Kernel("neighbours::two_machines_with_one_address"),
    WITHDRAWN: Run("rules::a_virtual_ip_is_withdrawn_below_the_minimum"),
    BELOW_MINIMUM: Run("checks::what_the_controller_knows"),
    SERVER_DOWN: Run("checks::what_the_controller_knows"),
    NO_CONTROLLER: Run("ends::killed_and_started_again"),
    UNTESTED: Run("ends::killed_and_started_again"),
};

#[test]
fn every_code_has_a_proof() {
    let proved: BTreeSet<_> = PROOFS.iter().map(|(code, ..)| *code).collect();
    assert_eq!(proved.len(), PROOFS.len(), "each once");
    for code in Code::all() {
        assert!(
            proved.contains(&code),
            "{code} has neither a kernel test nor a reason"
        );
    }
}

#[test]
fn every_code_belongs_to_a_symptom_of_the_guide() {
    let guide = include_str!("../../src/guide/troubleshooting.md");
    let (_, table) = guide.split_once("|---|").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let missing: Vec<_> = Code::all()
        .filter(|code| !table.contains(&code.to_string()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What shows that a test goes on to a cluster, or a node, on which the finding has ended.
const ENDED: &[&str] = &[
    ".broken(",
    ".fix(",
    ".fixed(",
    "sound(",
    "is_error(",
    "is_a_mistake(",
    "fixes(",
    "[]",
    "assert!(!",
    "is_empty()",
];

#[test]
fn every_proof_makes_the_finding_and_ends_it() {
    for (code, name, proof) in PROOFS {
        match proof {
            Kernel(test) => {
                assert!(
                    KERNEL_TESTS.contains(&format!("    {test},\n")),
                    "{code}: no test {test}"
                );
                let body = body(test);
                let constant = format!("Code::{name}");
                assert!(body.contains(&constant), "{test} does not name {constant}");
                let ends = ENDED.iter().any(|word| body.contains(word));
                assert!(ends, "{test} does not end {constant}");
            }
            Change(test) => {
                assert!(
                    TRUST_TESTS.contains(&format!("    {test},\n")),
                    "{code}: no test {test}"
                );
            }
            Run(test) => {
                assert!(
                    RUN_TESTS.contains(&format!("    {test},\n")),
                    "{code}: no test {test}"
                );
            }
            Not(reason) => assert!(!reason.is_empty(), "{code}"),
        }
    }
}

/// Returns the text of a test of `kernel::check`, without the functions that it calls.
fn body(test: &str) -> String {
    let (module, name) = test.split_once("::").unwrap();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernel/check");
    let text = fs::read_to_string(directory.join(format!("{module}.rs"))).unwrap();
    let (_, from) = text.split_once(&format!("fn {name}()")).unwrap();
    from.split("\n}\n").next().unwrap().to_owned()
}
