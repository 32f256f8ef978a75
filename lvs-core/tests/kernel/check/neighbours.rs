//! Neighbours that do not answer, or are not who they should be: found on the node that sends to them.

use std::time::Duration;

use lvs_core::check::Code;
use lvs_core::net::{MacAddress, Neighbour, NeighbourState};
use lvs_lab::http;

use crate::check::support;
use crate::check::web::{Harm, Web, findings, only, set, sound, text};
use crate::check::{DR, NAT};

const RS: &str = "realserver2";
const WAIT: Duration = Duration::from_millis(600);

fn ip(line: &str) {
    support::ip(&[line]);
}

pub(crate) fn a_permanent_entry_of_another_machine() {
    let web = Web::new(NAT);
    let line = "neigh replace 192.168.1.13 lladdr 02:00:00:00:00:99 dev eth1 nud permanent";
    let listed = web.on("director", |host| {
        ip(line);
        host.net().neighbours().unwrap()
    });
    let entry = Neighbour {
        interface: "eth1".parse().unwrap(),
        address: [192, 168, 1, 13].into(),
        mac: Some(MacAddress([2, 0, 0, 0, 0, 0x99])),
        state: NeighbourState::Permanent,
    };
    assert!(listed.contains(&entry), "{listed:?}");
    web.broken("director", Code::WRONG_NEIGHBOUR, Harm::Clients, |_| {
        ip(line)
    });
    sound(&web.check(RS));
}

/// Its own check cannot know.
pub(crate) fn a_real_server_without_a_cable() {
    let web = Web::new(NAT);
    web.lab.network().plug_in(RS, false).unwrap();
    web.on("director", |_| ip("neigh flush dev eth1"));
    assert!(!web.works());
    let report = web.check_until("director", Code::DEAD_NEIGHBOUR);
    let finding = only(&report, Code::DEAD_NEIGHBOUR);
    assert!(
        finding.seen.starts_with("realserver2 (192.168.1.13)"),
        "{finding}"
    );
    assert!(
        finding.to_string().contains("lvsctl drain 192.168.1.13"),
        "{finding}"
    );
    web.lab.network().plug_in(RS, true).unwrap();
    web.fixed("director");
}

/// No packet was sent to it yet, so that the kernel knows nothing of it.
pub(crate) fn a_neighbour_that_was_never_asked() {
    let web = Web::new(NAT);
    let dead = |report: &_| {
        findings(report)
            .iter()
            .any(|found| found.code == Code::DEAD_NEIGHBOUR)
    };
    let report = web.check_alone("director", Some(WAIT));
    assert!(!dead(&report), "{}", text(&report));
    web.lab.network().plug_in(RS, false).unwrap();
    web.on("director", |_| ip("neigh flush dev eth1"));
    let report = web.check_alone("director", Some(WAIT));
    assert!(dead(&report), "{}", text(&report));
    assert!(!text(&report).contains("ok routing"), "{}", text(&report));
    web.lab.network().plug_in(RS, true).unwrap();
    web.fixed("director");
}

/// A copy of a machine, plugged in with its address.
pub(crate) fn two_machines_with_one_address() {
    let web = Web::new(NAT);
    web.on("realserver1", |_| {
        ip("address add 192.168.1.13/32 dev eth0")
    });
    let report = web.check_alone("director", Some(WAIT));
    let found = findings(&report);
    let finding = found
        .iter()
        .find(|finding| finding.code == Code::SHARED_ADDRESS);
    let finding = finding.unwrap_or_else(|| panic!("{}", text(&report)));
    assert!(
        finding.seen.contains("realserver2 (192.168.1.13)"),
        "{finding}"
    );
    web.on("realserver1", |_| {
        ip("address del 192.168.1.13/32 dev eth0")
    });
    web.run("director", "ip neigh flush to 192.168.1.13 dev eth1");
    let report = web.check_alone("director", Some(WAIT));
    let mut found = findings(&report).into_iter();
    assert!(
        !found.any(|finding| finding.code == Code::SHARED_ADDRESS),
        "{}",
        text(&report)
    );
    web.fixed("director");
}

/// A client of the Internet.
const FAR: &str = "100.64.7.7";

fn far_client_is_answered(web: &Web) -> bool {
    let vip = "172.16.5.11:80".parse().unwrap();
    web.on("client", |_| {
        http::fetch(vip, FAR.parse().ok(), Duration::from_secs(1)).is_ok()
    })
}

/// The router of the director, which only distant clients need.
pub(crate) fn the_directors_gateway_is_dead() {
    let web = Web::new(NAT);
    web.on("client", |_| ip(&format!("address add {FAR}/32 dev lo")));
    let back = format!("route replace {FAR} via 172.16.5.100");
    web.on("router", |_| ip(&back));
    assert!(far_client_is_answered(&web));
    web.on("router", |_| ip("address del 172.16.0.1/16 dev eth0"));
    web.on("director", |_| ip("neigh flush dev eth0"));
    assert!(!far_client_is_answered(&web));
    let is_dead = |_: &_| {
        let report = web.check_while("director", |_| {
            let _ = far_client_is_answered(&web);
        });
        let codes = crate::check::web::codes(&report);
        codes == [Code::DEAD_NEIGHBOUR]
            && text(&report).contains("172.16.0.1 does not answer on eth0")
    };
    assert!(
        (0..6).any(|number| is_dead(&number)),
        "{}",
        text(&web.check("director"))
    );
    web.on("router", |_| {
        ip("address add 172.16.0.1/16 dev eth0");
        ip(&back);
    });
    // The director asks for its router again in its own time.
    assert!((0..20).any(|_| far_client_is_answered(&web)));
    web.fixed("director");
}

/// The router of the real servers, which their answers need.
pub(crate) fn a_real_servers_gateway_is_dead() {
    let web = Web::new(DR);
    // It answers no question for its addresses.
    web.on("router", |host| {
        set(host, "net/ipv4/conf/all/arp_ignore", "8")
    });
    web.on(RS, |_| ip("neigh flush dev eth0"));
    assert!(!web.works());
    let finding = only(
        &web.check_until(RS, Code::DEAD_NEIGHBOUR),
        Code::DEAD_NEIGHBOUR,
    );
    assert!(
        finding.seen.starts_with("192.168.1.254 does not answer"),
        "{finding}"
    );
    web.on("router", |host| {
        set(host, "net/ipv4/conf/all/arp_ignore", "0")
    });
    web.fixed(RS);
}
