//! What is read: definitions, conditions, included files, lines.

use lvs_core::import::Fate;

use super::{fates, has, makes, refuses, server, servers};
use crate::import::{keepalived, sound};

#[test]
fn definitions_are_replaced_when_they_are_used() {
    let import = makes(
        &format!(
            "$BASE=10.0.1.${{SUB}}\n$SUB=7\n{}",
            server(
                "real_server ${BASE} 80 { weight 1 }\n$SUB=8\nreal_server ${BASE} 80 { weight $SUB }"
            )
        ),
        &[
            "tcp 10.0.0.1:80 rr",
            "  10.0.1.7:80 dr 1",
            "  10.0.1.8:80 dr 8",
        ],
    );
    assert!(import.file.contains("rs-10-0-1-8"));
}

#[test]
fn conditions_choose_lines() {
    makes(
        &server(
            "@director real_server 10.0.1.1 80 { weight 1 }\n\
             @other real_server 10.0.1.2 80 {\nweight 1\n}\n\
             @^other real_server 10.0.1.3 80 { weight 1 }\n\
             @^director real_server 10.0.1.4 80 { weight 1 }",
        ),
        &[
            "tcp 10.0.0.1:80 rr",
            "  10.0.1.1:80 dr 1",
            "  10.0.1.3:80 dr 1",
        ],
    );
}

#[test]
fn included_files_are_part_of_it() {
    let import = makes(
        "include included/*.conf",
        &[
            "tcp 10.90.0.1:80 rr",
            "  10.90.0.2:80 dr 1",
            "  10.90.0.3:80 dr 2",
        ],
    );
    let place = import
        .report
        .directives()
        .iter()
        .find(|directive| directive.directive == "weight 2")
        .map(|directive| directive.place.to_string());
    assert_eq!(place.as_deref(), Some("included/servers/2.conf:2"));
}

#[test]
fn every_directive_has_its_line() {
    let import = keepalived(&server(
        "sorry_server 10.0.0.9 80\nnonsense 1\nreal_server 10.0.1.1 80 {\n}",
    ))
    .unwrap();
    let left: Vec<_> = import
        .report
        .directives()
        .iter()
        .filter(|directive| matches!(directive.fate, Fate::Left { .. }))
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        left,
        [
            "keepalived.conf:5: left: sorry_server 10.0.0.9 80: no check of the service is imported, \
             without which no real server fails",
            "keepalived.conf:6: left: nonsense 1: keepalived knows no such directive here",
        ]
    );
}

#[test]
fn what_cannot_be_read_is_refused_at_its_line() {
    refuses(
        "global_defs {\n",
        "keepalived.conf:1: global_defs: the block is never closed; add a }",
    );
    refuses(
        "a\n}\n",
        "keepalived.conf:2: a } that closes no block; remove it",
    );
    refuses("{\n", "keepalived.conf:1: a { that belongs to no directive");
    refuses(
        "$A=${A}x\n$A\n",
        "keepalived.conf:2: definitions that name each other without end",
    );
    refuses(
        "~SEQ(A, 1, 1000000) x\n",
        "keepalived.conf:1: a sequence of 1000000 values is more than 8192",
    );
    refuses(
        "global_defs {\n}\n",
        "keepalived.conf:1: nothing to import: no virtual service that a cluster file can express",
    );
}

/// keepalived reads the first directive of a line alone, as its dump of the configuration shows.
#[test]
fn what_keepalived_ignores_in_a_line_is_told() {
    let import = servers("", &["DNS_CHECK { type A name www.example.org }"]);
    has(&import, &["name = \".\", record = \"A\""]);
    let report = import.report.to_string();
    assert!(
        report.contains(
            "keepalived reads one directive a line, and ignores here: name www.example.org"
        ),
        "{report}"
    );
}

#[test]
fn a_source_without_services_still_has_its_report() {
    let error =
        keepalived("virtual_server $VIP 80 {\nlb_algo rr\nreal_server 10.0.0.7 80 {\n}\n}\n")
            .unwrap_err();
    let report = error.report().unwrap().to_string();
    assert!(report.contains("no line above defines $VIP"), "{report}");
}

#[test]
fn what_is_not_used_is_not_called_carried() {
    let import = servers(
        "delay_loop abc",
        &[
            "delay_loop 20\nPING_CHECK {\n}",
            "TCP_CHECK {\nconnect_timeout x\nretry -1\nconnect_port 99999\n}",
        ],
    );
    sound(&import, "bad values");
    for start in [
        "delay_loop abc",
        "delay_loop 20",
        "connect_timeout",
        "retry",
        "connect_port",
    ] {
        let is_left = matches!(fates(&import, start)[..], [Fate::Left { .. }]);
        assert!(is_left, "{start}\n{}", import.report);
    }
    let twice =
        server("real_server 10.0.1.1 80 {\nweight 1\n}\nreal_server 10.0.1.1 80 {\nweight 4\n}");
    let import = keepalived(&twice).unwrap();
    assert!(matches!(
        fates(&import, "weight 4")[..],
        [Fate::Left { .. }]
    ));
    let again = server("persistence_timeout 9\nreal_server 10.0.1.2 80 {\n}");
    let first = server("persistence_timeout 7\nreal_server 10.0.1.1 80 {\n}");
    let import = keepalived(&(first + &again)).unwrap();
    for (start, is_left) in [("persistence_timeout", true), ("lb_kind", false)] {
        let found = fates(&import, start);
        assert!(
            matches!(found[0], Fate::Carried { .. }),
            "{}",
            import.report
        );
        let left = matches!(found[1], Fate::Left { .. });
        assert_eq!(left, is_left, "{start}\n{}", import.report);
    }
}

/// A block that cannot stand where it does tells which one was not closed.
#[test]
fn a_missing_brace_is_told_where_it_is_seen() {
    refuses(
        &server("real_server 10.0.1.1 80 {\nweight 1\nreal_server 10.0.1.2 80 {\nweight 1\n}"),
        "keepalived.conf:7: real_server cannot stand in the real_server of line 5; a } is missing above",
    );
    refuses(
        "vrrp_instance V {\nvirtual_ipaddress {\n10.0.0.1/24\n}\nvirtual_server 10.0.0.1 80\n{\n}\n",
        "keepalived.conf:5: virtual_server cannot stand in the vrrp_instance of line 1; a } is missing above",
    );
}
