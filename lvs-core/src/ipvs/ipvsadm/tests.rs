//! Comparisons with records of the real ipvsadm, and of reading with writing.

use std::net::Ipv4Addr;

use super::*;
use crate::fuzzing;
use crate::ipvs::arbitrary::{random_table, sorted};
use crate::ipvs::{Command, Configuration, Forwarding, Protocol};
use crate::testing::Random;

const LINES: &str = include_str!("../../../tests/data/ipvsadm/lines.txt");
const TABLES: &str = include_str!("../../../tests/data/ipvsadm/tables.txt");

/// Is one record of `tests/data/ipvsadm`.
struct Record {
    input: String,
    output: Result<String, String>,
}

fn records(text: &str) -> Vec<Record> {
    let mut records = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.is_empty()) {
        let (mut input, mut output, mut refusal) = (String::new(), String::new(), None);
        for line in block.lines() {
            match (line.strip_prefix("> "), line.strip_prefix("! ")) {
                (Some(line), _) => input.extend([line, "\n"]),
                (None, Some(message)) => refusal = Some(message.to_owned()),
                (None, None) => output.extend([line, "\n"]),
            }
        }
        let output = refusal.map_or(Ok(output), Err);
        records.push(Record { input, output });
    }
    records
}

fn table(text: &str) -> Result<Configuration, RuleError> {
    Rules::parse(text)?.configuration()
}

/// Lines that ipvsadm accepts and this parser refuses, each for a reason that the error gives.
const STRICTER: &[&str] = &[
    // Names, whose meaning is not in the text.
    "-A -t 10.0.0.1:http",
    "-A -t localhost:80",
    // Old ways to write an IPv4 address: 10.0.0.01 would be octal.
    "-A -t 1:80",
    "-A -t 10.1:80",
    "-A -t 0x0a000001:80",
    "-A -t 10.0.0.01:80",
    // The mask 0.0.0.24, where a prefix length was meant.
    "-A -t 10.0.0.1:80 -p 10 -M 24",
    "-A -t 10.0.0.1:80 -M 64",
];

/// Lines that ipvsadm refuses and this parser accepts.
const MORE_GENEROUS: &[&str] = &[
    "# comment",
    "   # comment",
    "-A -t 10.0.0.1:80 # comment",
    // The command need not be the first option, nor need -f come before -6.
    "-t 10.0.0.1:80 -A",
    "-A -6 -f 1",
    "-A -6 -f 1 -p 10 -M 64",
    // An IPv6 address in brackets without a port.
    "-A -t [2001:db8::1] -p",
    "-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r [2001:db8::9] -i",
    // ipvsadm itself writes these, or the kernel contains them.
    "-A -f -1",
    "-A -t 10.0.0.1:80 -p 0",
    "-A -t 10.0.0.1:80 -p 2678401",
    "-A -t 10.0.0.1:80 --ops",
    "-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r 10.0.0.9:80 -i --tun-type gre --tun-remcsum",
    // Only the kernel knows which schedulers exist.
    "-A -t 10.0.0.1:80 --scheduler wr",
    "-A -t 10.0.0.1:80 -s \"\"",
];

#[test]
fn lines_have_the_meaning_of_ipvsadm() {
    let (mut taken, mut exceptions) = (0, 0);
    for Record { input, output } in records(LINES) {
        let ours = table(&input).map(|table| save_compatible(&table));
        match (ours, output) {
            (Ok(ours), Ok(theirs)) => {
                assert_eq!(ours, theirs, "{input}");
                taken += 1;
            }
            (Err(_), Err(_)) => {}
            (Err(error), Ok(_)) => {
                assert!(STRICTER.contains(&input.trim_end()), "{input}{error}");
                exceptions += 1;
            }
            (Ok(_), Err(message)) => {
                assert!(
                    MORE_GENEROUS.contains(&input.trim_end()),
                    "{input}{message}"
                );
                exceptions += 1;
            }
        }
    }
    assert_eq!(exceptions, STRICTER.len() + MORE_GENEROUS.len());
    assert!(taken > 100, "only {taken} records were compared");
}

#[test]
fn tables_are_printed_as_ipvsadm_prints_them() {
    for Record { input, output } in records(TABLES) {
        let table = table(&input).unwrap_or_else(|error| panic!("{error} in\n{input}"));
        assert_eq!(Ok(save_compatible(&table)), output, "{input}");
    }
}

#[test]
fn a_saved_table_is_read_back() {
    let inputs = records(LINES).into_iter().chain(records(TABLES));
    for Record { input, .. } in inputs {
        let Ok(table) = table(&input) else { continue };
        let text = save(&table);
        let again = Rules::parse(&text).unwrap();
        assert_eq!(again.notes(), [], "{text}");
        assert_eq!(
            sorted(again.configuration().unwrap()),
            sorted(table),
            "{text}"
        );
    }
}

#[test]
fn random_tables_survive() {
    let mut random = Random::new(4);
    for round in 0..300 {
        let table = sorted(random_table(&mut random));
        let text = save(&table);
        let again = Rules::parse(&text).and_then(|rules| rules.configuration());
        assert_eq!(again.map(sorted), Ok(table), "round {round}\n{text}");
    }
}

#[test]
fn no_text_causes_a_panic() {
    let mut random = Random::new(11);
    let lines: Vec<_> = LINES.lines().chain(TABLES.lines()).collect();
    for _ in 0..2000 {
        let mut text = String::new();
        for _ in 0..random.below(6) {
            let line = lines[random.below(lines.len())];
            text.extend([line.trim_start_matches("> "), "\n"]);
        }
        fuzzing::rules(text.as_bytes());
        if !text.is_empty() {
            fuzzing::rules(&random.damage(text.as_bytes()));
        }
    }
}

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
fn timeouts_and_daemons_are_part_of_the_format() {
    let text = "\
--set 900 120 300
--start-daemon master --mcast-interface eth0 --syncid 7 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1
--start-daemon backup --mcast-interface eth1 --syncid 0
";
    assert_eq!(save(&table(text).unwrap()), text);
    let stopped = format!("{text}--stop-daemon=master\n--set 0 5 0\n");
    let expected = "--set 900 5 300\n--start-daemon backup --mcast-interface eth1 --syncid 0\n";
    assert_eq!(save(&table(&stopped).unwrap()), expected);
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

/// Returns whether ipvsadm has words for everything that the command says.
fn can_be_typed(command: &Command) -> bool {
    let has_no_option = matches!(
        command,
        Command::AddDestination(_, destination)
            if matches!(destination.forwarding, Forwarding::Local | Forwarding::Bypass)
    );
    !has_no_option && command.check().is_ok()
}

#[test]
fn a_typed_command_line_is_read_as_the_command() {
    let mut random = Random::new(6);
    let mut typed = 0;
    for _ in 0..300 {
        let table = random_table(&mut random);
        for command in Configuration::default().commands_to(&table) {
            let line = command_line(&command);
            // No name has a blank: what a shell makes of a quoted word is the word without its quotes.
            let words = line
                .replace(r"'\''", "\u{0}")
                .replace('\'', "")
                .replace('\u{0}', "'");
            let read = Rules::parse(&words).map(|rules| rules.commands());
            if can_be_typed(&command) {
                assert_eq!(read, Ok(vec![command]), "{line}");
                typed += 1;
            }
        }
    }
    assert!(typed > 100, "only {typed} commands were compared");
}

#[test]
fn a_typed_command_line_has_the_words_of_an_operator() {
    let text = "\
-A -t 10.0.0.1:80 -s sh -p 60 -M 255.255.255.0 --pe sip -b sh-port
-E -f 7 -6 -s wlc
-D -u 10.0.0.1:53
-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3 -x 9
-e -t 10.0.0.1:80 -r 10.1.0.2:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
-a -t 10.0.0.1:80 -r 10.1.0.3:80 -i
-d -t 10.0.0.1:80 -r 10.1.0.1:8080
-Z -f 7
-Z
-C
--set 900 0 300
--start-daemon master --mcast-interface eth0 --syncid 7 --mcast-ttl 1
--stop-daemon backup
";
    let lines: Vec<_> = Rules::parse(text)
        .unwrap()
        .commands()
        .iter()
        .map(command_line)
        .collect();
    assert_eq!(
        lines,
        [
            "ipvsadm -A -t 10.0.0.1:80 -s sh -b sh-port -p 60 -M 255.255.255.0 --pe sip",
            "ipvsadm -E -f 7 -6 -s wlc",
            "ipvsadm -D -u 10.0.0.1:53",
            "ipvsadm -a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3 -x 9 -y 0",
            "ipvsadm -e -t 10.0.0.1:80 -r 10.1.0.2:80 -i --tun-type gue --tun-port 6080 \
             --tun-csum -w 1",
            "ipvsadm -a -t 10.0.0.1:80 -r 10.1.0.3:80 -i -w 1",
            "ipvsadm -d -t 10.0.0.1:80 -r 10.1.0.1:8080",
            "ipvsadm -Z -f 7",
            "ipvsadm -Z",
            "ipvsadm -C",
            "ipvsadm --set 900 0 300",
            "ipvsadm --start-daemon master --mcast-interface eth0 --syncid 7 --mcast-ttl 1",
            "ipvsadm --stop-daemon backup",
        ]
    );
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

#[test]
fn a_byte_order_mark_is_skipped() {
    let rules = Rules::parse("\u{feff}-A -t 10.0.0.1:80 -s rr\n").unwrap();
    assert_eq!(rules.rules().len(), 1);
}

#[test]
fn a_daemon_without_an_interface_gets_that_of_ipvsadm() {
    let rules = Rules::parse("--start-daemon master").unwrap();
    let Command::StartDaemon(daemon) = &rules.rules()[0].command else {
        panic!("{rules:?}");
    };
    assert_eq!(daemon.interface.as_str(), "eth0");
    assert!(rules.notes()[0].to_string().contains("gets eth0"));
    // Typed by itself it is an error: which interface is meant can be said.
    assert!(single(["--start-daemon", "master"]).is_err());
}

#[test]
fn what_a_kernel_holds_can_be_restored_though_ipvsadm_refuses_it() {
    let text = "-A -t 10.0.0.1:0 -s rr --exact-port\n";
    let table = Rules::parse(text).unwrap().configuration().unwrap();
    assert_eq!(save(&table), text);
}
