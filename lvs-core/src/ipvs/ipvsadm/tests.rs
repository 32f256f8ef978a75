//! Comparisons with records of the real ipvsadm, and of reading with writing.

mod errors;
mod typed;

use super::*;
use crate::fuzzing;
use crate::ipvs::arbitrary::{random_table, sorted};
use crate::ipvs::{Command, Configuration};
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
