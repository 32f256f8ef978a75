//! Routes, routing sysctls and source addresses.

use lvs_core::check::{self, Code, Facts, Gather};
use lvs_core::ipvs::Protocol;
use lvs_core::net::Route;

use crate::check_machine::facts::{
    DR, NAT, SIX, TUNNEL, address, cluster, connection, default_route, director, found, reading,
    server, set, tunnelled,
};

#[test]
fn strict_rp_filter_drops_where_answers_leave_by_another_interface() {
    let dr = cluster(DR);
    for (all, eth0, leaving, drops) in [
        ("1", "0", "eth1", true),
        ("0", "1", "eth1", true),
        ("1", "2", "eth1", false),
        ("1", "1", "eth0", false),
    ] {
        let mut facts = server();
        set(&mut facts, "net/ipv4/conf/all/rp_filter", all);
        set(&mut facts, "net/ipv4/conf/eth0/rp_filter", eth0);
        facts.routes = vec![default_route("10.0.0.1", leaving)];
        let expected: &[Code] = if drops { &[Code::RP_FILTER] } else { &[] };
        assert_eq!(found(&dr, &facts), expected, "{all} {eth0} {leaving}");
    }
}

#[test]
fn room_for_the_tunnel_can_be_made_in_two_ways() {
    let tunnel = cluster(TUNNEL);
    for (advmss, mtu, fits) in [
        (Some(1440), 1500, true),
        (Some(1400), 1500, true),
        (Some(1460), 1500, false),
        (None, 1500, false),
        (None, 1519, false),
        (None, 1520, true),
        (None, 9000, true),
    ] {
        let mut facts = tunnelled();
        facts.routes[0].advmss = advmss;
        facts.links[1].mtu = mtu;
        let expected: &[Code] = if fits { &[] } else { &[Code::TUNNEL_MTU] };
        assert_eq!(found(&tunnel, &facts), expected, "{advmss:?} {mtu}");
    }
    // The file names no gateway, but the node has a route that leaves room.
    let unnamed = cluster(&TUNNEL.replace("gateway = \"10.1.1.254\"\n", ""));
    assert_eq!(found(&unnamed, &tunnelled()), []);
    let report = check::on_paper(&unnamed);
    let mut findings = report.findings().iter();
    assert!(findings.any(|finding| finding.code == Code::TUNNEL_MTU));
}

#[test]
fn the_directors_own_packets_leave_from_its_own_address() {
    let dr = cluster(DR);
    let via = |text: &str, source: Option<&str>| {
        let mut route = default_route("192.168.1.254", "eth0");
        route.id.destination = text.parse().unwrap();
        route.gateway = None;
        route.source = source.map(|source| source.parse().unwrap());
        route
    };
    let mut facts = director(&dr);
    facts.addresses = vec![
        address("eth0", "172.16.5.11/32"),
        address("eth0", "192.168.1.11/24"),
    ];
    let vip = Some("172.16.5.11");
    for (routes, codes) in [
        (vec![via("192.168.1.0/24", Some("192.168.1.11"))], vec![]),
        (vec![via("192.168.1.0/24", vip)], vec![Code::VIP_AS_SOURCE]),
        // A wider route does not count, and a narrower one does.
        (
            vec![
                via("0.0.0.0/0", vip),
                via("192.168.1.0/24", Some("192.168.1.11")),
            ],
            vec![],
        ),
        (
            vec![
                via("192.168.1.12/32", vip),
                via("192.168.1.0/24", Some("192.168.1.11")),
            ],
            vec![Code::VIP_AS_SOURCE],
        ),
    ] {
        facts.routes = routes;
        assert_eq!(found(&dr, &facts), codes, "{:?}", facts.routes);
    }
    // Masquerading does not mind.
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    facts.routes = vec![via("192.168.1.0/24", vip)];
    assert_eq!(found(&nat, &facts), []);
}

#[test]
fn advertised_routes_end_on_a_node_that_routes() {
    let six = cluster(SIX);
    for (protocol, accept_ra, ends) in [
        (9, "1", true),
        (9, "2", false),
        // systemd-networkd listens itself.
        (9, "0", false),
        // Somebody added it by hand.
        (3, "1", false),
    ] {
        let mut facts = director(&six);
        facts.addresses = vec![
            address("eth0", "2001:db8:1::11/64"),
            address("eth1", "2001:db8:2::11/64"),
        ];
        let mut route = Route::via("::/0".parse().unwrap(), "fe80::1".parse().unwrap());
        route.interface = Some("eth0".parse().unwrap());
        route.protocol = protocol;
        facts.routes = vec![route];
        set(&mut facts, "net/ipv6/conf/eth0/accept_ra", accept_ra);
        let expected: &[Code] = if ends { &[Code::ADVERTISED_ROUTE] } else { &[] };
        assert_eq!(found(&six, &facts), expected, "{protocol} {accept_ra}");
    }
}

#[test]
fn a_route_of_the_router_shows_in_connections() {
    let dr = cluster(DR);
    let mut facts = director(&dr);
    facts.addresses = vec![
        address("eth0", "172.16.5.11/32"),
        address("eth0", "192.168.1.11/24"),
    ];
    let note = |facts: &Facts| {
        let report = check::on_node(&dr, facts);
        report
            .findings()
            .iter()
            .any(|finding| finding.code == Code::VIP_UPSTREAM)
    };
    assert!(!note(&facts));
    facts.readings = vec![reading(&dr, 0), reading(&dr, 0)];
    assert!(note(&facts));
}

#[test]
fn a_full_connection_tracker_is_named() {
    let nat = cluster(NAT);
    for (count, most, full) in [
        ("89", "100", false),
        ("90", "100", true),
        ("90", "0", false),
        ("", "100", false),
    ] {
        let mut facts = director(&nat);
        set(&mut facts, "net/netfilter/nf_conntrack_count", count);
        set(&mut facts, "net/netfilter/nf_conntrack_max", most);
        let expected: &[Code] = if full { &[Code::CONNTRACK_FULL] } else { &[] };
        assert_eq!(found(&nat, &facts), expected, "{count} {most}");
    }
}

/// lvsctl leaves such a route for older connections where masquerading becomes direct routing.
#[test]
fn a_route_to_a_neighbour_by_itself_goes_where_it_should() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    let waiting = |port: u16| {
        let client = format!("198.51.100.7:{port}");
        connection(Protocol::TCP, &client, "192.168.1.12:80", "SYN_RECV", 57)
    };
    facts.readings[1].at = Gather::PAUSE;
    facts.readings[1].connections = vec![waiting(1), waiting(2)];
    for (gateway, interface, code) in [
        ("192.168.1.12", "eth1", Code::HALF_OPEN),
        ("192.168.1.12", "eth0", Code::NO_WAY_TO_SERVER),
        ("192.168.1.13", "eth1", Code::NO_WAY_TO_SERVER),
    ] {
        let mut route = Route::via("192.168.1.12/32".parse().unwrap(), gateway.parse().unwrap());
        route.interface = Some(interface.parse().unwrap());
        facts.routes.push(route.clone());
        let path = serde_json::json!([{
            "query": { "destination": "192.168.1.12", "mark": 0 },
            "seen": false,
            "decision": {
                "verdict": "unicast", "gateway": gateway, "interface": interface, "table": 254
            },
            "route": route,
        }]);
        facts.paths = serde_json::from_value(path).unwrap();
        assert_eq!(found(&nat, &facts), [code], "via {gateway} dev {interface}");
        facts.routes.pop();
    }
}
