//! How a command of a script calls ipvsadm.

use crate::import::shell;

/// Programs that call the one behind their options.
const CALLERS: [&str; 9] = [
    "sudo", "time", "nohup", "env", "nice", "ionice", "setsid", "stdbuf", "eval",
];
/// Words of the shell before a command, and programs without options of their own.
const BEFORE: [&str; 9] = [
    "exec", "command", "then", "do", "else", "if", "!", "{", "chroot",
];
/// Programs that show or look for a text.
const SHOW: [&str; 9] = [
    "echo", "printf", "logger", "grep", "sed", "cat", "test", "[", "[[",
];
/// Programs that run what they read or are given behind a pipe.
const RUN: [&str; 6] = ["xargs", "parallel", "sh", "bash", "dash", "sudo"];

/// Returns whether a line gives rules to ipvsadm on standard input.
pub(super) fn is_restore(text: &str) -> bool {
    let mut words = text.split_whitespace();
    text.contains("ipvsadm-restore")
        || (text.to_lowercase().contains("ipvsadm")
            && words.any(|word| matches!(word, "-R" | "--restore")))
}

/// Returns what follows `ipvsadm`, however it is called; or a line that begins with its options.
pub(super) fn arguments(text: &str) -> Option<&str> {
    if text.starts_with('-') {
        return Some(text);
    }
    let mut rest = text;
    loop {
        let (word, after) = rest.split_once(char::is_whitespace)?;
        let after = after.trim_start();
        rest = match program(word) {
            name if is_it(name) => return Some(shell::unredirected(after)),
            name if CALLERS.contains(&name) => without_options(after),
            name if BEFORE.contains(&name) => after,
            // The branch of a case, or a function in one line.
            _ if word.ends_with([')', '{']) => after,
            _ => return None,
        };
    }
}

fn program(word: &str) -> &str {
    let word = word.trim_matches(['"', '\'']);
    word.rsplit('/').next().unwrap_or(word)
}

fn is_it(program: &str) -> bool {
    ["ipvsadm", "$IPVSADM", "${IPVSADM}"].contains(&program)
}

/// Returns a text without the options and the variables at its beginning.
fn without_options(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with('-') || first(rest).contains('=') {
        let after = rest.split_once(char::is_whitespace);
        rest = after.map_or("", |(_, after)| after.trim_start());
    }
    rest
}

fn first(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// Options of ipvsadm that only show the table or belong to no file; `-Lnc` is `-L -n -c`.
pub(super) fn changes_nothing(text: &str) -> Option<&str> {
    const WORDS: [&str; 9] = [
        "-C",
        "--clear",
        "--list",
        "-Z",
        "--zero",
        "--save",
        "-R",
        "--restore",
        "--help",
    ];
    let shows = |word: &str| {
        ["-L", "-l", "-S"]
            .iter()
            .any(|start| word.starts_with(start))
    };
    text.split_whitespace()
        .find(|word| WORDS.contains(word) || shows(word))
}

/// Returns whether some word of a command is ipvsadm, and adds or edits.
pub(super) fn adds(text: &str) -> bool {
    let starts = ["-A", "-a", "-E", "-e", "--add-", "--edit-"];
    let is_adding = |word: &str| starts.iter().any(|start| word.starts_with(start));
    let mut commands = text.split(['|', ';', '&', '>', '(', ')', '`']);
    commands.any(|command| {
        let mut words = command.split_whitespace();
        words.any(|word| is_it(program(word))) && words.any(is_adding)
    })
}

/// Returns whether a command adds in another way than [`arguments`] reads, and does not only show the text.
pub(super) fn is_hidden(text: &str) -> bool {
    let name = program(first(text));
    let shows = SHOW.contains(&name) || name.starts_with("log_");
    let mut others = text.split('|').skip(1);
    let runs = |command: &str| RUN.contains(&program(first(command)));
    adds(text) && !is_remote(text) && (!shows || shell::is_computed(text) || others.any(runs))
}

/// Returns whether a command adds or edits, however it calls ipvsadm, and does not only show the text.
pub(super) fn is_call(text: &str) -> bool {
    arguments(text).is_some_and(|_| adds(text)) || is_hidden(text)
}

/// Returns whether a command runs on another machine.
pub(super) fn is_remote(text: &str) -> bool {
    let name = program(first(text));
    ["ssh", "rsh", "pdsh", "clush"].contains(&name)
}

/// Returns the rules that a command prints for ipvsadm to read: `echo "RULE" | ipvsadm -R`.
pub(super) fn printed(text: &str) -> Option<Vec<String>> {
    let (print, reader) = text.split_once('|')?;
    let is_reader = is_restore(reader) && !reader.contains('|') && !text.contains('<');
    let words = shell::split(print);
    let (name, rest) = words.split_first().filter(|_| is_reader)?;
    let rest = rest
        .iter()
        .skip_while(|word| matches!(word.as_str(), "-e" | "-n"));
    let rules: Vec<_> = match (program(name), words.len()) {
        ("echo", _) => vec![rest.cloned().collect::<Vec<_>>().join(" ")],
        ("printf", 2) => rest.cloned().collect(),
        ("printf", _) => rest.skip(1).cloned().collect(),
        _ => return None,
    };
    let lines = rules.iter().flat_map(|rule| rule.split("\\n"));
    let lines = lines.map(|line| line.trim().to_owned());
    Some(lines.filter(|line| !line.is_empty()).collect())
}
