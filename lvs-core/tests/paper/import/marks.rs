//! Services by firewall mark, with the lines that mark their packets.

use lvs_core::import::{Fate, Import};

use crate::import::{rules, sound};

const SERVICE: &str = "ipvsadm -A -f 1 -s rr\nipvsadm -a -f 1 -r 10.0.0.7 -g\n";

fn marked(before: &str, after: &str) -> Import {
    rules(&format!(
        "#!/bin/sh\nVIP=10.0.0.1\n{before}{SERVICE}{after}"
    ))
    .unwrap()
}

fn matches(import: &Import) -> Vec<String> {
    let cluster = sound(import, "marks");
    let services = cluster.services().iter();
    let matches = services.flat_map(|service| service.matches.clone());
    matches.map(|packets| packets.to_string()).collect()
}

#[test]
fn lines_that_mark_packets_are_the_match_of_their_service() {
    let import = marked(
        "iptables -t mangle -A PREROUTING -d $VIP/32 -p tcp -m multiport --dports 80,443 -j MARK --set-mark 1\n",
        "nft add rule ip mangle prerouting ip daddr 10.0.0.2 udp dport 53 meta mark set 0x1\n",
    );
    assert_eq!(
        matches(&import),
        ["tcp 10.0.0.1:80", "tcp 10.0.0.1:443", "udp 10.0.0.2:53"]
    );
    let cluster = sound(&import, "marks");
    let director = &cluster.directors()[0];
    assert_eq!(director.addresses.len(), 2, "{}", import.file);
    assert_eq!(import.report.counts().left, 0, "{}", import.report);
    assert!(!import.file.contains("match is missing"), "{}", import.file);
}

#[test]
fn what_a_match_cannot_say_is_left_with_the_reason() {
    let begin = "iptables -t mangle -A PREROUTING";
    for (line, reason) in [
        (
            format!("{begin} -p tcp -d 10.0.0.1 -s 10.9.0.0/16 --dport 80 -j MARK --set-mark 1"),
            "more than protocol",
        ),
        (
            format!("{begin} -p tcp -d 10.0.0.0/24 --dport 80 -j MARK --set-mark 1"),
            "is a network",
        ),
        (
            format!("{begin} -p tcp -d 10.0.0.1 --dport 80 -j MARK --set-mark 2"),
            "no line adds a service of this mark",
        ),
        (
            format!(
                "ipvsadm -A -t 10.0.0.1:80\nipvsadm -a -t 10.0.0.1:80 -r 10.0.0.8 -g\n{begin} -p tcp -d 10.0.0.1 --dport 80 -j MARK --set-mark 1"
            ),
            "has tcp 10.0.0.1:80 already",
        ),
    ] {
        let import = marked("", &line);
        assert!(matches(&import).is_empty(), "{line}: {}", import.file);
        let report = import.report.to_string();
        assert!(report.contains(reason), "{line}: {report}");
    }
}

#[test]
fn a_rule_that_is_deleted_marks_nothing() {
    let rule = |verb| {
        format!(
            "iptables -t mangle -{verb} PREROUTING -p tcp -d $VIP --dport 80 -j MARK --set-mark 1\n"
        )
    };
    assert!(matches(&marked(&(rule("A") + &rule("D")), "")).is_empty());
    let import = marked(&(rule("D") + &rule("A")), "");
    assert_eq!(matches(&import), ["tcp 10.0.0.1:80"]);
}

/// A rule for one interface is one for every interface.
#[test]
fn of_an_interface_the_report_tells() {
    let import = marked(
        "for port in 80 443; do\niptables -t mangle -A PREROUTING -i eth0 -p tcp -d $VIP --dport $port -j MARK --set-mark 1\ndone\n",
        "",
    );
    assert_eq!(matches(&import), ["tcp 10.0.0.1:80", "tcp 10.0.0.1:443"]);
    let directives = import.report.directives().iter();
    let mut fates = directives.filter(|directive| directive.directive.contains("MARK"));
    let fate = fates.next().map(|directive| &directive.fate);
    assert!(
        matches!(fate, Some(Fate::Assumed { .. })),
        "{}",
        import.report
    );
}
