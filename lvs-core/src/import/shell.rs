//! What a script of ipvsadm lines does besides: variables, functions, loops over words, sysctls.

/// How many times a loop may go round.
const MAX_WORDS: usize = 4096;

/// What parts a command from the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Next {
    /// `;`, or the end of the line.
    #[default]
    Always,
    /// `&&`
    IfSucceeds,
    /// `||`
    IfFails,
}

/// Returns the commands of a line, and what follows each: `;`, `&&` or `||` outside of quotes; `;;` stays with the
/// command before it.
pub(super) fn commands(line: &str) -> Vec<(&str, Next)> {
    let mut commands = Vec::new();
    let (mut start, mut quote, mut substitutions) = (0, None, 0_u32);
    let mut before = ' ';
    let mut rest = line.char_indices();
    while let Some((place, c)) = rest.next() {
        let next = rest.as_str().chars().next();
        match (quote, c) {
            (_, '\\') if quote != Some('\'') => drop(rest.next()),
            (Some(open), _) => quote = quote.filter(|_| c != open),
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(') if before == '$' || substitutions > 0 => substitutions += 1,
            (None, ')') => substitutions = substitutions.saturating_sub(1),
            (None, '#') if before.is_whitespace() => break,
            (None, ';') if substitutions == 0 => {
                let is_double = next == Some(';');
                let end = place + if is_double { 2 } else { 0 };
                commands.push((line.get(start..end), Next::Always));
                if is_double {
                    rest.next();
                }
                start = place + if is_double { 2 } else { 1 };
            }
            (None, '&' | '|') if next == Some(c) && substitutions == 0 => {
                let next = if c == '&' {
                    Next::IfSucceeds
                } else {
                    Next::IfFails
                };
                commands.push((line.get(start..place), next));
                rest.next();
                start = place + 2;
            }
            _ => {}
        }
        before = c;
    }
    commands.push((line.get(start..), Next::Always));
    let commands = commands.into_iter();
    let commands = commands.filter_map(|(text, next)| Some((text?.trim(), next)));
    let is_comment = |text: &str| text.starts_with('#');
    commands
        .filter(|(text, _)| !text.is_empty() && !is_comment(text))
        .collect()
}

/// Returns whether a command is nothing but words that hold others together: `fi`, `done < FILE`, `}`.
pub(super) fn is_punctuation(text: &str) -> bool {
    const WORDS: [&str; 13] = [
        "fi", "esac", "done", "then", "else", "do", "in", "{", "}", "(", ")", ";;", "&",
    ];
    let redirects = |word: &str| {
        let word = word.trim_start_matches(|c: char| c.is_ascii_digit());
        word.starts_with(['<', '>'])
    };
    let mut words = text
        .split_whitespace()
        .skip_while(|word| WORDS.contains(word));
    let is_held = text
        .split_whitespace()
        .next()
        .is_some_and(|word| WORDS.contains(&word));
    is_held && words.next().is_none_or(redirects)
}

/// The words of a subshell are read as if they stood alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Subshells(u32);

impl Subshells {
    pub(super) const fn is_open(self) -> bool {
        self.0 > 0
    }

    /// Returns a command without the brackets of the subshells that it begins and ends.
    pub(super) fn bare<'t>(&mut self, text: &'t str) -> &'t str {
        let mut text = text;
        while let Some(rest) = text.strip_prefix('(').filter(|rest| !rest.starts_with('(')) {
            // The label of a case has both.
            match closing(rest) {
                Some(end) if !is_last(rest, end) => return text,
                _ => self.0 += 1,
            }
            text = rest.trim_start();
        }
        let end = closing(text).filter(|end| self.0 > 0 && is_last(text, *end));
        match end {
            Some(end) => {
                self.0 -= 1;
                self.bare(text.get(..end).unwrap_or_default().trim_end())
            }
            None => text,
        }
    }
}

/// Returns where a bracket is that nothing before it opens.
fn closing(text: &str) -> Option<usize> {
    let (mut quote, mut depth) = (None, 0_u32);
    for (place, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) => quote = quote.filter(|_| c != open),
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return Some(place),
            (None, ')') => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Returns whether nothing follows a bracket but more of them, redirections or the end of an arm.
fn is_last(text: &str, end: usize) -> bool {
    let after = text.get(end + 1..).unwrap_or_default().trim_start();
    let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
    after.is_empty() || after.starts_with(['<', '>', '&', ')', ';', '|'])
}

/// Returns whether a line begins a list of values (`NAME=(`) that it does not end.
pub(super) fn opens_array(line: &str) -> bool {
    let Some((before, rest)) = line.split_once("=(") else {
        return false;
    };
    let name = before.rsplit([' ', '\t']).next().unwrap_or_default();
    is_name(name.trim_end_matches('+')) && !rest.contains(')')
}

/// Returns the names and values that a list of values stands for: each by its number or its key, and all together.
pub(super) fn elements(name: &str, list: &str) -> Option<Vec<(String, String)>> {
    let inner = list.strip_prefix('(')?.strip_suffix(')')?;
    let words = split(inner);
    let mut all = Vec::new();
    for (number, word) in words.iter().enumerate().take(MAX_WORDS) {
        let keyed = word
            .strip_prefix('[')
            .and_then(|word| word.split_once("]="));
        let (key, value) = match keyed {
            Some((key, value)) => (key.to_owned(), value),
            None => (number.to_string(), word.as_str()),
        };
        all.push((format!("{name}[{key}]"), value.to_owned()));
    }
    let values: Vec<_> = all.iter().map(|(_, value)| value.as_str()).collect();
    let (joined, count) = (values.join(" "), values.len().to_string());
    // Without a number it is the first.
    let first = values
        .first()
        .map_or_else(String::new, |value| (*value).to_owned());
    all.extend([
        (format!("{name}[@]"), joined.clone()),
        (format!("{name}[*]"), joined),
        (format!("#{name}[@]"), count),
        (name.to_owned(), first),
    ]);
    Some(all)
}

/// Returns the quote that is open behind a line, if it begins with this one open.
pub(super) fn open_quote(line: &str, mut quote: Option<char>) -> Option<char> {
    let (mut before, mut rest) = (' ', line.chars());
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some('"') | None, '\\') => drop(rest.next()),
            (Some(open), _) => quote = quote.filter(|_| c != open),
            (None, '"' | '\'') => quote = Some(c),
            (None, '#') if before.is_whitespace() => break,
            _ => {}
        }
        before = c;
    }
    quote
}

/// Returns the word that ends the text which a line gives to a command (`<<WORD`), if there is one.
pub(super) fn document(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("<<")?;
    let is_quoted = |quote| before.matches(quote).count() % 2 == 1;
    if is_quoted('"')
        || is_quoted('\'')
        || rest.starts_with('<')
        || before.trim_start().starts_with('#')
    {
        return None;
    }
    let word = rest.trim_start_matches('-').trim_start();
    let word = word.split([' ', '\t', '|', '>', ';', ')', '&']).next()?;
    let word = word.trim_matches(['"', '\'', '\\']);
    is_name(word).then_some(word)
}

/// Returns whether the word after `<<` is quoted: the shell replaces nothing in the text then.
pub(super) fn is_literal(line: &str) -> bool {
    line.split_once("<<").is_some_and(|(_, rest)| {
        let word = rest.trim_start_matches('-').trim_start();
        word.starts_with(['"', '\'', '\\'])
    })
}

/// Returns whether a loop goes round while a function has arguments: `while [ $# -gt 0 ]`.
pub(super) fn is_over_arguments(text: &str) -> bool {
    const CONDITIONS: [&str; 11] = [
        "[ $# -gt 0 ]",
        "[ $# -ge 1 ]",
        "[ $# -ne 0 ]",
        "[ $# != 0 ]",
        "[[ $# -gt 0 ]]",
        "test $# -gt 0",
        "(( $# ))",
        "(($#))",
        "[ -n $1 ]",
        "[ $1 ]",
        "[[ -n $1 ]]",
    ];
    let condition = text.strip_prefix("while ").unwrap_or_default();
    let condition = condition.replace(['"', '{', '}'], "");
    CONDITIONS.contains(&condition.trim())
}

/// Returns the arguments of a command, without redirections.
pub(super) fn unredirected(text: &str) -> &str {
    let end = text.find(['&', '|', '>', '<', ';']).unwrap_or(text.len());
    let (arguments, rest) = text.split_at(end);
    // The number of the file that is redirected stands before it.
    match arguments.rsplit_once(char::is_whitespace) {
        Some((before, "0" | "1" | "2")) if rest.starts_with(['>', '<']) => before,
        _ => arguments,
    }
}

/// `for NAME in WORDS`
#[derive(Debug, PartialEq, Eq)]
pub(super) struct For<'a> {
    pub(super) name: &'a str,
    pub(super) words: &'a str,
}

impl<'a> For<'a> {
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let (name, words) = text.strip_prefix("for ")?.trim_start().split_once(" in ")?;
        let (name, words) = (name.trim(), words.trim());
        is_name(name).then_some(Self { name, words })
    }
}

/// Returns the words of a loop: as they stand, `{1..9}` and `$(seq 1 9)` as numbers.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let seq = text
        .strip_prefix("$(seq ")
        .and_then(|rest| rest.strip_suffix(')'));
    let seq = seq.or_else(|| text.strip_prefix("`seq ")?.strip_suffix('`'));
    if let Some(seq) = seq {
        let seq = seq.trim();
        let (first, last) = seq.split_once(' ').unwrap_or(("1", seq));
        return numbers("", first, last.trim(), "");
    }
    let mut all = Vec::new();
    for word in text.split_whitespace() {
        let braced = word.split_once('{').and_then(|(before, rest)| {
            let (range, after) = rest.split_once('}')?;
            let (first, last) = range.split_once("..")?;
            numbers(before, first, last, after)
        });
        match braced {
            Some(words) => all.extend(words),
            None => all.push(word.trim_matches(['"', '\'']).to_owned()),
        }
        if all.len() > MAX_WORDS {
            return None;
        }
    }
    Some(all)
}

fn numbers(before: &str, first: &str, last: &str, after: &str) -> Option<Vec<String>> {
    let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
    let is_few = last.checked_sub(first)? < MAX_WORDS as u32;
    is_few.then(|| {
        (first..=last)
            .map(|number| format!("{before}{number}{after}"))
            .collect()
    })
}

/// Returns the name of the function that a command begins, and what follows the name.
pub(super) fn function(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = match text.strip_prefix("function ") {
        Some(rest) => {
            let rest = rest.trim_start();
            rest.split_at(rest.find([' ', '(', '{']).unwrap_or(rest.len()))
        }
        None => {
            let (name, rest) = text.split_once('(')?;
            rest.trim_start().starts_with(')').then_some(())?;
            (name.trim_end(), text.get(name.len()..)?)
        }
    };
    let rest = rest.trim_start_matches([' ', '(', ')']);
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_one = !name.is_empty() && name.chars().all(known);
    (is_one && (rest.is_empty() || rest.starts_with('{'))).then_some((name, rest))
}

/// Returns the names and values of `NAME=value …`, with `export` or the like before them.
pub(super) fn assignments(text: &str) -> Option<Vec<(&str, &str)>> {
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
pub(super) fn sets(text: &str) -> Vec<&str> {
    if let Some(assignments) = assignments(text) {
        let names = assignments.into_iter().map(|(name, _)| name);
        return names
            .map(|name| name.split(['+', '[']).next().unwrap_or(name))
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
pub(super) fn is_computed(value: &str) -> bool {
    value.contains("$(") || value.contains('`')
}

pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

pub(super) fn is(program: &str, name: &str) -> bool {
    program.rsplit('/').next() == Some(name)
}

/// Returns the sysctls that a line sets, by their names with slashes: `sysctl -w NAME=VALUE …`,
/// `echo VALUE > /proc/sys/NAME` or `echo VALUE | tee /proc/sys/NAME`.
pub(super) fn sysctls(text: &str) -> Option<Vec<(String, String)>> {
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

/// Returns words without their quotes.
pub(super) fn split(text: &str) -> Vec<String> {
    let words = unquoted_words(text).into_iter();
    words
        .take_while(|word| !matches!(word.as_str(), ">" | "|" | "&"))
        .collect()
}

/// Returns words without their quotes; `>` and `|` are words of their own.
fn unquoted_words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '>' | '|') => {
                words.extend(word.take());
                words.push(c.to_string());
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word.take());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_loops_are_numbers_too() {
        let joined = |text| words(text).map(|words| words.join(" "));
        assert_eq!(joined("a \"b\"").as_deref(), Some("a b"));
        assert_eq!(
            joined("10.0.0.{2..4}").as_deref(),
            Some("10.0.0.2 10.0.0.3 10.0.0.4")
        );
        assert_eq!(joined("$(seq 2 3)").as_deref(), Some("2 3"));
        assert_eq!(joined("`seq 2`").as_deref(), Some("1 2"));
        assert_eq!(joined("$(seq 1 100000)"), None);
    }

    #[test]
    fn loops_over_words_are_known() {
        let found = |text| For::of(text).map(|found| found.words);
        assert_eq!(found("for i in 1 2"), Some("1 2"));
        assert_eq!(found("for (( i=1"), None);
    }

    #[test]
    fn a_line_has_several_commands() {
        for (line, expected) in [
            ("a; b && c || d", vec!["a", "b", "c", "d"]),
            (
                "a 'x; y' \"z && z\" > /dev/null 2>&1",
                vec!["a 'x; y' \"z && z\" > /dev/null 2>&1"],
            ),
            ("stop) a; b ;;", vec!["stop) a", "b ;;"]),
            (
                "for i in $(seq 1 2; x); do a; done # b; c",
                vec!["for i in $(seq 1 2; x)", "do a", "done # b; c"],
            ),
            ("a &&", vec!["a"]),
            ("a \\; b", vec!["a \\; b"]),
        ] {
            let found: Vec<_> = commands(line).into_iter().map(|(text, _)| text).collect();
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn what_is_redirected_is_no_argument() {
        assert_eq!(unredirected("-a -w 2 2>/dev/null"), "-a -w 2");
        assert_eq!(unredirected("-a -w 2 > /dev/null 2>&1"), "-a -w 2 ");
        assert_eq!(unredirected("-R < rules"), "-R ");
    }

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
