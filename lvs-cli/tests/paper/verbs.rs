//! lvsctl as a program, as far as it needs no kernel: its output, messages and exit status.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::process::{self, Command, Output, Stdio};

const NAT: &str = "../examples/nat.toml";
const DR: &str = "../examples/dr.toml";
const TUNNEL: &str = "../examples/tunnel.toml";
const TWO: &str = "../examples/two_directors.toml";

fn lvsctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lvsctl"))
        .args(arguments)
        .output()
        .unwrap()
}

fn fed(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lvsctl"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The program may stop reading before the end of the input.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Expects a failure: nothing on standard output, one message on standard error.
#[track_caller]
fn fails(output: &Output, status: i32, message: &str) {
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("error: {message}\n")
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(output.status.code(), Some(status));
}

#[test]
fn order() {
    let output = lvsctl(&["order", DR]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!(
            "lvsctl apply {DR} --node realserver1  # before clients are sent to it\n\
             lvsctl apply {DR} --node realserver2  # before clients are sent to it\n\
             lvsctl apply {DR} --node director     # its real servers are ready\n"
        )
    );
    assert_eq!(output.status.code(), Some(0));
    let output = lvsctl(&["order", DR, "--from", DR]);
    assert_eq!(output.stdout, b"nothing to do\n");
    let output = lvsctl(&["order", DR, "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], "lvsctl.order/1");
    assert_eq!(json["stages"][2]["node"], "director");
}

/// Each step is a command that can be typed as it stands.
#[test]
fn order_from_an_old_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new web.toml");
    let text = fs::read_to_string(DR).unwrap();
    let (kept, _) = text
        .split_once("[[real-servers]]\nname = \"realserver2\"")
        .unwrap();
    fs::write(&path, kept.replace("172.16.5.11", "172.16.5.12")).unwrap();
    let path = path.to_str().unwrap();
    let output = lvsctl(&["order", path, "--from", DR, "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = json["stages"].as_array().unwrap().iter();
    let commands: Vec<_> = steps
        .map(|step| step["command"].as_str().unwrap())
        .collect();
    let apply = format!("lvsctl apply '{path}' --node ");
    assert_eq!(
        commands,
        [
            format!("{apply}realserver1 --grow"),
            format!("{apply}director"),
            format!("{apply}realserver1"),
            "lvsctl remove web --node realserver2".to_owned(),
        ]
    );
    assert_eq!(json["stages"][0]["turn"], "grow");
    let output = lvsctl(&["order", path, "--from", DR]);
    let width = apply.len() + "realserver1 --grow".len();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!(
            "{apply}realserver1 --grow  # before clients are sent to it\n\
             {apply}director            # its real servers are ready\n  \
             # outage: tcp 172.16.5.11:80 is not served any more: give clients its new address first, if it has one\n\
             {apply}realserver1         # no client needs what this step deletes\n\
             {:width$}  # no client is sent to it any more\n",
            "lvsctl remove web --node realserver2"
        )
    );
}

#[test]
fn two_directors_begin_in_a_role() {
    let output = lvsctl(&["order", TWO]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!(
            "lvsctl apply {TWO} --node realserver1         # before clients are sent to it\n\
             lvsctl apply {TWO} --node realserver2         # before clients are sent to it\n\
             lvsctl apply {TWO} --node lb2 --role standby  # ready to take over before clients are sent\n\
             lvsctl apply {TWO} --node lb1 --role active   # its real servers are ready\n"
        )
    );
    let output = lvsctl(&["order", TWO, "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["stages"][0]["role"], serde_json::Value::Null);
    assert_eq!(json["stages"][2]["role"], "standby");
}

#[test]
fn only_one_of_two_directors_has_a_role() {
    let directory = tempfile::tempdir().unwrap();
    let state = ["--state", directory.path().to_str().unwrap()];
    for verb in ["plan", "apply"] {
        fails(
            &lvsctl(&[&[verb, TWO, "--node", "lb2"], &state[..]].concat()),
            64,
            "lb2: role is unknown; the file has two directors, lb1 and lb2, and no role was applied here before\n\
             hint: add --role active or --role standby",
        );
        for (file, node) in [(TWO, "realserver1"), (DR, "director")] {
            fails(
                &lvsctl(
                    &[
                        &[verb, file, "--node", node, "--role", "active"],
                        &state[..],
                    ]
                    .concat(),
                ),
                64,
                &format!("--role: {node} is not one of two directors of the cluster web"),
            );
        }
        let output = lvsctl(&[verb, TWO, "--node", "lb1", "--role", "master"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains("\"master\" is not active or standby"),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(64));
    }
}

#[test]
fn a_mistake_has_file_line_and_column() {
    let text = fs::read_to_string(DR)
        .unwrap()
        .replace("weight = 2", "wieght = 2");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web.toml");
    fs::write(&path, &text).unwrap();
    let line = text
        .lines()
        .position(|line| line.contains("wieght"))
        .unwrap()
        + 1;
    let problem = "real-servers[0].wieght: unknown key `wieght`\nhint: did you mean `weight`?";
    let path = path.to_str().unwrap();
    for verb in ["plan", "apply", "remove", "order"] {
        fails(
            &lvsctl(&[verb, path]),
            1,
            &format!("{path}:{line}:1: {problem}"),
        );
    }
    fails(
        &fed(&["plan", "-"], text.as_bytes()),
        1,
        &format!("standard input:{line}:1: {problem}"),
    );
}

/// Each has a message and a hint of its own, and a place in the JSON.
#[test]
fn all_mistakes_are_reported() {
    let text = fs::read_to_string(DR).unwrap();
    let text = text
        .replace("weight = 2", "wieght = 2")
        .replace("\"wrr\"", "\"wr\"");
    let output = fed(&["order", "-", "--json"], text.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let kinds: Vec<_> = said
        .lines()
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(kinds, ["error", "hint", "error", "hint"], "{said}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], "lvsctl.order/1");
    let mistakes = json["mistakes"].as_array().unwrap();
    assert_eq!(mistakes.len(), 2);
    assert_eq!(mistakes[0]["path"], "services[0].scheduler");
    assert_eq!(mistakes[1]["path"], "real-servers[0].wieght");
    assert_eq!(mistakes[1]["column"], 1);
    assert_eq!(mistakes[1]["hint"], "did you mean `weight`?");
}

/// Without a kernel, and for any node.
#[test]
fn two_files_are_compared_on_paper() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new.toml");
    let text = fs::read_to_string(DR).unwrap();
    fs::write(&path, text.replace("weight = 2", "weight = 7")).unwrap();
    let new = path.to_str().unwrap();
    let plan = |file: &str, old: &str, node: &str| {
        let output = lvsctl(&["plan", file, "--from", old, "--node", node]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("refused"), "{text}");
        text
    };
    let changed = plan(new, DR, "director");
    assert!(
        changed.contains("weight 2 -> 7") || changed.contains("weight 7"),
        "{changed}"
    );
    assert!(changed.contains(": 1 change"), "{changed}");
    assert!(plan(new, DR, "realserver1").contains("nothing to do"));
    for file in [NAT, DR, TUNNEL] {
        for node in ["director", "realserver1"] {
            let same = plan(file, file, node);
            assert!(same.ends_with("nothing to do\n"), "{same}");
        }
    }
    let to_nat = plan(NAT, DR, "realserver1");
    assert!(to_nat.contains("arp_ignore: 1 -> 0"), "{to_nat}");
    plan(NAT, DR, "director");
    let leaving = text
        .split("[[real-servers]]\nname = \"realserver2\"")
        .next()
        .unwrap();
    fs::write(&path, leaving).unwrap();
    assert!(plan(new, DR, "realserver2").contains("- address 172.16.5.11/32 on lo"));
    assert!(plan(DR, new, "realserver2").contains("+ address 172.16.5.11/32 on lo"));
    fs::write(&path, ONLY_A_VIRTUAL_IP).unwrap();
    let refused = lvsctl(&["plan", new, "--from", new, "--node", "director"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("would be the source address"), "{said}");
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn a_plan_is_json_by_either_option() {
    let plan = |options: &[&str]| {
        let words = ["plan", DR, "--from", DR, "--node", "director"];
        lvsctl(&[&words, options].concat())
    };
    let (short, long) = (plan(&["--json"]), plan(&["--format", "json"]));
    assert_eq!(short.stdout, long.stdout);
    let json: serde_json::Value = serde_json::from_slice(&short.stdout).unwrap();
    assert_eq!(json["schema"], "lvsctl.plan/1");
    let both = plan(&["--json", "--format", "shell"]);
    assert_eq!(both.status.code(), Some(64), "{both:?}");
}

/// A tunnel whose packets could only have the virtual IP as source address.
const ONLY_A_VIRTUAL_IP: &str = r#"
name = "web"
forwarding = "tunnel"
[director]
addresses = [{ interface = "eth0", address = "2001:db8:1::100/128" }]
[[services]]
address = "[2001:db8:1::100]:80"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "2001:db8:1::12/64" }]
"#;

#[test]
fn a_missing_file() {
    fails(
        &lvsctl(&["plan", "nosuch.toml"]),
        1,
        "nosuch.toml: No such file or directory (os error 2)",
    );
}

#[test]
fn a_directory() {
    let directory = env!("CARGO_MANIFEST_DIR");
    let message = format!("{directory}: it is a directory, not a file");
    fails(&lvsctl(&["plan", directory]), 1, &message);
}

#[test]
fn a_file_of_100_mb() {
    let output = fed(&["plan", "-"], &vec![b'#'; 100_000_000]);
    fails(
        &output,
        1,
        "standard input: longer than 16 MiB, which is too long for a cluster file",
    );
}

#[test]
fn an_empty_file() {
    let output = fed(&["plan", "-"], b"");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.starts_with("error: standard input: the file is empty\nhint: a cluster has"),
        "{message}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_file_that_is_no_text() {
    let output = fed(&["plan", "-"], &[0xff, 0xfe, 0]);
    fails(
        &output,
        1,
        "standard input:1: the text is not UTF-8\n\
         hint: save the file as UTF-8; that includes its comments",
    );
}

#[test]
fn a_node_that_is_not_in_the_file() {
    fails(
        &lvsctl(&["plan", NAT, "--node", "director2"]),
        64,
        "--node director2: no such node in the file\n\
         hint: the nodes are director, realserver1, realserver2",
    );
}

#[test]
fn a_host_that_is_not_in_the_file() {
    let text = fs::read_to_string(NAT).unwrap();
    let text = text.replace(
        "[director]\n",
        "[director]\nname = \"no-host-is-called-this\"\n",
    );
    let output = fed(&["plan", "-"], text.as_bytes());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.contains("hint: add --node with one of no-host-is-called-this, realserver1"),
        "{message}"
    );
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn usage() {
    for wrong in [
        &["plan"][..],
        &[],
        &["paln", NAT],
        &["plan", NAT, "--format", "yaml"],
    ] {
        let output = lvsctl(wrong);
        assert_eq!(output.status.code(), Some(64), "{wrong:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{wrong:?}"
        );
    }
    let output = lvsctl(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Exit status:\n  0   done"));
    for (verb, text) in [
        ("undrain", "Exit status:\n  0   done"),
        ("import", "the report tells why\n\nExit status:"),
    ] {
        let help = lvsctl(&[verb, "--help"]);
        assert!(
            String::from_utf8_lossy(&help.stdout).contains(text),
            "{help:?}"
        );
    }
}

#[test]
fn simulate() {
    let output = lvsctl(&["simulate", DR, "--connections", "20"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let picks = "realserver2 realserver1 realserver2 realserver2 realserver1 ".repeat(4);
    assert!(text.contains(picks.trim_end()), "{text}");
    assert!(
        text.contains("realserver1        8   40.0 %  weight 2 (40.0 %)"),
        "{text}"
    );
    assert!(
        text.contains("realserver2       12   60.0 %  weight 3 (60.0 %)"),
        "{text}"
    );

    let output = lvsctl(&["simulate", NAT, "--json", "--hold", "0", "--against", NAT]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], "lvsctl.simulate/1");
    assert_eq!(json["picks"].as_array().unwrap().len(), 1000);
    assert_eq!(json["picks"][0], "realserver2");
    assert_eq!(json["shares"][0]["real_server"], "realserver1");
    assert_eq!(json["shares"][0]["picked"], 500);
    assert_eq!((&json["refused"], &json["moved"]), (&0.into(), &0.0.into()));
}

/// Services of probes are nothing that clients use; a fallback with weight 0 refuses its share of a hash.
#[test]
fn simulate_of_a_file_with_checks() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("web.toml");
    let simulated = |keys: &str| {
        let text = fs::read_to_string(DR).unwrap();
        let keys = format!("\"sh\"\ncheck = \"tcp\"\n{keys}");
        fs::write(&file, text.replace("\"wrr\"", &keys)).unwrap();
        let output = lvsctl(&["simulate", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!simulated("").contains("refused"));
    let fallback = "fallback = \"realserver2\"\n";
    assert!(simulated(fallback).contains("refused: "));
    let removed = simulated(&format!("{fallback}on-failure = \"remove\"\n"));
    assert!(
        !removed.contains("refused") && !removed.contains("realserver2"),
        "{removed}"
    );
    let missing = lvsctl(&["simulate", file.to_str().unwrap(), "--service", "fwmark 1"]);
    let hint = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(
        hint.ends_with("add --service with one of: tcp 172.16.5.11:80\n"),
        "{hint}"
    );
}

#[test]
fn simulate_needs_a_service_and_clients_of_its_family() {
    let missing = lvsctl(&["simulate", NAT, "--service", "udp 172.16.5.11:80"]);
    fails(
        &missing,
        64,
        "--service udp 172.16.5.11:80: no such service in the file\n\
         hint: add --service with one of: tcp 172.16.5.11:80",
    );
    let six = lvsctl(&["simulate", NAT, "--clients", "2001:db8::/64"]);
    fails(
        &six,
        64,
        "--clients 2001:db8::/64: not of the service's family, ipv4",
    );
}

/// A verb that changes the table waits for a running `apply`, and its error names that process.
#[test]
fn verbs_that_change_the_table_wait_for_the_lock() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().to_str().unwrap();
    let _session = lvs_core::cluster::StateDir::at(state)
        .lock("apply")
        .unwrap();
    let verbs: [&[&str]; 8] = [
        &["service", "add", "--state", state, "-t", "192.0.2.1:80"],
        &["service", "edit", "--state", state, "-t", "192.0.2.1:80"],
        &[
            "destination",
            "delete",
            "--state",
            state,
            "-t",
            "192.0.2.1:80",
            "-r",
            "192.0.2.2",
        ],
        &["zero", "--state", state],
        &["flush", "--state", state],
        &["timeouts", "--state", state, "1", "2", "3"],
        &["daemon", "stop", "--state", state, "master"],
        &["restore", "--state", state, "/dev/null"],
    ];
    let waiting = verbs.map(|verb| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lvsctl"));
        command.args(verb).stderr(Stdio::piped()).spawn().unwrap()
    });
    for child in waiting {
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(
            message.contains(&format!("apply (process {}) has held it", process::id())),
            "{message}"
        );
        assert_eq!(output.status.code(), Some(1));
    }
}
