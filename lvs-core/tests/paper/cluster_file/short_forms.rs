//! Short forms: defaults, groups, several ports.

use lvs_core::Cluster;

use super::{changed, says};

/// A cluster of twelve real servers, three virtual IPs and two ports.
const SHORT: &str = include_str!("../../../../examples/many_servers.toml");

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
