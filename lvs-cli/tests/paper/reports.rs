//! What `--quiet` leaves, and the JSON of a verb that fails.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::{Command, Output};

const DR: &str = "../examples/dr.toml";

/// A part of keepalived.conf, of which `import` notes something.
const KEEPALIVED: &str = "\
virtual_server 172.16.5.11 80 {
    lb_kind DR
    real_server 192.168.1.12 80 {
    }
}
";

fn lvsctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lvsctl"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn quiet_leaves_results() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keepalived.conf");
    fs::write(&file, KEEPALIVED).unwrap();
    let words = ["import", file.to_str().unwrap()];
    let usual = lvsctl(&words);
    assert!(text(&usual.stderr).contains("note: "), "{usual:?}");
    for quiet in ["-q", "--quiet"] {
        for words in [[&[quiet], &words[..]], [&words[..], &[quiet]]] {
            let output = lvsctl(&words.concat());
            assert_eq!(text(&output.stderr), "");
            assert_eq!(output.stdout, usual.stdout);
            assert_eq!(output.status, usual.status);
        }
    }
    let plan = ["plan", "-q", DR, "--from", DR, "--node", "director"];
    let plan = text(&lvsctl(&plan).stdout);
    assert!(plan.ends_with("nothing to do\n"), "{plan}");
}

#[test]
fn quiet_leaves_errors_and_their_hints() {
    let words = ["plan", DR, "--node", "director2"];
    let usual = lvsctl(&words);
    let quiet = lvsctl(&[&["-q"], &words[..]].concat());
    assert!(text(&usual.stderr).contains("\nhint: "), "{usual:?}");
    assert_eq!(text(&quiet.stderr), text(&usual.stderr));
    assert_eq!(quiet.status.code(), Some(64));
}

/// Behind the options of ipvsadm, too, which are read by another parser.
#[test]
fn every_verb_may_be_quiet() {
    let help = text(&lvsctl(&["--help"]).stdout);
    let verbs = help.lines().filter_map(|line| line.strip_prefix("  "));
    let verbs: Vec<_> = verbs
        .skip_while(|line| !line.starts_with("plan "))
        .take_while(|line| !line.starts_with("help "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert!(verbs.len() > 20, "{verbs:?}");
    for verb in verbs {
        let output = lvsctl(&[verb, "-q", "--help"]);
        assert!(output.status.success(), "{verb}: {output:?}");
        assert!(text(&output.stdout).contains("-q, --quiet"), "{verb}");
    }
    let wrong = lvsctl(&["service", "add", "-t", "192.0.2.1:80", "-q", "--no-such"]);
    let said = text(&wrong.stderr);
    assert!(said.contains("--no-such"), "{said}");
    assert_eq!(wrong.status.code(), Some(64));
}

/// Whichever the reason: here it is a file that is not there, or a state directory that is empty.
#[test]
fn a_verb_that_fails_prints_its_error_as_json() {
    let directory = tempfile::tempdir().unwrap();
    let (state, file) = (
        directory.path().to_str().unwrap(),
        directory.path().join("no-such-file"),
    );
    let file = file.to_str().unwrap();
    let verbs: [(&str, &[&str]); 11] = [
        ("plan", &[file]),
        ("apply", &[file]),
        ("remove", &[file]),
        ("check", &[file]),
        ("order", &[file]),
        ("simulate", &[file]),
        ("import", &[file]),
        ("restore", &[file]),
        ("confirm", &["--state", state]),
        ("drain", &["192.0.2.1", "--state", state]),
        ("undrain", &["192.0.2.1", "--state", state]),
    ];
    for (verb, words) in verbs {
        let output = lvsctl(&[&["-q", verb, "--json"], words].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["schema"], format!("lvsctl.{verb}/1"));
        let error = json["error"].as_str().unwrap();
        let said = text(&output.stderr);
        assert!(said.starts_with(&format!("error: {error}\n")), "{said}");
        let hint = json["hint"].as_str().map(|hint| format!("hint: {hint}\n"));
        assert!(said.ends_with(&hint.unwrap_or_default()), "{said}");
        assert_eq!(json["mistakes"], serde_json::json!([]));
    }
}
