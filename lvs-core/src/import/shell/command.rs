//! The commands of a line, and what parts them.

use super::expansion;

/// What parts a command from the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::import) enum Next {
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
pub(in crate::import) fn commands(line: &str) -> Vec<(&str, Next)> {
    let mut commands = Vec::new();
    let (mut start, mut quote, mut substitutions) = (0, None, 0_u32);
    let mut before = ' ';
    let mut rest = line.char_indices();
    while let Some((place, c)) = rest.next() {
        let next = rest.as_str().chars().next();
        match (quote, c) {
            (_, '\\') if quote != Some('\'') => drop(rest.next()),
            (_, '$') if quote != Some('\'') && next == Some('{') => {
                if let Some((expansion, _)) = line.get(place..).and_then(expansion) {
                    rest.nth(expansion.chars().count() - 2);
                }
            }
            (Some(open), _) => quote = quote.filter(|_| c != open),
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(') if before == '$' || next == Some('(') || substitutions > 0 => {
                substitutions += 1;
            }
            // A subshell needs nothing that parts it from the words around it.
            (None, '(')
                if line
                    .get(start..place)
                    .and_then(|before| before.split_whitespace().next_back())
                    .is_some_and(|word| ["{", "then", "else", "do"].contains(&word)) =>
            {
                commands.push((line.get(start..place), Next::Always));
                start = place;
            }
            (None, ')') if substitutions == 0 && rest.as_str().trim_start().starts_with('}') => {
                commands.push((line.get(start..=place), Next::Always));
                start = place + 1;
            }
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
pub(in crate::import) fn is_punctuation(text: &str) -> bool {
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

/// What a subshell begins and ends with, as a command.
pub(in crate::import) const OPENS: &str = "(";
pub(in crate::import) const CLOSES: &str = ")";

pub(in crate::import) fn is_bracket(text: &str) -> bool {
    matches!(text, OPENS | CLOSES)
}

/// The words of a subshell are read as if they stood alone.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::import) struct Subshells(u32);

impl Subshells {
    /// Returns a command without the brackets of the subshells, and how many of them it begins and ends.
    pub(in crate::import) fn bare<'t>(&mut self, text: &'t str) -> (u32, &'t str, u32) {
        let (mut text, before) = (text, self.0);
        while let Some(rest) = text.strip_prefix('(').filter(|rest| !rest.starts_with('(')) {
            // The label of a case has both.
            match closing(rest) {
                Some(end) if !is_last(rest, end) => return (self.0 - before, text, 0),
                _ => self.0 += 1,
            }
            text = rest.trim_start();
        }
        let opened = self.0 - before;
        let mut closed = 0;
        while let Some(end) = closing(text).filter(|end| self.0 > 0 && is_last(text, *end)) {
            self.0 -= 1;
            closed += 1;
            text = text.get(..end).unwrap_or_default().trim_end();
        }
        (opened, text, closed)
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

/// Returns the name of the function that a command begins, and what follows the name.
pub(in crate::import) fn function(text: &str) -> Option<(&str, &str)> {
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

/// Returns whether a loop goes round while a function has arguments: `while [ $# -gt 0 ]`.
pub(in crate::import) fn is_over_arguments(text: &str) -> bool {
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
pub(in crate::import) fn unredirected(text: &str) -> &str {
    let end = text.find(['&', '|', '>', '<', ';']).unwrap_or(text.len());
    let (arguments, rest) = text.split_at(end);
    // The number of the file that is redirected stands before it.
    match arguments.rsplit_once(char::is_whitespace) {
        Some((before, "0" | "1" | "2")) if rest.starts_with(['>', '<']) => before,
        _ => arguments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
