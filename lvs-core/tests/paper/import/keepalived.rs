//! keepalived.conf.

use lvs_core::import::{Fate, Import};

use crate::import::{keepalived, sound};

/// The table that a file makes, a line for each service and destination.
fn table(import: &Import) -> Vec<String> {
    let cluster = sound(import, &import.file);
    let node = cluster.node("director").unwrap();
    let mut lines = Vec::new();
    for service in &node.services {
        lines.push(format!(
            "{} {}",
            service.service.id, service.service.scheduler
        ));
        let destinations = service.destinations.iter();
        lines.extend(destinations.map(|destination| {
            let destination = &destination.value;
            format!(
                "  {} {} {}",
                destination.id, destination.forwarding, destination.weight
            )
        }));
    }
    lines
}

#[track_caller]
fn makes(body: &str, expected: &[&str]) -> Import {
    let text = format!("{body}\n");
    let import = keepalived(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(table(&import), expected, "{}", import.report);
    import
}

#[track_caller]
fn refuses(text: &str, message: &str) {
    assert_eq!(keepalived(text).unwrap_err().to_string(), message);
}

/// A virtual server with these lines besides.
fn server(lines: &str) -> String {
    format!("virtual_server 10.0.0.1 80 {{\nlb_algo rr\nlb_kind DR\nprotocol TCP\n{lines}\n}}\n")
}

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
fn silent_defaults_are_written_out() {
    let import = makes(
        "virtual_server 10.0.0.1 80 {\npersistence_timeout\nreal_server 10.0.1.1 80 {\nTCP_CHECK {\n}\n}\n}",
        &["udp 10.0.0.1:80 wlc", "  10.0.1.1:80 nat 1"],
    );
    for line in [
        "protocol = \"udp\"",
        "scheduler = \"wlc\"",
        "forwarding = \"nat\"",
        "persistence = 360",
        "weight = 1",
        "check = { type = \"tcp\", interval = \"60s\", timeout = \"5s\", fall = 2 }",
        "on-failure = \"remove\"",
    ] {
        assert!(import.file.contains(line), "{line}\n{}", import.file);
    }
}

#[test]
fn addresses_of_vrrp_are_the_directors() {
    let import = keepalived(&format!(
        "vrrp_instance V {{\ninterface eth7\nvirtual_ipaddress {{\n10.0.0.1/24\n10.0.0.2/24 dev eth8 label eth8:1\n}}\n}}\n{}",
        server("real_server 10.0.0.7 80 { weight 1 }")
    ))
    .unwrap();
    let cluster = sound(&import, "vrrp");
    assert_eq!(cluster.directors().len(), 2);
    let ids = cluster.directors()[0].addresses.iter();
    let ids: Vec<_> = ids.map(|address| address.id.to_string()).collect();
    assert_eq!(ids, ["10.0.0.1/24 on eth7", "10.0.0.2/24 on eth8"]);
    let reduced = import.keepalived.unwrap();
    assert!(reduced.contains(
        "vrrp_instance V {\n    interface eth7\n    virtual_ipaddress {\n        127.0.0.76/32"
    ));
    assert!(reduced.contains("/usr/bin/lvsctl apply /etc/lvsctl/web.toml --role standby"));
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

/// The fates of the directives that begin so.
fn fates<'a>(import: &'a Import, start: &str) -> Vec<&'a Fate> {
    let directives = import.report.directives().iter();
    let wanted = directives.filter(|directive| directive.directive.starts_with(start));
    wanted.map(|directive| &directive.fate).collect()
}

const CHECKED: &str = "TCP_CHECK {\nconnect_timeout 2\n}\n";

#[test]
fn a_sorry_server_is_the_fallback() {
    let import = makes(
        &server(&format!(
            "quorum 2\nsorry_server 10.0.0.9 8080\nsorry_server_lvs_method NAT\n\
             real_server 10.0.1.1 80 {{\nweight 3\n{CHECKED}}}\nreal_server 10.0.1.2 80 {{\nweight 3\n{CHECKED}}}"
        )),
        &[
            "tcp 10.0.0.1:80 rr",
            "  10.0.1.1:80 dr 3",
            "  10.0.1.2:80 dr 3",
            "  10.0.0.9:8080 nat 0",
        ],
    );
    let cluster = sound(&import, "sorry");
    let service = &cluster.services()[0];
    assert_eq!(service.policy.minimum, 1, "each of the weights is a quorum");
    assert_eq!(
        service.fallback.as_ref().map(|name| name.as_str()),
        Some("rs-10-0-0-9")
    );
    assert!(matches!(
        fates(&import, "sorry_server 10")[..],
        [Fate::Assumed { .. }]
    ));
    assert!(matches!(
        fates(&import, "sorry_server_lvs")[..],
        [Fate::Carried { .. }]
    ));
    assert!(matches!(
        fates(&import, "quorum")[..],
        [Fate::Carried { .. }]
    ));
}

#[test]
fn what_a_sorry_server_cannot_be_is_left() {
    for (lines, left) in [
        ("sorry_server 10.0.1.1 8080", "sorry_server"),
        (
            "sorry_server 10.0.0.9 80\nsorry_server_inhibit",
            "sorry_server_inhibit",
        ),
        ("sorry_server localhost 80", "sorry_server"),
        ("quorum 2", "quorum"),
        ("hysteresis 1", "hysteresis"),
        ("alpha", "alpha"),
        ("omega", "omega"),
    ] {
        let text = server(&format!("{lines}\nreal_server 10.0.1.1 80 {{\n{CHECKED}}}"));
        let import = keepalived(&text).unwrap();
        sound(&import, lines);
        let fates = fates(&import, left);
        assert!(
            matches!(fates.last(), Some(Fate::Left { .. })),
            "{lines}: {}",
            import.report
        );
    }
    let import = keepalived(&server(&format!(
        "inhibit_on_failure\nsorry_server 10.0.0.9 80\nsorry_server_inhibit\nquorum 3\n\
         real_server 10.0.1.1 80 {{\n{CHECKED}}}\nreal_server 10.0.1.2 80 {{\nweight 4\n}}"
    )))
    .unwrap();
    assert!(matches!(
        fates(&import, "sorry_server_inhibit")[..],
        [Fate::Carried { .. }]
    ));
    assert!(matches!(
        fates(&import, "quorum")[..],
        [Fate::Assumed { .. }]
    ));
}

/// A program that names its own real server must not judge the others.
#[test]
fn a_program_of_each_real_server_is_left() {
    let server_of =
        |ip| format!("real_server {ip} 80 {{\nMISC_CHECK {{\nmisc_path \"/bin/x {ip}\"\n}}\n}}\n");
    let text = server(&(server_of("10.0.1.1") + &server_of("10.0.1.2")));
    let import = keepalived(&text).unwrap();
    let cluster = sound(&import, "programs");
    assert!(cluster.services()[0].checks.is_empty(), "{}", import.file);
    assert!(matches!(
        fates(&import, "MISC_CHECK")[..],
        [Fate::Left { .. }, Fate::Left { .. }]
    ));
}

/// Without a check the file refuses the keys that follow from it.
#[test]
fn a_check_that_is_not_imported_is_left() {
    for check in [
        "PING_CHECK {\nretry 2\n}",
        "MISC_CHECK {\nmisc_timeout 2\n}",
        "HTTP_GET {\nurl {\npath no-slash\n}\n}",
        "HTTP_GET {\nurl {\npath /\nstatus_code 999\n}\n}",
        "DNS_CHECK {\ntype NONSENSE\n}",
    ] {
        let text = server(&format!(
            "delay_loop 6\nquorum 1\nsorry_server 10.0.0.9 80\ninhibit_on_failure\n\
             real_server 10.0.1.1 80 {{\n{check}\n}}"
        ));
        let import = keepalived(&text).unwrap();
        let cluster = sound(&import, check);
        assert!(
            cluster.services()[0].checks.is_empty(),
            "{check}\n{}",
            import.file
        );
        for directive in import.report.directives() {
            let is_left = matches!(directive.fate, Fate::Left { .. });
            let first = directive.directive.split(' ').next().unwrap();
            let stays = [
                "virtual_server",
                "real_server",
                "lb_algo",
                "lb_kind",
                "protocol",
            ];
            assert_eq!(is_left, !stays.contains(&first), "{check}: {directive}");
        }
    }
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
