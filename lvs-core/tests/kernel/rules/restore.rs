//! Restoring over an existing table.

use lvs_core::ipvs::ipvsadm::{Rules, save};
use lvs_core::ipvs::{Configuration, Ipvs};

const BEFORE: &str = "\
--set 800 100 200
-A -t 10.0.0.1:80 -s wrr
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 2
-A -t 10.0.0.2:80 -s rr
-a -t 10.0.0.2:80 -r 10.1.0.3:80 -g -w 1
";

fn rules(text: &str) -> Rules {
    Rules::parse(text).unwrap()
}

/// Returns the handle, on the table with which every test begins.
fn begin() -> Ipvs {
    let mut ipvs = Ipvs::open().unwrap();
    ipvs.restore(&rules(BEFORE)).unwrap();
    assert_eq!(saved(&mut ipvs), BEFORE);
    ipvs
}

fn saved(ipvs: &mut Ipvs) -> String {
    save(&ipvs.configuration().unwrap())
}

fn wanted(text: &str) -> Configuration {
    rules(text).configuration().unwrap()
}

pub(crate) fn kept_entries_are_not_touched() {
    let mut ipvs = begin();
    assert_eq!(ipvs.replace(&wanted(BEFORE)).unwrap(), []);
    let cleared = BEFORE.replacen("-A", "-C\n-A", 1);
    assert_eq!(ipvs.restore(&rules(&cleared)).unwrap(), []);

    let after = "\
--set 800 100 60
-A -f 7 -s rr
-a -f 7 -r 10.1.0.9:0 -m -w 1
-A -t 10.0.0.1:80 -s wrr
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0
-a -t 10.0.0.1:80 -r 10.1.0.4:80 -m -w 2
";
    let commands = ipvs.replace(&wanted(after)).unwrap();
    let done: Vec<_> = commands
        .iter()
        .map(|command| command.operation().to_string())
        .collect();
    assert_eq!(
        done,
        [
            "set timeouts",
            "add service fwmark 7 ipv4",
            "add destination 10.1.0.9:0 to fwmark 7 ipv4",
            "add destination 10.1.0.4:80 to tcp 10.0.0.1:80",
            "edit destination 10.1.0.1:80 of tcp 10.0.0.1:80",
            "delete destination 10.1.0.2:80 from tcp 10.0.0.1:80",
            "delete service tcp 10.0.0.2:80",
        ]
    );
    assert_eq!(ipvs.replace(&wanted(after)).unwrap(), []);
    assert_eq!(wanted(&saved(&mut ipvs)).services.len(), 2);
}

pub(crate) fn a_bad_line_changes_nothing() {
    let mut ipvs = begin();
    let text = "-A -f 1\n-A -f 2\n\n-A -t 10.0.0.1:80\n";
    let error = ipvs.restore(&rules(text)).unwrap_err();
    assert!(error.is_invalid());
    let expected = "restore: line 4: \"service tcp 10.0.0.1:80\" exists already";
    assert_eq!(error.to_string(), expected);
    let missing = ipvs
        .restore(&rules("-d -t 10.0.0.1:80 -r 10.1.0.9"))
        .unwrap_err();
    let expected = "restore: line 1: \"destination 10.1.0.9:80\" does not exist";
    assert_eq!(missing.to_string(), expected);
    assert_eq!(saved(&mut ipvs), BEFORE);
}

pub(crate) fn a_refusal_restores_the_table() {
    let mut ipvs = begin();
    let text = "\
--set 1 1 1
-E -t 10.0.0.2:80 -s wrr
-D -t 10.0.0.1:80
-A -f 2 -s nonesuch
-a -f 2 -r 10.1.0.1 -m
-a -t 10.0.0.2:80 -r 10.1.0.4 -m
";
    let error = ipvs.restore(&rules(text)).unwrap_err();
    assert!(error.is_not_found());
    let said = error.to_string();
    assert!(
        said.starts_with("add service fwmark 2 ipv4 (line 4): "),
        "{said}"
    );
    assert!(
        said.contains("nonesuch") && !said.contains("rolled back"),
        "{said}"
    );
    assert_eq!(saved(&mut ipvs), BEFORE);

    // The kernel has no such real server; the earlier changes are rolled back although it came last.
    let error = ipvs
        .replace(&wanted("-A -f 3\n-a -f 3 -r 224.0.0.1 -m"))
        .unwrap_err();
    assert_eq!(error.errno(), Some(22), "{error}");
    assert_eq!(saved(&mut ipvs), BEFORE);
}
