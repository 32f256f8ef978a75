//! Mistakes of the file, applied as it is: what clients get, what is found on paper and on the node, and that the file
//! which the fix names works.

use lvs_core::check::{self, Area, Code, Report, Severity};

use crate::check::support::changed;
use crate::check::web::{Web, findings, sound, text};
use crate::check::{DR, NAT, TUNNEL};

/// Applies a file with a mistake, and returns the cluster and what is found on the director while clients ask.
fn applied(file: &str) -> (Web, Report) {
    let web = Web::unapplied(file);
    web.lab.apply().unwrap();
    web.lab.wait_for_servers().unwrap();
    let report = web.check("director");
    (web, report)
}

/// Clients get no answer, this alone is found, on paper too, and the other file serves.
#[track_caller]
fn is_a_mistake(file: &str, code: Code, better: &str) {
    let (web, report) = applied(file);
    assert!(
        !web.answers().iter().all(Option::is_some),
        "some clients fail"
    );
    let found = findings(&report);
    assert!(!found.is_empty(), "{code}");
    for finding in found {
        assert_eq!(
            (finding.code, finding.severity),
            (code, Severity::Error),
            "{}",
            text(&report)
        );
    }
    assert!(!report.sound().any(|area| area == Area::Traffic));
    let on_paper = check::on_paper(&web.cluster);
    assert!(
        findings(&on_paper)
            .iter()
            .any(|finding| finding.code == code)
    );
    drop(web);
    sound(&Web::new(better).check("director"));
}

/// Row 24: its clients are refused, not sent to the other one.
pub(crate) fn a_hash_that_keeps_choosing_the_drained() {
    let drained = changed(
        NAT,
        "name = \"realserver2\"",
        "name = \"realserver2\"\ndrain = true",
    );
    let hashed = changed(&drained, "\"rr\"", "\"sh\"");
    let better = changed(
        &drained,
        "\"rr\"",
        "\"sh\"\nscheduler-flags = [\"sh-fallback\"]",
    );
    is_a_mistake(&hashed, Code::HASH_WITHOUT_FALLBACK, &better);
}

/// The answers of the real servers come from their own addresses.
pub(crate) fn one_packet_by_masquerading() {
    let udp = "address = \"172.16.5.11:53\"\nprotocol = \"udp\"";
    let better = changed(NAT, "address = \"172.16.5.11:80\"", udp);
    let file = changed(&better, udp, &format!("{udp}\none-packet = true"));
    is_a_mistake(&file, Code::ONE_PACKET_NAT, &better);
}

/// Direct routing to real servers behind a router, which only a tunnel reaches.
pub(crate) fn direct_routing_through_a_router() {
    let file = changed(TUNNEL, "forwarding = \"tunnel\"", "forwarding = \"dr\"");
    let file = changed(&file, "tunnel = { type = \"ipip\" }", "");
    is_a_mistake(&file, Code::SHARED_LINK, TUNNEL);
}

/// Row 27: the router in front has no route to the virtual IP: nobody comes, until it has one.
pub(crate) fn a_router_without_a_route() {
    let web = Web::unapplied(DR);
    web.lab.apply().unwrap();
    web.lab.wait_for_servers().unwrap();
    web.ip("router", "route delete 172.16.5.11");
    assert!(!web.works());
    let report = web.check("director");
    let codes: Vec<_> = report
        .findings()
        .iter()
        .map(|finding| finding.code)
        .collect();
    assert_eq!(
        codes,
        [Code::VIP_UPSTREAM, Code::NO_TRAFFIC],
        "{}",
        text(&report)
    );
    let finding = &report.findings()[0];
    assert!(
        finding.fix[0].contains("add a route to 172.16.5.11 via 192.168.1.11"),
        "{finding}"
    );
    web.ip("router", "route add 172.16.5.11 via 192.168.1.11");
    web.fixed("director");
    let report = web.check("director");
    assert!(report.findings().is_empty(), "{}", text(&report));
}

/// Without clients nothing is said of connections, and with them nothing but good.
pub(crate) fn nobody_asks() {
    let web = Web::new(NAT);
    let is_quiet = |report: &Report| {
        let codes: Vec<_> = findings(report)
            .iter()
            .map(|finding| finding.code)
            .collect();
        codes == [Code::NO_TRAFFIC]
    };
    // Counters of the clients before are some seconds late.
    let quiet = (0..10)
        .map(|_| web.check_alone("director", None))
        .find(is_quiet);
    let quiet = quiet.unwrap();
    assert!(!quiet.sound().any(|area| area == Area::Traffic));
    let asked = web.check_until_sound("director");
    sound(&asked);
    assert!(asked.sound().any(|area| area == Area::Traffic));
}
