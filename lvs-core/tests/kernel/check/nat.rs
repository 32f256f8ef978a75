//! Masquerading, broken.

use std::collections::BTreeSet;

use lvs_core::check::Code;
use lvs_core::ipvs::{
    Command, Destination, DestinationId, Forwarding, SchedulerName, Service, ServiceId, Weight,
};
use lvs_core::net::Address;
use lvs_core::{Host, check};

use crate::check::NAT;
use crate::check::web::{Harm, Web, address, codes, default_via, only, put, set, sound};

const RS: &str = "realserver1";

pub(crate) fn a_healthy_one_is_sound() {
    let web = Web::new(NAT);
    for node in ["director", "realserver1", "realserver2"] {
        let report = web.check(node);
        sound(&report);
        let areas: BTreeSet<_> = report.sound().collect();
        assert!(
            areas.contains(&check::Area::Upkeep),
            "every area has its line"
        );
        assert_eq!(areas.contains(&check::Area::Traffic), node == "director");
    }
    // Without requests there is nothing to judge.
    let is_quiet = || codes(&web.check_alone("director", None)) == [Code::NO_TRAFFIC];
    assert!((0..10).any(|_| is_quiet()));
}

/// Row 11.
pub(crate) fn no_forwarding() {
    let web = Web::new(NAT);
    web.broken("director", Code::FORWARDING, Harm::Clients, |host| {
        set(host, "net/ipv4/ip_forward", "0");
    });
}

/// Row 49: what a write of ip_forward had set was changed afterwards.
pub(crate) fn no_forwarding_on_the_interface() {
    let web = Web::new(NAT);
    web.broken("director", Code::FORWARDING, Harm::Clients, |host| {
        set(host, "net/ipv4/conf/eth1/forwarding", "0");
        set(host, "net/ipv4/ip_forward", "1");
    });
}

/// Row 13.
pub(crate) fn another_gateway() {
    let web = Web::new(NAT);
    web.on(RS, |host| {
        host.net()
            .replace_route(&default_via("192.168.1.13"))
            .unwrap()
    });
    assert!(!web.works());
    let seen = only(
        &web.check_until("director", Code::HALF_OPEN),
        Code::HALF_OPEN,
    );
    assert!(seen.seen.contains(RS), "{seen}");
    let finding = only(&web.check(RS), Code::NAT_GATEWAY);
    web.fix(&finding);
    web.fixed(RS);
    web.fixed("director");
}

/// With no real server that answers by the director.
pub(crate) fn no_gateway() {
    let web = Web::new(NAT);
    let delete = |host: &mut Host| {
        host.net()
            .delete_route(&default_via("192.168.1.11"))
            .unwrap()
    };
    for node in ["realserver1", "realserver2"] {
        web.on(node, delete);
    }
    assert!(!web.works());
    // Counters are some seconds late, and later where the machine has much to do.
    let is_told = || codes(&web.check("director")).contains(&Code::NO_ANSWERS);
    assert!((0..4).any(|_| is_told()));
    for node in ["realserver1", "realserver2"] {
        web.fix(&only(&web.check(node), Code::NO_DEFAULT_ROUTE));
    }
    web.fixed("director");
    web.fixed(RS);
}

/// Row 14: real server 1 asks, and real server 2 answers it directly.
pub(crate) fn a_client_beside_the_real_servers() {
    let web = Web::new(NAT);
    let answers: Vec<_> = (0..4).map(|_| web.reaches(RS, "172.16.5.11:80")).collect();
    assert!(
        !answers.contains(&Some("realserver2".to_owned())),
        "{answers:?}"
    );
    let report = web.check_while("director", |_| {
        web.reaches(RS, "172.16.5.11:80");
    });
    only(&report, Code::CLIENT_ON_SERVER_NETWORK);
    // The fix is a client elsewhere.
    web.fixed("director");
}

/// Row 8.
pub(crate) fn virtual_ip_missing_on_the_director() {
    let web = Web::new(NAT);
    web.broken(
        "director",
        Code::VIP_MISSING_ON_DIRECTOR,
        Harm::Clients,
        |host| {
            host.net()
                .delete_address(&address("eth0", "172.16.5.11/16").id)
                .unwrap();
        },
    );
}

/// Row 23.
pub(crate) fn all_weights_zero() {
    let web = Web::new(NAT);
    let service = web.service;
    web.broken("director", Code::NO_DESTINATION, Harm::Clients, |host| {
        let destinations = host.ipvs().unwrap().destinations(&service).unwrap();
        let drained = destinations.iter().map(|status| Destination {
            weight: Weight::DRAIN,
            ..status.destination
        });
        let edits: Vec<_> = drained
            .map(|destination| Command::EditDestination(service, destination))
            .collect();
        put(host, &edits);
    });
}

/// A module that was removed, or an edit by hand: the kernel refuses every client.
pub(crate) fn no_scheduler() {
    let web = Web::new(NAT);
    let service = web.service;
    web.broken("director", Code::NO_SCHEDULER, Harm::Clients, |host| {
        let none = Service::new(service, SchedulerName::NONE);
        put(host, &[Command::EditService(none)]);
    });
}

/// Row 26: it works until the address it hangs on is deleted.
pub(crate) fn virtual_ip_that_hangs_on_another() {
    let first = "addresses = [\n  { interface = \"eth0\", address = \"172.16.5.10/16\" },\n  { interface = \"eth0\", address = \"172.16.5.11/16\" }";
    let text = NAT.replacen(
        "addresses = [\n  { interface = \"eth0\", address = \"172.16.5.11/16\" }",
        first,
        1,
    );
    assert_ne!(text, NAT);
    let other: Address = address("eth0", "172.16.5.10/16");
    let web = Web::new(&text);
    web.on("director", |host| {
        host.net().delete_address(&other.id).unwrap()
    });
    assert!(!web.works(), "the virtual IP went with it");
    web.lab.apply().unwrap();
    assert!(web.works());
    let finding = only(&web.check("director"), Code::SECONDARY_VIP);
    web.fix(&finding);
    web.fixed("director");
    web.on("director", |host| {
        host.net().delete_address(&other.id).unwrap()
    });
    assert!(web.works(), "now it stays");
}

/// Row 35: the kernel takes it, and schedules nothing.
pub(crate) fn every_port_without_persistence() {
    let web = Web::new(NAT);
    let every = ServiceId::tcp("172.16.5.11:0".parse().unwrap());
    web.on("director", |host| {
        let id = DestinationId::new([192, 168, 1, 12].into(), 0);
        put(
            host,
            &[
                Command::AddService(Service::new(every, SchedulerName::RR)),
                Command::AddDestination(every, Destination::new(id, Forwarding::Masquerade)),
            ],
        );
    });
    assert_eq!(web.reaches("client", "172.16.5.11:81"), None);
    assert!(web.works(), "the service of one port does");
    let finding = only(&web.check("director"), Code::PORT_ZERO);
    web.fix(&finding);
    web.fixed("director");
}

/// Row 50.
pub(crate) fn a_loopback_destination() {
    let web = Web::new(NAT);
    let service = web.service;
    web.broken("director", Code::DEAD_DESTINATION, Harm::Clients, |host| {
        let id = DestinationId::new([127, 0, 0, 1].into(), 80);
        put(
            host,
            &[Command::AddDestination(
                service,
                Destination::new(id, Forwarding::Masquerade),
            )],
        );
    });
}

/// A machine to which nothing was applied yet, as after a start.
pub(crate) fn ip_vs_is_not_there() {
    for module in ["ip_vs_rr", "ip_vs_wrr", "ip_vs_wlc", "ip_vs"] {
        lvs_lab::unload_module(module).unwrap();
    }
    let cluster =
        lvs_core::Cluster::from_toml(&format!("{NAT}[time]\nntp-server = \"127.0.0.1\"\n"))
            .unwrap();
    let machine = lvs_core::Netns::create().unwrap();
    let look = |host: &mut Host| {
        let node = cluster.node("director").unwrap();
        let gather = check::Gather {
            clock: false,
            ..check::Gather::default()
        };
        let was_loaded = host.is_ipvs_loaded();
        let facts = check::Facts::gather(host, &cluster, &node, &gather).unwrap();
        assert_eq!(
            host.is_ipvs_loaded(),
            was_loaded,
            "looking does not load it"
        );
        codes(&check::on_node(&cluster, &facts))
    };
    // eth0 and eth1 do not exist, and lo is down.
    let links = [Code::LINK_MISSING, Code::LINK_MISSING, Code::LINK_DOWN];
    let found = machine.run(look).unwrap();
    assert_eq!(
        found,
        [&[Code::NOT_LOADED, Code::DRIFT], &links[..]].concat()
    );
    lvs_lab::load_module("ip_vs").unwrap();
    assert!(!machine.run(look).unwrap().contains(&Code::NOT_LOADED));
}
