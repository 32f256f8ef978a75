//! Services and their destinations.

use lvs_core::Cluster;

use super::{DR, NAT, TUNNEL, changed, line_of, says};

#[test]
fn a_mark_without_match_is_of_others() {
    let text = DR.replace("address = \"172.16.5.11:80\"", "fwmark = 1");
    let node = Cluster::from_toml(&text).unwrap().node("director").unwrap();
    assert!(node.nftables.is_none());
    assert_eq!(
        node.notes,
        [
            "fwmark 1 ipv4 has no match: rules of others mark its packets, and real servers get no virtual IP for it"
        ]
    );
}

#[test]
fn marks_that_make_no_sense() {
    let address = "address = \"172.16.5.11:80\"";
    let web = "match = [\"tcp 172.16.5.11:80\"]";
    for (service, message) in [
        (
            format!("{address}\nfwmark = 1"),
            "services[0].fwmark: a service has either an address or a mark; \
             leave one of them out; write the addresses that are marked in match",
        ),
        (
            format!("{address}\n{web}"),
            "services[0].match: has no effect beside address; leave it out",
        ),
        (
            String::new(),
            "services[0]: the key `address` is missing; add it, or fwmark for a service by firewall mark",
        ),
        (
            format!("fwmark = 0\n{web}"),
            "services[0].fwmark: 0 is not in 1..4294967295",
        ),
        (
            "fwmark = 1\nmatch = [\"172.16.5.11:80\"]".to_owned(),
            "services[0].match[0]: \"172.16.5.11:80\" is not like \"tcp 172.16.5.11:80\"",
        ),
        (
            "fwmark = 1\nmatch = [\"tcp 172.16.5.12:80\"]".to_owned(),
            "services[0].match[0]: no interface of the director carries 172.16.5.12; \
             add { interface = \"eth0\", address = \"172.16.5.12/32\" } to director.addresses",
        ),
        (
            format!("fwmark = 1\nfamily = \"ipv6\"\n{web}"),
            "services[0].match[0]: tcp 172.16.5.11:80 is not ipv6; \
             define a service of its own for the other family, with the same mark",
        ),
        (
            format!("fwmark = 1\n{web}\n[[services]]\n{address}"),
            "services[0].match[0]: tcp 172.16.5.11:80 also belongs to another service; \
             a packet can belong to one service only",
        ),
    ] {
        says(&changed(NAT, address, &service), message);
    }
}

#[test]
fn switches_and_synchronisation_that_make_no_sense() {
    let sync = "[sync]\nid = 1\ninterface = \"eth1\"\n";
    for (more, message) in [
        (
            "[ipvs]\nconntrac = 1".to_owned(),
            "ipvs.conntrac: unknown key `conntrac`; did you mean `conntrack`?",
        ),
        (
            "[ipvs]\nsecure-tcp = 5".to_owned(),
            "ipvs.secure-tcp: 5 is not in 0..3",
        ),
        (
            "[ipvs]\nlblc-expiration = 60".to_owned(),
            "ipvs.lblc-expiration: no service has the scheduler lblc; leave it out",
        ),
        (
            format!("{sync}[ipvs]\nbackup-only = true"),
            "ipvs.backup-only: with [sync] the director would forward nothing, \
             because it receives connections too; leave it out",
        ),
        (
            "[sync]\ninterface = \"eth1\"".to_owned(),
            "sync: the key `id` is missing",
        ),
        (
            sync.replace("id = 1", "id = 256"),
            "sync.id: 256 is not in 0..255",
        ),
        (
            format!("{sync}group = \"192.168.1.1\""),
            "sync.group: 192.168.1.1 is not a multicast address; \
             write a group like 224.0.0.81, or leave it out",
        ),
        (
            format!("{sync}max-length = 500"),
            "sync.max-length: 500 is below 1024, the smallest buffer of a receiver",
        ),
    ] {
        says(
            &changed(NAT, "[[services]]", &format!("{more}\n[[services]]")),
            message,
        );
    }
}

/// The kernel has not both, and says so only when it is too late.
#[test]
fn synchronisation_beside_mixed_families() {
    let mixed = include_str!("../../plans/mixed-director/cluster.toml");
    let sync = "[sync]\nid = 1\ninterface = \"eth0\"\n\n[[services]]";
    let error = changed(mixed, "[[services]]", sync);
    says(
        &error,
        "sync: the kernel synchronises no connections beside services[0].destinations[0], which is of \
         another family than its service; leave [sync] out, or give the real server an address of the \
         service's family",
    );
}

#[test]
fn tunnels_that_make_no_sense() {
    let ipip = "{ type = \"ipip\" }";
    for (tunnel, message) in [
        (
            "{ type = \"vxlan\" }",
            "tunnel.type: unknown tunnel type \"vxlan\"; the types are ipip, gue and gre",
        ),
        (
            "{ type = \"gue\" }",
            "tunnel.port: gue needs the UDP port on which real servers receive; \
             add port = 5555, for example",
        ),
        (
            "{ type = \"gue\", port = 70000 }",
            "tunnel.port: 70000 is not in 1..65535",
        ),
        (
            "{ type = \"ipip\", port = 5555 }",
            "tunnel.port: ipip has no port; leave it out",
        ),
        (
            "{ type = \"gre\", checksum = \"remote\" }",
            "tunnel.checksum: gre has no remote checksums; \
             the checksums of gre are none and full",
        ),
    ] {
        says(&changed(TUNNEL, ipip, tunnel), message);
    }
    let error = changed(TUNNEL, "forwarding = \"tunnel\"", "forwarding = \"dr\"");
    says(
        &error,
        "tunnel: no destination is reached by tunnel; leave it out, or write forwarding = \"tunnel\"",
    );
    assert_eq!(error.position().unwrap().line, line_of(TUNNEL, "tunnel = "));
}

#[test]
fn destination_port_with_direct_routing() {
    let destinations = "destinations = [{ real-server = \"realserver1\", port = 8080 }]";
    says(
        &changed(DR, "scheduler = \"wrr\"", destinations),
        "services[0].destinations[0].port: 8080 would have no effect: dr leaves the port as it is, 80; \
         leave it out, or use forwarding = \"nat\"",
    );
}

#[test]
fn destination_that_is_no_node_of_the_cluster() {
    says(
        &changed(
            DR,
            "scheduler = \"wrr\"",
            "destinations = [{ real-server = \"realserver3\" }]",
        ),
        "services[0].destinations[0].real-server: there is no real server \"realserver3\"; \
         did you mean \"realserver1\"?",
    );
}

/// The kernel's rules are those of a service; here they have the key that breaks them.
#[test]
fn one_packet_has_its_conditions() {
    let one_packet = "scheduler = \"rr\"\none-packet = true";
    says(
        &changed(NAT, "scheduler = \"rr\"", one_packet),
        "services[0].one-packet: has no effect on tcp, only on udp; leave it out",
    );
    let both = format!("{one_packet}\nprotocol = \"udp\"\npersistence = 300");
    says(
        &changed(NAT, "scheduler = \"rr\"", &both),
        "services[0].one-packet: excludes persistence; leave one of them out",
    );
    let long = "scheduler = \"rr\"\npersistence = 4294968";
    says(
        &changed(NAT, "scheduler = \"rr\"", long),
        "services[0].persistence.timeout: 4294968 is not in 0..4294967",
    );
}
