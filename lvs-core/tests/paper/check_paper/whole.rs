//! Whole files: several mistakes at once, none at all, and changes from one file to another.

use lvs_core::Cluster;
use lvs_core::check::{self, Code, Severity};

use crate::check_paper::files::{DR, NAT, cluster, codes};

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
        include_str!("../../../../examples/nat.toml"),
        include_str!("../../../../examples/dr.toml"),
        include_str!("../../../../examples/tunnel.toml"),
        include_str!("../../../../examples/ipv6.toml"),
        include_str!("../../../../examples/two_directors.toml"),
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
