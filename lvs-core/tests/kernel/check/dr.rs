//! Direct routing, broken.

use lvs_core::check::Code;
use lvs_core::ipvs::{
    Command, Destination, DestinationId, Encapsulation, Forwarding, SchedulerName, Service,
};
use lvs_lab::{http, run_tool};

use crate::check::DR;
use crate::check::web::{Harm, Web, address, codes, default_via, findings, only, put, set, sound};

const VIP: &str = "172.16.5.11";
/// On an address of the local network, which more can go wrong with.
const LOCAL_VIP: &str = "192.168.1.100";
const RS: &str = "realserver2";

const IGNORE: &str = "net/ipv4/conf/all/arp_ignore";
const ANNOUNCE: &str = "net/ipv4/conf/all/arp_announce";

pub(crate) fn a_healthy_one_is_sound() {
    let web = Web::new(DR);
    for node in ["director", "realserver1", "realserver2"] {
        sound(&web.check(node));
    }
    // Packets out are none with direct routing, and that is no finding.
    let statistics = web.on("director", |host| host.proc().totals().unwrap());
    assert_eq!(statistics.packets_out, 0);
}

/// Lets the router learn anew who has the virtual IP, until it learns the wrong one: then all requests
/// are answered by that real server, and the director counts none.
#[track_caller]
fn is_hijacked(web: &Web) {
    for _ in 0..20 {
        web.on("router", |_| {
            run_tool("ip", &["neigh", "flush", "to", VIP]).unwrap()
        });
        let before = web.counted();
        let answers = web.answers();
        if web.counted() == before {
            assert!(
                answers.iter().all(|answer| answer.as_deref() == Some(RS)),
                "{answers:?}"
            );
            return;
        }
    }
    panic!("the router always learnt the director's address");
}

fn off(web: &Web, keys: &[&str]) {
    web.on(RS, |host| keys.iter().for_each(|key| set(host, key, "0")));
}

/// Row 1.
pub(crate) fn no_arp_switches() {
    let web = Web::new(DR);
    let lo = [
        "net/ipv4/conf/lo/arp_ignore",
        "net/ipv4/conf/lo/arp_announce",
    ];
    off(&web, &[IGNORE, ANNOUNCE, lo[0], lo[1]]);
    is_hijacked(&web);
    let report = web.check(RS);
    assert_eq!(codes(&report), [Code::ARP_IGNORE, Code::ARP_ANNOUNCE]);
    findings(&report)
        .into_iter()
        .for_each(|finding| web.fix(finding));
    web.fixed(RS);
    web.fixed("director");
}

/// Row 2.
pub(crate) fn arp_switches_only_on_lo() {
    let web = Web::new(DR);
    off(&web, &[IGNORE]);
    is_hijacked(&web);
    let finding = only(&web.check(RS), Code::ARP_IGNORE);
    assert_eq!(
        finding.object.to_string(),
        "eth0",
        "the interface that hears, not lo"
    );
    web.fix(&finding);
    web.fixed(RS);
}

/// Row 48.
pub(crate) fn arp_switches_only_in_default() {
    let web = Web::new(DR);
    off(&web, &[IGNORE]);
    web.on(RS, |host| {
        set(host, "net/ipv4/conf/default/arp_ignore", "1")
    });
    is_hijacked(&web);
    let finding = only(&web.check(RS), Code::ARP_IGNORE);
    web.fix(&finding);
    web.fixed(RS);
}

/// Row 3: it works until the real server has to ask for its gateway.
pub(crate) fn arp_ignore_without_arp_announce() {
    let web = Web::new(DR);
    off(&web, &[ANNOUNCE, "net/ipv4/conf/lo/arp_announce"]);
    let mut stolen = false;
    for _ in 0..20 {
        web.on(RS, |_| run_tool("ip", &["neigh", "flush", "all"]).unwrap());
        web.answers();
        let before = web.counted();
        web.answers();
        stolen |= web.counted() == before;
        if stolen {
            break;
        }
    }
    assert!(stolen, "the router believed the real server's question");
    let finding = only(&web.check(RS), Code::ARP_ANNOUNCE);
    web.fix(&finding);
    web.fixed(RS);
    web.fixed("director");
}

/// The greater number re-opens what 1 had hidden.
pub(crate) fn arp_ignore_of_3() {
    let web = Web::new(DR);
    web.on(RS, |host| set(host, "net/ipv4/conf/eth0/arp_ignore", "3"));
    is_hijacked(&web);
    let finding = only(&web.check(RS), Code::ARP_IGNORE);
    web.fix(&finding);
    web.fixed(RS);
}

fn local() -> String {
    DR.replace(VIP, LOCAL_VIP)
}

/// Row 5: whom the real server has not met yet it cannot reach.
pub(crate) fn virtual_ip_with_its_network_on_lo() {
    let web = Web::new(&local());
    assert!(web.reaches("realserver1", "192.168.1.13:80").is_some());
    web.on(RS, |host| {
        let net = host.net();
        net.add_address(&address("lo", "192.168.1.100/24")).unwrap();
        net.delete_address(&address("lo", "192.168.1.100/32").id)
            .unwrap();
        run_tool("ip", &["neigh", "flush", "all"]).unwrap();
    });
    assert_eq!(
        web.reaches("realserver1", "192.168.1.13:80"),
        None,
        "a health check"
    );
    let finding = only(&web.check(RS), Code::NETWORK_ON_LO);
    web.fix(&finding);
    assert!(web.reaches("realserver1", "192.168.1.13:80").is_some());
    web.fixed(RS);
}

/// For its own addresses an interface answers with arp_ignore=1 too.
pub(crate) fn virtual_ip_on_a_network_interface() {
    let web = Web::new(DR);
    web.on(RS, |host| {
        let net = host.net();
        net.delete_address(&address("lo", "172.16.5.11/32").id)
            .unwrap();
        net.add_address(&address("eth0", "172.16.5.11/32")).unwrap();
    });
    is_hijacked(&web);
    let finding = only(&web.check(RS), Code::VIP_ON_NIC);
    web.fix(&finding);
    web.on("router", |_| {
        run_tool("ip", &["neigh", "flush", "to", VIP]).unwrap()
    });
    web.fixed(RS);
}

/// Row 7; the director sees that something is wrong, the real server what it is.
pub(crate) fn virtual_ip_missing_on_a_real_server() {
    let web = Web::new(DR);
    web.on(RS, |host| {
        host.net()
            .delete_address(&address("lo", "172.16.5.11/32").id)
            .unwrap();
    });
    assert!(!web.works());
    let seen = only(
        &web.check_until("director", Code::HALF_OPEN),
        Code::HALF_OPEN,
    );
    assert!(seen.seen.contains(RS), "{seen}");
    let finding = only(&web.check(RS), Code::VIP_MISSING_ON_SERVER);
    web.fix(&finding);
    web.fixed(RS);
    web.fixed("director");
}

/// Row 8.
pub(crate) fn virtual_ip_missing_on_the_director() {
    let web = Web::new(DR);
    web.broken(
        "director",
        Code::VIP_MISSING_ON_DIRECTOR,
        Harm::Clients,
        |host| {
            host.net()
                .delete_address(&address("eth0", "172.16.5.11/32").id)
                .unwrap();
        },
    );
}

/// Row 10: the kernel takes the port, shows it, and sends to the service's.
pub(crate) fn another_port() {
    let web = Web::new(DR);
    let (service, right) = (
        web.service,
        DestinationId::new([192, 168, 1, 13].into(), 80),
    );
    let wrong = DestinationId {
        port: 8080,
        ..right
    };
    web.broken("director", Code::PORT_WITHOUT_NAT, Harm::None, |host| {
        let other = Destination::new(wrong, Forwarding::DirectRouting);
        put(
            host,
            &[
                Command::DeleteDestination(service, right),
                Command::AddDestination(service, other),
            ],
        );
    });
}

/// Row 12.
pub(crate) fn no_forwarding_is_no_mistake() {
    let web = Web::new(&DR.replace("ip-forward = true\n", ""));
    web.on("director", |host| set(host, "net/ipv4/ip_forward", "0"));
    assert!(web.works());
    sound(&web.check("director"));
}

/// Row 16: no mistake of the cluster's, and none is claimed.
pub(crate) fn a_real_server_reaches_itself() {
    let web = Web::new(DR);
    for _ in 0..4 {
        assert_eq!(web.reaches(RS, "172.16.5.11:80").as_deref(), Some(RS));
    }
    sound(&web.check(RS));
}

/// Row 17.
pub(crate) fn the_director_as_client() {
    let web = Web::new(DR);
    assert_eq!(web.reaches("director", "172.16.5.11:80"), None);
    let report = web.check_while("director", |_| {
        web.reaches("director", "172.16.5.11:80");
    });
    only(&report, Code::DIRECTOR_AS_CLIENT);
    web.fixed("director");
}

/// Row 47: the dot belongs to the interface's name.
pub(crate) fn an_interface_with_a_dot() {
    let text = DR.replace(
        "\"eth0\", address = \"192.168.1.13",
        "\"eth0.10\", address = \"192.168.1.13",
    );
    let web = Web::new(&text);
    sound(&web.check(RS));
    let dotted = web.on(RS, |_| {
        run_tool("sysctl", &["-n", "net.ipv4.conf.eth0.10.arp_ignore"])
    });
    dotted.unwrap_err();
    off(&web, &[IGNORE]);
    let finding = only(&web.check(RS), Code::ARP_IGNORE);
    assert_eq!(finding.object.to_string(), "eth0.10");
    web.fix(&finding);
    web.fixed(RS);
}

/// Row 28: the director takes answers from its own virtual IP for forged.
pub(crate) fn a_gateway_that_is_the_director() {
    let web = Web::new(DR);
    web.on(RS, |host| {
        host.net()
            .replace_route(&default_via("192.168.1.11"))
            .unwrap()
    });
    assert!(!web.works());
    let finding = only(&web.check(RS), Code::DR_GATEWAY);
    web.fix(&finding);
    web.fixed(RS);
}

/// The director serves clients itself: by its loopback address, and by the virtual IP itself.
pub(crate) fn destinations_of_the_director_itself() {
    let web = Web::new(DR);
    let director = web.lab.node("director").unwrap();
    let _servers = [80, 8080].map(|port| http::Server::start(director, port, "director").unwrap());
    for (ip, port, forwarding) in [
        ("127.0.0.1", 80, Forwarding::DirectRouting),
        ("127.0.0.1", 80, Forwarding::Tunnel(Encapsulation::Ipip)),
        (VIP, 80, Forwarding::DirectRouting),
        (VIP, 80, Forwarding::Masquerade),
        (VIP, 8080, Forwarding::Masquerade),
    ] {
        let id = DestinationId::new(ip.parse().unwrap(), port);
        let add = Command::AddDestination(web.service, Destination::new(id, forwarding));
        web.on("director", |host| put(host, &[add]));
        let answers = web.answers();
        let is_local = |name: &Option<String>| name.as_deref() == Some("director");
        assert!(
            answers.iter().any(is_local),
            "{id} {forwarding}: {answers:?}"
        );
        assert!(
            answers.iter().all(Option::is_some),
            "{id} {forwarding}: {answers:?}"
        );
        let report = web.check("director");
        let found = codes(&report);
        assert!(
            !found.contains(&Code::DEAD_DESTINATION),
            "{id} {forwarding}"
        );
        let delete = Command::DeleteDestination(web.service, id);
        web.on("director", |host| put(host, &[delete]));
    }
}

/// Another task's table, or an edit on the wrong host.
pub(crate) fn a_real_server_that_balances_too() {
    let web = Web::new(DR);
    let service = Service::new(web.service, SchedulerName::RR);
    web.broken(RS, Code::BALANCED_HERE, Harm::Clients, |host| {
        put(host, &[Command::AddService(service)]);
    });
}
