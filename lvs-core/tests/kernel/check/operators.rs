//! What an operator, or another program, does to a node that works: bridges of containers, rules of a VPN, copied
//! machines.

use lvs_core::check::{Area, Code, Report};
use lvs_lab::{load_module, run_tool};

use crate::check::drops::{forget_neighbours, is_refuted};
use crate::check::support::{NAT_OF_IPV6, ip};
use crate::check::web::{Web, only};
use crate::check::{DR, NAT, SIX};

const RS: &str = "realserver1";

/// Breaks a node by lines of `ip`, so that clients notice; it is found, fixed, and works again.
fn broken(text: &str, node: &str, code: Code, lines: &[&str]) {
    let web = Web::new(text);
    web.on(node, |_| ip(lines));
    forget_neighbours(&web);
    assert!(!web.works(), "{lines:?}");
    let report = web.check_until(node, code);
    let findings: Vec<_> = report
        .findings()
        .iter()
        .filter(|found| found.code == code)
        .collect();
    assert!(
        !findings.is_empty(),
        "{code}:\n{}",
        crate::check::web::text(&report)
    );
    is_refuted(&report, &[Area::Routing, Area::Traffic]);
    web.not_reassured(node, &report);
    web.fix(findings[0]);
    forget_neighbours(&web);
    web.fixed(node);
}

const VPN: [&str; 6] = [
    "link add wg0 type dummy",
    "link set wg0 up",
    "address add 10.66.0.2/32 dev wg0",
    "route add default dev wg0 table 51820",
    "rule add table main suppress_prefixlength 0 priority 31000",
    "rule add not fwmark 51820 table 51820 priority 32000",
];

/// It takes everything but its own packets.
pub(crate) fn a_vpn_takes_the_answers() {
    broken(NAT, RS, Code::NAT_GATEWAY, &VPN);
    broken(DR, RS, Code::ASTRAY, &VPN);
}

pub(crate) fn containers_on_the_network_of_clients() {
    let lines = [
        "link add docker0 type bridge",
        "link set docker0 up",
        "address add 198.18.0.1/16 dev docker0",
    ];
    broken(DR, RS, Code::ASTRAY, &lines);
}

pub(crate) fn containers_on_the_network_of_real_servers() {
    let lines = [
        "link add docker0 type bridge",
        "link set docker0 up",
        "address add 192.168.1.99/25 dev docker0",
    ];
    for text in [NAT, DR] {
        let web = Web::new(text);
        web.on("director", |_| ip(&lines));
        assert!(!web.works());
        let report = web.check_until("director", Code::DEAD_NEIGHBOUR);
        is_refuted(&report, &[Area::Routing, Area::Traffic]);
        let finding = report.findings()[0].clone();
        assert_eq!(finding.fix, ["ip address del 192.168.1.99/25 dev docker0"]);
        web.fix(&finding);
        web.fixed("director");
    }
}

/// Typed for a moment, and forgotten.
pub(crate) fn a_route_by_the_wrong_host() {
    let web = Web::new(DR);
    web.on(RS, |_| ip(&["route add 198.18.0.0/16 via 192.168.1.13"]));
    assert!(!web.works());
    let report = web.check_until(RS, Code::ASTRAY);
    web.not_reassured(RS, &report);
    web.fix(&only(&report, Code::ASTRAY));
    web.fixed(RS);
}

pub(crate) fn rules_and_bridges_are_never_called_right() {
    const RULE: &[&str] = &[
        "route add default via 192.168.1.13 table 77",
        "rule add from 172.16.5.11 lookup 77 priority 90",
    ];
    const BRIDGE: &[&str] = &[
        "link add du0 type dummy",
        "link set du0 up",
        "address add 198.18.0.5/16 dev du0",
    ];
    is_never_called_right(DR, RULE);
    is_never_called_right(DR, BRIDGE);
}

pub(crate) fn routes_by_another_host_are_never_called_right() {
    is_never_called_right(DR, &["route add 198.18.0.0/16 via 192.168.1.13"]);
    is_never_called_right(SIX, &["-6 route add 2001:2::/64 via 2001:db8:1::13"]);
}

/// With clients and without them.
fn is_never_called_right(text: &str, lines: &[&str]) {
    let web = Web::new(text);
    web.on(RS, |_| ip(lines));
    let is_called_right = |report: &Report| report.sound().any(|area| area == Area::Routing);
    assert!(!is_called_right(&web.check_alone(RS, None)), "{lines:?}");
    assert!(!web.works(), "{lines:?}");
    for _ in 0..3 {
        assert!(!is_called_right(&web.check(RS)), "{lines:?}");
    }
    let report = web.check_until(RS, Code::ASTRAY);
    web.fix(&only(&report, Code::ASTRAY));
    web.fixed(RS);
}

/// What the director sends to the real server comes back to itself.
pub(crate) fn a_route_to_a_real_server_by_lo() {
    broken(
        DR,
        "director",
        Code::NO_WAY_TO_SERVER,
        &["route add 192.168.1.12/32 dev lo"],
    );
}

pub(crate) fn a_real_ip_that_arp_hides() {
    let line = ["net.ipv4.conf.all.arp_ignore=8"];
    let web = Web::new(NAT);
    web.on(RS, |_| run_tool("sysctl", &["-w", line[0]]).unwrap());
    forget_neighbours(&web);
    assert!(!web.works());
    let report = web.check_until(RS, Code::ARP_HIDDEN);
    is_refuted(&report, &[Area::Arp, Area::Traffic]);
    web.fix(&only(&report, Code::ARP_HIDDEN));
    forget_neighbours(&web);
    web.fixed(RS);
}

pub(crate) fn an_interface_that_became_a_port() {
    let lines = [
        "link add br0 type bridge",
        "link set br0 up",
        "link set eth0 master br0",
    ];
    for text in [NAT, DR, NAT_OF_IPV6] {
        for node in ["director", RS] {
            let web = Web::new(text);
            web.on(node, |_| ip(&lines));
            forget_neighbours(&web);
            assert!(!web.works());
            let report = web.check_until(node, Code::ENSLAVED);
            let finding = only(&report, Code::ENSLAVED);
            is_refuted(&report, &[Area::Addresses, Area::Routing, Area::Traffic]);
            web.not_reassured(node, &report);
            web.fix(&finding);
            forget_neighbours(&web);
            web.fixed(node);
        }
    }
}

pub(crate) fn an_interface_that_joined_a_vrf() {
    load_module("vrf").unwrap();
    let lines = [
        "link add vrf0 type vrf table 10",
        "link set vrf0 up",
        "link set eth0 master vrf0",
    ];
    for text in [NAT, DR] {
        let web = Web::new(text);
        web.on(RS, |_| ip(&lines));
        assert!(!web.works());
        let report = web.check_until(RS, Code::ENSLAVED);
        web.fix(&only(&report, Code::ENSLAVED));
        forget_neighbours(&web);
        web.fixed(RS);
    }
}

/// A virtual machine was copied with its hardware address.
pub(crate) fn two_real_servers_of_one_hardware_address() {
    let web = Web::new(NAT);
    let mac = |node: &str| {
        web.on(node, |host| {
            let link = host.net().link(&"eth0".parse().unwrap()).unwrap();
            link.mac.unwrap()
        })
    };
    let (own, other) = (mac(RS), mac("realserver2"));
    web.ip(RS, &format!("link set eth0 address {other}"));
    forget_neighbours(&web);
    assert!(!web.works());
    let report = web.check_until("director", Code::SHARED_MAC);
    only(&report, Code::SHARED_MAC);
    is_refuted(&report, &[Area::Arp, Area::Traffic]);
    web.ip(RS, &format!("link set eth0 address {own}"));
    forget_neighbours(&web);
    web.fixed("director");
}
