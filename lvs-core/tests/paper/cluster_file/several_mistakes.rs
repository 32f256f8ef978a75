//! All mistakes of a file at once, and none that only follows from another.

use lvs_core::Cluster;
use lvs_core::cluster::DocumentError;

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
            "13 services[0].address",
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

/// The line, path and problem of each mistake.
fn found(text: &str) -> Vec<String> {
    let mistakes = Cluster::from_toml(text).unwrap_err();
    let found = |mistake: &DocumentError| {
        let line = mistake.position().unwrap().line;
        format!("{line} {}: {}", mistake.path(), mistake.problem())
    };
    mistakes.iter().map(found).collect()
}

const DIRECTOR: &str = r#"name = "web"
forwarding = "nat"
[director]
addresses = [
  { interface = "eth0", address = "172.16.5.11/16" },
  { interface = "eth1", address = "192.168.1.11/24" },
]
"#;

const SERVER: &str = r#"[[real-servers]]
name = "rs1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
"#;

/// A fallback need not be among the destinations, and is told at its own key.
#[test]
fn unknown_names_beside_other_mistakes() {
    let services = r#"[[services]]
address = "172.16.5.11:80"
shceduler = "rr"
[[services]]
address = "172.16.5.11:81"
destinations = [{ real-server = "rs9" }]
persistence = "x"
[[services]]
address = "172.16.5.11:82"
scheduler = "rrr"
scheduler-flags = ["sh-prt", "sh-port"]
fallback = "rs8"
check = "tcp"
"#;
    let expected = [
        "10 services[0].shceduler: unknown key `shceduler`",
        "13 services[1].destinations[0].real-server: there is no real server \"rs9\"",
        "14 services[1].persistence: duration \"x\" is not like \"500ms\", \"2s\" or \"5m\"",
        "17 services[2].scheduler: unknown scheduler \"rrr\": Linux has no module ip_vs_rrr",
        "18 services[2].scheduler-flags[0]: unknown scheduler flag \"sh-prt\"",
        "19 services[2].fallback: there is no real server \"rs8\"",
    ];
    assert_eq!(found(&format!("{DIRECTOR}{services}{SERVER}")), expected);
    let twice = found(&format!("{DIRECTOR}{services}{SERVER}{SERVER}"));
    assert_eq!(
        twice.get(..6).unwrap_or_default(),
        expected,
        "more names than servers that may be meant"
    );
}

/// One of two servers of the same name may be the one that is meant.
#[test]
fn a_name_that_was_forgotten_to_be_changed() {
    let services = "[[services]]\naddress = \"172.16.5.11:80\"\n\
                    destinations = [{ real-server = \"rs1\" }, { real-server = \"rs2\" }]\n";
    let copied = SERVER.replace("192.168.1.12", "192.168.1.13");
    assert_eq!(
        found(&format!("{DIRECTOR}{services}{SERVER}{copied}")),
        ["15 real-servers[1].name: \"rs1\" is also the name of real-servers[0]"]
    );
}

#[test]
fn a_wrong_name_hides_no_address() {
    let rest = r#"[[services]]
address = "172.16.5.11:80"
[[real-servers]]
name = "rs/1"
addresses = [{ interface = "eth0", address = "192.168.1.11/24", label = "eth1:0" }]
[[real-servers]]
name = "rs4"
address = "192.168.1.14/24"
"#;
    assert_eq!(
        found(&format!("{DIRECTOR}{rest}")),
        [
            "11 real-servers[0].name: node name \"rs/1\" is not 1 to 64 letters, digits, dots, \
             hyphens and underscores",
            "12 real-servers[0].addresses[0].address: 192.168.1.11 is also the address of \
             director.addresses[1]",
            "12 real-servers[0].addresses[0].label: \"eth1:0\" is not a label of eth0",
            "15 real-servers[1].address: its interface is missing: [defaults] names none",
        ]
    );
}

#[test]
fn too_many_directors_hide_no_mistake_of_theirs() {
    let text = r#"name = "web"
forwarding = "nat"
[director]
addresses = [{ interface = "eth0", address = "172.16.5.11" }]
[[directors]]
name = "b c"
addresses = []
[[services]]
address = "172.16.5.11:80"
destinations = [{ real-server = "rs1" }, { real-server = "director" }]
"#;
    assert_eq!(
        found(&format!("{text}{SERVER}")),
        [
            "4 director.addresses[0].address: prefix length is missing",
            "5 directors: the file also has [director]",
            "6 directors[0].name: node name \"b c\" is not 1 to 64 letters, digits, dots, hyphens \
             and underscores",
        ]
    );
}

/// Neither a threshold beside one that cannot be read, nor what is of UDP beside a protocol that is none.
#[test]
fn no_mistake_follows_from_another() {
    let rest = r#"[[services]]
address = "172.16.5.11:53"
destinations = [{ real-server = "rs1", upper-threshold = 1e10, lower-threshold = 5 }]
[[services]]
address = "172.16.5.11:53"
protocol = "upd"
check = "udp"
one-packet = true
[health]
interval = "1s"
jitter = 90
"#;
    assert_eq!(
        found(&format!("{DIRECTOR}{rest}{SERVER}")),
        [
            "10 services[0].destinations[0].upper-threshold: expected a whole number, found number \
             10000000000.0",
            "13 services[1].protocol: unknown protocol \"upd\"",
            "18 health.jitter: jitter \"90\" is above 50",
        ]
    );
}

/// A key that lacks another one is a mistake whichever else cannot be read.
#[test]
fn a_key_without_check_is_told_beside_others() {
    let text = DR.replacen(
        "scheduler = \"",
        "persistence = \"5 min\"\non-failure = \"drain\"\nscheduler = \"",
        1,
    );
    assert_ne!(text, DR);
    let told = found(&text);
    for part in ["persistence", "on-failure: has no effect without check"] {
        assert!(told.iter().any(|line| line.contains(part)), "{told:?}");
    }
}

/// What a misspelt key holds is read as that of the key which was meant, whose place it has.
#[test]
fn mistakes_behind_a_misspelt_key_are_told_with_it() {
    let text = DR
        .replace("addresses = [\n", "adresses = [\n")
        .replace("192.168.1.11/24", "192.168.1.11/33")
        .replace(
            "interface = \"eth0\", address = \"192.168.1.12/24\"",
            "interfce = \"eth0\", address = \"192.168.1.12/33\"",
        );
    let no_address = "is not an address with its prefix length, like \"192.168.1.11/24\"";
    let place = |part: &str| {
        let end = text.find(part).unwrap();
        1 + text[..end].matches('\n').count()
    };
    assert_eq!(
        found(&text),
        [
            format!(
                "{} director.adresses: unknown key `adresses`",
                place("adresses")
            ),
            format!(
                "{} director.adresses[1].address: \"192.168.1.11/33\" {no_address}",
                place("192.168.1.11/33")
            ),
            format!(
                "{} real-servers[0].addresses[0].interfce: unknown key `interfce`",
                place("interfce")
            ),
            format!(
                "{} real-servers[0].addresses[0].address: \"192.168.1.12/33\" {no_address}",
                place("192.168.1.12/33")
            ),
        ]
    );
    // With both keys the misspelt one is superfluous.
    let both = DR.replace(
        "gateway = \"192.168.1.254\"\nip",
        "gateway = \"192.168.1.254\"\ngatewy = 1\nip",
    );
    let only = found(&both);
    assert!(only.len() == 1 && only[0].contains("gatewy"), "{only:?}");
}
