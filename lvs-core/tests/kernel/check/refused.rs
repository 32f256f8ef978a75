//! Routes and rules that refuse packets of the cluster: the fix deletes what refuses, and traffic is back.

use lvs_core::check::Code;
use lvs_core::net::IpNet;

use crate::check::support::ip;
use crate::check::web::{Web, only, sound};
use crate::check::{DR, NAT, SIX};

const RS: &str = "realserver1";

/// The network on which the client is.
fn client_network(web: &Web, is_ipv6: bool) -> IpNet {
    let is_fit = |network: &IpNet| {
        let ip = network.addr();
        let is_wide = network.prefix_len() < network.max_prefix_len();
        let is_link_local = network.to_string().starts_with("fe80:");
        is_wide && ip.is_ipv6() == is_ipv6 && !ip.is_loopback() && !is_link_local
    };
    web.on("client", |host| {
        let addresses = host.net().addresses().unwrap();
        let mut networks = addresses.iter().map(|address| address.id.network.trunc());
        networks.find(is_fit).unwrap()
    })
}

/// Breaks a node, sees that the finding names what refuses, and fixes it by its own words.
#[track_caller]
fn refused(web: &Web, node: &str, code: Code, lines: &[&str], decider: &str) {
    web.on(node, |_| ip(lines));
    assert!(!web.works(), "{lines:?}");
    let report = web.check_until(node, code);
    web.not_reassured(node, &report);
    let finding = only(&report, code);
    assert!(finding.seen.contains(decider), "{finding}");
    web.fix(&finding);
    assert!(web.works(), "the fixed cluster works: {finding}");
}

pub(crate) fn answers_of_a_real_server() {
    let web = Web::new(NAT);
    let code = Code::NO_DEFAULT_ROUTE;
    for (kind, verdict) in [
        ("unreachable", "unreachable"),
        ("prohibit", "prohibited"),
        ("blackhole", "dropped"),
    ] {
        let route = format!("{kind} 172.16.0.0/16");
        let decider = format!("({verdict}): {route}");
        refused(&web, RS, code, &[&format!("route add {route}")], &decider);
    }
    let of_a_rule = [
        "route add unreachable default table 100 metric 7",
        "rule add from 192.168.1.12 lookup 100 priority 90",
    ];
    let decider =
        "unreachable default table 100 metric 7 (ip rule 90: from 192.168.1.12 lookup 100)";
    refused(&web, RS, code, &of_a_rule, decider);
    web.fixed(RS);
}

pub(crate) fn rules_of_a_real_server() {
    let web = Web::new(NAT);
    let code = Code::NO_DEFAULT_ROUTE;
    for kind in ["unreachable", "prohibit", "blackhole"] {
        let rule = format!("rule add from 192.168.1.12 {kind} priority 70");
        let decider = format!("ip rule 70: from 192.168.1.12 {kind}");
        refused(&web, RS, code, &[&rule], &decider);
    }
    // In the place of the default route, and in front of it.
    refused(
        &web,
        RS,
        code,
        &["route replace unreachable default"],
        "no ipv4 default route",
    );
    web.fixed(RS);
}

pub(crate) fn answers_of_ipv6() {
    let web = Web::new(SIX);
    let code = Code::NO_DEFAULT_ROUTE;
    let clients = client_network(&web, true);
    for kind in ["unreachable", "prohibit", "blackhole"] {
        let route = format!("-6 route add {kind} {clients}");
        refused(&web, RS, code, &[&route], &format!("{kind} {clients}"));
        let rule = format!("-6 rule add to {clients} {kind} priority 70");
        refused(&web, RS, code, &[&rule], "ip rule 70: from all to");
    }
    web.fixed(RS);
}

/// Name servers: what they answer is in no table of theirs.
pub(crate) fn answers_of_datagrams() {
    for (text, more) in [(NAT, ""), (DR, "\none-packet = true")] {
        let text = text.replace(
            "address = \"172.16.5.11:80\"",
            &format!("address = \"172.16.5.11:53\"\nprotocol = \"udp\"{more}"),
        );
        let web = Web::new(&text);
        let clients = client_network(&web, false);
        let code = Code::NO_DEFAULT_ROUTE;
        let rule = format!("rule add to {clients} prohibit priority 70");
        refused(&web, RS, code, &[&rule], "ip rule 70: from all to");
        let route = format!("route add blackhole {clients}");
        refused(&web, RS, code, &[&route], &format!("blackhole {clients}"));
        sound(&web.check(RS));
    }
}

/// A route that is narrower than the network on which the clients are.
pub(crate) fn answers_of_the_director() {
    let web = Web::new(NAT);
    let code = Code::OTHER_UPLINK;
    for kind in ["unreachable", "prohibit", "blackhole"] {
        let route = format!("{kind} 172.16.0.0/17");
        refused(
            &web,
            "director",
            code,
            &[&format!("route add {route}")],
            &route,
        );
    }
    let rule = ["rule add from 172.16.5.11 prohibit priority 70"];
    refused(
        &web,
        "director",
        code,
        &rule,
        "ip rule 70: from 172.16.5.11 prohibit",
    );
    web.fixed("director");
}

pub(crate) fn the_way_to_a_real_server() {
    let web = Web::new(NAT);
    let code = Code::NO_WAY_TO_SERVER;
    for kind in ["unreachable", "prohibit", "blackhole"] {
        let route = format!("route add {kind} 192.168.1.12");
        refused(
            &web,
            "director",
            code,
            &[&route],
            &format!("{kind} 192.168.1.12/32"),
        );
    }
    let rule = ["rule add to 192.168.1.12 prohibit priority 70"];
    refused(
        &web,
        "director",
        code,
        &rule,
        "ip rule 70: from all to 192.168.1.12 prohibit",
    );
    let diverted = ["route add 192.168.1.12 via 192.168.1.13"];
    let decider = "a neighbour, go to 192.168.1.13: 192.168.1.12/32 via 192.168.1.13";
    refused(&web, "director", code, &diverted, decider);
    web.fixed("director");
}
