//! What the file promises and the kernel lacks.

use std::time::Duration;

use lvs_core::Host;
use lvs_core::check::{self, Area, Code, Facts, Gather, Severity};
use lvs_core::ipvs::{Command, Weight};

use crate::check::web::{Harm, Web, default_via, only, put, set, sound, text};
use crate::check::{DR, NAT};

const RS: &str = "realserver2";

/// An operator's `ipvsadm -C`.
pub(crate) fn a_flushed_table() {
    let web = Web::new(NAT);
    web.broken("director", Code::DRIFT, Harm::Clients, |host| {
        host.ipvs().unwrap().flush().unwrap();
    });
}

/// The other one serves on; the file promises two.
pub(crate) fn a_destination_that_was_deleted() {
    let web = Web::new(NAT);
    let service = web.service;
    web.on("director", |host| {
        let ipvs = host.ipvs().unwrap();
        let first = ipvs.destinations(&service).unwrap()[0].destination.id;
        ipvs.delete_destination(&service, &first).unwrap();
    });
    assert!(web.works(), "by the other one");
    is_error(
        &web,
        "director",
        Code::DRIFT,
        &[Area::Services, Area::Upkeep],
    );
}

/// One of two weights, set to 0 by hand.
pub(crate) fn a_weight_of_zero_by_hand() {
    let web = Web::new(DR);
    let service = web.service;
    web.on("director", |host| {
        let mut first = host.ipvs().unwrap().destinations(&service).unwrap()[0].destination;
        first.weight = Weight::DRAIN;
        put(host, &[Command::EditDestination(service, first)]);
    });
    assert!(web.works(), "by the other one");
    is_error(
        &web,
        "director",
        Code::DRIFT,
        &[Area::Services, Area::Upkeep],
    );
}

/// A controller that watches the real servers sets the weight of a dead one to 0: that is as the file says. Where none
/// runs, it is not.
pub(crate) fn a_weight_of_zero_by_health() {
    let web = Web::new(&NAT.replace("\"rr\"", "\"rr\"\ncheck = \"tcp\""));
    let service = web.service;
    web.on("director", |host| {
        let mut first = host.ipvs().unwrap().destinations(&service).unwrap()[0].destination;
        first.weight = Weight::DRAIN;
        put(host, &[Command::EditDestination(service, first)]);
    });
    let state = web.cluster.node("director").unwrap();
    let gather = Gather {
        pause: Duration::ZERO,
        clock: false,
        ..Gather::default()
    };
    let mut facts = web
        .on("director", |host| {
            Facts::gather(host, &web.cluster, &state, &gather)
        })
        .unwrap();
    let judged = |facts: &Facts| check::on_node(&web.cluster, facts);
    only(&judged(&facts), Code::DRIFT);
    facts.services_by_health.insert(service);
    let report = judged(&facts);
    sound(&report);
    assert!(report.sound().any(|area| area == Area::Upkeep));
}

/// Exactly this is an error on the node, none of these areas is ok beside it, and its fix ends it.
#[track_caller]
fn is_error(web: &Web, node: &str, code: Code, refuted: &[Area]) {
    let report = web.check(node);
    let finding = only(&report, code);
    assert_eq!(finding.severity, Severity::Error, "{finding}");
    let sound: Vec<_> = report.sound().collect();
    assert!(
        !refuted.iter().any(|area| sound.contains(area)),
        "{sound:?}"
    );
    web.fix(&finding);
    web.fixed(node);
}

/// Clients of the other real server are served, slowly come by others: one connection that waits is enough.
pub(crate) fn an_interface_that_is_down() {
    let web = Web::new(DR);
    web.on(RS, |host| {
        host.net().set_down(&"eth0".parse().unwrap()).unwrap()
    });
    assert!(!web.works());
    let of_director = web.check("director");
    assert_eq!(
        of_director.worst(),
        Some(Severity::Error),
        "{}",
        text(&of_director)
    );
    assert!(!of_director.sound().any(|area| area == Area::Traffic));
    let report = web.check(RS);
    let finding = only(&report, Code::LINK_DOWN);
    assert_eq!(finding.severity, Severity::Error, "{finding}");
    assert!(!report.sound().any(|area| area == Area::Routing));
    web.fix(&finding);
    web.fixed(RS);
    web.fixed("director");
}

/// A name that is wrong in the file, or a driver that was not loaded.
pub(crate) fn an_interface_that_does_not_exist() {
    let web = Web::new(NAT);
    let wrong = NAT.replace(
        "interface = \"eth1\", address = \"192.168.1.11/24\"",
        "interface = \"eth9\", address = \"192.168.1.11/24\"",
    );
    assert_ne!(wrong, NAT);
    let report = web.check_as(&wrong, "director");
    let finding = only(&report, Code::LINK_MISSING);
    assert_eq!(finding.severity, Severity::Error, "{finding}");
    assert!(finding.seen.starts_with("eth9 does not exist"), "{finding}");
    assert!(!text(&report).contains("--take-over"), "{}", text(&report));
    assert!(!report.sound().any(|area| area == Area::Addresses));
    // The fix is the right name.
    sound(&web.check("director"));
}

/// The default route that the file names.
pub(crate) fn no_default_route_of_a_real_server() {
    let web = Web::new(DR);
    web.on(RS, |host| {
        host.net()
            .delete_route(&default_via("192.168.1.254"))
            .unwrap();
    });
    assert!(!web.works());
    web.not_reassured(RS, &web.check(RS));
    is_error(
        &web,
        RS,
        Code::NO_DEFAULT_ROUTE,
        &[Area::Routing, Area::Upkeep],
    );
}

/// Answers of masqueraded real servers have the director's default route before them.
pub(crate) fn no_default_route_of_the_director() {
    let web = Web::new(NAT);
    web.on("director", |host| {
        host.net().delete_route(&default_via("172.16.0.1")).unwrap();
    });
    assert!(
        web.works(),
        "the lab's client is on the virtual IP's network"
    );
    is_error(
        &web,
        "director",
        Code::DRIFT,
        &[Area::Routing, Area::Upkeep],
    );
}

/// Two faults at once, each with its own finding; nothing reassures beside them.
pub(crate) fn everything_at_once() {
    let web = Web::new(NAT);
    let service = web.service;
    web.on("director", |host: &mut Host| {
        set(host, "net/ipv4/ip_forward", "0");
        let destinations = host.ipvs().unwrap().destinations(&service).unwrap();
        for mut status in destinations {
            status.destination.weight = Weight::DRAIN;
            put(
                host,
                &[Command::EditDestination(service, status.destination)],
            );
        }
    });
    let report = web.check("director");
    let sound: Vec<_> = report.sound().collect();
    assert_eq!(sound, [Area::Addresses], "{}", text(&report));
    web.run("director", "lvsctl apply FILE");
    web.fixed("director");
}
