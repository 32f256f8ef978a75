//! Services by firewall mark, broken.

use std::time::{Duration, Instant};

use lvs_core::check::{Code, Severity};
use lvs_core::ipvs::ServiceId;
use lvs_core::net::MacAddress;
use lvs_core::{Host, IfName};
use lvs_lab::run_tool;

use crate::check::support::marked;
use crate::check::web::{Harm, Web, address, codes, default_via, only, sound, text};
use crate::check::{DR, NAT};

const RS: &str = "realserver2";

/// Row 33.
pub(crate) fn no_rule_that_marks() {
    let web = Web::new(&marked(DR));
    web.on("director", unload_rules);
    web.on("director", |host| forget(host, &web.service));
    assert_eq!(web.answers(), vec![None; web.answers().len()]);
    let finding = only(&web.check("director"), Code::NEVER_MARKED);
    assert_eq!(finding.object.to_string(), web.service.to_string());
    assert_eq!(finding.severity, Severity::Error, "{finding}");
    web.lab.load_rules().unwrap();
    web.fixed("director");
}

/// As if it had just been added. Counters are some seconds late, and what they have not taken in yet
/// cannot be zeroed.
fn forget(host: &mut Host, service: &ServiceId) {
    let ipvs = host.ipvs().unwrap();
    let started = Instant::now();
    while ipvs.service(service).unwrap().stats.connections < 6 {
        assert!(started.elapsed() < Duration::from_secs(20), "not counted");
    }
    ipvs.zero(Some(service)).unwrap();
}

/// In this lab tc does what nft would.
fn unload_rules(host: &mut Host) {
    let links = host.net().links().unwrap();
    let is_network = |mac: Option<MacAddress>, name: &IfName| mac.is_some() && *name != IfName::LO;
    for link in links.iter().filter(|link| is_network(link.mac, &link.name)) {
        let line = ["qdisc", "del", "dev", link.name.as_str(), "ingress"];
        run_tool("tc", &line).unwrap();
    }
}

/// Row 34: what is marked has to be the machine's own, too.
pub(crate) fn virtual_ip_missing_on_the_director() {
    let web = Web::new(&marked(DR));
    web.broken(
        "director",
        Code::VIP_MISSING_ON_DIRECTOR,
        Harm::Clients,
        |host| {
            let id = address("eth0", "172.16.5.11/32").id;
            host.net().delete_address(&id).unwrap();
        },
    );
}

/// Row 7.
pub(crate) fn virtual_ip_missing_on_a_real_server() {
    let web = Web::new(&marked(DR));
    for node in ["realserver1", RS] {
        web.on(node, |host| {
            let id = address("lo", "172.16.5.11/32").id;
            host.net().delete_address(&id).unwrap();
        });
    }
    assert!(!web.works());
    let report = web.check_until("director", Code::HALF_OPEN);
    assert!(
        codes(&report).contains(&Code::HALF_OPEN),
        "it is seen by the mark's connections: {}",
        text(&report)
    );
    for node in ["realserver1", RS] {
        web.fix(&only(&web.check(node), Code::VIP_MISSING_ON_SERVER));
    }
    web.fixed(RS);
    web.fixed("director");
}

/// Row 13.
pub(crate) fn another_gateway() {
    let web = Web::new(&marked(NAT));
    for node in ["realserver1", RS] {
        web.on(node, |host| {
            let route = default_via("192.168.1.99");
            host.net().replace_route(&route).unwrap();
        });
    }
    assert!(!web.works());
    for node in ["realserver1", RS] {
        web.fix(&only(&web.check(node), Code::NAT_GATEWAY));
    }
    web.fixed(RS);
    web.fixed("director");
}

/// A mark of every port leaves nothing to a service of one.
pub(crate) fn a_mark_that_takes_everything() {
    let every = marked(DR).replace(
        "match = [\"tcp 172.16.5.11:80\", \"tcp 172.16.5.11:443\"]",
        "match = [\"tcp 172.16.5.11:0\"]",
    );
    let text = format!("{every}\n[[services]]\naddress = \"172.16.5.11:80\"\nscheduler = \"rr\"\n");
    let web = Web::new(&text);
    let http: ServiceId = "tcp 172.16.5.11:80".parse().unwrap();
    assert!((0..4).all(|number| web.lab.request(&http, number).is_ok()));
    let finding = only(&web.check("director"), Code::SHADOWED_BY_MARK);
    assert_eq!(finding.object.to_string(), "tcp 172.16.5.11:80");
    assert_eq!(web.counted_by(&http), 0, "the mark has them all");
    assert!(web.counted() > 0);
    drop(web);
    // Without the service that gets nothing.
    sound(&Web::new(&every).check("director"));
}
