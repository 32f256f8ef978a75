//! A `case` over a value that the script has set: `case $SERVER in *:*) …`.

use super::Walk;
use super::flow::Reason;
use crate::import::limits::{EXPRESSION, MATCHING, MATCHINGS};
use crate::import::pattern::{Extent, Pattern, PatternChar};
use crate::import::shell::characters;
use crate::import::tally::DirectiveId;

/// The value, and which of its arms are read.
#[derive(Debug)]
pub(super) struct Case {
    value: Vec<char>,
    before: Before,
}

/// What is known of the arms above.
#[derive(Clone, Copy, Debug)]
enum Before {
    NoneRuns,
    OneRuns,
    OneMayRun,
}

impl Walk<'_, '_> {
    /// Returns whether a word is what the script is called with, whatever default it has.
    pub(super) fn is_of_call(&self, word: &str) -> bool {
        let name = word.trim_start_matches(['"', '$', '{']);
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = name.split(|c| !is_part(c)).next().unwrap_or_default();
        let is_numbered = name.starts_with(|c: char| c.is_ascii_digit());
        let is_given = self.depth > 0 || self.variables.contains_key(name);
        word.contains('$') && (is_numbered && !is_given || self.of_call.contains(name))
    }

    /// Returns the value of which a command begins the arms, if it is known.
    pub(super) fn case(&mut self, text: &str, user: DirectiveId) -> Option<Case> {
        let words = ["then ", "do ", "else ", "{ "];
        let mut words = words.iter();
        let text = words
            .find_map(|word| text.strip_prefix(word))
            .unwrap_or(text);
        let (word, _) = text
            .trim_start()
            .strip_prefix("case ")?
            .trim_start()
            .split_once(' ')?;
        if self.is_of_call(word) {
            return None;
        }
        let value = self.substituted(word.trim_matches('"'), user);
        let is_plain = |c: char| c.is_ascii_graphic() && !"\"'\\`$".contains(c);
        (value.len() <= EXPRESSION && value.chars().all(is_plain)).then(|| Case {
            value: value.chars().collect(),
            before: Before::NoneRuns,
        })
    }
}

impl Case {
    /// Returns why the arm behind a label is left.
    pub(super) fn arm(&mut self, label: &str, steps: &mut usize) -> Option<Reason> {
        let label = label.trim_start_matches(['(', ' ']);
        let mut patterns = label
            .split('|')
            .map(|pattern| self.matches(pattern.trim(), steps));
        let is_known = |matches: Option<bool>, next| match (matches, next) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        };
        let matches = patterns.by_ref().fold(Some(false), is_known);
        match (self.before, matches) {
            (Before::OneRuns, _) => Some(Reason::Other),
            (_, Some(false)) => Some(Reason::Never),
            (Before::NoneRuns, Some(true)) => {
                self.before = Before::OneRuns;
                None
            }
            (Before::NoneRuns | Before::OneMayRun, _) => {
                self.before = Before::OneMayRun;
                Some(Reason::Condition)
            }
        }
    }

    fn matches(&self, pattern: &str, steps: &mut usize) -> Option<bool> {
        let characters = characters(pattern, &mut |_| None)?;
        let pattern = portable(&characters)?;
        let most = MATCHINGS.saturating_sub(*steps).min(MATCHING);
        let mut left = most;
        let length = pattern.beginning(&self.value, Extent::Longest, &mut left);
        *steps += most - left;
        length.map(|length| length == Some(self.value.len()))
    }
}

/// Returns a pattern that all shells compare alike.
pub(super) fn portable(characters: &[PatternChar]) -> Option<Pattern> {
    let differs = |pair: &[PatternChar]| {
        matches!(
            pair,
            [PatternChar::Active('['), PatternChar::Active('^')]
                | [
                    PatternChar::Active('?' | '*' | '+' | '@' | '!'),
                    PatternChar::Active('(')
                ]
        )
    };
    let is_ascii = characters.iter().all(|c| c.char().is_ascii());
    (is_ascii && !characters.windows(2).any(differs)).then_some(())?;
    Pattern::of(characters)
}
