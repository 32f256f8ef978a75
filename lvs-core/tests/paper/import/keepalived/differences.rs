//! Checks of one service that differ, and what a cluster file cannot say of them.

use lvs_core::import::{Fate, Import};

use super::{CHECKED, fates, has, servers};
use crate::import::sound;

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
fn what_the_file_cannot_say_of_timing_is_told() {
    for (timing, start, told) in [
        (
            "connect_timeout 400",
            "connect_timeout",
            "timeout = \"300s\", the longest that the file takes",
        ),
        (
            "retry 300",
            "retry",
            "fall = 255, the most that the file takes",
        ),
        (
            "retry 4\ndelay_before_retry 5",
            "delay_before_retry",
            "a check that fails is repeated after its interval, 2s",
        ),
    ] {
        let import = servers("delay_loop 2", &[&format!("TCP_CHECK {{\n{timing}\n}}\n")]);
        sound(&import, timing);
        has(&import, &[&format!("# assumed: {told}")]);
        let found = fates(&import, start);
        let [Fate::Assumed { reason, .. }] = found[..] else {
            panic!("{}", import.report)
        };
        assert!(reason.starts_with(told), "{reason}");
    }
}

#[test]
fn the_file_says_by_what_checks_differ() {
    let page = |more: &str| format!("HTTP_GET {{\nurl {{\npath /a\n}}\n{more}\n}}\n");
    for (one, other, what) in [
        ("connect_port 9001", "connect_port 9002", "their ports only"),
        (
            "virtualhost a.example.org",
            "virtualhost b.example.org",
            "their hosts (virtualhost) only",
        ),
    ] {
        let import = servers("", &[&page(one), &page(other)]);
        sound(&import, what);
        has(&import, &[what]);
        assert!(
            import.report.to_string().contains(what),
            "{}",
            import.report
        );
    }
}

/// Datagrams reach no service of TCP: keepalived tests another program at the same port.
#[test]
fn a_check_by_udp_of_a_service_of_tcp_names_its_port() {
    let import = servers("protocol TCP", &["UDP_CHECK {\n}"]);
    sound(&import, "udp");
    has(&import, &["type = \"udp\"", "port = 80"]);
}

/// keepalived has `nb_get_retry` where a page is asked for; elsewhere it warns, and the default counts.
#[test]
fn a_retry_of_pages_is_none_of_a_connection() {
    let import = servers(
        "delay_loop 5",
        &["TCP_CHECK {\nconnect_timeout 3\nnb_get_retry 3\ndelay_before_retry 3\n}"],
    );
    has(&import, &["timeout = \"3s\", rise = 1, fall = 2 }"]);
    let [Fate::Left { reason }] = fates(&import, "nb_get_retry")[..] else {
        panic!("{}", import.report)
    };
    assert!(reason.contains("HTTP_GET and SSL_GET only"), "{reason}");
    let page = "HTTP_GET {\nurl {\npath /\n}\nnb_get_retry 3\n}";
    has(&servers("", &[page]), &["fall = 4 }"]);
}

/// A real server of weight 0 gets no connections, and counts for no quorum and no minimum.
#[test]
fn weight_0_is_none_of_the_minimum() {
    let checked = |weight| format!("weight {weight}\n{CHECKED}");
    let (some, none) = (checked(10), checked(0));
    let sorry = "sorry_server 10.0.9.9 80";
    for (quorum, of_servers, minimum) in [
        ("quorum 20", [&some, &some, &none], 2),
        ("quorum 30", [&some, &some, &none], 2),
        ("", [&some, &none, &none], 1),
        ("", [&none, &none, &none], 1),
    ] {
        let of_servers = of_servers.map(String::as_str);
        let import = servers(&format!("{quorum}\n{sorry}"), &of_servers);
        has(&import, &[&format!("minimum = {minimum}\nfallback = ")]);
        sound(&import, quorum);
    }
}

/// The reasons why directives that begin so are left or assumed; `carried` for the others.
fn reasons<'a>(import: &'a Import, start: &str) -> Vec<&'a str> {
    let reason = |fate: &'a Fate| match fate {
        Fate::Left { reason } | Fate::Assumed { reason, .. } => reason.as_str(),
        _ => "carried",
    };
    fates(import, start).into_iter().map(reason).collect()
}

/// Where the service has no check in the end, no directive says that a connection is checked.
#[test]
fn what_no_service_tests_is_not_told_as_a_connection() {
    let elsewhere = "TCP_CHECK {\nconnect_ip 10.9.9.9\n}";
    let import = servers("", &[elsewhere, "MISC_CHECK {\nmisc_path /bin/x\n}"]);
    assert!(
        !import
            .report
            .to_string()
            .contains("only a TCP connection is checked"),
        "{}",
        import.report
    );
    let import = servers("", &[elsewhere, CHECKED]);
    has(&import, &["check = { type = \"tcp\""]);
    assert_eq!(
        reasons(&import, "connect_ip"),
        ["only a TCP connection is checked"]
    );
}

/// All checks of a real server must hold, in whichever order they are written.
#[test]
fn the_order_of_checks_is_no_difference() {
    let program = "MISC_CHECK {\nmisc_path /bin/x\n}\n";
    let (one, other) = (format!("{CHECKED}{program}"), format!("{program}{CHECKED}"));
    let import = servers("delay_loop 5", &[&one, &other]);
    for told in ["tests otherwise", "longest interval"] {
        assert!(!import.file.contains(told), "{}", import.file);
    }
    assert_eq!(reasons(&import, "MISC_CHECK"), ["carried", "carried"]);
}

/// What a page is compared with is told where the check does not have it.
#[test]
fn a_page_that_is_compared_less_is_told() {
    for (line, is_less) in [
        ("digest 640205b7b0fc66c1ea91c463fac6334d", true),
        ("regex OK.*healthy", true),
        ("regex healthy", false),
    ] {
        let check = format!("HTTP_GET {{\nurl {{\npath /\n{line}\n}}\n}}");
        let import = servers("", &[&check]);
        assert_eq!(
            import
                .file
                .contains("assumed: the status of the answer is tested"),
            is_less,
            "{}",
            import.file
        );
        assert_eq!(
            reasons(&import, "HTTP_GET") != ["carried"],
            is_less,
            "{}",
            import.report
        );
    }
    let check = "HTTP_GET {\nurl {\npath /\nvirtualhost a\n}\nvirtualhost b\n}";
    let import = servers("", &[check]);
    assert_eq!(
        reasons(&import, "virtualhost"),
        ["carried", "every url says its own"]
    );
}

/// A page that the file cannot ask for leaves the connection.
#[test]
fn a_page_that_cannot_be_asked_for_is_a_connection() {
    for page in [
        "path \"/status page\"",
        "path no-slash",
        "path /\nstatus_code 999",
    ] {
        let check = format!("HTTP_GET {{\nurl {{\n{page}\n}}\nconnect_timeout 4\n}}");
        let import = servers("", &[&check]);
        let told = "assumed: a TCP connection to the service's port";
        has(
            &import,
            &["check = { type = \"tcp\"", "timeout = \"4s\"", told],
        );
        assert_eq!(
            reasons(&import, "path"),
            ["only a TCP connection is checked"]
        );
        assert_eq!(reasons(&import, "connect_timeout"), ["carried"]);
    }
}

/// The nearest directive that keepalived knows here.
#[test]
fn a_misspelt_directive_is_told_with_the_nearest() {
    let import = servers(
        "nat_mask 255.255.255.0",
        &["wieght 5\nSSL_GET {\nurl {\npath /\nstatuscode 200\n}\n}"],
    );
    let did_you_mean =
        |word| format!("keepalived knows no such directive here; did you mean {word}?");
    assert_eq!(reasons(&import, "wieght"), [did_you_mean("weight")]);
    assert_eq!(
        reasons(&import, "statuscode"),
        [did_you_mean("status_code")]
    );
    assert_eq!(
        reasons(&import, "nat_mask"),
        ["obsolete: keepalived 2 has no such directive"]
    );
}

/// Without a check there is no key for them, and nothing is assumed.
#[test]
fn nothing_is_assumed_of_checks_that_are_not_imported() {
    let page = "inhibit_on_failure\nweight 3\nHTTP_GET {\nurl {\npath /\nvirtualhost a\n}\nconnect_port 1\n}";
    let program = "MISC_CHECK {\nmisc_path \"/bin/x\"\n}";
    let import = servers("quorum 2\nsorry_server 10.0.1.9 80", &[page, program]);
    has(&import, &["no check: a service has one for all"]);
    for key in ["minimum", "on-failure"] {
        assert!(!import.file.contains(key), "{key}: {}", import.file);
    }
}
