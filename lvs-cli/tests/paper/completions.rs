//! What shells complete, by the scripts of `lvsctl manual`; zsh and fish where they are installed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::ErrorKind;
use std::process::Command;

const NAT: &str = "../examples/nat.toml";
const PROGRAM: &str = env!("CARGO_BIN_EXE_lvsctl");

/// Runs a line of a shell with the words behind the program's name; `None` without such a shell. The line finds the
/// completions in `$COMPLETIONS`.
fn run(shell: &[&str], line: &str, words: &[&str]) -> Option<Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    let manual = Command::new(PROGRAM)
        .arg("manual")
        .arg(directory.path())
        .status();
    assert!(manual.unwrap().success());
    let (shell, options) = shell.split_first().unwrap();
    let output = Command::new(shell)
        .args(options)
        .args(["-c", line, "--", PROGRAM])
        .args(words)
        .env("COMPLETIONS", directory.path().join("completions"))
        // fish keeps its settings there.
        .env("XDG_CONFIG_HOME", directory.path())
        .env("XDG_DATA_HOME", directory.path())
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        output => output.unwrap(),
    };
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let names = String::from_utf8(output.stdout).unwrap();
    Some(names.lines().map(str::to_owned).collect())
}

/// Calls the function as readline does.
fn bash(words: &[&str]) -> Option<Vec<String>> {
    let line = "source $COMPLETIONS/lvsctl.bash; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                _lvsctl_names \"$1\" \"${@: -1}\" \"${@: -2:1}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    run(&["bash"], line, words)
}

/// Calls the function with stand-ins for zsh's line editor: all names of an option, or `the rest`.
fn zsh(words: &[&str]) -> Option<Vec<String>> {
    let line = "compdef() {}; compset() {}; compadd() { print -l -- ${(P)2} }; \
                source $COMPLETIONS/_lvsctl; _lvsctl_words() { print -- the rest }; \
                words=(\"$@\"); CURRENT=$#; _lvsctl";
    run(&["zsh", "-f"], line, words)
}

/// Asks fish, which puts a tab and a description behind an option.
fn fish(words: &[&str]) -> Option<Vec<String>> {
    // The program's path may have a blank.
    let line = "source $COMPLETIONS/lvsctl.fish; \
                complete -C (string join ' ' -- (string escape -- $argv[1..-2]) $argv[-1]) | string replace -r '\\t.*' ''";
    run(&["fish"], line, words)
}

#[test]
fn bash_completes_names_of_the_file() {
    let completed = |words: &[&str]| bash(words).unwrap();
    let plan = |words: &[&str]| completed(&[&["plan", NAT], words].concat());
    assert_eq!(
        plan(&["--node", ""]),
        ["director", "realserver1", "realserver2"]
    );
    assert_eq!(plan(&["--node", "d"]), ["director"]);
    assert_eq!(completed(&["-q", "plan", NAT, "--node", "d"]), ["director"]);
    assert_eq!(plan(&["--node", "=", "d"]), ["director"]);
    assert_eq!(plan(&["--node", "="]).len(), 3);
    assert!(plan(&["--no"]).contains(&"--node".to_owned()));
    assert_eq!(
        completed(&["simulate", NAT, "--service", ""]),
        ["tcp\\ 172.16.5.11:80"]
    );
    assert_eq!(completed(&["apply", NAT, "--role", "s"]), ["standby"]);
    assert_eq!(completed(&["check", "--explain", "LVS001"]), ["LVS001"]);
    assert!(completed(&["pl"]).contains(&"plan".to_owned()));
    let verbs = completed(&[""]);
    assert!(
        !verbs.iter().any(|verb| verb.contains("complete")),
        "{verbs:?}"
    );
}

#[test]
fn zsh_completes_names_of_the_file() {
    let Some(nodes) = zsh(&["plan", NAT, "--node", ""]) else {
        return;
    };
    assert_eq!(nodes, ["director", "realserver1", "realserver2"]);
    let completed = |words: &[&str]| zsh(words).unwrap();
    assert_eq!(completed(&["plan", NAT, "--node=d"]).len(), 3);
    let services = completed(&["simulate", NAT, "--service", ""]);
    assert_eq!(services, ["tcp 172.16.5.11:80"]);
    assert_eq!(completed(&["pl"]), ["the rest"]);
    assert_eq!(completed(&["plan", NAT, "--no"]), ["the rest"]);
}

#[test]
fn fish_completes_names_of_the_file() {
    let Some(nodes) = fish(&["plan", NAT, "--node", ""]) else {
        return;
    };
    assert_eq!(nodes, ["director", "realserver1", "realserver2"]);
    let completed = |words: &[&str]| fish(words).unwrap();
    assert_eq!(completed(&["plan", NAT, "--node", "d"]), ["director"]);
    assert_eq!(completed(&["plan", NAT, "--node=d"]), ["--node=director"]);
    let services = completed(&["simulate", NAT, "--service", ""]);
    assert_eq!(services, ["tcp 172.16.5.11:80"]);
    assert_eq!(completed(&["apply", NAT, "--role", "s"]), ["standby"]);
    assert_eq!(completed(&["check", "--explain", "LVS001"]), ["LVS001"]);
    assert_eq!(completed(&["plan", NAT, "--no"]), ["--node"]);
    assert_eq!(completed(&["pl"]), ["plan"]);
    assert!(!completed(&["flush", "--"]).contains(&"--node".to_owned()));
}
