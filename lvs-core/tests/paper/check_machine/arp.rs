//! The ARP sysctls of a real server.

use lvs_core::check::{self, Code, Severity};

use crate::check_machine::facts::{DR, TUNNEL, cluster, found, server, set, tunnelled};

/// As the kernel combines them, on every interface that can hear.
#[test]
fn arp_levels_as_they_count() {
    let dr = cluster(DR);
    for (all, eth1, quiet) in [
        ("0", "1", false),
        ("1", "0", true),
        ("2", "0", true),
        ("1", "3", false),
        ("1", "8", false),
        ("4", "0", false),
    ] {
        let mut facts = server();
        set(&mut facts, "net/ipv4/conf/all/arp_ignore", all);
        set(&mut facts, "net/ipv4/conf/eth1/arp_ignore", eth1);
        assert_eq!(found(&dr, &facts).is_empty(), quiet, "{all} {eth1}");
        // A bridge answers for its ports, and an interface that is down receives no request.
        facts.links[1].up = false;
        facts.links[2].controller = Some(9);
        assert_eq!(found(&dr, &facts), [Code::LINK_DOWN], "{all} {eth1}");
    }
}

/// On other links no host asks for the virtual IP, so that there is no harm yet.
#[test]
fn arp_sysctls_matter_most_on_the_directors_link() {
    for (text, mut facts, severity) in [
        (TUNNEL, tunnelled(), Severity::Warning),
        (DR, server(), Severity::Error),
    ] {
        facts.links[2].up = false;
        set(&mut facts, "net/ipv4/conf/all/arp_ignore", "0");
        let report = check::on_node(&cluster(text), &facts);
        let mut findings = report.findings().iter();
        let arp = findings
            .find(|finding| finding.code == Code::ARP_IGNORE)
            .unwrap();
        assert_eq!(arp.severity, severity);
    }
}
