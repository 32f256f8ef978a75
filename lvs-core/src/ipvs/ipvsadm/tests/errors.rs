//! What is refused or noted, and names in place of numbers.

use std::net::Ipv4Addr;

use super::super::*;
use super::table;
use crate::ipvs::Protocol;

#[test]
fn errors_name_the_line_the_problem_and_a_hint() {
    for (text, expected) in [
        (
            "\n# two\n-A -t 10.0.0.1:80 -w 5",
            "line 3: \"-w\" does not go with \"-A\"",
        ),
        (
            "-A -t 10.0.0.1:http",
            "line 1: \"http\" is not a port in 0..65535; names are not looked up: write the number, as \"ipvsadm -Sn\" does",
        ),
        (
            "-A -t 10.0.0.1",
            "line 1: \"tcp 10.0.0.1:0\" has no port, and is not persistent; write ADDRESS:PORT, or add -p for a service of every port",
        ),
        (
            "-A -t 10.0.0.1:80 -p 5 -M 24",
            "line 1: \"24\" is not an IPv4 netmask like 255.255.255.0; write 255.255.255.0 for a prefix of 24 bits",
        ),
        (
            "-A -t 10.0.0.1:80\n-A -t 10.0.0.1:80",
            "line 2: \"service tcp 10.0.0.1:80\" exists already",
        ),
        (
            "-a -t 10.0.0.1:80 -r 10.0.0.2",
            "line 1: \"service tcp 10.0.0.1:80\" does not exist",
        ),
        (
            "-f 1 -A -C",
            "line 1: \"-C\" is a second command on one line; put it on a line of its own",
        ),
        (
            "-f 1",
            "line 1: \"-f\" belongs to no command; begin the line with -A, -E, -D, -a, -e, -d, -C, -Z, --set or a daemon",
        ),
        (
            "-A",
            "line 1: \"-A\" names no service; add -t, -u, --sctp-service or -f",
        ),
        ("-a -f 1", "line 1: \"-a\" names no real server; add -r"),
        (
            "-a -f 1 -r 10.0.0.1 -w 2147483648",
            "line 1: \"2147483648\" as weight: is not in 0..2147483647",
        ),
        (
            "-a -f 1 -r 10.0.0.1 -x 1 -y2",
            "line 1: \"-y2\" as lower threshold: is above the upper threshold 1",
        ),
        (
            "-a -f 1 -r 10.0.0.1 -g -m",
            "line 1: \"-m\" cannot be combined with \"-g\"",
        ),
        (
            "-A -f 1 -s sh -b mh-port",
            "line 1: \"mh-port\" is a flag of mh, but the scheduler is sh",
        ),
        (
            "-A -f 1 --wieght 3",
            "line 1: \"--wieght\" is not an option of ipvsadm",
        ),
        (
            "-L -n",
            "line 1: \"-L\" does not change the table; only lines that change the table are accepted here",
        ),
        (
            "--set 1 2",
            "line 1: \"--set\" is not followed by three numbers; write --set TCP TCPFIN UDP, in seconds; 0 keeps the current value",
        ),
        (
            "# one\n-A -t 10.0.0.1:0 -s rr",
            "line 2: \"tcp 10.0.0.1:0\" has port 0 (every port), and is not persistent; write ADDRESS:PORT, or add -p for a service of every port",
        ),
        (
            "--stop-daemon both",
            "line 1: \"both\" is neither master nor backup",
        ),
        (
            "-a -f 1 -r 10.0.0.1 (null) -w 1",
            "line 1: \"(null)\" is not a forwarding method; ipvsadm prints this for a method that it does not know; use \"lvsctl save\"",
        ),
    ] {
        assert_eq!(table(text).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn notes_tell_what_ipvsadm_would_ignore() {
    let text = "\
-A -t 10.0.0.1:80 -M 255.255.0.0
-a -t 10.0.0.1:80 -r 10.0.0.2:8080
-e -t 10.0.0.1:80 -r 10.0.0.2:80 -w 3
-A -f 1 -s mh -b
";
    let notes: Vec<_> = Rules::parse(text)
        .unwrap()
        .notes()
        .iter()
        .map(Note::to_string)
        .collect();
    assert_eq!(
        notes,
        [
            "line 1: \"-M\" without -p has no effect",
            "line 2: 10.0.0.2:8080 gets the service's port 80, which only -m can change",
            "line 3: without -g, -i or -m the destination gets direct routing",
            "line 4: \"-b\" without flags: ipvsadm prints this if flag-3 is set, which is then lost",
        ]
    );
}

#[test]
fn errors_have_a_kind() {
    for (text, kind) in [
        ("-f 1", RuleErrorKind::Command),
        ("-L -n", RuleErrorKind::Command),
        ("-A -f 1 --wieght 3", RuleErrorKind::UnknownWord),
        ("-A -f 1 wlc", RuleErrorKind::UnknownWord),
        ("-a -f 1", RuleErrorKind::Missing),
        ("-A -f 1 -w 3", RuleErrorKind::Conflict),
        ("-A -f 0", RuleErrorKind::InvalidValue),
        ("-D -f 1", RuleErrorKind::NotFound),
        ("--stop-daemon master", RuleErrorKind::NotFound),
        ("-A -f 1\n-A -f 1", RuleErrorKind::AlreadyExists),
    ] {
        assert_eq!(table(text).unwrap_err().kind(), kind, "{text}");
    }
    let ignored = single(["-A", "-f", "1", "-M", "255.0.0.0"]).unwrap_err();
    assert_eq!(ignored.kind(), RuleErrorKind::Ignored);
}

/// Knows one name of each kind.
#[derive(Debug)]
struct OneName;

impl Names for OneName {
    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        (name == "http" && protocol == Protocol::TCP).then_some(80)
    }

    fn address(&self, name: &str) -> Option<Ipv4Addr> {
        (name == "web1.example.com").then_some(Ipv4Addr::new(192, 168, 1, 12))
    }
}

#[test]
fn names_are_resolved_where_that_is_wanted() {
    let text = "-A -t 10.0.0.1:http -s rr\n-a -t 10.0.0.1:http -r web1.example.com:http -m\n\
                -A -f 1\n-a -f 1 -r web1.example.com:http -m\n-A -t [2001:db8::1]:http";
    let rules = Rules::parse_with(text, &OneName).unwrap();
    let numbers = text
        .replace("http", "80")
        .replace("web1.example.com", "192.168.1.12");
    assert_eq!(rules.rules(), Rules::parse(&numbers).unwrap().rules());

    let problem = |text| Rules::parse_with(text, &OneName).unwrap_err().to_string();
    for (text, expected) in [
        (
            "-A -u 10.0.0.1:http",
            "\"http\" is not a port in 0..65535; /etc/services has no such",
        ),
        (
            "-A -t web2:80",
            "\"web2\" is not an IP address; this host finds no IPv4 address",
        ),
        (
            "-A -t 10.0.0.010:80",
            "\"10.0.0.010\" is not an IP address; write four numbers without",
        ),
        ("-A -t 10.1:80", "\"10.1\" is not an IP address"),
    ] {
        let found = problem(text);
        assert!(found.contains(expected), "{found}");
    }
}
