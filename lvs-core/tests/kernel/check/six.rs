//! IPv6, broken.

use std::net::{Ipv6Addr, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use lvs_core::check::Code;
use lvs_core::net::Address;
use lvs_core::{Host, Netns};
use lvs_lab::{http, run_tool};
use nix::sys::socket::sockopt::Ipv6Ttl;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn6, sendto, setsockopt,
    socket,
};

use crate::check::SIX;
use crate::check::support::NAT_OF_IPV6;
use crate::check::web::{Harm, Web, address, findings, only, set, text};

const RS: &str = "realserver2";
const VIP: &str = "2001:db8:5::11/128";

/// Row 11.
pub(crate) fn no_forwarding() {
    let web = Web::new(NAT_OF_IPV6);
    web.broken("director", Code::FORWARDING, Harm::Clients, |host| {
        set(host, "net/ipv6/conf/all/forwarding", "0");
    });
}

/// A client beyond the router, whom only the default route reaches.
const FAR: &str = "2001:db8:99::1";

/// Advertisements are heeded on a machine that routes only if it is told so twice.
pub(crate) fn a_default_route_that_is_not_renewed() {
    let web = Web::new(NAT_OF_IPV6);
    let accept_ra = "net/ipv6/conf/eth0/accept_ra";
    web.on("client", |_| {
        let line = [
            "address",
            "add",
            &format!("{FAR}/128"),
            "dev",
            "lo",
            "nodad",
        ];
        run_tool("ip", &line).unwrap();
    });
    assert!(!far_client_is_answered(&web));
    web.on("director", |host| set(host, accept_ra, "2"));
    let is_answered = || {
        advertise(&web, 8);
        far_client_is_answered(&web)
    };
    wait_until("the advertised route", is_answered);
    web.on("director", |host| set(host, accept_ra, "1"));
    let finding = only(&web.check("director"), Code::ADVERTISED_ROUTE);
    wait_until("it is not renewed", || !is_answered());
    web.fix(&finding);
    wait_until("the advertised route", is_answered);
    web.fixed("director");
}

fn far_client_is_answered(web: &Web) -> bool {
    let (vip, far) = ("[2001:db8:1::11]:80".parse().unwrap(), FAR.parse().ok());
    web.on("client", |_| {
        http::fetch(vip, far, Duration::from_secs(1)).is_ok()
    })
}

/// The client's machine says that it is a router, for so many seconds.
fn advertise(web: &Web, seconds: u8) {
    let mut message = [0; 16];
    (message[0], message[7]) = (134, seconds);
    advertise_to(web, "director", "client", message);
}

/// A machine sends a router advertisement to another one.
fn advertise_to(web: &Web, receiver: &str, router: &str, message: [u8; 16]) {
    let link_local = web.on(receiver, |_| {
        let line = [
            "-6", "-o", "address", "show", "dev", "eth0", "scope", "link",
        ];
        let shown = run_tool("ip", &line).unwrap();
        let words: Vec<_> = shown.split(['/', ' ']).collect();
        let ip = words.iter().find(|word| word.starts_with("fe80:"));
        ip.unwrap().parse::<Ipv6Addr>().unwrap()
    });
    web.on(router, |host| {
        let link = host.net().link(&"eth0".parse().unwrap()).unwrap();
        let icmp = socket(
            AddressFamily::Inet6,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::IcmpV6,
        );
        let icmp = icmp.unwrap();
        setsockopt(&icmp, Ipv6Ttl, &255).unwrap();
        let to = SockaddrIn6::from(SocketAddrV6::new(link_local, 0, 0, link.index));
        sendto(icmp.as_raw_fd(), &message, &to, MsgFlags::empty()).unwrap();
    });
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(40), "{what}");
    }
}

/// The director's route is there, and another one comes before it: by its metric, or by a router's preference.
pub(crate) fn another_router() {
    let web = Web::new(NAT_OF_IPV6);
    let mut message = [0; 16];
    // High preference, and a lifetime of some minutes.
    (message[0], message[5], message[6]) = (134, 0x08, 1);
    advertise_to(&web, RS, "realserver1", message);
    wait_until("the advertised route", || {
        web.on(RS, |host| {
            let routes = host.net().routes().unwrap();
            routes
                .iter()
                .any(|route| route.id.is_default() && route.protocol == 9)
        })
    });
    misled(&web, "default via fe80:");
    web.on(RS, |_| {
        let line = "-6 route add default via 2001:db8:2::12 dev eth0 metric 50";
        run_tool("ip", &line.split(' ').collect::<Vec<_>>()).unwrap();
    });
    misled(&web, "default via 2001:db8:2::12 dev eth0 metric 50");
    web.fixed(RS);
}

#[track_caller]
fn misled(web: &Web, decider: &str) {
    assert!(!web.works(), "{decider}");
    let finding = only(&web.check(RS), Code::NAT_GATEWAY);
    assert!(finding.seen.contains(decider), "{finding}");
    web.fix(&finding);
    assert!(web.works(), "{finding}");
}

/// The virtual IP in the real servers' own network, by a tunnel.
const NEAR: &str = r#"
name = "near"
forwarding = "tunnel"
[director]
addresses = [
  { interface = "eth0", address = "2001:db8:1::11/64" },
  { interface = "eth0", address = "2001:db8:1::100/128" },
]
[[services]]
address = "[2001:db8:1::100]:80"
scheduler = "rr"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "2001:db8:1::12/64" }]
gateway = "2001:db8:1::fe"
[[real-servers]]
name = "realserver2"
addresses = [{ interface = "eth0", address = "2001:db8:1::13/64" }]
gateway = "2001:db8:1::fe"
"#;

/// Row 45: what is encapsulated with the virtual IP as source is dropped by the real server, which has it too.
pub(crate) fn the_virtual_ip_as_source() {
    let web = Web::new(NEAR);
    web.broken("director", Code::VIP_AS_SOURCE, Harm::Clients, |_| {
        let ip = |line: &str| run_tool("ip", &line.split(' ').collect::<Vec<_>>()).unwrap();
        ip("-6 address change 2001:db8:1::100/128 dev eth0 preferred_lft forever valid_lft forever");
        // IPVS keeps the source address until a route changes.
        for server in ["2001:db8:1::12", "2001:db8:1::13"] {
            ip(&format!("-6 route add {server}/128 dev eth0"));
            ip(&format!("-6 route del {server}/128 dev eth0"));
        }
    });
}

/// Row 13.
pub(crate) fn masquerading_without_gateway() {
    let web = Web::new(NAT_OF_IPV6);
    // The client is on another network than the real servers, but no router is between.
    web.broken(RS, Code::NO_DEFAULT_ROUTE, Harm::Clients, no_default_route);
}

/// Row 28.
pub(crate) fn direct_routing_without_gateway() {
    let web = Web::new(SIX);
    web.broken(RS, Code::NO_DEFAULT_ROUTE, Harm::Clients, no_default_route);
}

/// Row 28: the remedy leaves room for the tunnel.
pub(crate) fn a_tunnel_without_gateway() {
    let web = Web::new(SIX);
    web.broken(
        "realserver3",
        Code::NO_DEFAULT_ROUTE,
        Harm::Clients,
        no_default_route,
    );
}

fn no_default_route(_: &mut Host) {
    run_tool("ip", &["-6", "route", "del", "default"]).unwrap();
}

/// Row 7.
pub(crate) fn virtual_ip_missing_on_a_real_server() {
    let web = Web::new(SIX);
    web.broken(RS, Code::VIP_MISSING_ON_SERVER, Harm::Clients, |host| {
        host.net().delete_address(&vip("lo").id).unwrap()
    });
}

/// Row 8.
pub(crate) fn virtual_ip_missing_on_the_director() {
    let web = Web::new(SIX);
    web.broken(
        "director",
        Code::VIP_MISSING_ON_DIRECTOR,
        Harm::Clients,
        |host| host.net().delete_address(&vip("eth0").id).unwrap(),
    );
}

fn vip(interface: &str) -> Address {
    address(interface, VIP)
}

fn without_detection(interface: &str) -> Address {
    Address {
        no_dad: true,
        ..vip(interface)
    }
}

/// From lo to the network interface.
fn exposed(host: &mut Host, address: &Address) {
    detect_duplicates(host);
    let net = host.net();
    net.delete_address(&vip("lo").id).unwrap();
    net.add_address(address).unwrap();
}

/// Row 44: IPv6 has no arp_ignore, so that both answer.
pub(crate) fn a_real_server_answers_for_the_virtual_ip() {
    // The router believes who answers last: here that is who was plugged in first.
    let culprit = "backup";
    let web = Web::new(&SIX.replace(RS, culprit));
    web.on(culprit, |host| exposed(host, &without_detection("eth0")));
    web.on("router", forget);
    let answers = web.answers();
    let stolen = |answer: &Option<String>| answer.as_deref() == Some(culprit);
    // The first one may have met both.
    assert!(answers.iter().skip(1).all(stolen), "{answers:?}");
    let finding = only(&web.check(culprit), Code::VIP_ON_NIC);
    web.fix(&finding);
    web.on("router", forget);
    web.fixed(culprit);
    web.fixed("director");
}

/// As every other machine does; those of the lab have no time for it.
fn detect_duplicates(host: &Host) {
    set(host, "net/ipv6/conf/eth0/accept_dad", "1");
}

fn forget(_: &mut Host) {
    let line = ["-6", "neigh", "flush", "to", "2001:db8:5::11"];
    run_tool("ip", &line).unwrap();
}

/// Row 44: with detection of duplicates the kernel does not use it, and who uses none drops packets.
pub(crate) fn a_real_server_finds_a_duplicate() {
    let web = Web::new(SIX);
    web.on(RS, |host| exposed(host, &vip("eth0")));
    wait_for_duplicate(web.lab.node(RS).unwrap());
    assert!(!web.works());
    let finding = only(&web.check(RS), Code::VIP_ON_NIC);
    assert!(finding.seen.contains("does not use it"), "{finding}");
    web.fix(&finding);
    web.fixed(RS);
}

/// Row 44, the other way round: the real server had it first.
pub(crate) fn the_director_finds_a_duplicate() {
    let web = Web::new(SIX);
    web.on(RS, |host| exposed(host, &without_detection("eth0")));
    web.on("director", |host| {
        detect_duplicates(host);
        let net = host.net();
        net.delete_address(&vip("eth0").id).unwrap();
        net.add_address(&vip("eth0")).unwrap();
    });
    wait_for_duplicate(web.lab.node("director").unwrap());
    let report = web.check("director");
    let found = findings(&report);
    let [finding] = found.as_slice() else {
        panic!("{}", text(&report));
    };
    assert_eq!(finding.code, Code::DUPLICATE_ADDRESS);
    web.fix(&only(&web.check(RS), Code::VIP_ON_NIC));
    web.fix(finding);
    web.on("router", forget);
    web.fixed("director");
}

/// The kernel asks for a second.
fn wait_for_duplicate(machine: &Netns) {
    let started = Instant::now();
    let failed = |_: &mut Host| {
        let line = ["-6", "address", "show", "dadfailed"];
        run_tool("ip", &line).unwrap().contains(VIP)
    };
    while !machine.run(failed).unwrap() {
        assert!(started.elapsed() < Duration::from_secs(20), "no duplicate");
    }
}
