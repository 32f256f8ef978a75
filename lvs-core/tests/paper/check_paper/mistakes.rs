//! Each mistake, and what looks much like it.

use lvs_core::check::{self, Code, Facts};
use lvs_core::net::Link;

use crate::check_paper::files::{DR, NAT, TUNNEL, cluster, codes};

const THIRD: &str = r#"[[real-servers]]
name = "third"
addresses = [{ interface = "eth0", address = "192.168.1.14/24" }]
gateway = "192.168.1.254"
[time]"#;

/// A mistake, and what looks much like it but is none: each as replacements in a sound file.
struct Case {
    code: Code,
    base: &'static str,
    mistake: &'static [(&'static str, &'static str)],
    near_miss: &'static [(&'static str, &'static str)],
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

/// Typed on the director, the bare command for a real server's default route replaces the director's own.
#[test]
fn a_command_for_another_host_names_it() {
    let mut here = Facts::unknown("director".parse().unwrap());
    here.links = vec![Link::new(1, "lo".parse().unwrap())];
    let mut named = 0;
    for case in CASES {
        let cluster = cluster(case.base, case.mistake);
        let paper = check::on_paper(&cluster);
        let director = check::on_node(&cluster, &here);
        let elsewhere = director
            .findings()
            .iter()
            .filter(|finding| finding.node.as_ref().is_some_and(|node| *node != here.node));
        for finding in paper.findings().iter().chain(elsewhere) {
            for line in &finding.fix {
                let is_command = ["ip ", "sysctl ", "lvsctl ", "modprobe "]
                    .iter()
                    .any(|program| line.starts_with(program));
                assert!(!is_command || line.contains("  # on "), "{finding}");
                named += usize::from(is_command);
            }
        }
    }
    assert!(named > 5, "{named} commands");
}

#[test]
fn a_command_for_the_examined_host_is_bare() {
    let wrong = cluster(
        NAT,
        &[(
            "192.168.1.12/24\" }]",
            "192.168.1.12/24\" }]\ngateway = \"192.168.1.254\"",
        )],
    );
    for (node, line) in [
        ("realserver1", "ip route replace default via 192.168.1.11"),
        (
            "director",
            "ip route replace default via 192.168.1.11  # on realserver1",
        ),
    ] {
        let facts = Facts::unknown(node.parse().unwrap());
        let report = check::on_node(&wrong, &facts);
        let mut findings = report.findings().iter();
        let gateway = findings.find(|finding| finding.code == Code::NAT_GATEWAY);
        assert_eq!(gateway.unwrap().fix[0], line);
    }
}
