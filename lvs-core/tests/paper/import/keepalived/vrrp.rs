//! VRRP, the director itself and its sync daemon.

use lvs_core::import::{Fate, Import};
use lvs_core::ipvs::Weight;

use super::{CHECKED, fates, has, server, servers};
use crate::import::{keepalived, sound};

#[test]
fn addresses_of_vrrp_are_the_directors() {
    let import = keepalived(&format!(
        "vrrp_instance V {{\ninterface eth7\nvirtual_ipaddress {{\n10.0.0.1/24\n10.0.0.2/24 dev eth8 label eth8:1\n}}\n}}\n{}",
        server("real_server 10.0.0.7 80 { weight 1 }")
    ))
    .unwrap();
    let cluster = sound(&import, "vrrp");
    assert_eq!(cluster.directors().len(), 2);
    let ids = cluster.directors()[0].addresses.iter();
    let ids: Vec<_> = ids.map(|address| address.id.to_string()).collect();
    assert_eq!(ids, ["10.0.0.1/32 on eth7", "10.0.0.2/24 on eth8"]);
    let reduced = import.keepalived.unwrap();
    assert!(reduced.contains(
        "vrrp_instance V {\n    interface eth7\n    virtual_ipaddress {\n        127.0.0.76/32"
    ));
    assert!(reduced.contains("/usr/bin/lvsctl apply /etc/lvsctl/web.toml --role standby"));
}

#[test]
fn the_director_itself_is_no_other_node() {
    let import = servers(
        "sorry_server 127.0.0.1 8080\nsorry_server_lvs_method NAT",
        &[CHECKED],
    );
    let cluster = sound(&import, "localhost");
    let fallback = cluster.services()[0].fallback.as_ref();
    assert_eq!(fallback.map(|name| name.as_str()), Some("director"));
    assert_eq!(cluster.real_servers().len(), 1);
    has(
        &import,
        &["{ real-server = \"director\", port = 8080, weight = 1 }"],
    );
    // Of two directors each is meant.
    let vrrp = "vrrp_instance V {\ninterface eth0\nvirtual_ipaddress {\n10.0.0.1/24\n10.0.1.254/24\n}\n}\n";
    let pair = |lines: &str| {
        let nat = server(&format!("{lines}\nreal_server 10.0.1.1 80 {{\n{CHECKED}}}"));
        keepalived(&(vrrp.to_owned() + &nat.replace("lb_kind DR", "lb_kind NAT"))).unwrap()
    };
    let import = pair("sorry_server 127.0.0.1 8080\nquorum 1");
    let cluster = sound(&import, "pair");
    assert_eq!(cluster.directors().len(), 2, "{}", import.file);
    let fallback = cluster.services()[0].fallback.as_ref();
    let itself = "rs-127-0-0-1";
    assert_eq!(fallback.map(|name| name.as_str()), Some(itself));
    let reason =
        "by dr: the kernel masquerades nothing to a loopback address; port 80 in place of 8080";
    let Fate::Assumed { reason: told, .. } = fates(&import, "sorry_server")[0] else {
        panic!("{}", import.report);
    };
    assert!(told.starts_with(reason), "{told}");
    has(
        &import,
        &[
            "{ real-server = \"rs-127-0-0-1\", weight = 1, forwarding = \"dr\", check = false }",
            "rs-127-0-0-1 is each of the directors itself",
            "fallback = \"rs-127-0-0-1\"",
        ],
    );
    // Its weight waits in the kernel of either director.
    for director in cluster.directors() {
        let node = cluster.node(director.name.as_str()).unwrap();
        let ends = node.services[0].destinations.iter().map(|end| end.value);
        let mut waiting = ends.filter(|end| end.id.address.is_loopback());
        assert_eq!(waiting.next().map(|end| end.weight), Some(Weight::DRAIN));
    }
    let import = pair("real_server 127.0.0.1 80 {\n}");
    has(
        &import,
        &[
            "forwarding = \"dr\", check = false }",
            "rs-127-0-0-1 is each of the directors itself",
        ],
    );
}

#[test]
fn a_sync_daemon_has_the_number_of_its_virtual_router() {
    let vrrp = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 77\nvirtual_ipaddress {\n10.0.0.1/24\n}\n}\n";
    let rest = server("real_server 10.0.0.7 80 {\n}");
    for (words, id) in [
        ("eth1 V", 77),
        ("eth1 inst V", 77),
        ("eth1 V id 5", 5),
        ("eth1 W", 0),
    ] {
        let text = format!("global_defs {{\nlvs_sync_daemon {words}\n}}\n{vrrp}{rest}");
        let cluster = sound(&keepalived(&text).unwrap(), words);
        assert_eq!(cluster.sync().map(|sync| sync.id), Some(id), "{words}");
    }
}

#[test]
fn vrrp_alone_keeps_what_lvsctl_does_not_do() {
    let vrrp = "vrrp_script chk {\nscript \"/usr/bin/chk\"\n}\nvrrp_instance V {\ninterface eth0\ntrack_script {\nchk\n}\n\
                notify_master \"/usr/local/bin/m.sh\" root\nsmtp_alert\ngarp_master_delay 3\nvirtual_ipaddress {\n10.0.0.1/24\n}\n}\n";
    let global = "global_defs {\nvrrp_strict\nvrrp_garp_master_delay 5\nscript_user keepalived_script\n\
                  shutdown_script /bin/down\nlvs_flush\n}\n";
    let rest = server("real_server 10.0.0.7 80 {\n}");
    let import = keepalived(&format!("{global}{vrrp}{rest}")).unwrap();
    let reduced = import.keepalived.unwrap();
    for line in [
        "    vrrp_strict\n",
        "    vrrp_garp_master_delay 5\n",
        "    script_user keepalived_script\n",
        "    notify_master /usr/local/bin/m.sh root\n",
        "    smtp_alert\n",
        "/etc/keepalived/lvsctl-notify\" root\n",
        "    vrrp_notify_fifo /run/keepalived-notify root\n",
        "# vrrp_strict stays, as both directors must have it",
    ] {
        assert!(reduced.contains(line), "{line}\n{reduced}");
    }
    assert!(
        !reduced.contains("/bin/down") && !reduced.contains("lvs_flush"),
        "{reduced}"
    );
    assert_eq!(
        import.dropped,
        [
            "keepalived.conf:5: not kept: shutdown_script /bin/down: lvsctl's own stands in its place"
        ]
    );
    assert_eq!(keepalived(&rest).unwrap().keepalived, None);
}

/// Returns an import with an instance that has these addresses.
fn moving(addresses: &str, rest: &str) -> Import {
    let vrrp =
        format!("vrrp_instance V {{\ninterface eth0\nvirtual_ipaddress {{\n{addresses}\n}}\n}}\n");
    keepalived(&(vrrp + rest)).unwrap()
}

fn nat(ip: &str, real_server: &str) -> String {
    format!(
        "virtual_server {ip} 80 {{\nlb_kind NAT\nprotocol TCP\nreal_server {real_server} 80 {{\n}}\n}}\n"
    )
}

#[test]
fn a_virtual_ip_that_moves_is_the_gateway_where_no_other_address_does() {
    let import = moving("10.0.0.1/24", &nat("10.0.0.1", "10.0.0.21"));
    let cluster = sound(&import, "gateway");
    assert_eq!(cluster.directors().len(), 2, "{}", import.file);
    has(
        &import,
        &["gateway = \"10.0.0.1\" # assumed: the virtual IP"],
    );
}

#[test]
fn addresses_that_cannot_move_are_told() {
    let import = moving("203.0.113.10/24", &nat("203.0.113.10", "10.0.0.21"));
    let cluster = sound(&import, "one director");
    assert_eq!(cluster.directors().len(), 1, "{}", import.file);
    has(
        &import,
        &[
            "# assumed: not floating",
            "# The source has VRRP, but no address that moves",
        ],
    );
    let told = fates(&import, "203.0.113.10/24");
    assert!(
        matches!(told[..], [Fate::Assumed { .. }]),
        "{}",
        import.report
    );
}

#[test]
fn a_service_whose_answers_would_not_return_takes_movement_from_no_other() {
    let other = "virtual_server 2001:db8::1 80 {\nlb_kind DR\nprotocol TCP\nreal_server 2001:db8::11 80 {\n}\n}\n";
    let rest = nat("10.18.0.1", "10.18.1.11") + other;
    let import = moving("2001:db8::1/64\n10.18.0.1/24", &rest);
    let cluster = sound(&import, "mixed");
    assert_eq!(cluster.directors().len(), 2, "{}", import.file);
    assert_eq!(cluster.services().len(), 1, "{}", import.file);
    for start in ["virtual_server 10.18.0.1", "real_server 10.18.1.11"] {
        let told = fates(&import, start);
        assert!(matches!(told[..], [Fate::Left { .. }]), "{}", import.report);
    }
    has(&import, &["# Not imported: tcp 10.18.0.1:80"]);
}

#[test]
fn addresses_by_which_directors_speak_are_their_own() {
    let vrrp = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 7\nlvs_sync_daemon_interface eth1\nunicast_src_ip 10.0.0.2\n\
                unicast_peer {\n10.0.0.3\n}\nvirtual_ipaddress {\n10.0.0.1/24\n}\n}\n";
    let lines = "real_server 10.0.0.2 80 {\n}\nreal_server 10.0.0.7 80 {\n}";
    let import = keepalived(&(vrrp.to_owned() + &server(lines))).unwrap();
    let cluster = sound(&import, "own");
    let addresses = |number: usize| {
        let addresses = cluster.directors()[number].addresses.iter();
        addresses
            .map(|address| address.id.network.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        addresses(0),
        ["10.0.0.2/24", "10.0.0.1/24"],
        "{}",
        import.file
    );
    assert_eq!(
        addresses(1),
        ["10.0.0.3/24", "10.0.0.1/24"],
        "{}",
        import.file
    );
    assert_eq!(
        cluster
            .sync()
            .map(|sync| (sync.id, sync.interface.to_string())),
        Some((7, "eth1".to_owned()))
    );
    has(
        &import,
        &[
            "{ real-server = \"director\"",
            "Their names are not in the source",
        ],
    );
    assert!(
        import
            .notes
            .iter()
            .any(|note| note.starts_with("Two directors")),
        "{:?}",
        import.notes
    );
}

#[test]
fn a_static_address_is_the_directors() {
    let lines = "static_ipaddress {\n10.0.1.5/24 dev eth1 scope global\n}\n";
    let import = keepalived(&(lines.to_owned() + &nat("10.0.0.1", "10.0.1.7"))).unwrap();
    sound(&import, "static");
    has(
        &import,
        &["{ interface = \"eth1\", address = \"10.0.1.5/24\" }"],
    );
    assert!(
        !import.file.contains("address of its own"),
        "{}",
        import.file
    );
    assert!(matches!(
        fates(&import, "10.0.1.5/24")[..],
        [Fate::Carried { .. }]
    ));
}

#[test]
fn vrrp_alone_is_left_to_keepalived() {
    let vrrp = "vrrp_instance V {\ninterface eth0\nvirtual_ipaddress {\n10.0.0.1/24\n}\n}\n";
    let error = keepalived(vrrp).unwrap_err().to_string();
    assert!(
        error.contains("leave what is VRRP alone to keepalived"),
        "{error}"
    );
}

/// The services may be in another source.
#[test]
fn a_source_of_vrrp_alone_is_reduced_too() {
    let vrrp = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress {\n10.0.0.1/24 dev eth1\n}\n}\n";
    let error = keepalived(vrrp).unwrap_err();
    let reduced = error.keepalived().unwrap();
    assert!(
        reduced.text.contains("virtual_router_id 5"),
        "{}",
        reduced.text
    );
    assert!(reduced.text.contains("--role standby"), "{}", reduced.text);
    let address = "keepalived.conf:5: not kept: 10.0.0.1/24 dev eth1: lvsctl moves it";
    assert!(reduced.dropped[0].starts_with(address), "{reduced:?}");
    // Nothing of VRRP: nothing is reduced.
    let error = keepalived("global_defs {\nrouter_id a\n}\n").unwrap_err();
    assert_eq!(error.keepalived(), None);
}

/// An address without an interface is on that of `global_defs`, wherever it is declared.
#[test]
fn the_default_interface_has_the_addresses_that_name_none() {
    let global = "global_defs {\ndefault_interface eth7\n}\n";
    let instance =
        |lines| format!("vrrp_instance V {{\n{lines}\nvirtual_ipaddress {{\n10.0.0.1/24\n}}\n}}\n");
    let service = server(&format!("real_server 10.0.1.1 80 {{\n{CHECKED}}}"));
    let eth7 = "{ interface = \"eth7\", address = \"10.0.0.1/24\", floating = true },\n";
    for text in [
        format!("{global}{}{service}", instance("")),
        format!("{}{service}{global}", instance("")),
    ] {
        let import = keepalived(&text).unwrap();
        has(&import, &[eth7]);
        assert!(
            matches!(
                fates(&import, "default_interface")[..],
                [Fate::Carried { .. }]
            ),
            "{}",
            import.report
        );
    }
    let import = keepalived(&format!("{global}{service}")).unwrap();
    has(
        &import,
        &["interface = \"eth7\", address = \"10.0.0.1/32\" }, # assumed"],
    );
    let import = keepalived(&format!("{global}{}{service}", instance("interface eth1"))).unwrap();
    assert!(
        matches!(fates(&import, "default_interface")[..], [Fate::Left { .. }]),
        "{}",
        import.report
    );
}

/// What decides where the table and the addresses are is told in the head of the file.
#[test]
fn a_namespace_and_a_virtual_mac_are_told_in_the_file() {
    let service = server(&format!("real_server 10.0.1.1 80 {{\n{CHECKED}}}"));
    for (lines, told) in [
        (
            "global_defs {\nnet_namespace lb\n}",
            "ip netns exec lb lvsctl",
        ),
        ("net_namespace lb", "ip netns exec lb lvsctl"),
        (
            "global_defs {\nnet_namespace_ipvs lb\n}",
            "but not the addresses that VRRP moves",
        ),
        (
            "vrrp_instance V {\ninterface eth1\nuse_vmac\nvirtual_ipaddress {\n10.0.0.1/32\n}\n}",
            "use_vmac of the vrrp_instance V",
        ),
    ] {
        let import = keepalived(&format!("{lines}\n{service}")).unwrap();
        sound(&import, lines);
        let told = import.notes.iter().any(|note| note.contains(told));
        assert!(told, "{lines}: {:?}", import.notes);
    }
}
