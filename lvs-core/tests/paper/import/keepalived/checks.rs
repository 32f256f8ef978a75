//! Checks of real servers, and what keepalived does where they say nothing.

use lvs_core::cluster::DestinationCheck;
use lvs_core::import::{Fate, Import};

use super::{CHECKED, fates, has, server, servers};
use crate::import::{keepalived, sound};

/// A program that names its own real server must not judge the others.
#[test]
fn a_program_of_each_real_server_tests_only_that() {
    let program = |path| format!("MISC_CHECK {{\nmisc_path {path}\n}}");
    let import = servers("", &[&program("/bin/x"), &program("\"/bin/y -v\"")]);
    sound(&import, "programs");
    has(
        &import,
        &["case $LVS_ADDRESS in 10.0.1.1) /bin/x;; 10.0.1.2) /bin/y -v;; esac"],
    );
    assert_eq!(import.report.counts().left, 0, "{}", import.report);
    let two = program("/bin/x") + "\n" + &program("/bin/z");
    let import = servers("", &[&two, &program("/bin/y")]);
    let cluster = sound(&import, "several");
    assert!(cluster.services()[0].checks.is_empty(), "{}", import.file);
    let fates = fates(&import, "MISC_CHECK");
    let is_left = |fate: &&Fate| matches!(fate, Fate::Left { .. });
    assert!(fates.iter().all(is_left), "{}", import.report);
}

/// Without a check the file refuses the keys that follow from it.
#[test]
fn a_check_that_is_not_imported_is_left() {
    for check in [
        "PING_CHECK {\nretry 2\n}",
        "MISC_CHECK {\nmisc_timeout 2\n}",
        "HTTP_GET {\nretry 2\n}",
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
fn programs_that_differ_by_the_address_are_one() {
    let program = |ip| format!("MISC_CHECK {{\nmisc_path \"/bin/x -H {ip}\"\nuser nagios\n}}");
    let import = servers("", &[&program("10.0.1.1"), &program("10.0.1.2")]);
    sound(&import, "programs");
    has(&import, &["/bin/x -H $LVS_ADDRESS", "user = \"nagios\""]);
}

/// keepalived sets the weight to 2 less than the exit status; here it is the share of 100.
#[test]
fn a_program_that_sets_weights_sets_them() {
    let dynamic = "MISC_CHECK {\nmisc_path /bin/x\nmisc_dynamic\n}";
    let import = servers("weight 3", &[dynamic, dynamic]);
    let cluster = sound(&import, "dynamic");
    for server in cluster.real_servers() {
        assert_eq!(server.weight.get(), 100, "{}", import.file);
    }
    has(
        &import,
        &[
            "share-by-status = true",
            "/bin/x; s=$?; case $s in 0) exit 5;; 1|126",
            "# assumed: weight 100, of which the exit status of the program is the share",
        ],
    );
    assert!(matches!(
        fates(&import, "weight")[..],
        [Fate::Assumed { .. }]
    ));
    let import = servers(
        "",
        &[
            &format!("weight 2\n{dynamic}"),
            &format!("weight 7\n{dynamic}"),
        ],
    );
    has(&import, &["/bin/x; s=$?; case $s in 1|126"]);
    let weights = fates(&import, "weight");
    assert!(matches!(
        weights[..],
        [Fate::Left { .. }, Fate::Left { .. }]
    ));
}

/// keepalived always lets such a real server serve, and the others keep their own check.
#[test]
fn a_real_server_without_a_check_opts_out() {
    let page = "HTTP_GET {\nurl {\npath /a\n}\nconnect_timeout 3\n}";
    let import = servers("", &[page, "weight 2", page]);
    let cluster = sound(&import, "unchecked");
    has(
        &import,
        &["type = \"http\", path = \"/a\"", "check = false"],
    );
    let service = &cluster.services()[0];
    let checks: Vec<_> = service.destinations.iter().map(|end| end.check).collect();
    let of_service = DestinationCheck::OfService;
    assert_eq!(checks, [of_service, DestinationCheck::Never, of_service]);
    assert!(
        !import.file.contains("one check for all"),
        "{}",
        import.file
    );
    assert_eq!(import.report.counts().left, 0, "{}", import.report);
    let none = servers("", &["weight 2", "weight 1"]);
    sound(&none, "none is checked");
    assert!(!none.file.contains("check"), "{}", none.file);
}

/// Those that no program tests keep their weight.
#[test]
fn a_weight_that_no_program_sets_stays() {
    let dynamic = "weight 3\nMISC_CHECK {\nmisc_path /bin/x\nmisc_dynamic\n}";
    let import = servers("", &[dynamic, "weight 7", dynamic]);
    let cluster = sound(&import, "partly dynamic");
    let servers = cluster.real_servers().iter();
    let weights: Vec<_> = servers.map(|server| server.weight.get()).collect();
    assert!(import.file.contains("0) exit 5;;"), "{}", import.file);
    assert_eq!(weights, [100, 7, 100], "{}", import.file);
    assert!(matches!(
        fates(&import, "weight 7")[..],
        [Fate::Carried { .. }]
    ));
}

/// A virtual server that only adds real servers which are not tested says nothing of the check.
#[test]
fn real_servers_without_a_check_leave_that_of_another_declaration() {
    for (first, second) in [(CHECKED, ""), ("", CHECKED)] {
        let import = twice(first, second);
        let cluster = sound(&import, "added unchecked");
        assert_eq!(cluster.services()[0].checks.len(), 1, "{}", import.file);
        has(&import, &["check = false"]);
    }
}

/// Returns two virtual servers of one address with these checks.
fn twice(first: &str, second: &str) -> Import {
    let of =
        |number, check: &str| server(&format!("real_server 10.0.1.{number} 80 {{\n{check}\n}}"));
    keepalived(&(of(1, first) + &of(2, second))).unwrap()
}

/// What only one of two declarations tests is not in the file.
#[test]
fn of_a_service_that_is_declared_twice_the_counts_are_true() {
    let page = "HTTP_GET {\nurl {\npath /a\n}\nconnect_timeout 3\n}";
    let import = twice(page, CHECKED);
    let cluster = sound(&import, "twice");
    assert_eq!(cluster.services()[0].checks.len(), 1);
    has(&import, &["check = { type = \"tcp\""]);
    for start in ["url", "path /a"] {
        let found = fates(&import, start);
        assert!(
            matches!(found[..], [Fate::Left { .. }]),
            "{}",
            import.report
        );
    }
    let found = fates(&import, "HTTP_GET");
    assert!(
        matches!(found[..], [Fate::Assumed { .. }]),
        "{}",
        import.report
    );
    let program = "MISC_CHECK {\nmisc_path /bin/x\n}";
    let import = twice(page, program);
    assert!(sound(&import, "none").services()[0].checks.is_empty());
    for start in [
        "url",
        "path /a",
        "connect_timeout",
        "HTTP_GET",
        "MISC_CHECK",
        "misc_path",
    ] {
        let found = fates(&import, start);
        assert!(
            matches!(found[..], [Fate::Left { .. }]),
            "{}",
            import.report
        );
    }
}

/// A connection names no host.
#[test]
fn a_host_that_no_page_is_asked_for_with_is_left() {
    let page = |lines: &str| format!("HTTP_GET {{\nurl {{\npath /\n}}\n{lines}\n}}");
    for (block, server, left) in [
        (
            "virtualhost a.example",
            CHECKED.to_owned(),
            [true].as_slice(),
        ),
        ("virtualhost a.example", page(""), &[false]),
        (
            "virtualhost a.example",
            page("virtualhost b.example"),
            &[true, false],
        ),
        ("", format!("virtualhost a.example\n{CHECKED}"), &[true]),
        (
            "virtualhost a.example",
            format!("virtualhost b.example\n{}", page("")),
            &[true, false],
        ),
    ] {
        let import = servers(block, &[&server]);
        let found = fates(&import, "virtualhost").into_iter();
        let found: Vec<_> = found
            .map(|fate| matches!(fate, Fate::Left { .. }))
            .collect();
        assert_eq!(found, left, "{block} {server}\n{}", import.report);
    }
}

#[test]
fn the_last_of_several_values_counts() {
    let import = servers(
        "persistence_timeout 5\npersistence_timeout 6",
        &[
            "weight 2\nweight 3\nTCP_CHECK {\nconnect_port 81\nconnect_port 82\nconnect_timeout 2\nconnect_timeout 4\n}",
        ],
    );
    sound(&import, "several");
    for start in [
        "persistence_timeout",
        "weight",
        "connect_port",
        "connect_timeout",
    ] {
        let found = fates(&import, start);
        let is_last = matches!(found[..], [Fate::Left { .. }, Fate::Carried { .. }]);
        assert!(is_last, "{start}\n{}", import.report);
    }
}
