//! What stands in braces behind `$`: a variable's name, and what the shell makes of its value.

use super::is_name;
use crate::import::limits::DEPTH;
use crate::import::pattern::PatternChar;

/// `${NAME…}`
#[derive(Debug, PartialEq, Eq)]
pub(in crate::import) struct Expansion<'t> {
    /// With the number or key of an element behind it.
    pub(in crate::import) name: &'t str,
    pub(in crate::import) operation: Operation<'t>,
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::import) enum Operation<'t> {
    Value,
    /// `${#NAME}`
    Length,
    /// `${NAME:-WORD}`, and what else depends on whether there is a value.
    Present {
        action: Action,
        /// Whether a variable that is set to nothing is as one that is not set: `:` is before the sign.
        of_empty: bool,
        word: &'t str,
    },
    /// `${NAME#PATTERN}`, `${NAME%%PATTERN}`
    Cut {
        side: Side,
        is_longest: bool,
        pattern: &'t str,
    },
    /// `${NAME/PATTERN/TEXT}`
    Replace {
        place: Replaced,
        pattern: &'t str,
        text: &'t str,
    },
    /// `${NAME:OFFSET:LENGTH}`, of which both are arithmetic.
    Part {
        offset: &'t str,
        length: Option<&'t str>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum Action {
    /// `-`
    Default,
    /// `=`: the default becomes the variable's value.
    Set,
    /// `+`: the word stands for a value, if there is one.
    Other,
    /// `?`: without a value the script ends.
    Require,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum Side {
    Start,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum Replaced {
    First,
    /// `//`
    All,
    /// `/#` and `/%`
    At(Side),
}

impl<'t> Expansion<'t> {
    /// Returns what the text between the braces says; nothing if it is another expansion.
    pub(in crate::import) fn of(text: &'t str) -> Option<Self> {
        if let Some(name) = text.strip_prefix('#').filter(|name| !name.is_empty()) {
            let operation = Operation::Length;
            return (name_end(name)? == name.len()).then_some(Self { name, operation });
        }
        let (name, rest) = text.split_at(name_end(text)?);
        let operation = Operation::of(rest)?;
        Some(Self { name, operation })
    }
}

impl<'t> Operation<'t> {
    fn of(text: &'t str) -> Option<Self> {
        let Some(sign) = text.chars().next() else {
            return Some(Self::Value);
        };
        let rest = text.get(1..)?;
        let twice = rest.strip_prefix(sign);
        let cut = |side| Self::Cut {
            side,
            is_longest: twice.is_some(),
            pattern: twice.unwrap_or(rest),
        };
        match sign {
            '#' => Some(cut(Side::Start)),
            '%' => Some(cut(Side::End)),
            '/' => Self::replacement(rest),
            ':' => Self::present(rest, true).or_else(|| {
                let parts = rest.split_once(':');
                let (offset, length) = parts.map_or((rest, None), |(one, two)| (one, Some(two)));
                Some(Self::Part { offset, length })
            }),
            _ => Self::present(text, false),
        }
    }

    fn present(text: &'t str, of_empty: bool) -> Option<Self> {
        let action = match text.chars().next()? {
            '-' => Action::Default,
            '=' => Action::Set,
            '+' => Action::Other,
            '?' => Action::Require,
            _ => return None,
        };
        let word = text.get(1..)?;
        Some(Self::Present {
            action,
            of_empty,
            word,
        })
    }

    fn replacement(text: &'t str) -> Option<Self> {
        let (place, text) = match text.split_at_checked(1)? {
            ("/", rest) => (Replaced::All, rest),
            ("#", rest) => (Replaced::At(Side::Start), rest),
            ("%", rest) => (Replaced::At(Side::End), rest),
            _ => (Replaced::First, text),
        };
        // A third slash belongs to the pattern.
        let first = usize::from(place == Replaced::All && text.starts_with('/'));
        let end = first + end_of(text.get(first..)?, '/').unwrap_or(text.len() - first);
        let (pattern, text) = (text.get(..end)?, text.get(end..)?);
        Some(Self::Replace {
            place,
            pattern,
            text: text.strip_prefix('/').unwrap_or(text),
        })
    }
}

/// Returns where the name of a variable ends, with the number or key of an element behind it.
fn name_end(text: &str) -> Option<usize> {
    if text.starts_with(['@', '*', '#']) {
        return Some(1);
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_number = !name.is_empty() && name.chars().all(|c| c.is_ascii_digit());
    (is_number || is_name(name)).then_some(())?;
    match rest.strip_prefix('[') {
        Some(key) => Some(end + 1 + end_of(key, ']')? + 1),
        None => Some(end),
    }
}

/// Returns what is between the braces of a `${` with which a text begins, and what follows them.
pub(in crate::import) fn braced(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix("${")?;
    // In double quotes the single one of `isn't` is none.
    let first = || {
        inside
            .find(['}', '$'])
            .filter(|place| inside.as_bytes().get(*place) == Some(&b'}'))
    };
    let end = end_of(inside, '}').or_else(first)?;
    Some((inside.get(..end)?, inside.get(end + 1..)?))
}

/// Returns where a character is that no quote, backslash or other pair of braces is around.
fn end_of(text: &str, end: char) -> Option<usize> {
    // In which of the braces a quote is open, and which.
    let mut quotes = vec![None];
    let mut rest = text.char_indices();
    while let Some((place, c)) = rest.next() {
        let depth = quotes.len();
        let quote = quotes.last_mut()?;
        match (*quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => *quote = None,
            (Some('\''), _) => {}
            (_, '\\') => drop(rest.next()),
            (_, '$') if rest.as_str().starts_with('{') => {
                rest.next();
                quotes.push(None);
                (depth < DEPTH).then_some(())?;
            }
            (None, '}') if depth > 1 => drop(quotes.pop()),
            (None, c) if depth == 1 && c == end => return Some(place),
            (None, '\'' | '"') => *quote = Some(c),
            _ => {}
        }
    }
    None
}

/// Returns the characters of a pattern, or of another word behind an operator, with the values of the variables in it;
/// nothing if a value is not known, or another program or the home directory of a user is named.
pub(in crate::import) fn characters(
    mut text: &str,
    variable: &mut dyn FnMut(&str) -> Option<String>,
) -> Option<Vec<PatternChar>> {
    (!text.starts_with('~')).then_some(())?;
    let (mut all, mut quote) = (Vec::new(), None);
    while let Some(c) = text.chars().next() {
        let rest = text.get(c.len_utf8()..)?;
        text = rest;
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => all.push(PatternChar::Quoted(c)),
            (None, '\'' | '"') => quote = Some(c),
            (_, '`') => return None,
            (_, '$') => {
                let end = variable_end(rest)?;
                text = rest.get(end..)?;
                let value = variable(rest.get(..end)?)?;
                // Quotes of the script, perhaps.
                (!value.contains(['\\', '"', '\'', '`', '$'])).then_some(())?;
                all.extend(value.chars().map(|c| match quote {
                    Some(_) => PatternChar::Quoted(c),
                    None => PatternChar::Active(c),
                }));
            }
            (_, '\\') => {
                let next = rest.chars().next()?;
                if quote.is_some() && !matches!(next, '$' | '`' | '"' | '\\') {
                    all.push(PatternChar::Quoted('\\'));
                }
                all.push(PatternChar::Quoted(next));
                text = rest.get(next.len_utf8()..)?;
            }
            (Some(_), c) => all.push(PatternChar::Quoted(c)),
            (None, c) => all.push(PatternChar::Active(c)),
        }
    }
    quote.is_none().then_some(all)
}

/// Returns where the name of a variable ends that follows `$`, with its braces.
fn variable_end(text: &str) -> Option<usize> {
    if let Some(inside) = text.strip_prefix('{') {
        return Some(end_of(inside, '}')? + 2);
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(1);
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    (end > 0).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_end_where_those_in_them_do() {
        for (text, expected) in [
            ("${a}b", Some(("a", "b"))),
            ("${a:-${b}}c", Some(("a:-${b}", "c"))),
            ("${a%\"}\"*}c", Some(("a%\"}\"*", "c"))),
            ("${a%'}'*}c", Some(("a%'}'*", "c"))),
            ("${a%\\}*}c", Some(("a%\\}*", "c"))),
            ("${a:?isn't set}\"", Some(("a:?isn't set", "\""))),
            ("${a", None),
            ("$a}", None),
        ] {
            assert_eq!(braced(text), expected, "{text}");
        }
        assert_eq!(braced(&"${a:-".repeat(100_000)), None);
    }

    #[test]
    fn other_expansions_are_not_known() {
        for text in [
            "!a", "a@Q", "a^^", "a,,", "", "#a%b", "1x", "a[1", "-", "a b",
        ] {
            assert_eq!(Expansion::of(text), None, "{text}");
        }
    }

    #[test]
    fn words_in_which_something_runs_are_not_known() {
        for text in ["$(x)", "`x`", "~/", "'a", "a\\", "$", "$-", "$'a'"] {
            assert_eq!(characters(text, &mut |_| None), None, "{text}");
        }
    }
}
