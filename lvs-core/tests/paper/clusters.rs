//! Every mistake in a cluster file is reported with its place, the problem and a hint.
#![cfg(feature = "toml")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may fail it; clippy knows that of tests only"
)]

use lvs_core::Cluster;
use lvs_core::cluster::checks::BelowMinimum;
use lvs_core::cluster::{Document, DocumentError, DocumentErrorKind as Kind, DocumentErrors};

const NAT: &str = include_str!("../../../examples/nat.toml");
const DR: &str = include_str!("../../../examples/dr.toml");
const TUNNEL: &str = include_str!("../../../examples/tunnel.toml");
const TWO: &str = include_str!("../../../examples/two_directors.toml");

/// An example with one thing changed; that thing must be there.
#[track_caller]
fn changed(text: &str, from: &str, to: &str) -> DocumentError {
    assert!(text.contains(from), "{from:?} is not in the example");
    only(Cluster::from_toml(&text.replacen(from, to, 1)).unwrap_err())
}

/// The mistake, beside which there is no other that only follows from it.
#[track_caller]
fn only(mistakes: DocumentErrors) -> DocumentError {
    let all = mistakes.to_string();
    let mut mistakes = mistakes.into_iter();
    let first = mistakes.next().unwrap();
    assert!(mistakes.next().is_none(), "several mistakes:\n{all}");
    first
}

/// The whole message; and every refusal of a text has a position.
#[track_caller]
fn says(error: &DocumentError, message: &str) {
    assert_eq!(error.to_string(), message);
    assert!(error.position().is_some(), "no position: {message}");
}

fn line_of(text: &str, needle: &str) -> usize {
    text.lines().position(|line| line.contains(needle)).unwrap() + 1
}

#[test]
fn the_examples_are_clusters() {
    for text in [NAT, DR, TUNNEL, TWO] {
        let cluster = Cluster::from_toml(text).unwrap();
        assert_eq!(cluster.real_servers().len(), 2);
        assert_eq!(cluster.services()[0].destinations.len(), 2);
    }
}

#[test]
fn unknown_key() {
    let error = changed(DR, "weight = 2", "wieght = 2");
    says(
        &error,
        "real-servers[0].wieght: unknown key `wieght`; did you mean `weight`?",
    );
    let position = error.position().unwrap();
    assert_eq!(position.line, line_of(DR, "weight = 2"));
    assert_eq!(position.column, 1);
}

#[test]
fn unknown_key_that_is_near_nothing() {
    says(
        &changed(NAT, "[director]\n", "[director]\ncolour = 1\n"),
        "director.colour: unknown key `colour`; \
         the keys here are name, gateway, ip-forward, addresses",
    );
}

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
    let mixed = include_str!("../plans/mixed-director/cluster.toml");
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
fn missing_key() {
    says(
        &changed(
            NAT,
            "interface = \"eth0\", address = \"172.16.5.11/16\"",
            "interface = \"eth0\"",
        ),
        "director.addresses[0]: the key `address` is missing",
    );
}

#[test]
fn unknown_scheduler() {
    let error = changed(NAT, "\"rr\"", "\"wr\"");
    says(
        &error,
        "services[0].scheduler: unknown scheduler \"wr\": \
         Linux has no module ip_vs_wr; did you mean \"rr\"?",
    );
    assert_eq!(error.position().unwrap().line, line_of(NAT, "scheduler = "));
}

#[test]
fn weights_out_of_range() {
    for bad in ["-1", "2147483648"] {
        says(
            &changed(DR, "weight = 2", &format!("weight = {bad}")),
            &format!("real-servers[0].weight: {bad} is not in 0..2147483647"),
        );
    }
    let destinations = "destinations = [{ real-server = \"realserver1\" }, { real-server = \"realserver2\", weight = -5 }]";
    says(
        &changed(DR, "scheduler = \"wrr\"", destinations),
        "services[0].destinations[1].weight: -5 is not in 0..2147483647",
    );
}

#[test]
fn virtual_ip_that_no_interface_carries() {
    says(
        &changed(
            DR,
            "address = \"172.16.5.11:80\"",
            "address = \"172.16.5.12:80\"",
        ),
        "services[0].address: no interface of the director carries 172.16.5.12; \
         add { interface = \"eth0\", address = \"172.16.5.12/32\" } to director.addresses",
    );
}

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

#[test]
fn an_alias_as_interface_is_a_label() {
    says(
        &changed(NAT, "interface = \"eth0\"", "interface = \"ens33:0\""),
        "director.addresses[0].interface: \"ens33:0\" is a label, not an interface; \
         write interface = \"ens33\", label = \"ens33:0\"",
    );
}

#[test]
fn duplicate_names() {
    says(
        &changed(NAT, "name = \"realserver2\"", "name = \"realserver1\""),
        "real-servers[1].name: \"realserver1\" is also the name of real-servers[0]; \
         every node needs a name of its own",
    );
}

#[test]
fn duplicate_addresses() {
    says(
        &changed(NAT, "192.168.1.13/24", "192.168.1.12/24"),
        "real-servers[1].addresses[0].address: 192.168.1.12 is also the address of \
         real-servers[0].addresses[0]; every address belongs to one node, once",
    );
    let rip = "{ interface = \"eth0\", address = \"192.168.1.12/24\" }";
    let both = format!("{rip}, {{ interface = \"lo\", address = \"172.16.5.11/32\" }}");
    says(
        &changed(DR, rip, &both),
        "real-servers[0].addresses[1].address: 172.16.5.11 is also the address of \
         director.addresses[0]; leave it out: a real server that needs the virtual IP gets it on lo",
    );
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

#[test]
fn addresses_as_people_forget_them() {
    says(
        &changed(NAT, "192.168.1.12/24", "192.168.1.12"),
        "real-servers[0].addresses[0].address: prefix length is missing; \
         write the network's, as in 192.168.1.12/24",
    );
    says(
        &changed(NAT, "192.168.1.12/24", "192.168.001.012/24"),
        "real-servers[0].addresses[0].address: \"192.168.001.012/24\" has a number with leading zeros; \
         write it without them",
    );
    says(
        &changed(NAT, "172.16.5.11:80", "172.16.5.11"),
        "services[0].address: port is missing; write 172.16.5.11:80",
    );
    says(
        &changed(NAT, "172.16.5.11:80", "2001:db8::1"),
        "services[0].address: port is missing; write [2001:db8::1]:80",
    );
    says(
        &changed(NAT, "172.16.5.11:80", "172.16.5.11:http"),
        "services[0].address: \"172.16.5.11:http\" is not ADDRESS:PORT, like \"172.16.5.11:80\"",
    );
    says(
        &changed(NAT, "172.16.5.11:80", "172.16.5.11:0"),
        "services[0].address: port 0 means every port, which needs persistence; \
         write a port, or add persistence",
    );
}

#[test]
fn empty_and_too_large() {
    for empty in ["", "  \n", "# only a remark\n"] {
        let error = only(Cluster::from_toml(empty).unwrap_err());
        assert_eq!(error.problem(), "the file is empty");
        assert!(error.hint().unwrap().contains("[[real-servers]]"));
    }
    let error = Cluster::from_toml(&"#".repeat(Document::MAX_LENGTH + 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file has 16777217 bytes, but at most 16777216 are read"
    );
}

#[test]
fn not_toml() {
    let error = changed(NAT, "name = \"web\"", "name = web");
    assert_eq!(
        error.position().unwrap().line,
        line_of(NAT, "name = \"web\"")
    );
}

#[test]
fn wrong_type() {
    says(
        &changed(DR, "weight = 2", "weight = \"two\""),
        "real-servers[0].weight: expected a whole number, found text \"two\"",
    );
    let error = changed(DR, "scheduler = \"wrr\"", "persistence = true");
    assert_eq!(error.path(), "services[0].persistence");
}

#[test]
fn nat_needs_routing() {
    says(
        &changed(NAT, "[director]\n", "[director]\nip-forward = false\n"),
        "director.ip-forward: false contradicts nat: answers of real servers would not be forwarded; \
         leave it out",
    );
}

#[test]
fn the_same_checks_without_toml() {
    let mut json = serde_json::json!({
        "name": "web", "forwarding": "dr",
        "director": { "addresses": [{ "interface": "eth0", "address": "172.16.5.11/32" }] },
        "services": [{ "address": "172.16.5.11:80", "persistence": 300 }],
    });
    let cluster = |json: &serde_json::Value| {
        let document: Document = serde_json::from_value(json.clone()).unwrap();
        Cluster::try_from(document)
    };
    assert!(cluster(&json).is_ok());
    json["director"]["addresses"][0]["label"] = "eth1:0".into();
    let error = only(cluster(&json).unwrap_err());
    assert_eq!(error.path(), "director.addresses[0].label");
    assert_eq!(error.position(), None);
}

/// The examples, cut or disturbed in many places, are clusters or errors; and an error that knows its
/// path knows its position.
#[test]
fn no_text_makes_it_panic() {
    let check = |text: &str| {
        for error in Cluster::from_toml(text).err().into_iter().flatten() {
            assert!(
                error.path().is_empty() || error.position().is_some(),
                "{error}"
            );
        }
    };
    for text in [NAT, DR, TUNNEL, TWO] {
        for (at, _) in text.char_indices().step_by(5) {
            let (before, after) = text.split_at(at);
            check(before);
            for disturbance in ["\"", "[", "=", "9", "\n"] {
                check(&format!("{before}{disturbance}{after}"));
            }
        }
    }
}

#[test]
fn two_directors_that_make_no_sense() {
    let (vip, dip) = (
        "address = \"172.16.5.11/16\", floating = true",
        "address = \"192.168.1.11/24\", floating = true",
    );
    let both = "on both directors";
    for (from, to, message) in [
        (
            vip,
            "address = \"172.16.5.11/16\"",
            format!(
                "directors[0].addresses[0]: 172.16.5.11 is a virtual IP, which only the active director \
                 may carry; add floating = true to it, {both}"
            ),
        ),
        (
            dip,
            "address = \"192.168.1.11/24\"",
            format!(
                "directors[0].addresses[1]: 192.168.1.11 floats on lb2, but not here; \
                 add floating = true to it, {both}"
            ),
        ),
        (
            dip,
            "address = \"192.168.1.10/24\", floating = true",
            "directors[0].addresses[1]: lb2 does not have 192.168.1.10, so it cannot float there; add { \
             interface = \"eth1\", address = \"192.168.1.10/24\", floating = true } to the addresses of lb2"
                .to_owned(),
        ),
        (
            vip,
            "address = \"172.16.5.11/32\", floating = true",
            format!(
                "directors[0].addresses[0].address: it is 172.16.5.11/16 on lb2; \
                 write the same prefix length {both}"
            ),
        ),
        (
            "192.168.1.22/24",
            "192.168.1.21/24",
            "directors[1].addresses[3].address: 192.168.1.21 is also the address of \
             directors[0].addresses[3]; every address belongs to one node, once"
                .to_owned(),
        ),
        (
            "name = \"lb2\"",
            "name = \"lb1\"",
            "directors[1].name: \"lb1\" is also the name of directors[0]; \
             every node needs a name of its own"
                .to_owned(),
        ),
        (
            "{ interface = \"eth0\", address = \"192.168.1.12/24\" }]",
            "{ interface = \"eth0\", address = \"192.168.1.12/24\" }]\ngateway = \"192.168.1.22\"",
            "real-servers[0].gateway: 192.168.1.22 stays on lb2: answers would be lost while the other \
             director is active; write a floating address"
                .to_owned(),
        ),
        (
            "{ interface = \"eth0\", address = \"192.168.1.13/24\" }",
            "{ interface = \"eth0\", address = \"192.168.1.13/24\", floating = true }",
            "real-servers[1].addresses[0].floating: only addresses of directors can float; leave it out"
                .to_owned(),
        ),
        (
            "scheduler = \"rr\"",
            "scheduler = \"rr\"\ndestinations = [{ real-server = \"lb2\" }]",
            "services[0].destinations[0].real-server: answers of lb2 would bypass the other \
             director while that one is active; use forwarding = \"dr\", or leave it out"
                .to_owned(),
        ),
        (
            "address = \"172.16.5.11:80\"",
            "address = \"172.16.5.12:80\"",
            "services[0].address: no interface of the directors carries 172.16.5.12; add { interface = \
             \"eth0\", address = \"172.16.5.12/32\", floating = true } to the addresses of both directors"
                .to_owned(),
        ),
    ] {
        assert!(TWO.contains(from), "{from:?} is not in the example");
        // What floats on one director only is a mistake of the other, too.
        let mistakes = Cluster::from_toml(&TWO.replacen(from, to, 1)).unwrap_err();
        assert!(mistakes.iter().count() <= 2, "{mistakes}");
        says(mistakes.first(), &message);
    }
    let error = changed(TWO, "192.168.1.22/24", "192.168.1.21/24");
    let line = line_of(TWO, "192.168.1.22/24\" }");
    assert_eq!(error.position().unwrap().line, line);
}

/// From plain Rust, where it is not an address that is marked.
#[test]
fn only_own_addresses_float() {
    let cluster = Cluster::from_toml(TWO).unwrap();
    let [first, second] = cluster.directors() else {
        panic!("{:?}", cluster.directors())
    };
    let mut second = second.clone();
    second.floating.insert([10, 0, 0, 1].into());
    let error = Cluster::with_two_directors(
        cluster.name().clone(),
        [first.clone(), second],
        cluster.real_servers().to_vec(),
        cluster.services().to_vec(),
    );
    let message = "directors[1].floating: 10.0.0.1 is not among the director's addresses";
    assert_eq!(error.unwrap_err().to_string(), message);
}

/// In NAT the servers' gateway is an address that moves.
#[test]
fn masqueraded_servers_need_a_floating_gateway() {
    let text = TWO
        .lines()
        .filter(|line| !line.contains("192.168.1.11/24"))
        .collect::<Vec<_>>()
        .join("\n");
    let mistakes = Cluster::from_toml(&text).unwrap_err();
    let paths: Vec<_> = mistakes.iter().map(DocumentError::path).collect();
    assert_eq!(paths, ["real-servers[0]", "real-servers[1]"]);
    let error = mistakes.first();
    says(
        error,
        "real-servers[0]: answers return through the active director, but no floating address of the \
         directors is on a network of this node; give both directors an address there, with floating = true",
    );
    let line = line_of(&text, "name = \"realserver1\"");
    assert!(error.position().unwrap().line <= line);
}

#[test]
fn one_director_or_two() {
    says(
        &changed(NAT, "[director]\n", "[[directors]]\n"),
        "directors: there is only one; write it as [director], or add the one that takes over",
    );
    says(
        &changed(
            TWO,
            "[[directors]]\nname = \"lb1\"",
            "[director]\nname = \"lb1\"",
        ),
        "directors: the file also has [director]; write one director as [director], or two as [[directors]]",
    );
    let third = "[[directors]]\nname = \"lb3\"\naddresses = []\n\n[sync]";
    says(
        &changed(TWO, "[sync]", third),
        "directors[2]: there are 3, but only two can take over from each other; leave out all but two",
    );
    says(
        &changed(
            NAT,
            "address = \"192.168.1.11/24\"",
            "address = \"192.168.1.11/24\", floating = true",
        ),
        "director.addresses[1].floating: 192.168.1.11 cannot float: there is only one director; \
         leave it out, or write two [[directors]]",
    );
    let none = "name = \"web\"\nforwarding = \"nat\"\n";
    let mistakes = Cluster::from_toml(none).unwrap_err();
    assert_eq!(mistakes.iter().count(), 2, "{mistakes}");
    says(
        mistakes.first(),
        "the key `director` is missing; add [director], or two [[directors]]",
    );
}

#[test]
fn every_mistake_has_its_kind() {
    for (text, from, to, kind) in [
        (NAT, "name = \"web\"", "name = web", Kind::Syntax),
        (NAT, "scheduler", "schedular", Kind::UnknownKey),
        (NAT, "172.16.5.11:80", "172.16.5.11", Kind::Missing),
        (DR, "weight = 2", "weight = \"two\"", Kind::WrongType),
        (NAT, "172.16.0.1", "router", Kind::InvalidValue),
        (NAT, "\"rr\"", "\"wr\"", Kind::UnknownName),
        (DR, "weight = 2", "weight = -2", Kind::OutOfRange),
        (NAT, "\"rr\"", "\"rr\"\nfamily = \"ipv4\"", Kind::Conflict),
        (NAT, "192.168.1.13/24", "192.168.1.12/24", Kind::Duplicate),
        (NAT, "172.16.0.1", "10.0.0.1", Kind::Unreachable),
        (TUNNEL, "= \"tunnel\"", "= \"dr\"", Kind::Unused),
    ] {
        let error = changed(text, from, to);
        assert_eq!(error.kind(), kind, "{error}");
    }
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

/// The example for direct routing with keys of its service, and a table at the end.
fn with_keys(keys: &str, table: &str) -> String {
    let text = DR.replace("[[services]]", &format!("[[services]]\n{keys}"));
    format!("{text}\n{table}")
}

#[test]
fn keys_about_health() {
    let keys = r#"
        check = ["tcp", { type = "http", path = "/healthz", interval = "5s" }]
        minimum = 1
        fallback = "realserver2"
        on-failure = "remove"
        slow-start = "30s"
    "#;
    let health = "[health]\ninterval = \"1s\"\nfall = 2\npath = \"server\"\nmarks = 0x10000\n";
    let cluster = Cluster::from_toml(&with_keys(keys, health)).unwrap();
    assert_eq!(cluster.marks().first().get(), 0x10000);
    let service = &cluster.services()[0];
    let checks: Vec<String> = service
        .checks
        .iter()
        .map(|check| format!("{} {} {}", check.kind, check.timing.interval, check.route))
        .collect();
    assert_eq!(checks, ["tcp 1s server", "http 5s server"]);
    assert_eq!(service.checks[1].timing.fall.get(), 2);
    assert_eq!(service.policy.below_minimum, BelowMinimum::Fallback);
    let node = cluster.node("director").unwrap();
    let weights: Vec<u32> = node.services[0]
        .destinations
        .iter()
        .map(|desired| desired.value.weight.get())
        .collect();
    assert_eq!(weights, [2, 0], "the fallback waits");
}

#[test]
fn keys_about_health_that_make_no_sense() {
    for (keys, table, message) in [
        (
            "minimum = 1",
            "",
            "services[0].minimum: has no effect without check",
        ),
        (
            "check = \"tpc\"",
            "",
            "services[0].check: check \"tpc\" is not tcp, tls",
        ),
        ("check = []", "", "services[0].check: the list is empty"),
        (
            "check = [\"tcp\", { type = \"tls\" }]",
            "",
            "services[0].check[1]: server name \"\" is missing",
        ),
        (
            "check = { type = \"http\", intervall = 3 }",
            "",
            "unknown key `intervall`; did you mean `interval`?",
        ),
        (
            "check = { type = \"http\", interval = \"soon\" }",
            "",
            "duration \"soon\" is not like \"500ms\", \"2s\" or \"5m\"",
        ),
        (
            "check = \"tcp\"\nbelow-minimum = \"fallback\"",
            "",
            "services[0].below-minimum: the key `fallback` is missing",
        ),
        (
            "check = \"tcp\"\nbelow-minimum = \"serve-al\"",
            "",
            "\"serve-al\" is unknown; did you mean \"serve-all\"?",
        ),
        (
            "check = \"tcp\"\nbelow-minimum = \"refuse\"\nfallback = \"realserver1\"",
            "",
            "services[0].fallback: has no effect beside this below-minimum",
        ),
        (
            "check = \"tcp\"\nfallback = \"elsewhere\"",
            "",
            "there is no real server \"elsewhere\"",
        ),
        (
            "check = \"tcp\"\nminimum = 3",
            "",
            "services[0].minimum: 3 is above the number of destinations, 2",
        ),
        (
            "check = \"tcp\"\nkeep-weight = true",
            "",
            "services[0].keep-weight: excludes check",
        ),
        (
            "",
            "[health]\nintervall = 2",
            "unknown key `intervall`; did you mean `interval`?",
        ),
        (
            "",
            "[health]\nfast-interval = \"3s\"",
            "is above the interval 2s",
        ),
        (
            "",
            "[health]\nmarks = 0",
            "health.marks: 0 is not in 1..4294901760",
        ),
    ] {
        let error = only(Cluster::from_toml(&with_keys(keys, table)).unwrap_err());
        assert!(error.to_string().contains(message), "{message:?}: {error}");
        assert!(
            error.position().is_some_and(|position| position.line > 1),
            "{error}"
        );
    }
}

/// A cluster of twelve real servers, three virtual IPs and two ports.
const SHORT: &str = include_str!("../../../examples/many_servers.toml");

#[test]
fn twelve_servers_are_few_lines() {
    assert!(SHORT.lines().count() <= 45, "{}", SHORT.lines().count());
    let cluster = Cluster::from_toml(SHORT).unwrap();
    assert_eq!(cluster.real_servers().len(), 12);
    assert_eq!(cluster.services().len(), 6);
    for service in cluster.services() {
        assert_eq!(service.destinations.len(), 12);
        assert_eq!(service.service.persistence.unwrap().timeout.0, 300);
    }
}

/// The short forms mean what the long ones do.
#[test]
fn short_forms_are_the_long_ones() {
    let short = r#"
name = "web"
forwarding = "DR"
real-servers = [
  { name = "web1", address = "192.168.1.12/24", groups = ["web", "all"] },
  { name = "web2", addresses = [{ address = "192.168.1.13/24" }], groups = ["web"], gateway = "192.168.1.1" },
  { name = "db1", address = "192.168.1.14/24", groups = ["all"] },
]
[defaults]
interface = "eth0"
gateway = "192.168.1.254"
[director]
addresses = [{ interface = "eth0", address = "172.16.5.11/32" }, { interface = "eth0", address = "192.168.1.11/24" }]
[[services]]
addresses = ["172.16.5.11:80", "172.16.5.11:443"]
persistence = "5m"
destinations = [{ group = "web", weight = 5 }, { real-server = "db1" }]
[[services]]
address = "172.16.5.11:53"
protocol = "UDP"
persistence = { timeout = "90s" }
destinations = [{ group = "all" }]
[time]
max-offset = "500ms"
[ipvs]
tcp-timeout = "2h"
sync-refresh-period = "1m"
"#;
    let destinations = r#"destinations = [{ real-server = "web1", weight = 5 }, { real-server = "web2", weight = 5 }, { real-server = "db1" }]"#;
    let long = format!(
        r#"
name = "web"
forwarding = "dr"
[director]
addresses = [{{ interface = "eth0", address = "172.16.5.11/32" }}, {{ interface = "eth0", address = "192.168.1.11/24" }}]
[[services]]
address = "172.16.5.11:80"
persistence = 300
{destinations}
[[services]]
address = "172.16.5.11:443"
persistence = 300
{destinations}
[[services]]
address = "172.16.5.11:53"
protocol = "udp"
persistence = 90
destinations = [{{ real-server = "web1" }}, {{ real-server = "db1" }}]
[[real-servers]]
name = "web1"
gateway = "192.168.1.254"
addresses = [{{ interface = "eth0", address = "192.168.1.12/24" }}]
[[real-servers]]
name = "web2"
gateway = "192.168.1.1"
addresses = [{{ interface = "eth0", address = "192.168.1.13/24" }}]
[[real-servers]]
name = "db1"
gateway = "192.168.1.254"
addresses = [{{ interface = "eth0", address = "192.168.1.14/24" }}]
[time]
max-offset = 0.5
[ipvs]
tcp-timeout = 7200
sync-refresh-period = 60
"#
    );
    assert_eq!(Cluster::from_toml(short), Cluster::from_toml(&long));
    assert!(Cluster::from_toml(short).is_ok());
}

/// Every mistake of a file at once, in its order, and none that only follows from another.
#[test]
fn all_mistakes_at_once() {
    let text = r#"name = "Web"
forwarding = "dr"
colour = 1
[defaults]
interface = "eth0"
gateway = "10.9.9.9"
[director]
addresses = [
  { interface = "eth0", address = "172.16.5.11/32" },
  { interface = "eth0", adress = "192.168.1.11/24" },
]
[[services]]
address = "172.16.5.12:80"
scheduler = "wr"
persistence = "soon"
minimum = "two"
check = { type = "http", path = "healthz" }
destinations = [
  { real-server = "web1", port = 99999, weight = -1 },
  { real-serve = "web2" },
  { real-server = "web9" },
  { group = "wbe" },
]
[[services]]
addresses = ["172.16.5.11", "172.16.5.11:443"]
protocol = "tpc"
[[real-servers]]
name = "web1"
address = "192.168.1.12/24"
groups = ["web"]
[[real-servers]]
name = "web 2"
address = "192.168.1.13"
wieght = 3
[[real-servers]]
name = "web1"
address = "192.168.1.12/24"
drain = "no"
[[real-servers]]
name = 2024-01-01
[sync]
id = 300
interface = 5
[ipvs]
tcp-timeout = "0s"
conntrack = "yes"
"#;
    let mistakes = Cluster::from_toml(text).unwrap_err();
    let found: Vec<_> = mistakes
        .iter()
        .map(|mistake| format!("{} {}", mistake.position().unwrap().line, mistake.path()))
        .collect();
    assert_eq!(
        found,
        [
            "1 name",
            "3 colour",
            "6 defaults.gateway",
            "10 director.addresses[1].adress",
            "14 services[0].scheduler",
            "15 services[0].persistence",
            "16 services[0].minimum",
            "17 services[0].check.path",
            "19 services[0].destinations[0].port",
            "19 services[0].destinations[0].weight",
            "20 services[0].destinations[1].real-serve",
            "25 services[1].addresses[0]",
            "26 services[1].protocol",
            "32 real-servers[1].name",
            "33 real-servers[1].address",
            "34 real-servers[1].wieght",
            "36 real-servers[2].name",
            "37 real-servers[2].address",
            "38 real-servers[2].drain",
            "39 real-servers[3]",
            "40 real-servers[3].name",
            "42 sync.id",
            "43 sync.interface",
            "45 ipvs.tcp-timeout",
            "46 ipvs.conntrack",
        ],
        "{mistakes}"
    );
    for word in [
        "i64", "struct", "sequence", "variant", "u8", "map,", "boolean",
    ] {
        assert!(!mistakes.to_string().contains(word), "{word}: {mistakes}");
    }
}

#[test]
fn short_forms_that_make_no_sense() {
    let first = "\"192.168.1.21/24\", groups";
    for (from, to, message) in [
        (
            "interface = \"eth0\"\n",
            "",
            "defaults: the key `interface` is missing; \
             real servers with address are on it: add interface = \"eth0\" to [defaults]",
        ),
        (
            "interface = \"eth0\"\n",
            "interface = \"eth0:1\"\n",
            "defaults.interface: \"eth0:1\" is a label, not an interface; \
             write interface = \"eth0\", label = \"eth0:1\"",
        ),
        (
            "interface = \"eth0\"\n",
            "interfaces = \"eth0\"\n",
            "defaults.interfaces: unknown key `interfaces`; did you mean `interface`?",
        ),
        (
            first,
            "\"192.168.1.21/24\", addresses = [], groups",
            "real-servers[0].addresses: a real server has either an address or addresses; \
             write all of them in addresses",
        ),
        (
            first,
            "\"192.168.1.21\", groups",
            "real-servers[0].address: prefix length is missing; \
             write the network's, as in 192.168.1.21/24",
        ),
        (
            first,
            "\"192.168.1.22/24\", groups",
            "real-servers[1].address: 192.168.1.22 is also the address of real-servers[0]; \
             every address belongs to one node, once",
        ),
        (
            "group = \"web\"",
            "group = \"wbe\"",
            "services[0].destinations[0].group: no real server is in the group \"wbe\"; \
             did you mean \"web\"?",
        ),
        (
            "group = \"web\"",
            "group = \"web\", real-server = \"web1\"",
            "services[0].destinations[0].group: a destination is either a real server or a group; \
             leave one of them out",
        ),
        (
            "group = \"web\"",
            "",
            "services[0].destinations[0]: the key `real-server` is missing; add it, or group",
        ),
        (
            "addresses = [\n  \"172.16.5.11:80\", \"172.16.5.11:443\"",
            "addresses = [\n  \"172.16.5.11:80\", \"172.16.5.11:80\"",
            "services[0].addresses[1]: tcp 172.16.5.11:80 is defined twice",
        ),
        (
            "172.16.5.13:443",
            "172.16.5.14:443",
            "services[0].addresses[5]: no interface of the director carries 172.16.5.14; \
             add { interface = \"eth0\", address = \"172.16.5.14/32\" } to director.addresses",
        ),
        (
            "scheduler = \"wrr\"",
            "address = \"172.16.5.11:80\"",
            "services[0].addresses: a service has either an address or addresses; \
             write all of them in addresses",
        ),
        (
            "\"5m\"",
            "\"1500ms\"",
            "services[0].persistence.timeout: 1500ms is not a whole number of seconds",
        ),
        (
            "\"5m\"",
            "-1",
            "services[0].persistence: expected seconds, or text like \"500ms\", \"2s\" or \"5m\", \
             found number -1",
        ),
    ] {
        says(&changed(SHORT, from, to), message);
    }
}

#[test]
fn persistence_is_seconds_or_text() {
    let timeout = |written: &str| {
        let cluster = Cluster::from_toml(&with_keys(&format!("persistence = {written}"), ""));
        cluster.map(|cluster| cluster.services()[0].service.persistence.unwrap().timeout.0)
    };
    assert_eq!(timeout("\"5m\"").unwrap(), timeout("300").unwrap());
    let error = timeout("\"500ms\"").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("is not a whole number of seconds"),
        "{error}"
    );
}
