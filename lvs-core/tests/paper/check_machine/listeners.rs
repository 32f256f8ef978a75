//! Programs that listen, and for which addresses.

use lvs_core::check::Code;
use lvs_core::ipvs::Protocol;

use crate::check_machine::facts::{
    DR, NAT, cluster, default_route, director, found, listener, server,
};

#[test]
fn listeners_must_hear_the_virtual_ip() {
    let dr = cluster(DR);
    for (bound, hears) in [
        ("172.16.5.11:80", true),
        ("[::]:80", true),
        ("[::ffff:172.16.5.11]:80", true),
        ("192.168.1.12:80", false),
        ("0.0.0.0:81", false),
        ("[::1]:80", false),
    ] {
        let mut facts = server();
        facts.listeners = [listener(Protocol::TCP, bound)].into();
        let expected: &[Code] = if hears { &[] } else { &[Code::NO_LISTENER] };
        assert_eq!(found(&dr, &facts), expected, "{bound}");
    }
    let mut facts = server();
    facts.listeners = [listener(Protocol::UDP, "0.0.0.0:80")].into();
    assert_eq!(found(&dr, &facts), [Code::NO_LISTENER]);
}

#[test]
fn with_masquerading_listeners_must_hear_the_real_ip() {
    let nat = cluster(&NAT.replace("\"rr\"", "\"rr\"\ndestinations = [{ real-server = \"realserver1\", port = 8080 }, { real-server = \"realserver2\" }]"));
    let mut facts = server();
    facts
        .addresses
        .retain(|address| address.id.network.prefix_len() != 32);
    facts.routes = vec![default_route("192.168.1.11", "eth0")];
    assert_eq!(found(&nat, &facts), [Code::NO_LISTENER]);
    facts
        .listeners
        .insert(listener(Protocol::TCP, "192.168.1.12:8080"));
    assert_eq!(found(&nat, &facts), []);
}

#[test]
fn daemons_on_every_address_are_on_the_virtual_ip() {
    let nat = cluster(NAT);
    for (bound, is_open) in [
        ("0.0.0.0:22", true),
        ("[::]:22", true),
        ("172.16.5.11:22", true),
        ("192.168.1.11:22", false),
        ("127.0.0.1:22", false),
        ("[::1]:22", false),
        // That is the service's.
        ("0.0.0.0:80", false),
    ] {
        let mut facts = director(&nat);
        facts.listeners = [listener(Protocol::TCP, bound)].into();
        let expected: &[Code] = if is_open { &[Code::EXPOSED] } else { &[] };
        assert_eq!(found(&nat, &facts), expected, "{bound}");
        // Questions of its own to name and time servers look like this.
        facts.listeners = [listener(Protocol::UDP, bound)].into();
        assert_eq!(found(&nat, &facts), [], "udp {bound}");
    }
}
