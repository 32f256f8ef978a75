//! What a hostile operator did: faults that no rule knew, most of them silent.

use std::thread;
use std::time::Duration;

use lvs_core::Host;
use lvs_core::check::{Code, Severity};
use lvs_core::ipvs::ServiceId;
use lvs_lab::http::Kept;
use lvs_lab::run_tool;

use crate::check::support::{NAT_OF_IPV6, changed, ip};
use crate::check::web::{Harm, Web, findings, only, set, sound};
use crate::check::{DR, NAT};

const RS: &str = "realserver1";

/// What the director sends to the real server it answers itself, with a reset.
pub(crate) fn the_director_has_a_real_servers_address() {
    for text in [NAT, DR] {
        let web = Web::new(text);
        web.broken("director", Code::NO_WAY_TO_SERVER, Harm::Clients, |_| {
            ip(&["address add 192.168.1.12/32 dev lo"]);
        });
    }
}

/// Packets for the real servers go to the default gateway.
pub(crate) fn the_route_to_the_real_servers_is_missing() {
    let web = Web::new(NAT);
    web.on("director", |_| ip(&["route del 192.168.1.0/24 dev eth1"]));
    assert!(!web.works());
    let report = web.check_until("director", Code::NO_WAY_TO_SERVER);
    let finding = only(&report, Code::NO_WAY_TO_SERVER);
    web.not_reassured("director", &report);
    web.fix(&finding);
    web.fixed("director");
}

pub(crate) fn packets_that_ipvs_drops() {
    let web = Web::new(NAT);
    web.broken("director", Code::IPVS_DROPS, Harm::Clients, |host| {
        set(host, "net/ipv4/vs/am_droprate", "1");
        set(host, "net/ipv4/vs/drop_packet", "3");
    });
    web.on("director", |host| set(host, "net/ipv4/vs/drop_entry", "3"));
    let finding = only(&web.check("director"), Code::IPVS_DROPS);
    assert_eq!(finding.severity, Severity::Warning);
    web.fix(&finding);
    web.fixed("director");
}

pub(crate) fn a_backup_daemon_on_a_lone_director() {
    let web = Web::new(NAT);
    web.broken("director", Code::IPVS_PAUSED, Harm::Clients, |host| {
        let words = ["--start-daemon", "backup", "--mcast-interface", "eth1"];
        run_tool("ipvsadm", &words).unwrap();
        set(host, "net/ipv4/vs/backup_only", "1");
    });
}

/// The level that hides everything.
pub(crate) fn arp_ignore_on_the_director() {
    let web = Web::new(DR);
    web.on("director", |host| {
        set(host, "net/ipv4/conf/all/arp_ignore", "8")
    });
    for machine in ["router", "client"] {
        web.ip(machine, "neigh flush all");
    }
    assert!(!web.works());
    let report = web.check("director");
    web.not_reassured("director", &report);
    web.fix(&only(&report, Code::ARP_HIDDEN));
    web.fixed("director");
}

/// A client that pauses for a moment loses its connection, and each new one works.
pub(crate) fn timeouts_of_a_second() {
    let web = Web::new(NAT);
    let ServiceId::Socket { address, .. } = web.service else {
        panic!("{} has an address", web.service);
    };
    let open = |_: &mut Host| Kept::open(address, Duration::from_secs(2)).unwrap();
    let is_open = |host: &mut Host| {
        let connections = host.proc().connections().unwrap();
        let mut connections = connections.iter();
        connections.any(|connection| connection.state == "ESTABLISHED")
    };
    let is_kept_after = |idle: bool| {
        let mut kept = web.on("client", open);
        web.on("client", |_| kept.fetch()).unwrap();
        while idle && web.on("director", is_open) {
            thread::yield_now();
        }
        web.on("client", |_| kept.fetch()).is_ok()
    };
    web.run("director", "lvsctl timeouts 1 1 1");
    assert!(!is_kept_after(true));
    assert!(web.works());
    let finding = only(&web.check("director"), Code::SHORT_TIMEOUT);
    web.fix(&finding);
    assert!(is_kept_after(false));
    web.fixed("director");
}

pub(crate) fn a_virtual_ip_that_is_not_local() {
    let web = Web::new(DR);
    for line in [
        "rule del priority 0",
        "route del local 172.16.5.11 dev lo table local",
    ] {
        web.on(RS, |_| ip(&[line]));
        let is_harmless = web.works();
        let report = web.check(RS);
        match is_harmless {
            // 7.2 looks into the table even without the rule.
            true => {
                sound(&report);
                web.ip(RS, "rule add priority 0 lookup local");
            }
            false => {
                web.not_reassured(RS, &report);
                web.fix(&only(&report, Code::NOT_LOCAL));
            }
        }
        web.fixed(RS);
    }
}

pub(crate) fn a_real_ip_that_is_not_local() {
    let web = Web::new(NAT);
    web.broken(RS, Code::NOT_LOCAL, Harm::Clients, |_| {
        ip(&["route del local 192.168.1.12 dev eth0 table local"]);
    });
}

/// Of a real server that was directly routed once, and is masqueraded over one interface now.
pub(crate) fn a_virtual_ip_left_over() {
    let text = changed(NAT, "interface = \"eth1\"", "interface = \"eth0\"");
    let web = Web::new(&text);
    web.on(RS, |_| ip(&["address add 172.16.5.11/32 dev lo"]));
    let finding = only(&web.check(RS), Code::LEFTOVER_VIP);
    assert_eq!(finding.severity, Severity::Error);
    web.fix(&finding);
    web.ip("client", "neigh flush all");
    web.fixed(RS);
    // Behind a director with two interfaces no client asks there.
    let web = Web::new(NAT);
    web.on(RS, |_| ip(&["address add 172.16.5.11/32 dev lo"]));
    assert!(web.works());
    let finding = only(&web.check(RS), Code::LEFTOVER_VIP);
    assert_eq!(finding.severity, Severity::Warning);
    web.fix(&finding);
    web.fixed(RS);
}

/// The real server answers clients as neighbours, though its gateway is the director.
pub(crate) fn an_address_beside_the_clients() {
    for (text, line) in [
        (NAT, "address add 172.16.9.12/16 dev eth0"),
        (NAT_OF_IPV6, "address add 2001:db8:1::99/64 dev eth0 nodad"),
    ] {
        let web = Web::new(text);
        web.on(RS, |_| ip(&[line]));
        assert!(!web.works());
        let report = web.check_until(RS, Code::NAT_GATEWAY);
        web.not_reassured(RS, &report);
        assert_eq!(findings(&report).len(), 1);
        web.fix(&only(&report, Code::NAT_GATEWAY));
        web.fixed(RS);
    }
}
