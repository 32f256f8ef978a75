//! ldirectord.cf.

use lvs_core::import::Fate;

use crate::import::{ldirectord, sound};

#[test]
fn names_become_names_of_nodes() {
    let import =
        ldirectord("virtual=www.lvs.test:http\n\treal=web1.lvs.test:http gate 3\n").unwrap();
    let cluster = sound(&import, "names");
    assert_eq!(cluster.real_servers()[0].name.as_str(), "web1.lvs.test");
    let service = &cluster.services()[0];
    assert_eq!(service.service.id.to_string(), "tcp 198.51.100.80:80");
    assert_eq!(service.service.scheduler.as_str(), "wrr");
}

#[test]
fn silent_defaults_are_written_out() {
    let import = ldirectord("virtual=10.0.0.1:80\n\treal=10.0.1.1 masq\n").unwrap();
    for line in [
        "forwarding = \"nat\"",
        "scheduler = \"wrr\"",
        "check = { type = \"http\", interval = \"10s\", timeout = \"30s\", fall = 1 }",
        "on-failure = \"drain\"",
    ] {
        assert!(import.file.contains(line), "{line}\n{}", import.file);
    }
}

#[test]
fn a_range_is_a_destination_each() {
    let import =
        ldirectord("virtual=10.0.0.1:80\n\treal=10.0.1.1->10.0.1.4:8080 masq 2 l:5 u:9\n").unwrap();
    let cluster = sound(&import, "range");
    let destinations = &cluster.services()[0].destinations;
    assert_eq!(destinations.len(), 4);
    assert!(
        destinations
            .iter()
            .all(|destination| destination.port == Some(8080)
                && (
                    destination.thresholds.lower(),
                    destination.thresholds.upper()
                ) == (5, 9))
    );
}

#[test]
fn a_fallback_is_one() {
    let import = ldirectord(
        "virtual=10.0.0.1:80\n\treal=10.0.1.1:80 masq\n\tfallback=10.0.1.9:8080 masq\n\tchecktype=connect\n",
    )
    .unwrap();
    let cluster = sound(&import, "fallback");
    let service = &cluster.services()[0];
    assert_eq!(
        service.fallback.as_ref().map(|name| name.as_str()),
        Some("rs-10-0-1-9")
    );
    assert_eq!(service.destinations[1].port, Some(8080));
    assert_eq!(import.report.counts().left, 0, "{}", import.report);
}

/// What a kind of check does not say, and all about checks where there is none.
#[test]
fn what_no_check_says_is_left() {
    for (lines, left) in [
        (
            "checktype=ping\n\tfallback=10.0.1.9:80 masq\n\trequest=\"x\"",
            3,
        ),
        ("checktype=connect\n\trequest=\"x\"\n\treceive=\"y\"", 2),
        ("service=smtp\n\trequest=\"x\"", 1),
        (
            "service=dns\n\trequest=\"example.org\"\n\treceive=\"10.0.0.1\"",
            1,
        ),
        (
            "checktype=external\n\tcheckcommand=\"/bin/check\"\n\tvirtualhost=\"www\"",
            1,
        ),
        ("request=\"a b\"", 1),
    ] {
        let text = format!("virtual=10.0.0.1:80\n\treal=10.0.1.1:80 masq\n\t{lines}\n");
        let import = ldirectord(&text).unwrap();
        sound(&import, lines);
        let directives = import.report.directives().iter();
        let found = directives.filter(|directive| matches!(directive.fate, Fate::Left { .. }));
        assert_eq!(found.count(), left, "{lines}\n{}", import.report);
    }
}

/// Reports are passed on.
#[test]
fn a_password_is_not_shown() {
    let text =
        "virtual=10.0.0.1:3306\n\treal=10.0.1.1:3306 masq\n\tservice=mysql\n\tpasswd=\"hush\"\n";
    let import = ldirectord(text).unwrap();
    let report = import.report.to_string();
    assert!(
        report.contains("passwd …") && !report.contains("hush"),
        "{report}"
    );
    assert!(!import.file.contains("hush"), "{}", import.file);
}
