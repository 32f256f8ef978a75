//! Variables that a command sets, and sysctls.

use super::words::unquoted_words;
use super::{arithmetic, is, is_name};

/// Returns the names and values of `NAME=value …`, with `export` or the like before them.
pub(in crate::import) fn assignments(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut rest = text.trim();
    let whole = rest;
    for word in ["export ", "readonly ", "local ", "declare ", "typeset "] {
        rest = rest.strip_prefix(word).map_or(rest, str::trim_start);
    }
    let is_declared = rest.len() < whole.len();
    let mut all = Vec::new();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = rest.split_at(word_end(rest));
        // Options, and names without a value.
        if is_declared && (word.starts_with('-') || is_name(word)) {
            rest = after.trim_start();
            continue;
        }
        let (name, value) = word.split_once('=')?;
        // A list may be added to.
        let plain = name.strip_suffix('+').filter(|_| value.starts_with('('));
        let plain = plain.unwrap_or(name);
        let bare = plain
            .strip_suffix(']')
            .and_then(|name| name.split_once('['));
        is_name(bare.map_or(plain, |(name, _)| name)).then_some(())?;
        all.push((name, value.trim_end_matches(';').trim_matches(['"', '\''])));
        rest = after.trim_start();
    }
    (!all.is_empty()).then_some(all)
}

/// Returns the names of variables that a command sets, without their values: `NAME=value`, `read NAME …`, `let NAME=…`.
pub(in crate::import) fn sets(text: &str) -> Vec<&str> {
    if let Some(assignments) = assignments(text) {
        let names = assignments.into_iter().map(|(name, _)| name);
        return names
            .map(|name| name.split(['+', '[']).next().unwrap_or(name))
            .collect();
    }
    if let Some((_, inside)) = text.split_once("((") {
        let parts = inside.split([';', ',', ')']);
        return parts
            .filter_map(|part| arithmetic::assignment(part).map(|(name, _)| name))
            .collect();
    }
    let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let mut words = text.split_whitespace();
    let mut words = words.by_ref().skip_while(|word| word.contains('='));
    let names: Vec<_> = match words.next() {
        Some("read" | "mapfile" | "readarray" | "unset" | "let") => words.collect(),
        Some("for" | "getopts") => words.take(2).collect(),
        Some("printf") => words
            .skip_while(|word| *word != "-v")
            .skip(1)
            .take(1)
            .collect(),
        _ => Vec::new(),
    };
    let names = names.into_iter().map(|word| word.trim_matches(['"', '\'']));
    names
        .filter_map(|word| word.split(is_end).next())
        .filter(|name| is_name(name))
        .collect()
}

/// Returns the words of a command as they stand, with quotes, up to a redirection.
pub(in crate::import) fn raw_words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && !rest.starts_with(['>', '|', '&', '<', '#']) {
        let (word, after) = rest.split_at(word_end(rest));
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// Returns where the first word of a text ends, outside of quotes and substitutions.
fn word_end(text: &str) -> usize {
    let (mut quote, mut depth) = (None, 0_u32);
    for (place, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) => quote = quote.filter(|_| c != open),
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(' | '{') => depth += 1,
            (None, ')' | '}') => depth = depth.saturating_sub(1),
            (None, c) if c.is_whitespace() && depth == 0 => return place,
            _ => {}
        }
    }
    text.len()
}

/// Returns whether the value of a variable is what another program prints.
pub(in crate::import) fn is_computed(value: &str) -> bool {
    value.contains("$(") || value.contains('`')
}

/// Returns the sysctls that a line sets, by their names with slashes: `sysctl -w NAME=VALUE …`,
/// `echo VALUE > /proc/sys/NAME` or `echo VALUE | tee /proc/sys/NAME`.
pub(in crate::import) fn sysctls(text: &str) -> Option<Vec<(String, String)>> {
    let words = unquoted_words(text);
    let mut words = words
        .iter()
        .map(String::as_str)
        .filter(|word| *word != "sudo");
    let program = words.next()?;
    if is(program, "sysctl") {
        let set = words.take_while(|word| !matches!(*word, ">" | "|"));
        // The number of the file that is redirected stands before it.
        let set = set.filter(|word| !word.starts_with('-') && !matches!(*word, "1" | "2"));
        let set = set.map(|word| {
            let (name, value) = word.split_once('=')?;
            Some((name.replace('.', "/"), value.to_owned()))
        });
        return set
            .collect::<Option<Vec<_>>>()
            .filter(|set| !set.is_empty());
    }
    if !is(program, "echo") && !is(program, "printf") {
        return None;
    }
    let words: Vec<_> = words.filter(|word| !word.starts_with('-')).collect();
    let end = words.iter().position(|word| matches!(*word, ">" | "|"))?;
    let (value, target) = words.split_at(end);
    let mut target = target.iter();
    let name = target.find_map(|word| word.strip_prefix("/proc/sys/"))?;
    Some(vec![(name.to_owned(), value.join(" "))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysctls_are_set_by_several_programs() {
        let set = |text| {
            let set = sysctls(text).unwrap_or_default().into_iter();
            let set = set.map(|(name, value)| format!("{name}={value}"));
            set.collect::<Vec<_>>().join(", ")
        };
        let conntrack = "net/ipv4/vs/conntrack=1";
        for (text, expected) in [
            ("sysctl -w net.ipv4.vs.conntrack=1", conntrack),
            (
                "/sbin/sysctl -q -w net/ipv4/vs/conntrack=1 >/dev/null 2>&1",
                conntrack,
            ),
            ("sudo sysctl net.ipv4.vs.conntrack=\"1\"", conntrack),
            ("echo 1 > /proc/sys/net/ipv4/vs/conntrack", conntrack),
            ("echo \"1\">/proc/sys/net/ipv4/vs/conntrack", conntrack),
            (
                "echo -n 1 | sudo tee /proc/sys/net/ipv4/vs/conntrack > /dev/null",
                conntrack,
            ),
            (
                "sysctl -w net.ipv4.vs.sync_threshold='3 50' net.ipv4.vs.conntrack=1",
                "net/ipv4/vs/sync_threshold=3 50, net/ipv4/vs/conntrack=1",
            ),
            ("echo done", ""),
            ("sysctl -p", ""),
        ] {
            assert_eq!(set(text), expected, "{text}");
        }
    }
}
