//! What a cluster file alone tells, mistake by mistake; and where each known mistake is covered.
#![cfg(all(feature = "check", feature = "toml"))]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may fail it; clippy knows that of tests only"
)]

use lvs_core::Cluster;
use lvs_core::check::{self, Code, Severity};

const NAT: &str = r#"
name = "web"
forwarding = "nat"
[director]
gateway = "172.16.0.1"
addresses = [
  { interface = "eth0", address = "172.16.5.11/16" },
  { interface = "eth1", address = "192.168.1.11/24" },
]
[[services]]
address = "172.16.5.11:80"
scheduler = "rr"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
[[real-servers]]
name = "realserver2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
[time]
ntp-server = "192.168.1.254"
"#;

const DR: &str = r#"
name = "web"
forwarding = "dr"
[director]
gateway = "192.168.1.254"
ip-forward = true
addresses = [
  { interface = "eth0", address = "172.16.5.11/32" },
  { interface = "eth0", address = "192.168.1.11/24", label = "eth0:1" },
]
[[services]]
address = "172.16.5.11:80"
scheduler = "wrr"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
gateway = "192.168.1.254"
weight = 2
[[real-servers]]
name = "realserver2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
gateway = "192.168.1.254"
weight = 3
[time]
ntp-server = "192.168.1.254"
"#;

const THIRD: &str = r#"[[real-servers]]
name = "third"
addresses = [{ interface = "eth0", address = "192.168.1.14/24" }]
gateway = "192.168.1.254"
[time]"#;

const TUNNEL: &str = r#"
name = "web"
forwarding = "tunnel"
[director]
gateway = "192.168.1.254"
addresses = [
  { interface = "eth0", address = "172.16.5.11/32" },
  { interface = "eth0", address = "192.168.1.11/24" },
]
[[services]]
address = "172.16.5.11:80"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "10.1.1.12/24" }]
gateway = "10.1.1.254"
[[real-servers]]
name = "realserver2"
addresses = [{ interface = "eth0", address = "10.1.2.13/24" }]
gateway = "10.1.2.254"
[time]
ntp-server = "192.168.1.254"
"#;

/// A mistake, and what looks much like it but is none: each as replacements in a sound file.
struct Case {
    code: Code,
    base: &'static str,
    mistake: &'static [(&'static str, &'static str)],
    near_miss: &'static [(&'static str, &'static str)],
}

#[track_caller]
fn file(base: &str, changes: &[(&str, &str)]) -> String {
    let mut text = base.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from:?} is not in the file");
        text = text.replace(from, to);
    }
    text
}

#[track_caller]
fn cluster(base: &str, changes: &[(&str, &str)]) -> Cluster {
    Cluster::from_toml(&file(base, changes)).unwrap()
}

/// The codes that are found, each once, the worst first.
fn codes(cluster: &Cluster) -> Vec<Code> {
    let report = check::on_paper(cluster);
    let mut codes: Vec<_> = report
        .findings()
        .iter()
        .map(|finding| finding.code)
        .collect();
    codes.dedup();
    codes
}

const CASES: &[Case] = &[
    Case {
        code: Code::ONE_PACKET_NAT,
        base: NAT,
        mistake: &[(
            "scheduler = \"rr\"",
            "scheduler = \"rr\"\nprotocol = \"udp\"\none-packet = true",
        )],
        near_miss: &[(
            "scheduler = \"rr\"",
            "scheduler = \"rr\"\nprotocol = \"udp\"",
        )],
    },
    Case {
        code: Code::NETWORK_ON_LO,
        base: NAT,
        mistake: &[(
            "192.168.1.13/24\" }",
            "192.168.1.13/24\" }, { interface = \"lo\", address = \"10.0.0.1/24\" }",
        )],
        near_miss: &[(
            "192.168.1.13/24\" }",
            "192.168.1.13/24\" }, { interface = \"lo\", address = \"10.0.0.1/32\" }",
        )],
    },
    Case {
        code: Code::BROADCAST,
        base: DR,
        mistake: &[(
            "172.16.5.11/32\"",
            "172.16.5.11/32\", broadcast = \"255.255.255.255\"",
        )],
        near_miss: &[(
            "172.16.5.11/32\"",
            "172.16.5.11/32\", broadcast = \"172.16.5.11\"",
        )],
    },
    Case {
        code: Code::SECONDARY_VIP,
        base: DR,
        mistake: &[
            (
                "  { interface = \"eth0\", address = \"172.16.5.11/32\" },\n",
                "",
            ),
            ("172.16.5.11:80", "192.168.1.100:80"),
            (
                "label = \"eth0:1\" }",
                "label = \"eth0:1\" }, { interface = \"eth0\", address = \"192.168.1.100/24\" }",
            ),
        ],
        near_miss: &[
            ("172.16.5.11/32", "192.168.1.100/32"),
            ("172.16.5.11:80", "192.168.1.100:80"),
        ],
    },
    // Without an address of its own the director has no other.
    Case {
        code: Code::VIP_AS_SOURCE,
        base: DR,
        mistake: &[
            (
                "  { interface = \"eth0\", address = \"192.168.1.11/24\", label = \"eth0:1\" },\n",
                "",
            ),
            ("172.16.5.11/32", "192.168.1.100/24"),
            ("172.16.5.11:80", "192.168.1.100:80"),
        ],
        near_miss: &[
            ("172.16.5.11/32", "192.168.1.100/32"),
            ("172.16.5.11:80", "192.168.1.100:80"),
        ],
    },
    Case {
        code: Code::TUNNEL_MTU,
        base: TUNNEL,
        mistake: &[("gateway = \"10.1.2.254\"\n", "")],
        near_miss: &[("10.1.2.254", "10.1.2.1")],
    },
    Case {
        code: Code::SHADOWED_BY_MARK,
        base: DR,
        mistake: &[(
            "address = \"172.16.5.11:80\"",
            "fwmark = 1\nfamily = \"ipv4\"\nmatch = [\"tcp 172.16.5.11:0\"]\n[[services]]\naddress = \"172.16.5.11:80\"",
        )],
        near_miss: &[(
            "address = \"172.16.5.11:80\"",
            "fwmark = 1\nfamily = \"ipv4\"\nmatch = [\"tcp 172.16.5.11:443\"]\n[[services]]\naddress = \"172.16.5.11:80\"",
        )],
    },
    // The last rule that matches sets the mark.
    Case {
        code: Code::SHADOWED_BY_MARK,
        base: DR,
        mistake: &[(
            "address = \"172.16.5.11:80\"",
            "fwmark = 1\nfamily = \"ipv4\"\nmatch = [\"tcp 172.16.5.11:80\"]\n[[services]]\nfwmark = 2\nfamily = \"ipv4\"\nmatch = [\"tcp 172.16.5.11:0\"]",
        )],
        near_miss: &[(
            "address = \"172.16.5.11:80\"",
            "fwmark = 1\nfamily = \"ipv4\"\nmatch = [\"tcp 172.16.5.11:0\"]\n[[services]]\nfwmark = 2\nfamily = \"ipv4\"\nmatch = [\"tcp 172.16.5.11:80\"]",
        )],
    },
    Case {
        code: Code::FTP,
        base: DR,
        mistake: &[(
            "address = \"172.16.5.11:80\"",
            "fwmark = 1\nfamily = \"ipv4\"\nmatch = [\"tcp 172.16.5.11:21\"]\n[[services]]\naddress = \"172.16.5.11:80\"",
        )],
        near_miss: &[(
            "address = \"172.16.5.11:80\"",
            "fwmark = 1\nfamily = \"ipv4\"\nmatch = [\"tcp 172.16.5.11:2121\"]\n[[services]]\naddress = \"172.16.5.11:80\"",
        )],
    },
    Case {
        code: Code::VIP_UPSTREAM,
        base: NAT,
        mistake: &[
            ("172.16.5.11/16", "172.16.5.11/32"),
            ("gateway = \"172.16.0.1\"\n", ""),
        ],
        near_miss: &[("gateway = \"172.16.0.1\"\n", "")],
    },
    Case {
        code: Code::REAL_IP,
        base: DR,
        mistake: &[(
            "{ interface = \"eth0\", address = \"192.168.1.13/24\" }",
            "{ interface = \"lo\", address = \"127.0.0.3/32\" }, { interface = \"eth0\", address = \"192.168.1.13/24\" }",
        )],
        near_miss: &[(
            "{ interface = \"eth0\", address = \"192.168.1.13/24\" }",
            "{ interface = \"eth0\", address = \"192.168.1.13/24\" }, { interface = \"lo\", address = \"127.0.0.3/32\" }",
        )],
    },
    Case {
        code: Code::NAT_GATEWAY,
        base: NAT,
        mistake: &[(
            "name = \"realserver2\"",
            "name = \"realserver2\"\ngateway = \"192.168.1.254\"",
        )],
        near_miss: &[(
            "name = \"realserver2\"",
            "name = \"realserver2\"\ngateway = \"192.168.1.11\"",
        )],
    },
    // Nobody says which of two.
    Case {
        code: Code::NAT_GATEWAY,
        base: NAT,
        mistake: &[(
            "192.168.1.11/24\" }",
            "192.168.1.11/24\" }, { interface = \"eth1\", address = \"192.168.1.10/24\" }",
        )],
        near_miss: &[(
            "192.168.1.11/24\" }",
            "192.168.1.11/24\" }, { interface = \"eth1\", address = \"192.168.2.10/24\" }",
        )],
    },
    Case {
        code: Code::DR_GATEWAY,
        base: DR,
        mistake: &[(
            "gateway = \"192.168.1.254\"\nweight = 3",
            "gateway = \"192.168.1.11\"\nweight = 3",
        )],
        near_miss: &[(
            "gateway = \"192.168.1.254\"\nweight = 3",
            "gateway = \"192.168.1.253\"\nweight = 3",
        )],
    },
    Case {
        code: Code::SHARED_LINK,
        base: DR,
        mistake: &[
            ("192.168.1.13/24", "192.168.2.13/24"),
            ("gateway = \"192.168.1.254\"\nweight = 3", "weight = 3"),
        ],
        near_miss: &[
            ("192.168.1.13/24", "192.168.2.13/24"),
            ("gateway = \"192.168.1.254\"\nweight = 3", "weight = 3"),
            (
                "label = \"eth0:1\" }",
                "label = \"eth0:1\" }, { interface = \"eth1\", address = \"192.168.2.11/24\" }",
            ),
        ],
    },
    Case {
        code: Code::CLIENT_ON_SERVER_NETWORK,
        base: NAT,
        mistake: &[
            ("172.16.5.11", "192.168.1.100"),
            ("/16", "/32"),
            ("gateway = \"172.16.0.1\"\n", ""),
        ],
        near_miss: &[
            ("172.16.5.11", "192.168.2.100"),
            ("/16", "/24"),
            ("gateway = \"172.16.0.1\"\n", ""),
        ],
    },
    Case {
        code: Code::NO_DESTINATION,
        base: DR,
        mistake: &[("weight = 2", "weight = 0"), ("weight = 3", "weight = 0")],
        near_miss: &[("weight = 2", "weight = 0")],
    },
    Case {
        code: Code::NO_DESTINATION,
        base: DR,
        mistake: &[("weight = ", "drain = true\nweight = ")],
        near_miss: &[("weight = 3", "drain = true\nweight = 3")],
    },
    Case {
        code: Code::HASH_WITHOUT_FALLBACK,
        base: DR,
        mistake: &[
            ("\"wrr\"", "\"mh\""),
            ("weight = 3", "weight = 3\ndrain = true"),
        ],
        near_miss: &[
            ("\"wrr\"", "\"mh\"\nscheduler-flags = [\"mh-fallback\"]"),
            ("weight = 3", "weight = 3\ndrain = true"),
        ],
    },
    Case {
        code: Code::HASH_WITHOUT_FALLBACK,
        base: NAT,
        mistake: &[
            ("\"rr\"", "\"sh\""),
            (
                "name = \"realserver2\"",
                "name = \"realserver2\"\nweight = 0",
            ),
        ],
        near_miss: &[("\"rr\"", "\"sh\"")],
    },
    // The fallback has weight 0 until it serves, or is not there.
    Case {
        code: Code::HASH_WITHOUT_FALLBACK,
        base: DR,
        mistake: &[(
            "\"wrr\"",
            "\"sh\"\ncheck = \"tcp\"\nfallback = \"realserver2\"",
        )],
        near_miss: &[(
            "\"wrr\"",
            "\"sh\"\ncheck = \"tcp\"\nfallback = \"realserver2\"\non-failure = \"remove\"",
        )],
    },
    Case {
        code: Code::HASH_WITHOUT_FALLBACK,
        base: DR,
        mistake: &[
            (
                "\"wrr\"",
                "\"sh\"\ncheck = \"tcp\"\nfallback = \"third\"\non-failure = \"remove\"\nminimum = 2",
            ),
            ("[time]", THIRD),
        ],
        near_miss: &[
            (
                "\"wrr\"",
                "\"sh\"\ncheck = \"tcp\"\nfallback = \"third\"\non-failure = \"remove\"",
            ),
            ("[time]", THIRD),
        ],
    },
    Case {
        code: Code::HASH_WITHOUT_FALLBACK,
        base: DR,
        mistake: &[("\"wrr\"", "\"mh\"\ncheck = \"tcp\"")],
        near_miss: &[(
            "\"wrr\"",
            "\"mh\"\nscheduler-flags = [\"mh-fallback\"]\ncheck = \"tcp\"",
        )],
    },
    Case {
        code: Code::FTP,
        base: DR,
        mistake: &[(":80", ":21")],
        near_miss: &[(":80\"", ":21\"\npersistence = 300")],
    },
    Case {
        code: Code::FTP,
        base: NAT,
        mistake: &[(":80", ":21")],
        near_miss: &[(":80", ":2121")],
    },
    Case {
        code: Code::WIDE_PERSISTENCE,
        base: DR,
        mistake: &[(
            "\"wrr\"",
            "\"wrr\"\npersistence = { timeout = 300, netmask = 16 }",
        )],
        near_miss: &[(
            "\"wrr\"",
            "\"wrr\"\npersistence = { timeout = 300, netmask = 24 }",
        )],
    },
    Case {
        code: Code::STICKY_DRAIN,
        base: DR,
        mistake: &[
            ("\"wrr\"", "\"wrr\"\npersistence = 300"),
            ("weight = 3", "weight = 0"),
        ],
        // A drain brings along what it needs.
        near_miss: &[
            ("\"wrr\"", "\"wrr\"\npersistence = 300"),
            ("weight = 3", "weight = 3\ndrain = true"),
        ],
    },
    Case {
        code: Code::THRESHOLD_RULE,
        base: DR,
        mistake: &[(
            "\"wrr\"",
            "\"wrr\"\ndestinations = [{ real-server = \"realserver1\", upper-threshold = 9 }, { real-server = \"realserver2\" }]",
        )],
        near_miss: &[(
            "\"wrr\"",
            "\"wrr\"\ndestinations = [{ real-server = \"realserver1\", upper-threshold = 9, lower-threshold = 6 }, { real-server = \"realserver2\" }]",
        )],
    },
    Case {
        code: Code::ONE_SERVER,
        base: DR,
        mistake: &[(
            "\"wrr\"",
            "\"wrr\"\ndestinations = [{ real-server = \"realserver1\" }]",
        )],
        near_miss: &[(
            "\"wrr\"",
            "\"wrr\"\ndestinations = [{ real-server = \"realserver1\" }, { real-server = \"director\" }]",
        )],
    },
    Case {
        code: Code::NO_TIME_SERVER,
        base: NAT,
        mistake: &[("ntp-server = \"192.168.1.254\"", "max-offset = 0.5")],
        near_miss: &[(
            "ntp-server = \"192.168.1.254\"",
            "ntp-server = \"pool.example.org\"",
        )],
    },
];

#[test]
fn each_mistake_is_found_and_its_near_miss_is_not() {
    for case in CASES {
        let sound = codes(&cluster(case.base, &[]));
        let found = codes(&cluster(case.base, case.mistake));
        assert!(
            found.contains(&case.code),
            "{}: {:?} gives {found:?}",
            case.code,
            case.mistake
        );
        let more: Vec<_> = found.iter().filter(|code| !sound.contains(code)).collect();
        assert_eq!(more, [&case.code], "{}: {:?}", case.code, case.mistake);
        let near = codes(&cluster(case.base, case.near_miss));
        assert!(
            !near.contains(&case.code),
            "{}: {:?} is none",
            case.code,
            case.near_miss
        );
    }
}

/// One file may have several mistakes at once, and then each is told.
#[test]
fn one_network_for_all_is_told_for_each_reason() {
    let one = cluster(
        NAT,
        &[
            ("172.16.5.11/16", "192.168.1.100/32"),
            ("172.16.5.11:80", "192.168.1.100:80"),
            ("\"eth1\"", "\"eth0\""),
            (
                "gateway = \"172.16.0.1\"\n",
                "gateway = \"192.168.1.254\"\n",
            ),
        ],
    );
    assert_eq!(codes(&one), [Code::CLIENT_ON_SERVER_NETWORK]);
}

#[test]
fn sound_files_have_no_findings_worth_a_warning() {
    assert_eq!(codes(&cluster(NAT, &[])), []);
    let report = check::on_paper(&cluster(DR, &[]));
    let found: Vec<_> = report
        .findings()
        .iter()
        .map(|finding| (finding.code, finding.severity))
        .collect();
    assert_eq!(
        found,
        [(Code::VIP_UPSTREAM, Severity::Note)],
        "the router needs a route"
    );
}

#[test]
fn the_examples_have_nothing_but_notes() {
    for text in [
        include_str!("../../../examples/nat.toml"),
        include_str!("../../../examples/dr.toml"),
        include_str!("../../../examples/tunnel.toml"),
        include_str!("../../../examples/ipv6.toml"),
        include_str!("../../../examples/two_directors.toml"),
    ] {
        let report = check::on_paper(&Cluster::from_toml(text).unwrap());
        let bad = report
            .findings()
            .iter()
            .filter(|finding| finding.severity > Severity::Note);
        let bad: Vec<_> = bad.map(|finding| finding.code).collect();
        assert_eq!(bad, []);
    }
}

/// The virtual IP is the director's only address, and so the gateway of its real servers.
#[test]
fn the_virtual_ip_may_be_the_gateway() {
    let one_arm = cluster(
        NAT,
        &[
            ("172.16.5.11/16", "192.168.1.100/24"),
            ("172.16.5.11:80", "192.168.1.100:80"),
            (
                "  { interface = \"eth1\", address = \"192.168.1.11/24\" },",
                "",
            ),
            ("gateway = \"172.16.0.1\"\n", ""),
        ],
    );
    assert!(!codes(&one_arm).contains(&Code::NAT_GATEWAY));
    let routes = one_arm.node("realserver1").unwrap().routes;
    let mut gateways = routes.iter().map(|route| route.value.gateway);
    assert_eq!(gateways.next(), Some(Some([192, 168, 1, 100].into())));
}

#[test]
fn weights_of_another_program_are_only_noted() {
    let text = [
        ("weight = 2", "weight = 0"),
        ("weight = 3", "weight = 0"),
        ("\"wrr\"", "\"wrr\"\nkeep-weight = true"),
    ];
    let report = check::on_paper(&cluster(DR, &text));
    let mut findings = report.findings().iter();
    let excluded = findings
        .find(|finding| finding.code == Code::NO_DESTINATION)
        .unwrap();
    assert_eq!(excluded.severity, Severity::Note);
}

#[test]
fn a_change_of_method_wants_both_sides_at_once() {
    let (old, new) = (
        cluster(DR, &[]),
        cluster(
            DR,
            &[
                ("\"dr\"", "\"nat\""),
                ("gateway = \"192.168.1.254\"\nweight", "weight"),
            ],
        ),
    );
    let found = check::between(&old, &new);
    let found: Vec<_> = found
        .iter()
        .map(|finding| (finding.code, finding.node.as_ref().unwrap().as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (Code::METHOD_CHANGE, "realserver1"),
            (Code::METHOD_CHANGE, "realserver2")
        ]
    );
    let carried = [
        cluster(DR, &[("weight = 2", "weight = 9")]),
        cluster(DR, &[("\"dr\"", "\"tunnel\"")]),
    ];
    for new in &carried {
        assert_eq!(check::between(&old, new), []);
        assert_eq!(check::between(new, &old), []);
    }
}

#[test]
fn an_outage_that_no_order_avoids_is_named() {
    let old = cluster(DR, &[]);
    let moved = cluster(DR, &[("172.16.5.11", "172.16.5.12")]);
    let found = check::between(&old, &moved);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, Code::CHANGE_OUTAGE);
    assert!(
        found[0]
            .seen
            .contains("tcp 172.16.5.11:80 is not served any more")
    );
    let taken = cluster(
        DR,
        &[
            ("192.168.1.11/24", "192.168.1.13/24"),
            (
                "address = \"192.168.1.13/24\" }]",
                "address = \"192.168.1.14/24\" }]",
            ),
        ],
    );
    let found = check::between(&old, &taken);
    let node = found[0].node.as_ref().map(ToString::to_string);
    assert_eq!(node.as_deref(), Some("director"));
    assert!(
        found[0]
            .seen
            .contains("192.168.1.13 is still an address of realserver2"),
        "{found:?}"
    );
    let renamed = cluster(DR, &[("realserver1", "www1"), ("\"web\"", "\"shop\"")]);
    assert_eq!(check::between(&old, &renamed), []);
}

#[test]
fn every_finding_says_how_to_fix_it() {
    for case in CASES {
        for finding in check::on_paper(&cluster(case.base, case.mistake)).findings() {
            assert!(!finding.fix.is_empty(), "{finding}");
            assert!(
                !finding.seen.is_empty() && !finding.object.to_string().is_empty(),
                "{finding}"
            );
        }
    }
}

/// Nothing that only a host can show: routes, ARP, connections, the clock.
#[test]
fn paper_is_sound_only_where_paper_can_tell() {
    let lines = |report: &check::Report| -> Vec<String> {
        let lines = report.areas().iter().map(ToString::to_string);
        lines.filter(|line| !line.is_empty()).collect()
    };
    let nat = check::on_paper(&cluster(NAT, &[]));
    assert_eq!(
        lines(&nat),
        [
            "ok on paper addresses: the addresses of the file agree with each other",
            "not examined arp: no host was examined",
            "not examined routing: no host was examined",
            "ok on paper services: every service of the file has a destination with weight",
            "not examined traffic: no host was examined",
            "not examined clock: no host was examined",
            "not examined upkeep: no host was examined",
        ]
    );
    use check::Area::{Addresses, Services};
    assert_eq!(nat.sound().collect::<Vec<_>>(), [Addresses, Services]);
    let drained = check::on_paper(&cluster(DR, &[("weight = ", "weight = 0 # ")]));
    assert_eq!(drained.sound().collect::<Vec<_>>(), [Addresses]);
}
