//! Checks of real servers, and what keepalived does where they say nothing.

use lvs_core::import::Fate;

use super::{CHECKED, fates, has, server, servers};
use crate::import::{keepalived, sound};

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
    let dynamic = "MISC_CHECK {\nmisc_path /bin/x\nmisc_dynamic\n}";
    has(
        &servers("", &[dynamic]),
        &["/bin/x; case $? in 1|126|127) exit 1; esac"],
    );
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
