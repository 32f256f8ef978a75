//! The ARP sysctls of a real server.

use lvs_core::check::{self, Code, Severity};

use crate::check_machine::facts::{
    DR, NAT, TUNNEL, address, cluster, director, found, server, set, tunnelled,
};

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

/// What a real server needs hides the virtual IP of a director that has it on another interface.
#[test]
fn a_director_that_hides_its_virtual_ip_is_named() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    for interface in ["eth0", "eth1"] {
        let key = format!("net/ipv4/conf/{interface}/arp_ignore");
        set(&mut facts, &key, "0");
    }
    for level in ["1", "2", "8"] {
        set(&mut facts, "net/ipv4/conf/all/arp_ignore", level);
        let hides = level == "8";
        assert_eq!(
            found(&nat, &facts).contains(&Code::ARP_HIDDEN),
            hides,
            "{level}"
        );
    }
    facts.addresses[0] = address("eth0", "172.16.5.10/16");
    facts.addresses.push(address("lo", "172.16.5.11/32"));
    for (level, hides) in [
        ("0", false),
        ("1", true),
        ("2", true),
        ("3", false),
        ("8", true),
    ] {
        set(&mut facts, "net/ipv4/conf/all/arp_ignore", level);
        let codes = found(&nat, &facts);
        assert_eq!(
            codes.contains(&Code::ARP_HIDDEN),
            hides,
            "{level}: {codes:?}"
        );
    }
}
