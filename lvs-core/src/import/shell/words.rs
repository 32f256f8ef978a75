//! Words: those of lists, of loops, and what quotes hold together.

use super::{expansion, is_name};
use crate::import::limits::ROUNDS;

/// Returns whether a line begins a list of values (`NAME=(`) that it does not end.
pub(in crate::import) fn opens_array(line: &str) -> bool {
    let Some((before, rest)) = line.split_once("=(") else {
        return false;
    };
    let name = before.rsplit([' ', '\t']).next().unwrap_or_default();
    is_name(name.trim_end_matches('+')) && !rest.contains(')')
}

/// Returns the names and values that a list of values stands for: each by its number or its key, and all together.
pub(in crate::import) fn elements(name: &str, list: &str) -> Option<Vec<(String, String)>> {
    let inner = list.strip_prefix('(')?.strip_suffix(')')?;
    let words = split(inner);
    let mut all = Vec::new();
    for (number, word) in words.iter().enumerate().take(ROUNDS) {
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
pub(in crate::import) fn open_quote(line: &str, mut quote: Option<char>) -> Option<char> {
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
pub(in crate::import) fn document(line: &str) -> Option<&str> {
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
pub(in crate::import) fn is_literal(line: &str) -> bool {
    line.split_once("<<").is_some_and(|(_, rest)| {
        let word = rest.trim_start_matches('-').trim_start();
        word.starts_with(['"', '\'', '\\'])
    })
}

/// `for NAME in WORDS`
#[derive(Debug, PartialEq, Eq)]
pub(in crate::import) struct For<'a> {
    pub(in crate::import) name: &'a str,
    pub(in crate::import) words: &'a str,
}

impl<'a> For<'a> {
    pub(in crate::import) fn of(text: &'a str) -> Option<Self> {
        let (name, words) = text.strip_prefix("for ")?.trim_start().split_once(" in ")?;
        let (name, words) = (name.trim(), words.trim());
        is_name(name).then_some(Self { name, words })
    }
}

/// Returns the words of a loop: as they stand, `{1..9}` and `$(seq 1 9)` as numbers, `{a,b}` one by one; nothing if there
/// are too many, or another program makes them.
pub(in crate::import) fn words(text: &str) -> Option<Vec<String>> {
    let seq = text
        .strip_prefix("$(seq ")
        .and_then(|rest| rest.strip_suffix(')'));
    let seq = seq.or_else(|| text.strip_prefix("`seq ")?.strip_suffix('`'));
    if let Some(seq) = seq {
        let numbers: Vec<_> = seq.split_whitespace().collect();
        return match *numbers.as_slice() {
            [last] => range("1", last, 1),
            [first, last] => range(first, last, 1),
            [first, step, last] => range(first, last, step.parse().ok()?),
            _ => None,
        };
    }
    let mut all = Vec::new();
    for word in text.split_whitespace() {
        match braced(word) {
            Some(words) => all.extend(words?),
            None => all.push(word.trim_matches(['"', '\'']).to_owned()),
        }
        if all.len() > ROUNDS {
            return None;
        }
    }
    Some(all)
}

/// Returns the words that braces make of one, if it has any: nothing if there are too many.
fn braced(word: &str) -> Option<Option<Vec<String>>> {
    let (before, rest) = word
        .split_once('{')
        .filter(|(before, _)| !before.ends_with('$'))?;
    let (inner, after) = rest.split_once('}')?;
    let parts = match inner.split_once("..") {
        Some((first, rest)) => {
            let (last, step) = rest.split_once("..").unwrap_or((rest, "1"));
            range(first, last, step.parse().ok()?)
        }
        None if inner.contains(',') => Some(inner.split(',').map(str::to_owned).collect()),
        None => return None,
    };
    let whole = |parts: Vec<String>| {
        let words = parts.into_iter();
        words.map(|part| format!("{before}{part}{after}")).collect()
    };
    Some(parts.map(whole))
}

/// Returns numbers with as many digits as the first one has, where that begins with 0.
fn range(first: &str, last: &str, step: usize) -> Option<Vec<String>> {
    let width = match first.starts_with('0') {
        true => first.len(),
        false => 0,
    };
    let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
    let is_few = last.checked_sub(first)? < ROUNDS as u32 && step > 0;
    is_few.then(|| {
        (first..=last)
            .step_by(step)
            .map(|number| format!("{number:0width$}"))
            .collect()
    })
}

/// Returns words without their quotes.
pub(in crate::import) fn split(text: &str) -> Vec<String> {
    let words = unquoted_words(text).into_iter();
    words
        .take_while(|word| !matches!(word.as_str(), ">" | "|" | "&"))
        .collect()
}

/// Returns words without their quotes; `>` and `|` are words of their own. What is in the braces of `${…}` stays as it is.
pub(super) fn unquoted_words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let (mut rest, mut before) = (text, ' ');
    while let Some(c) = rest.chars().next() {
        if let Some((expansion, after)) = expansion(rest).filter(|_| before != '\\') {
            word.get_or_insert_default().push_str(expansion);
            (rest, before) = (after, '}');
            continue;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        before = c;
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
        assert_eq!(joined("$(seq 10 2 14)").as_deref(), Some("10 12 14"));
        assert_eq!(joined("rs{08..10}").as_deref(), Some("rs08 rs09 rs10"));
        assert_eq!(joined("a{1..5..2} b").as_deref(), Some("a1 a3 a5 b"));
        assert_eq!(
            joined("10.0.0.{2,5}:80 ${RS}").as_deref(),
            Some("10.0.0.2:80 10.0.0.5:80 ${RS}")
        );
        assert_eq!(joined("$(seq 1 100000)"), None);
        assert_eq!(joined("x{1..100000}"), None);
    }

    #[test]
    fn loops_over_words_are_known() {
        let found = |text| For::of(text).map(|found| found.words);
        assert_eq!(found("for i in 1 2"), Some("1 2"));
        assert_eq!(found("for (( i=1"), None);
    }
}
