//! Addresses of a node.

use lvs_core::check::Code;
use lvs_core::ipvs::Protocol;
use lvs_core::net::Route;

use crate::check_machine::facts::{DR, address, cluster, found, listener, server};

#[test]
fn broadcasts_of_the_node_are_judged() {
    let mut facts = server();
    facts.addresses[1].broadcast = Some([172, 16, 5, 255].into());
    assert_eq!(found(&cluster(DR), &facts), [Code::BROADCAST]);
    facts.addresses[1].broadcast = Some([172, 16, 5, 11].into());
    assert_eq!(found(&cluster(DR), &facts), []);
}

#[test]
fn an_ipv6_address_that_another_has_is_not_in_use() {
    let text = DR
        .replace("172.16.5.11/32", "2001:db8::11/128")
        .replace("172.16.5.11:80", "[2001:db8::11]:80");
    let text = text.replace(
        "\"192.168.1.11/24\", label = \"eth0:1\"",
        "\"2001:db8:1::11/64\"",
    );
    let text = text
        .replace("192.168.1.12/24", "2001:db8:1::12/64")
        .replace("192.168.1.13/24", "2001:db8:1::13/64");
    let text = text.replace("192.168.1.254", "2001:db8:1::fe");
    let mut facts = server();
    facts.addresses = vec![
        address("lo", "2001:db8::11/128"),
        address("eth0", "2001:db8:1::12/64"),
    ];
    facts.routes = vec![Route::via(
        "::/0".parse().unwrap(),
        "2001:db8:1::fe".parse().unwrap(),
    )];
    facts.listeners.insert(listener(Protocol::TCP, "[::]:80"));
    assert_eq!(found(&cluster(&text), &facts), []);
    facts.duplicates.insert("2001:db8::11".parse().unwrap());
    assert_eq!(found(&cluster(&text), &facts), [Code::DUPLICATE_ADDRESS]);
}
