//! `lvsctl import` as far as it needs no kernel.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::{Command, Output};

const SOURCE: &str = "\
include conf.d/[ab]*.conf
@lb1 $WEIGHT=3
virtual_server 10.0.0.1 80 {
    lb_algo wrr
    lb_kind DR
    protocol TCP
    real_server 10.0.1.1 80 {
        weight $WEIGHT
        TCP_CHECK {
        }
    }
}
";

const INCLUDED: &str = "\
vrrp_instance V {
    interface eth7
    virtual_ipaddress {
        10.0.0.1/24
    }
}
";

/// Runs it in a directory with keepalived.conf and what that includes.
fn import(arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let conf = directory.path().join("conf.d");
    fs::create_dir(&conf).unwrap();
    fs::write(directory.path().join("keepalived.conf"), SOURCE).unwrap();
    fs::write(conf.join("addresses.conf"), INCLUDED).unwrap();
    fs::write(conf.join("unused.conf"), "nonsense\n").unwrap();
    Command::new(env!("CARGO_BIN_EXE_lvsctl"))
        .current_dir(directory.path())
        .arg("import")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_file_is_the_result_and_the_rest_are_notes() {
    let output = import(&["keepalived.conf", "--id", "lb1"]);
    assert!(output.status.success());
    let file = text(&output.stdout);
    let cluster = lvs_core::Cluster::from_toml(&file).unwrap();
    assert_eq!(cluster.real_servers()[0].weight.get(), 3);
    let first = &cluster.directors()[0].addresses[0];
    assert_eq!(first.id.to_string(), "10.0.0.1/24 on eth7");
    let notes = text(&output.stderr);
    assert!(
        notes
            .contains("note: conf.d/addresses.conf:1: left: vrrp_instance V: VRRP is keepalived's"),
        "{notes}"
    );
    assert!(
        notes.ends_with("note: 13 directives: 10 carried, 1 assumed, 2 left\n"),
        "{notes}"
    );
}

#[test]
fn json_has_the_file_and_every_directive() {
    let output = import(&["keepalived.conf", "--id", "lb1", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema"], "lvsctl.import/1");
    assert_eq!(report["directives"], 13);
    let report_of_each = report["report"].as_array().unwrap();
    assert_eq!(report_of_each.len(), 13);
    assert_eq!(report_of_each[0]["directive"], "include conf.d/[ab]*.conf");
    assert_eq!(report_of_each[0]["fate"], "carried");
    assert_eq!(report_of_each[0]["line"], 1);
    assert!(
        report["file"]
            .as_str()
            .unwrap()
            .contains("forwarding = \"dr\"")
    );
    assert!(output.stderr.is_empty());
}

#[test]
fn keepalived_is_left_with_vrrp() {
    let output = import(&["keepalived.conf", "--keepalived"]);
    let conf = text(&output.stdout);
    assert!(conf.contains("vrrp_instance V {"), "{conf}");
    assert!(!conf.contains("virtual_server"), "{conf}");
}

/// An empty configuration would tell keepalived to do nothing.
#[test]
fn without_vrrp_nothing_is_left_for_keepalived() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("plain.conf");
    fs::write(&file, SOURCE.replace("include conf.d/[ab]*.conf\n", "")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lvsctl"))
        .args(["import", "--keepalived"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    assert!(
        text(&output.stderr).contains("has no vrrp_instance"),
        "{}",
        text(&output.stderr)
    );
}

/// The rest of a file must not be forgotten, and neither that it is.
#[test]
fn an_included_file_that_is_too_long_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keepalived.conf");
    let long = directory.path().join("long.conf");
    let source = SOURCE.replace("conf.d/[ab]*.conf", long.to_str().unwrap());
    fs::write(&file, source.replace("$WEIGHT", "3")).unwrap();
    fs::write(&long, " ".repeat((16 << 20) + 1)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lvsctl"))
        .arg("import")
        .arg(&file)
        .output()
        .unwrap();
    let told = text(&output.stderr);
    assert!(told.contains("longer than 16 MiB"), "{told}");
}

#[test]
fn a_source_that_is_none_is_an_error() {
    let output = import(&["conf.d/unused.conf", "--format", "keepalived"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "note: conf.d/unused.conf:1: left: nonsense: keepalived knows no such directive here\n\
         note: 1 directives: 0 carried, 0 assumed, 1 left\n\
         error: conf.d/unused.conf:1: nothing to import: no virtual service that a cluster file can express\n"
    );
    let output = import(&["conf.d/unused.conf", "--json", "--format", "keepalived"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["file"], serde_json::Value::Null);
    assert_eq!(report["left"], 1);
    let output = import(&["conf.d/unused.conf"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    let expected = "error: conf.d/unused.conf: not recognised: it has no line of keepalived, ldirectord or ipvsadm\n";
    assert!(
        told.starts_with(expected) && told.contains("--format rules"),
        "{told}"
    );
}

/// What is left with a line has no reason of its own.
#[test]
fn of_a_refused_source_each_mistake_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("wrong.conf");
    let server = "real_server 10.0.1.x 80 {\nweight 1\nTCP_CHECK {\nconnect_timeout 3\n}\n}\n";
    let text = format!(
        "virtual_server $VIP 80 {{\nlb_kind DR\n{server}}}\nvirtual_server 10.0.0.1 80 {{\nlb_algo r\n{server}}}\n"
    );
    fs::write(&file, text).unwrap();
    let import = |option: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lvsctl"));
        command
            .current_dir(directory.path())
            .args(["import", "wrong.conf"]);
        command.args(option).output().unwrap()
    };
    let output = import(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        self::text(&output.stderr),
        "note: wrong.conf:1: left: virtual_server $VIP 80: no line above defines $VIP; add a line $VIP=ADDRESS\n\
         note: wrong.conf:10: left: virtual_server 10.0.0.1 80: keepalived ignores a virtual server without real servers\n\
         note: wrong.conf:11: left: lb_algo r: \"r\" is not a scheduler\n\
         note: wrong.conf:12: left: real_server 10.0.1.x 80: \"10.0.1.x\" is not an address\n\
         note: 12 directives: 0 carried, 0 assumed, 12 left\n\
         error: wrong.conf:1: nothing to import: no virtual service that a cluster file can express\n"
    );
    let report = self::text(&import(&["--report"]).stdout);
    assert_eq!(report.matches(": left: ").count(), 12, "{report}");
}

/// A program that reads the report finds in it why there is no file, though it is one line.
#[test]
fn json_tells_a_single_error_too() {
    let directory = tempfile::tempdir().unwrap();
    let import = |name: &str, text: &str| {
        fs::write(directory.path().join(name), text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lvsctl"));
        command.current_dir(directory.path());
        let output = command.args(["import", "--json", name]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let unclosed = "global_defs {\n}\nvirtual_server 10.0.0.1 80 {\n  lb_kind DR\n";
    let unread = "ipvsadm -A -t 10.0.0.1:80\nipvsadm -a -t 10.0.0.1:80 -r nowhere.invalid -g\n";
    for (name, text, line) in [("a.conf", unclosed, 3), ("a.sh", unread, 2)] {
        let report = import(name, text);
        assert_eq!(report["file"], serde_json::Value::Null, "{report}");
        assert_eq!(
            (&report["carried"], &report["assumed"]),
            (&0.into(), &0.into()),
            "{report}"
        );
        let mut lines = report["report"].as_array().unwrap().iter();
        let told = lines
            .find(|found| found["line"] == line && found["file"] == name)
            .unwrap();
        let reason = told["reason"].as_str().unwrap();
        let is_told = reason.contains("never closed") || reason.contains("no address");
        assert!(is_told, "{report}");
    }
}

#[test]
fn json_has_the_notes_of_the_head() {
    let directory = tempfile::tempdir().unwrap();
    let rules = "-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r 10.0.0.7 -g\n";
    fs::write(directory.path().join("rules"), rules).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lvsctl"));
    command.current_dir(directory.path());
    let output = command
        .args(["import", "--json", "rules"])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let notes = report["notes"].as_array().unwrap().iter();
    let notes: Vec<_> = notes.map(|note| note.as_str().unwrap()).collect();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("an address of its own")),
        "{report}"
    );
}
