//! Gateways and default routes.

use lvs_core::Cluster;

use super::{DR, NAT, changed, line_of, only, says};

#[test]
fn gateway_on_no_connected_network() {
    let error = changed(NAT, "gateway = \"172.16.0.1\"", "gateway = \"10.0.0.1\"");
    says(
        &error,
        "director.gateway: 10.0.0.1 is on no network of this node; \
         the node is connected to 172.16.0.0/16 and 192.168.1.0/24; a router on the link itself is \
         { address = \"10.0.0.1\", interface = \"eth0\", on-link = true }",
    );
    assert_eq!(error.position().unwrap().line, line_of(NAT, "gateway = "));
    says(
        &changed(NAT, "gateway = \"172.16.0.1\"", "gateway = \"172.16.5.11\""),
        "director.gateway: 172.16.5.11 is an address of this node itself; write the router's address",
    );
}

#[test]
fn gateways_that_say_too_little() {
    let with = |gateway: &str| {
        changed(
            NAT,
            "gateway = \"172.16.0.1\"",
            &format!("gateway = {gateway}"),
        )
    };
    says(
        &with("\"fe80::1\""),
        "director.gateway: fe80::1 is link-local, and says nothing without its interface; \
         write { address = \"fe80::1\", interface = \"eth0\" }",
    );
    says(
        &with("{ address = \"10.0.0.1\", on-link = true }"),
        "director.gateway: on-link needs an interface; add interface, as in interface = \"eth0\"",
    );
    for (ip, interface) in [
        ("0.0.0.0", "eth0"),
        ("127.0.0.1", "eth0"),
        ("224.0.0.1", "eth1"),
    ] {
        says(
            &with(&format!(
                "{{ address = \"{ip}\", interface = \"{interface}\", on-link = true }}"
            )),
            &format!(
                "director.gateway: {ip} is not the address of a node; write the router's address"
            ),
        );
    }
    says(
        &with("{ address = \"172.16.0.1\", interface = \"eth1\" }"),
        "director.gateway: 172.16.0.1 is on no network of eth1; \
         the node is connected to 172.16.0.0/16 and 192.168.1.0/24; a router on the link itself is \
         { address = \"172.16.0.1\", interface = \"eth1\", on-link = true }",
    );
}

#[test]
fn a_gateway_without_an_address_is_a_device() {
    let with = |gateway: &str| {
        let file = NAT.replace("gateway = \"172.16.0.1\"", &format!("gateway = {gateway}"));
        Cluster::from_toml(&file)
    };
    let cluster = with("{ interface = \"ppp0\" }").unwrap();
    let node = cluster.node("director").unwrap();
    let route = &node.routes[0].value;
    assert!(route.id.is_default() && route.gateway.is_none());
    assert!(
        node.links
            .contains_key(&"ppp0".parse::<lvs_core::IfName>().unwrap())
    );
    for (gateway, mistake) in [
        (
            "{ interface = \"lo\" }",
            "lo leads to no router; write the interface of a point-to-point link, or the router's address",
        ),
        (
            "{ interface = \"ppp0\", on-link = true }",
            "on-link needs an address; add the router's address, or leave out on-link",
        ),
        (
            "{ }",
            "address is missing; add the router's address, or the interface of a point-to-point link",
        ),
    ] {
        says(
            &only(with(gateway).unwrap_err()),
            &format!("director.gateway: {mistake}"),
        );
    }
}

#[test]
fn a_gateway_of_the_other_family_is_said() {
    let six = "gateway = { address = \"fe80::1\", interface = \"eth0\" }";
    says(
        &changed(NAT, "gateway = \"172.16.0.1\"", six),
        "director.gateway: fe80::1 has no effect: neither director nor any service has an address of that family; \
         write the router's address of the other family",
    );
    // A node of both families answers by IPv4 all the same.
    let both = DR
        .replacen("gateway = \"192.168.1.254\"\nweight", &format!("{six}\nweight"), 1)
        .replacen(
            "address = \"192.168.1.12/24\" }",
            "address = \"192.168.1.12/24\" }, { interface = \"eth0\", address = \"2001:db8::12/64\" }",
            1,
        );
    let node = Cluster::from_toml(&both)
        .unwrap()
        .node("realserver1")
        .unwrap();
    let note = "fe80::1 is no gateway of ipv4, by which answers return to clients: their default route stays as it is";
    assert_eq!(node.notes, [note]);
}
