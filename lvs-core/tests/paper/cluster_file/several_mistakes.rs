//! All mistakes of a file at once, and none that only follows from another.

use lvs_core::Cluster;

use super::{DR, NAT, TUNNEL, TWO};

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
