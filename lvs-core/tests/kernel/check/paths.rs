//! Answers that take another way than the main table's default route says.

use std::net::IpAddr;
use std::time::Duration;

use lvs_core::Host;
use lvs_core::check::{Code, Severity};
use lvs_lab::http;

use crate::check::support::ip;
use crate::check::web::{Harm, Web, findings, only, sound};
use crate::check::{DR, NAT};

const RS: &str = "realserver1";

/// Breaks the answers of a real server, sees that its finding names what decides, and fixes it by its own words.
#[track_caller]
fn misled(web: &Web, code: Code, lines: &[&str], decider: &str) {
    web.on(RS, |_| ip(lines));
    assert!(!web.works(), "{lines:?}");
    let finding = only(&web.check(RS), code);
    assert!(finding.seen.contains(decider), "{finding}");
    assert_eq!(finding.severity, Severity::Error);
    web.fix(&finding);
    assert!(web.works(), "the fixed cluster works: {finding}");
}

/// The default route is as it should be, and never used.
pub(crate) fn narrower_routes_past_the_director() {
    let web = Web::new(NAT);
    let halves = [
        "route add 0.0.0.0/1 via 192.168.1.13",
        "route add 128.0.0.0/1 via 192.168.1.13",
    ];
    misled(
        &web,
        Code::NAT_GATEWAY,
        &halves,
        ": 128.0.0.0/1 via 192.168.1.13 dev eth0",
    );
    let other = only(&web.check(RS), Code::NAT_GATEWAY);
    assert!(other.seen.contains(": 0.0.0.0/1 via"), "{other}");
    web.fix(&other);
    sound(&web.check(RS));
    let private = ["route add 172.16.0.0/12 via 192.168.1.13"];
    misled(
        &web,
        Code::NAT_GATEWAY,
        &private,
        ": 172.16.0.0/12 via 192.168.1.13 dev eth0",
    );
    web.fixed(RS);
    web.fixed("director");
}

pub(crate) fn rules_past_the_director() {
    let web = Web::new(NAT);
    let by_source = [
        "route add default via 192.168.1.13 table 100",
        "rule add from 192.168.1.12 lookup 100 priority 90",
    ];
    let rule = "(ip rule 90: from 192.168.1.12 lookup 100)";
    misled(&web, Code::NAT_GATEWAY, &by_source, rule);
    let by_client = [
        "route add default via 192.168.1.13 table 101",
        "rule add to 172.16.0.0/16 lookup 101 priority 80",
    ];
    misled(
        &web,
        Code::NAT_GATEWAY,
        &by_client,
        "(ip rule 80: from all to 172.16.0.0/16 lookup 101)",
    );
    let prohibited = ["rule add from 192.168.1.12 prohibit priority 70"];
    misled(
        &web,
        Code::NO_DEFAULT_ROUTE,
        &prohibited,
        "ip rule 70: from 192.168.1.12 prohibit",
    );
    web.fixed(RS);
}

/// With the virtual IP as source, which is the director's too.
pub(crate) fn a_rule_through_the_director() {
    let web = Web::new(DR);
    let rule = [
        "route add default via 192.168.1.11 table 100",
        "rule add from 172.16.5.11 lookup 100 priority 90",
    ];
    misled(
        &web,
        Code::DR_GATEWAY,
        &rule,
        "(ip rule 90: from 172.16.5.11 lookup 100)",
    );
    web.fixed(RS);
}

/// A director with a virtual IP at each of two providers.
const TWO_UPLINKS: &str = r#"
name = "web"
forwarding = "nat"
[director]
gateway = "203.0.113.1"
addresses = [
  { interface = "eth0", address = "203.0.113.11/24" },
  { interface = "eth2", address = "198.51.100.11/24" },
  { interface = "eth1", address = "192.168.1.11/24" },
]
[[services]]
address = "203.0.113.11:80"
scheduler = "rr"
[[services]]
address = "198.51.100.11:80"
scheduler = "rr"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
[[real-servers]]
name = "realserver2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
"#;

/// A client of the Internet, which both providers can reach.
const FAR: &str = "100.64.7.7";

fn far_client_is_answered(web: &Web, vip: &str) -> bool {
    let vip = format!("{vip}:80").parse().unwrap();
    web.on("client", |_| {
        http::fetch(vip, FAR.parse().ok(), Duration::from_secs(1)).is_ok()
    })
}

/// The interface on which a machine has an address, and that address of the network.
fn address_in(host: &mut Host, network: &str) -> (String, IpAddr) {
    let addresses = host.net().addresses().unwrap();
    let mut addresses = addresses.into_iter().map(|address| address.id);
    let id = addresses.find(|id| id.network.to_string().starts_with(network));
    let id = id.unwrap();
    (id.interface.to_string(), id.network.addr())
}

/// Each provider drops what comes from an address of the other one.
pub(crate) fn two_uplinks() {
    let web = Web::new(TWO_UPLINKS);
    let (_, first) = web.on("client", |host| address_in(host, "203.0.113."));
    let (_, second) = web.on("client", |host| {
        ip(&[&format!("address add {FAR}/32 dev lo")]);
        address_in(host, "198.51.100.")
    });
    web.on("router", |_| {
        ip(&[
            &format!("route add {FAR} via {first}"),
            "rule add from 198.51.100.0/24 blackhole",
        ]);
    });
    assert!(far_client_is_answered(&web, "203.0.113.11"));
    assert!(!far_client_is_answered(&web, "198.51.100.11"));
    let ask = |_| {
        let _ = far_client_is_answered(&web, "198.51.100.11");
    };
    let mut finding = None;
    for _ in 0..6 {
        let report = web.check_while("director", ask);
        let mut found = findings(&report).into_iter().cloned();
        finding = found.find(|finding| finding.code == Code::OTHER_UPLINK);
        if finding.is_some() {
            only(&report, Code::OTHER_UPLINK);
            break;
        }
    }
    let finding = finding.unwrap();
    assert!(
        finding.seen.contains(FAR) && finding.seen.contains("default via 203.0.113.1 dev eth0"),
        "{finding}"
    );
    sound(&web.check_while(RS, ask));
    // Who the router of that provider is only its customer knows.
    let mut named = finding;
    for line in &mut named.fix {
        *line = line.replace("ROUTER", &second.to_string());
    }
    web.fix(&named);
    assert!(far_client_is_answered(&web, "198.51.100.11"));
    assert!(far_client_is_answered(&web, "203.0.113.11"));
    web.fixed("director");
}

/// What decides at each of the nodes of sound clusters with rules of their own.
pub(crate) fn rules_that_are_right() {
    let web = Web::new(NAT);
    web.on(RS, |_| {
        ip(&[
            "route add default via 192.168.1.11 table 100",
            "rule add from 192.168.1.12 lookup 100",
            "route add 10.0.0.0/8 via 192.168.1.13",
        ]);
    });
    web.broken("director", Code::FORWARDING, Harm::Clients, |host| {
        crate::check::web::set(host, "net/ipv4/ip_forward", "0");
    });
    sound(&web.check(RS));
}
