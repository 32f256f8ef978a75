//! Asking by ARP, from everywhere.

use std::time::Duration;

use lvs_core::check::{self, Code, Facts, Report};

use crate::check::DR;
use crate::check::web::{Web, address, findings, only, set, sound};

/// Answers come within milliseconds here.
const WAIT: Duration = Duration::from_millis(300);
const RS: &str = "realserver2";

/// From the machine in front, which is none of the cluster's.
fn from_the_router(web: &Web) -> Report {
    let facts = web.on("router", |host| {
        let mut facts = Facts::unknown("router".parse().unwrap());
        facts.gather_arp(host, &web.cluster, WAIT).unwrap();
        assert_eq!(
            facts.arp.len(),
            1,
            "it stands on the link of the virtual IP"
        );
        assert!(
            facts.arp[0].director.is_some(),
            "the director was recognised"
        );
        facts
    });
    check::on_node(&web.cluster, &facts)
}

/// With an address of the director's own in that network, which tells which MAC is right.
pub(crate) fn only_the_director_answers() {
    let web = Web::new(DR);
    for node in ["director", "realserver1", "realserver2"] {
        sound(&web.check_while(node, |_| {
            // Traffic, so that there is something to judge.
            let _ = web.lab.request(&web.service, 0);
        }));
        let report = web.check_alone(node, Some(WAIT));
        assert!(
            !report
                .findings()
                .iter()
                .any(|finding| finding.code == Code::ARP_PROBE)
        );
        assert!(report.sound().any(|area| area == check::Area::Arp));
    }
    sound(&from_the_router(&web));
}

pub(crate) fn a_real_server_answers_too() {
    let web = Web::new(DR);
    let mac = web.on(RS, |host| {
        set(host, "net/ipv4/conf/all/arp_ignore", "0");
        host.net()
            .link(&"eth0".parse().unwrap())
            .unwrap()
            .mac
            .unwrap()
    });
    for node in ["director", "realserver1"] {
        let report = web.check_alone(node, Some(WAIT));
        let found = findings(&report);
        let probe = found
            .iter()
            .find(|finding| finding.code == Code::ARP_PROBE)
            .unwrap();
        assert!(probe.seen.contains(&mac.to_string()), "{probe}");
    }
    let finding = only(&from_the_router(&web), Code::ARP_PROBE);
    assert!(finding.seen.contains(&mac.to_string()), "{finding}");
    // On the culprit itself its switches tell.
    let finding = only(&web.check(RS), Code::ARP_IGNORE);
    web.fix(&finding);
    sound(&from_the_router(&web));
}

/// The question is asked in nobody's name.
pub(crate) fn asking_changes_no_neighbour_table() {
    let web = Web::new(DR);
    let neighbours = |web: &Web| {
        let shown = web.on("director", |_| lvs_lab::run_tool("ip", &["neigh"]).unwrap());
        let mut known: Vec<_> = shown
            .lines()
            .filter_map(|line| line.split(" lladdr ").nth(1).map(|rest| (line, rest)))
            .map(|(line, rest)| {
                format!("{:?} {:?}", line.split(' ').next(), rest.split(' ').next())
            })
            .collect();
        known.sort();
        known
    };
    let before = neighbours(&web);
    assert!(!before.is_empty());
    from_the_router(&web);
    assert_eq!(neighbours(&web), before);
}

/// `dr.toml` with addresses of IPv6.
fn ipv6() -> String {
    [
        ("172.16.5.11/32", "2001:db8::11/128"),
        ("172.16.5.11:80", "[2001:db8::11]:80"),
        (
            "192.168.1.11/24\", label = \"eth0:1\"",
            "2001:db8:1::11/64\"",
        ),
        ("192.168.1.12/24", "2001:db8:1::12/64"),
        ("192.168.1.13/24", "2001:db8:1::13/64"),
        ("192.168.1.254", "2001:db8:1::fe"),
    ]
    .iter()
    .fold(DR.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// On lo nobody answers for it; on a network interface the real server does.
pub(crate) fn ipv6_is_asked_by_solicitation() {
    let web = Web::new(&ipv6());
    sound(&from_the_router(&web));
    sound(&web.check("director"));
    sound(&web.check(RS));
    let vip = |interface| {
        let mut vip = address(interface, "2001:db8::11/128");
        vip.no_dad = true;
        vip
    };
    let mac = web.on(RS, |host| {
        let net = host.net();
        net.add_address(&vip("eth0")).unwrap();
        net.delete_address(&vip("lo").id).unwrap();
        net.link(&"eth0".parse().unwrap()).unwrap().mac.unwrap()
    });
    for report in [
        from_the_router(&web),
        web.check_alone("director", Some(WAIT)),
    ] {
        let found = findings(&report);
        let probe = found
            .iter()
            .find(|finding| finding.code == Code::ARP_PROBE)
            .unwrap();
        assert!(probe.seen.contains(&mac.to_string()), "{probe}");
    }
    let finding = only(&web.check(RS), Code::VIP_ON_NIC);
    web.fix(&finding);
    sound(&from_the_router(&web));
    sound(&web.check(RS));
}
