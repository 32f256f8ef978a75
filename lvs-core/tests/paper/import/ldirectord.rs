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
        "check = { type = \"http\", path = \"/\", interval = \"10s\", timeout = \"30s\", rise = 1, fall = 1 }",
        "on-failure = \"remove\"",
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

/// Returns the import of a service with these lines, behind global ones.
fn service(global: &str, lines: &str) -> lvs_core::import::Import {
    let text = format!(
        "{global}\nvirtual=10.0.0.1:80\n\treal=10.0.1.1:80 masq\n\treal=10.0.1.2:80 masq\n\t{lines}\n"
    );
    ldirectord(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn a_global_fallback_is_that_of_services_without_one() {
    let text = "fallback=10.0.1.9:8080 masq\nvirtual=10.0.0.1:80\n\treal=10.0.1.1:80 masq\nvirtual=10.0.0.1:81\n\t\
                real=10.0.1.1:81 masq\n\tchecktype=connect\n\tfallback=127.0.0.1:81\nvirtual=10.0.0.1:82\n\t\
                real=10.0.1.1:82 masq\n\tchecktype=on\n";
    let import = ldirectord(text).unwrap();
    let cluster = sound(&import, "fallbacks");
    let fallbacks = cluster.services().iter();
    let fallbacks: Vec<_> = fallbacks
        .map(|service| service.fallback.as_ref().map(|name| name.as_str()))
        .collect();
    assert_eq!(fallbacks, [Some("rs-10-0-1-9"), Some("director"), None]);
    assert_eq!(import.report.counts().left, 0, "{}", import.report);
}

/// What ldirectord(8) says of the timeouts that stand in for each other.
#[test]
fn one_timeout_stands_in_for_the_other() {
    for (global, lines, timeout) in [
        ("checktimeout=3", "", "3s"),
        ("checktimeout=3\nnegotiatetimeout=7", "", "7s"),
        ("negotiatetimeout=7", "checktimeout=4", "4s"),
        ("negotiatetimeout=7", "checktype=connect", "7s"),
        ("", "checktype=connect", "5s"),
    ] {
        let import = service(global, lines);
        let written = format!("timeout = \"{timeout}\"");
        assert!(
            import.file.contains(&written),
            "{global} {lines}\n{}",
            import.file
        );
    }
}

#[test]
fn every_type_of_check_is_what_ldirectord_does() {
    for (lines, check) in [
        ("checktype=ping", None),
        ("checktype=on", None),
        ("checktype=foo", None),
        ("checktype=connect\n\tprotocol=udp", None),
        ("service=none", None),
        ("service=radius\n\tprotocol=udp", None),
        ("request=\"http://10.0.1.9/x\"", None),
        ("checktype=connect", Some("type = \"tcp\"")),
        ("checktype=3", Some("type = \"http\"")),
        ("service=smtp", Some("type = \"tcp\"")),
        ("httpmethod=HEAD", Some("method = \"HEAD\"")),
        ("receive=\"it works\"", Some("contains = \"it works\"")),
        (
            "checktype=external\n\tcheckcommand=\"/bin/check\"",
            Some("'exec /bin/check 10.0.0.1 80 \"$LVS_ADDRESS\" \"$LVS_PORT\"'"),
        ),
    ] {
        let import = service("", lines);
        let cluster = sound(&import, lines);
        let found = !cluster.services()[0].checks.is_empty();
        assert_eq!(found, check.is_some(), "{lines}\n{}", import.file);
        assert!(
            import.file.contains(check.unwrap_or_default()),
            "{lines}\n{}",
            import.file
        );
    }
    let import = service("", "receive=\"^it (works|runs)\"");
    assert!(!import.file.contains("contains"), "{}", import.file);
}

#[test]
fn a_service_that_is_off_serves_no_client() {
    let import = service("", "checktype=off");
    let cluster = sound(&import, "off");
    let destinations = &cluster.services()[0].destinations;
    let is_idle = |name: &lvs_core::cluster::NodeName| {
        let mut servers = cluster.real_servers().iter();
        servers.any(|server| server.name == *name && server.weight.get() == 0)
    };
    assert!(
        destinations.iter().all(|end| is_idle(&end.real_server)),
        "{}",
        import.file
    );
    let report = import.report.to_string();
    assert!(report.contains("assumed: checktype=off"), "{report}");
}

#[test]
fn a_mark_is_tested_by_the_port_of_its_real_servers() {
    let text = "virtual=7\n\treal=10.0.1.1:80 gate\n\tservice=http\n\tprotocol=fwm\n";
    let import = ldirectord(text).unwrap();
    assert!(import.file.contains("port = 80"), "{}", import.file);
    let import = ldirectord(&text.replace(":80", "")).unwrap();
    let report = import.report.to_string();
    assert!(
        report.contains("service=http: it has no port to connect to"),
        "{report}"
    );
}

#[test]
fn a_request_of_each_real_server_is_the_services_if_all_have_it() {
    let text = |second: &str| {
        format!(
            "virtual=10.0.0.1:80\n\treal=10.0.1.1:80 masq 1 \"/a\", \"ok\"\n\treal=10.0.1.2:80 masq 1 {second}\n"
        )
    };
    let same = ldirectord(&text("\"/a\", \"ok\"")).unwrap();
    assert!(
        same.file.contains("path = \"/a\", contains = \"ok\""),
        "{}",
        same.file
    );
    let other = ldirectord(&text("\"/b\", \"ok\"")).unwrap();
    assert!(
        other
            .file
            .contains("# assumed: requests and answers of single real servers"),
        "{}",
        other.file
    );
    assert!(
        other.file.contains("check = { type = \"tcp\"") && !other.file.contains("path = "),
        "{}",
        other.file
    );
}

#[test]
fn a_check_that_the_file_refuses_is_told() {
    let import = service("", "request=\"x\"\n\treceive=\"OK\"\n\thttpmethod=HEAD");
    let cluster = sound(&import, "head");
    assert!(cluster.services()[0].checks.is_empty(), "{}", import.file);
    assert!(import.file.contains("# no check: "), "{}", import.file);
    for key in ["request", "receive", "httpmethod"] {
        let mut directives = import.report.directives().iter();
        let directive = directives.find(|directive| directive.directive.starts_with(key));
        let is_left = directive.is_some_and(|found| matches!(found.fate, Fate::Left { .. }));
        assert!(is_left, "{key}\n{}", import.report);
    }
}

#[test]
fn an_interval_of_one_service_needs_a_process_of_its_own() {
    assert!(
        service("", "checkinterval=2")
            .file
            .contains("interval = \"10s\"")
    );
    assert!(
        service("fork=yes", "checkinterval=2")
            .file
            .contains("interval = \"2s\"")
    );
}

/// One value stands for all services only where no service says its own.
#[test]
fn a_line_for_all_services_that_none_takes_is_left() {
    let own = service("failurecount=3\ncheckinterval=4", "failurecount=2");
    let report = own.report.to_string();
    assert!(
        report.contains("left: failurecount=3: no check that is imported has it"),
        "{report}"
    );
    assert!(report.contains("carried: failurecount=2"), "{report}");
    assert!(report.contains("carried: checkinterval=4"), "{report}");
    let twice = service("", "checktimeout=2\n\tchecktimeout=3")
        .report
        .to_string();
    assert!(
        twice.contains("left: checktimeout=2: another line follows"),
        "{twice}"
    );
}

#[test]
fn what_happens_on_failure_is_told_where_no_line_says_it() {
    let told = "# assumed: on-failure remove: ldirectord 4.12 deletes a server that fails";
    for (global, lines, is_told, written) in [
        ("", "", true, "on-failure = \"remove\""),
        ("quiescent=yes", "", false, "on-failure = \"drain\""),
        ("", "quiescent=no", false, "on-failure = \"remove\""),
    ] {
        let import = service(global, lines);
        sound(&import, global);
        assert_eq!(import.file.contains(told), is_told, "{}", import.file);
        assert!(import.file.contains(written), "{}", import.file);
    }
}

#[test]
fn real_servers_of_a_service_that_is_declared_again_are_added() {
    let text = "virtual=10.0.0.1:80\n\treal=10.0.1.1:80 masq\n\trequest=\"x\"\nvirtual=10.0.0.1:80\n\treal=10.0.1.2:80 masq\n";
    let import = ldirectord(text).unwrap();
    let cluster = sound(&import, "twice");
    let report = import.report.to_string();
    assert!(report.contains("assumed: real=10.0.1.2:80"), "{report}");
    assert_eq!(
        cluster.services()[0].destinations.len(),
        2,
        "{}",
        import.file
    );
    assert!(
        import.file.contains("check = { type = \"tcp\""),
        "{}",
        import.file
    );
    assert!(
        import
            .file
            .contains("# assumed: only the TCP connection is checked: the source"),
        "{}",
        import.file
    );
}

#[test]
fn reasons_are_those_of_the_source() {
    for (lines, reason) in [
        ("httpmethod=POST", "no check asks by POST"),
        (
            "service=radius\n\tprotocol=udp",
            "no check speaks radius over UDP",
        ),
        ("receive=\"\"", "it is empty, which every page has"),
        (
            "fallback=10.0.1.9:80",
            "forwarding dr, ldirectord's default (gate)",
        ),
    ] {
        let report = service("", lines).report.to_string();
        assert!(report.contains(reason), "{report}");
    }
}

/// The director itself, of which no address is known, is no node with a loopback address.
#[test]
fn a_fallback_of_unknown_address_is_left() {
    let lines = "\treal=10.10.1.1 gate\n\tchecktype=connect\n\tcheckport=80\n\tprotocol=fwm\n";
    let import = ldirectord(&format!("fallback=127.0.0.1:80 gate\nvirtual=5\n{lines}")).unwrap();
    sound(&import, "fallback");
    assert!(!import.file.contains("rs-127-0-0-1"), "{}", import.file);
    assert!(
        import
            .file
            .contains("# no fallback: it is the director itself"),
        "{}",
        import.file
    );
    assert!(
        import
            .report
            .to_string()
            .contains(":1: left: fallback=127.0.0.1:80 gate"),
        "{}",
        import.report
    );
}

/// What only looks like a range is left, as any other line that cannot be read.
#[test]
fn a_range_that_is_none_is_left() {
    for range in [
        "10.0.1.5->10.0.1.2:80",
        "10.0.1.5-10.0.1.7:80",
        "[2001:db8::1]->[2001:db8::2]:80",
    ] {
        let import = ldirectord(&format!(
            "virtual=10.0.0.1:80\n\treal={range} gate\n\treal=10.0.1.1 gate\n"
        ))
        .unwrap();
        sound(&import, range);
        assert!(
            import.report.to_string().contains("A->B"),
            "{range}: {}",
            import.report
        );
    }
}

/// Ranges of a thousand real servers of ninety services are imported.
#[test]
fn many_destinations_are_imported() {
    let service = |number| {
        format!("virtual=10.0.{number}.1:80\n\treal=10.1.0.1->10.1.0.250:80 masq\n\tprotocol=tcp\n")
    };
    let import = ldirectord(&(0..20).map(service).collect::<String>()).unwrap();
    sound(&import, "many");
    let error = ldirectord("virtual=10.0.0.1:80\n\treal=10.0.0.0->10.9.0.0:80 masq\n").unwrap_err();
    assert_eq!(error.problem(), "more than 65536 destinations");
}

/// Services with and without a check by ldirectord's own word are not alike.
#[test]
fn a_remark_is_told_only_of_its_own_service() {
    let service = |port, how| {
        format!("virtual=10.0.0.1:{port}\n\treal=10.0.1.1:{port} masq\n\tchecktype={how}\n")
    };
    let import = ldirectord(&(service(8081, "on") + &service(8082, "ping"))).unwrap();
    let cluster = sound(&import, "alike");
    assert_eq!(cluster.services().len(), 2);
    assert!(
        import.file.contains("address = \"10.0.0.1:8081\""),
        "{}",
        import.file
    );
}

/// The director serves itself by its virtual IP: no real server carries that too.
#[test]
fn a_director_that_serves_itself_is_no_carrier() {
    let import = ldirectord(
        "virtual=7\n\treal=10.14.1.1:80 masq\n\tfallback=127.0.0.1:80\n\tchecktype=connect\n\tcheckport=80\n\tprotocol=fwm\n\
         virtual=10.14.0.1:80\n\treal=10.14.1.1:80 masq\n\treal=10.14.0.1:80 gate\n\tchecktype=connect\n",
    )
    .unwrap();
    sound(&import, "itself");
    for told in [
        "so real servers of dr",
        "carry 10.14.0.1 too",
        "an address of its own in 10",
    ] {
        assert!(!import.file.contains(told), "{told}\n{}", import.file);
    }
}

/// ldirectord runs it in its own perl.
#[test]
fn a_program_in_perl_is_assumed_to_run_alone() {
    let import = ldirectord("virtual=10.0.0.1:80\n\treal=10.0.1.1 masq\n\tchecktype=external-perl\n\tcheckcommand=\"/bin/c.pl\"\n").unwrap();
    assert!(
        import.file.contains("# assumed: the program is started"),
        "{}",
        import.file
    );
    let fates = import.report.directives().iter();
    let told = fates.filter(|directive| directive.directive.starts_with("check"));
    assert_eq!(
        told.filter(|directive| matches!(directive.fate, Fate::Assumed { .. }))
            .count(),
        2,
        "{}",
        import.report
    );
}

/// Lines that are not indented belong to no service.
#[test]
fn real_servers_that_are_not_indented_are_refused() {
    let error = ldirectord("virtual=10.7.0.1:80\nreal=10.7.1.1:80 gate\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "ldirectord.cf:2: real belongs to no virtual service; lines of the virtual above begin with a tab or four spaces"
    );
    let import =
        ldirectord("virtual=10.7.0.1:80\n\treal=10.7.1.1:80 gate\nscheduler=rr\n").unwrap();
    assert!(
        import
            .report
            .to_string()
            .contains("begin with a tab or four spaces"),
        "{}",
        import.report
    );
}
