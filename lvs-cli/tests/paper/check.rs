//! `lvsctl check` as a program, on paper: what it prints and how it ends.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::{Command, Output};

const NAT: &str = "../examples/nat.toml";
const TWO: &str = "../examples/two_directors.toml";
const DR: &str = "../examples/dr.toml";

fn lvsctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lvsctl"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An example with one thing changed, as a file.
fn changed(base: &str, from: &str, to: &str) -> (tempfile::TempDir, String) {
    let text = fs::read_to_string(base).unwrap();
    assert!(text.contains(from), "{from:?} is not in {base}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web.toml");
    fs::write(&path, text.replace(from, to)).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (directory, path)
}

#[test]
fn paper_says_that_it_is_paper() {
    let (_directory, file) = changed(
        NAT,
        "\n[director]\n",
        "\n[time]\nntp-server = \"ntp.example.org\"\n\n[director]\n",
    );
    let output = lvsctl(&["check", &file, "--paper", "--deny-warnings"]);
    assert_eq!(
        text(&output),
        "check on paper of every node: no host was examined\n\
         ok on paper addresses: the addresses of the file agree with each other\n\
         not examined arp: no host was examined\n\
         not examined routing: no host was examined\n\
         ok on paper services: every service of the file has a destination with weight\n\
         not examined traffic: no host was examined\n\
         not examined clock: no host was examined\n\
         not examined upkeep: no host was examined\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_host_that_is_no_node_is_told_so() {
    let output = lvsctl(&["check", NAT]);
    let said = text(&output);
    let first = said.lines().next().unwrap();
    assert_eq!(
        first,
        "check on paper of every node: no host was examined, for this one is evidently no node of the file"
    );
    assert_eq!(output.status.code(), Some(0));
    let output = lvsctl(&["check", NAT, "--save-facts", "/nonexistent/facts.json"]);
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn a_mistake_is_an_error_with_impact_and_fix() {
    let (_directory, file) = changed(
        NAT,
        "name = \"realserver2\"",
        "name = \"realserver2\"\ngateway = \"192.168.1.254\"",
    );
    let output = lvsctl(&["check", &file]);
    let said = text(&output);
    for line in [
        "LVS013 error realserver2 default: its gateway is 192.168.1.254, which is not the director",
        "  impact: clients get answers from an address to which they sent no packet, and drop them",
        "  fix: ip route replace default via 192.168.1.11  # on realserver2",
    ] {
        assert!(
            said.lines().any(|printed| printed == line),
            "{line:?} is not in\n{said}"
        );
    }
    assert!(!said.contains("ok routing"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn warnings_fail_only_when_told() {
    let (_directory, file) = changed(NAT, ":80", ":21");
    assert_eq!(lvsctl(&["check", &file]).status.code(), Some(0));
    let output = lvsctl(&["check", &file, "--deny-warnings"]);
    assert!(
        text(&output).contains("LVS023 warning"),
        "{}",
        text(&output)
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn json_has_what_is_promised() {
    let output = lvsctl(&["check", DR, "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], "lvsctl.check/1");
    assert_eq!(
        (&json["examined"], &json["node"]),
        (&"paper".into(), &serde_json::Value::Null)
    );
    assert_eq!(json["sound"], serde_json::json!(["addresses", "services"]));
    let routing = serde_json::json!({
        "area": "routing", "ok": false, "examined": "no", "reason": "no host was examined"
    });
    assert!(
        json["areas"].as_array().unwrap().contains(&routing),
        "{json}"
    );
    let findings = json["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["code"] == "LVS047");
    let finding = finding.unwrap();
    assert_eq!(finding["severity"], "note");
    assert_eq!(finding["node"], serde_json::Value::Null);
    for key in ["object", "seen", "impact"] {
        assert!(finding[key].is_string(), "{key}");
    }
    assert!(finding["fix"].is_array());
}

#[test]
fn codes_are_explained_without_a_file() {
    let output = lvsctl(&["check", "--explain", "LVS001"]);
    let said = text(&output);
    assert!(said.starts_with("LVS001 error: "), "{said}");
    assert!(said.contains("arp_ignore"), "{said}");
    assert_eq!(output.status.code(), Some(0));
    let output = lvsctl(&["check", "--explain", "LVS999"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("is not one of LVS001 to LVS095"), "{said}");
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(lvsctl(&["check"]).status.code(), Some(64));
}

#[test]
fn the_way_from_another_state_is_checked() {
    let (_directory, file) = changed(DR, "forwarding = \"dr\"", "forwarding = \"nat\"");
    let output = lvsctl(&["check", &file, "--from", DR]);
    let said = text(&output);
    assert!(said.contains("LVS035 warning realserver1"), "{said}");
    assert!(said.contains("changes from dr to nat"), "{said}");
}

#[test]
fn facts_that_are_none_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("facts.json");
    fs::write(&path, "{}").unwrap();
    let path = path.to_str().unwrap();
    let output = lvsctl(&["check", NAT, "--facts", path]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.starts_with(&format!("error: {path}: missing field")),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
    let state = directory.path().to_str().unwrap();
    let output = lvsctl(&["check", TWO, "--node", "lb1", "--state", state]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("add --role active"), "{said}");
    assert_eq!(output.status.code(), Some(64));
    let output = lvsctl(&["check", NAT, "--node", "nobody"]);
    assert_eq!(output.status.code(), Some(64));
}
