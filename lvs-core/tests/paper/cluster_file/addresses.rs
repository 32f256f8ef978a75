//! Addresses, names and interfaces.

use lvs_core::Cluster;
use lvs_core::cluster::Document;

use super::{DR, NAT, changed, only, says};

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
