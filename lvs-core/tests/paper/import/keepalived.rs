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
        "check = { type = \"tcp\", interval = \"60s\", fast-interval = \"1s\", timeout = \"5s\", rise = 1, fall = 2 }",
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
    assert_eq!(ids, ["10.0.0.1/32 on eth7", "10.0.0.2/24 on eth8"]);
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
    let server_of = |ip, program| {
        format!("real_server {ip} 80 {{\nMISC_CHECK {{\nmisc_path {program}\n}}\n}}\n")
    };
    let text = server(&(server_of("10.0.1.1", "/bin/x") + &server_of("10.0.1.2", "/bin/y")));
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
        "HTTP_GET {\nretry 2\n}",
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

/// The line of a service that begins so.
#[track_caller]
fn has(import: &Import, lines: &[&str]) {
    for line in lines {
        assert!(import.file.contains(line), "{line}\n{}", import.file);
    }
}

/// Returns a virtual server with real servers that have these lines.
fn servers(lines: &str, of_servers: &[&str]) -> Import {
    let mut text = lines.to_owned();
    for (number, of_server) in (1..).zip(of_servers) {
        text += &format!("\nreal_server 10.0.1.{number} 80 {{\n{of_server}\n}}");
    }
    keepalived(&server(&text)).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn each_kind_of_check_has_the_defaults_of_keepalived() {
    for (check, written) in [
        (
            "DNS_CHECK {\n}",
            r#"name = ".", record = "SOA", interval = "8s", timeout = "5s", rise = 1, fall = 4 }"#,
        ),
        (
            "MISC_CHECK {\nmisc_path /bin/x\n}",
            r#"interval = "8s", timeout = "8s", command = ["/bin/x"], rise = 1, fall = 1 }"#,
        ),
        (
            "HTTP_GET {\nurl {\npath /\n}\n}",
            r#"path = "/", interval = "8s", fast-interval = "3s", timeout = "5s", rise = 1, fall = 2 }"#,
        ),
        (
            "TCP_CHECK {\nretry 0\n}",
            r#"interval = "8s", timeout = "5s", rise = 1, fall = 1 }"#,
        ),
        (
            "TCP_CHECK {\ndelay_before_retry 0.5\n}",
            r#"interval = "8s", fast-interval = "500ms", timeout = "5s", rise = 1, fall = 2 }"#,
        ),
        (
            "UDP_CHECK {\npayload Ab12f 3\n}",
            r#"payload = "hex:ab120f03""#,
        ),
    ] {
        // Real servers inherit what stands below them.
        let import = keepalived(&server(&format!(
            "real_server 10.0.1.1 80 {{\n{check}\n}}\ndelay_loop 8"
        )))
        .unwrap();
        let expected = written.to_ascii_lowercase();
        let file = import.file.to_ascii_lowercase();
        assert!(file.contains(&expected), "{check}\n{}", import.file);
    }
}

#[test]
fn every_page_and_check_of_a_real_server_must_hold() {
    let import = servers(
        "",
        &[
            "HTTP_GET {\nurl {\npath /a\nregex \"is up\"\n}\nurl {\npath /b\nstatus_code 204 301\n}\n}\nTCP_CHECK {\nconnect_port 22\n}",
        ],
    );
    let cluster = sound(&import, "several");
    assert_eq!(cluster.services()[0].checks.len(), 3, "{}", import.file);
    has(
        &import,
        &["contains = \"is up\"", "status = \"204,301\"", "port = 22"],
    );
    assert_eq!(import.report.counts().left, 0, "{}", import.report);
}

/// A regular expression that is no text would never be found.
#[test]
fn only_a_regular_expression_that_is_a_text_is_carried() {
    for (lines, contains) in [
        ("regex ok", Some("contains = \"ok\"")),
        ("regex index.html", Some("contains = \"index.html\"")),
        ("regex ^ok", None),
        ("regex ok\nregex_no_match", None),
    ] {
        let import = servers(
            "",
            &[&format!("HTTP_GET {{\nurl {{\npath /\n{lines}\n}}\n}}")],
        );
        sound(&import, lines);
        let found = contains.is_some_and(|text| import.file.contains(text));
        assert_eq!(found, import.file.contains("contains"), "{}", import.file);
        assert_eq!(found, contains.is_some(), "{}", import.file);
    }
}

#[test]
fn the_file_says_where_real_servers_differ() {
    let http = "HTTP_GET {\nurl {\npath /\n}\n}";
    let import = servers(
        "",
        &[http, "weight 1", "inhibit_on_failure\nTCP_CHECK {\n}"],
    );
    sound(&import, "differ");
    let flat = import.file.replace("\n# ", " ");
    for comment in [
        "assumed: a service has one check for all; the source tests 10.0.1.1, 10.0.1.2 otherwise, or not at all",
        "assumed: on-failure = \"drain\" for all real servers; the source deletes 10.0.1.1, 10.0.1.2 on failure",
    ] {
        assert!(flat.contains(comment), "{comment}\n{}", import.file);
    }
    assert!(matches!(
        fates(&import, "inhibit_on")[..],
        [Fate::Assumed { .. }]
    ));
    let tested = import.report.to_string();
    assert!(
        tested.contains(
            "real_server 10.0.1.2 80: services.destinations: it is tested like the others"
        ),
        "{tested}"
    );
}

/// A quorum that one strong server has is not the whole farm.
#[test]
fn a_quorum_of_weights_is_never_too_strict() {
    let import = servers(
        "quorum 4\nsorry_server 10.0.0.9 80",
        &[
            &format!("weight 8\n{CHECKED}"),
            &format!("weight 2\n{CHECKED}"),
            &format!("weight 2\n{CHECKED}"),
        ],
    );
    let cluster = sound(&import, "quorum");
    assert_eq!(cluster.services()[0].policy.minimum, 1);
    has(&import, &["# assumed: minimum = 1, so many real servers"]);
    assert!(matches!(
        fates(&import, "quorum")[..],
        [Fate::Assumed { .. }]
    ));
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

/// Direct routing leaves the port that clients ask for, and keepalived tests that of the real server.
#[test]
fn the_port_that_is_tested_is_the_real_servers() {
    let group = "virtual_server_group g {\n10.0.0.1 80\n10.0.0.1 443\nfwmark 5\n}\n";
    let rest = |kind: &str| {
        format!(
            "virtual_server group g {{\nlb_kind {kind}\nprotocol TCP\nreal_server 10.0.1.1 80 {{\n{CHECKED}}}\n}}\n"
        )
    };
    let import = keepalived(&(group.to_owned() + &rest("DR"))).unwrap();
    let cluster = sound(&import, "port");
    for service in cluster.services() {
        let port = service.checks[0].port.map(std::num::NonZeroU16::get);
        assert_eq!(port, Some(80), "{}", import.file);
    }
    let import = keepalived(&(group.to_owned() + &rest("NAT"))).unwrap();
    assert!(
        !import.file.contains("check = { type = \"tcp\", port"),
        "{}",
        import.file
    );
}

#[test]
fn the_director_itself_is_no_other_node() {
    let import = servers(
        "sorry_server 127.0.0.1 8080\nsorry_server_lvs_method NAT",
        &[CHECKED],
    );
    let cluster = sound(&import, "localhost");
    let fallback = cluster.services()[0].fallback.as_ref();
    assert_eq!(fallback.map(|name| name.as_str()), Some("director"));
    assert_eq!(cluster.real_servers().len(), 1);
    has(
        &import,
        &["{ real-server = \"director\", port = 8080, weight = 1 }"],
    );
    // Of two directors each is meant.
    let vrrp = "vrrp_instance V {\ninterface eth0\nvirtual_ipaddress {\n10.0.0.1/24\n10.0.1.254/24\n}\n}\n";
    let nat = server(&format!(
        "sorry_server 127.0.0.1 8080\nreal_server 10.0.1.1 80 {{\n{CHECKED}}}"
    ));
    let import =
        keepalived(&(vrrp.to_owned() + &nat.replace("lb_kind DR", "lb_kind NAT"))).unwrap();
    let cluster = sound(&import, "pair");
    assert_eq!(cluster.directors().len(), 2, "{}", import.file);
    has(
        &import,
        &[
            "forwarding = \"dr\" }",
            "rs-127-0-0-1 is each of the directors itself",
        ],
    );
}

#[test]
fn the_file_says_whose_clients_a_hash_refuses() {
    let lines = "sorry_server 10.0.0.9 80\ninhibit_on_failure";
    let told = |lines: &str| {
        let text = server(&format!("{lines}\nreal_server 10.0.1.1 80 {{\n{CHECKED}}}"));
        let import = keepalived(&text.replace("lb_algo rr", "lb_algo sh")).unwrap();
        sound(&import, lines);
        import
            .file
            .contains("# sh keeps choosing what has weight 0")
    };
    assert!(told(lines));
    assert!(
        !told("sorry_server 10.0.0.9 80"),
        "it is in the table only while it serves"
    );
    assert!(!told(&format!("sh-fallback\n{lines}")));
}

#[test]
fn programs_that_differ_by_the_address_are_one() {
    let program = |ip| format!("MISC_CHECK {{\nmisc_path \"/bin/x -H {ip}\"\nuser nagios\n}}");
    let import = servers("", &[&program("10.0.1.1"), &program("10.0.1.2")]);
    sound(&import, "programs");
    has(&import, &["/bin/x -H $LVS_ADDRESS", "user = \"nagios\""]);
    let dynamic = "MISC_CHECK {\nmisc_path /bin/x\nmisc_dynamic\n}";
    has(
        &servers("", &[dynamic]),
        &["/bin/x; case $? in 1|126|127) exit 1; esac"],
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
fn a_sync_daemon_has_the_number_of_its_virtual_router() {
    let vrrp = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 77\nvirtual_ipaddress {\n10.0.0.1/24\n}\n}\n";
    let rest = server("real_server 10.0.0.7 80 {\n}");
    for (words, id) in [
        ("eth1 V", 77),
        ("eth1 inst V", 77),
        ("eth1 V id 5", 5),
        ("eth1 W", 0),
    ] {
        let text = format!("global_defs {{\nlvs_sync_daemon {words}\n}}\n{vrrp}{rest}");
        let cluster = sound(&keepalived(&text).unwrap(), words);
        assert_eq!(cluster.sync().map(|sync| sync.id), Some(id), "{words}");
    }
}

/// The check of one must not find another down that is healthy.
#[test]
fn checks_that_differ_become_what_all_have_in_common() {
    let program = "MISC_CHECK {\nmisc_path \"/bin/x 10.0.1.1\"\n}";
    let port = |port| format!("TCP_CHECK {{\nconnect_port {port}\nconnect_timeout 2\n}}");
    let host = |host| {
        format!("HTTP_GET {{\nurl {{\npath /\nvirtualhost {host}\n}}\nconnect_port 8081\n}}")
    };
    let tcp = r#"{ type = "tcp", interval = "60s", fast-interval = "#;
    for (of_servers, check) in [
        ([program, CHECKED], None),
        ([&port(9999), CHECKED], Some(tcp)),
        ([&host("a"), &host("b")], Some(tcp)),
        (
            [&format!("{}{}", host("a"), port(22)), &port(22)],
            Some("port = 22"),
        ),
        ([CHECKED, "weight 1"], Some(tcp)),
        ([&port(80), CHECKED], Some(tcp)),
    ] {
        let import = servers("", &of_servers);
        let cluster = sound(&import, "differ");
        let checks = cluster.services()[0].checks.len();
        assert_eq!(checks, usize::from(check.is_some()), "{}", import.file);
        has(&import, check.as_slice());
        let is_same = of_servers == [&port(80), CHECKED];
        let assumed = import.file.replace("\n# ", " ");
        let told = ["a service has one check", "a service has one for all"];
        let is_told = told.iter().any(|told| assumed.contains(told));
        assert_eq!(is_told, !is_same, "{}", import.file);
        assert!(
            check != Some(tcp) || !import.file.contains("port = 9999"),
            "{}",
            import.file
        );
    }
}

#[test]
fn of_timings_that_differ_the_most_patient_counts() {
    let import = servers(
        "delay_loop 5",
        &[
            "HTTP_GET {\nurl {\npath /\n}\nconnect_timeout 2\n}",
            "delay_loop 8\nHTTP_GET {\nurl {\npath /\n}\nconnect_timeout 1.5\nretry 3\n}",
        ],
    );
    sound(&import, "timing");
    has(
        &import,
        &[
            r#"path = "/", interval = "8s", fast-interval = "3s", timeout = "2s", rise = 1, fall = 4 }"#,
            "# assumed: the longest interval and timeout",
        ],
    );
}

#[test]
fn a_check_of_another_address_is_one_of_the_service() {
    let import = servers(
        "",
        &["TCP_CHECK {\nconnect_ip 10.9.9.1\nconnect_port 9999\n}"],
    );
    sound(&import, "connect_ip");
    assert!(!import.file.contains("9999"), "{}", import.file);
    has(
        &import,
        &[
            "check = { type = \"tcp\"",
            "# assumed: a TCP connection to the service's port",
        ],
    );
    assert!(matches!(
        fates(&import, "connect_port")[..],
        [Fate::Left { .. }]
    ));
    let own = servers(
        "",
        &["TCP_CHECK {\nconnect_ip 10.0.1.1\nconnect_port 9999\n}"],
    );
    has(&own, &["port = 9999"]);
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
    let again = server("lb_algo rr\nreal_server 10.0.1.2 80 {\n}");
    let first = server("lb_algo wlc\nreal_server 10.0.1.1 80 {\n}");
    let import = keepalived(&(first + &again)).unwrap();
    assert!(matches!(
        fates(&import, "lb_kind")[..],
        [Fate::Carried { .. }, Fate::Left { .. }]
    ));
}

#[test]
fn vrrp_alone_keeps_what_lvsctl_does_not_do() {
    let vrrp = "vrrp_script chk {\nscript \"/usr/bin/chk\"\n}\nvrrp_instance V {\ninterface eth0\ntrack_script {\nchk\n}\n\
                notify_master \"/usr/local/bin/m.sh\" root\nsmtp_alert\ngarp_master_delay 3\nvirtual_ipaddress {\n10.0.0.1/24\n}\n}\n";
    let global = "global_defs {\nvrrp_strict\nvrrp_garp_master_delay 5\nscript_user keepalived_script\n\
                  shutdown_script /bin/down\nlvs_flush\n}\n";
    let rest = server("real_server 10.0.0.7 80 {\n}");
    let import = keepalived(&format!("{global}{vrrp}{rest}")).unwrap();
    let reduced = import.keepalived.unwrap();
    for line in [
        "    vrrp_strict\n",
        "    vrrp_garp_master_delay 5\n",
        "    script_user keepalived_script\n",
        "    notify_master /usr/local/bin/m.sh root\n",
        "    smtp_alert\n",
        "/etc/keepalived/lvsctl-notify\" root\n",
    ] {
        assert!(reduced.contains(line), "{line}\n{reduced}");
    }
    assert!(
        !reduced.contains("/bin/down") && !reduced.contains("lvs_flush"),
        "{reduced}"
    );
    assert_eq!(
        import.dropped,
        [
            "keepalived.conf:5: not kept: shutdown_script /bin/down: lvsctl's own stands in its place"
        ]
    );
    assert_eq!(keepalived(&rest).unwrap().keepalived, None);
}
