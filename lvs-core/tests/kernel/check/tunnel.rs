//! Tunnels, broken.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use lvs_core::check::Code;
use lvs_core::ipvs::{Command, Destination, DestinationId, Encapsulation, Forwarding};
use lvs_lab::{load_module, run_tool};

use crate::check::support::wrapped;
use crate::check::web::{Harm, Web, address, default_via, only, put, set};
use crate::check::{SIX, TUNNEL};

const RS: &str = "realserver2";
const GUE: &str = "{ type = \"gue\", port = 5555 }";
const GRE: &str = "{ type = \"gre\", checksum = \"full\" }";

/// Row 18: what is unwrapped comes from clients, who are answered elsewhere.
pub(crate) fn strict_rp_filter() {
    let web = Web::new(TUNNEL);
    web.broken(RS, Code::RP_FILTER, Harm::Clients, |host| {
        set(host, "net/ipv4/conf/tunl0/rp_filter", "1");
    });
}

/// Row 18: 0 on the device does not help while all has 1; 2 does, which is the greater.
pub(crate) fn strict_rp_filter_of_all() {
    let web = Web::new(TUNNEL);
    web.on(RS, |host| set(host, "net/ipv4/conf/all/rp_filter", "1"));
    assert!(web.works(), "the device has 2");
    web.broken(RS, Code::RP_FILTER, Harm::Clients, |host| {
        set(host, "net/ipv4/conf/tunl0/rp_filter", "0");
    });
}

/// Row 19. The director sees what it should not: packets that come back.
pub(crate) fn a_device_that_is_down() {
    let web = Web::new(TUNNEL);
    web.on(RS, |host| {
        host.net().set_down(&"tunl0".parse().unwrap()).unwrap();
    });
    assert!(!web.works());
    let seen = only(
        &web.check_until("director", Code::HALF_OPEN),
        Code::HALF_OPEN,
    );
    assert!(seen.seen.contains(RS), "{seen}");
    let totals = web.on("director", |host| host.proc().totals().unwrap());
    assert!(totals.packets_out > 0, "the real server's complaints");
    web.fix(&only(&web.check(RS), Code::TUNNEL_DEVICE));
    web.fixed(RS);
    web.fixed("director");
}

/// Row 19.
pub(crate) fn a_device_that_is_not_there() {
    let web = Web::new(&wrapped(GRE));
    web.broken(RS, Code::TUNNEL_DEVICE, Harm::Clients, |_| {
        run_tool("ip", &["link", "delete", "lvs-gre"]).unwrap();
    });
}

/// Row 20: it wants no checksums where the director sends them.
pub(crate) fn a_device_of_another_kind() {
    let web = Web::new(&wrapped(GRE));
    web.broken(RS, Code::TUNNEL_DEVICE, Harm::Clients, |_| {
        let other = [
            "link",
            "add",
            "lvs-gre",
            "type",
            "gre",
            "local",
            "10.1.2.13",
        ];
        run_tool("ip", &["link", "delete", "lvs-gre"]).unwrap();
        run_tool("ip", &other).unwrap();
        run_tool("ip", &["link", "set", "lvs-gre", "up"]).unwrap();
    });
}

/// Row 20.
pub(crate) fn a_port_that_nobody_unwraps() {
    let web = Web::new(&wrapped(GUE));
    web.broken(RS, Code::TUNNEL_PORT, Harm::Clients, |_| {
        run_tool("ip", &["fou", "del", "port", "5555"]).unwrap();
    });
}

/// Row 20.
pub(crate) fn another_port_of_the_real_server() {
    let web = Web::new(&wrapped(GUE));
    web.on(RS, |_| {
        run_tool("ip", &["fou", "del", "port", "5555"]).unwrap();
        run_tool("ip", &["fou", "add", "port", "5556", "gue"]).unwrap();
    });
    assert!(!web.works());
    let finding = only(&web.check(RS), Code::TUNNEL_PORT);
    assert!(finding.seen.contains("only udp port 5556"), "{finding}");
    web.fix(&finding);
    web.fixed(RS);
}

/// Row 20: as ipvsadm does without `--tun-type`.
pub(crate) fn another_wrapping_of_the_director() {
    let web = Web::new(&wrapped(GRE));
    let service = web.service;
    web.broken("director", Code::ENCAPSULATION, Harm::Clients, |host| {
        let id = DestinationId::new([10, 1, 2, 13].into(), 80);
        let plain = Destination::new(id, Forwarding::Tunnel(Encapsulation::Ipip));
        put(host, &[Command::EditDestination(service, plain)]);
    });
}

/// Row 7, in a tunnel.
pub(crate) fn virtual_ip_missing_on_a_real_server() {
    let web = Web::new(TUNNEL);
    web.broken(RS, Code::VIP_MISSING_ON_SERVER, Harm::Clients, |host| {
        let id = address("tunl0", "172.16.5.11/32").id;
        host.net().delete_address(&id).unwrap();
    });
}

/// Row 7, in a tunnel of IPv6.
pub(crate) fn virtual_ip_of_ipv6_missing() {
    let web = Web::new(SIX);
    web.broken(
        "realserver3",
        Code::VIP_MISSING_ON_SERVER,
        Harm::Clients,
        |host| {
            let id = address("ip6tnl0", "2001:db8:5::11/128").id;
            host.net().delete_address(&id).unwrap();
        },
    );
}

/// Row 19, of IPv6: with the device goes the address.
pub(crate) fn a_device_of_ipv6_that_is_down() {
    let web = Web::new(SIX);
    web.broken("realserver3", Code::TUNNEL_DEVICE, Harm::Clients, |host| {
        host.net().set_down(&"ip6tnl0".parse().unwrap()).unwrap();
    });
}

/// Row 16, of all methods past the director.
pub(crate) fn no_way_back() {
    let web = Web::new(TUNNEL);
    web.broken(RS, Code::NO_DEFAULT_ROUTE, Harm::Clients, |_| {
        run_tool("ip", &["route", "del", "default"]).unwrap();
    });
}

/// It is sent in many segments, the largest there may be.
const UPLOAD: usize = 50_000;

/// Whether a long request is answered.
fn uploads(web: &Web) -> bool {
    let vip: SocketAddr = "172.16.5.11:80".parse().unwrap();
    web.on("client", move |_| {
        let limit = Some(Duration::from_secs(6));
        let mut stream = TcpStream::connect_timeout(&vip, Duration::from_secs(3))?;
        stream.set_write_timeout(limit)?;
        stream.set_read_timeout(limit)?;
        let head = format!(
            "GET / HTTP/1.1\r\nConnection: close\r\nX: {}\r\n\r\n",
            "x".repeat(UPLOAD)
        );
        stream.write_all(head.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)
    })
    .is_ok()
}

fn plain_route(web: &Web) {
    for (node, router) in [("realserver1", "10.1.1.254"), (RS, "10.1.2.254")] {
        web.on(node, |host| {
            host.net().replace_route(&default_via(router)).unwrap();
        });
    }
}

/// A firewall as there are many: it lets no ICMP of this kind through.
fn swallow_icmp(web: &Web) {
    for module in ["sch_ingress", "cls_flower", "act_gact"] {
        load_module(module).unwrap();
    }
    web.on("router", |host| {
        for link in host.net().links().unwrap() {
            if link.mac.is_none() || link.name.as_str() == "lo" {
                continue;
            }
            let device = link.name.as_str();
            run_tool("tc", &["qdisc", "add", "dev", device, "ingress"]).unwrap();
            let filter = format!(
                "filter add dev {device} parent ffff: protocol ip flower ip_proto icmp type 3 code 4 \
                 action drop"
            );
            run_tool("tc", &filter.split(' ').collect::<Vec<_>>()).unwrap();
        }
    });
}

/// Without room for the tunnel the director tells clients, as long as no firewall drops what it says.
pub(crate) fn clients_are_told_of_the_room() {
    let web = Web::new(TUNNEL);
    assert!(uploads(&web), "row 22: merged packets are cut again");
    plain_route(&web);
    assert!(uploads(&web));
}

/// Row 21: without room for the tunnel long requests depend on ICMP.
pub(crate) fn no_room_for_the_tunnel() {
    let web = Web::new(TUNNEL);
    plain_route(&web);
    swallow_icmp(&web);
    assert!(web.works(), "short requests do");
    // 5.10 cuts the packets again even so.
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(uploads(&web), release.starts_with("5."), "nobody is told");
    for node in ["realserver1", RS] {
        let finding = only(&web.check(node), Code::TUNNEL_MTU);
        web.fix(&finding);
    }
    assert!(uploads(&web));
    web.fixed(RS);
}
