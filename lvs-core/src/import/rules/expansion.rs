//! What `${…}` stands for with the values that a script has set.

use super::Walk;
use super::case::portable;
use crate::import::limits::{BYTES, COMMAND, MATCHING};
use crate::import::pattern::{Extent, Pattern, PatternChar};
use crate::import::shell::{Action, Expansion, Operation, Replaced, Side, characters};
use crate::import::tally::DirectiveId;

/// How many steps of a comparison are as much work as one byte that is read.
const STEPS_OF_A_BYTE: usize = 4;

impl Walk<'_, '_> {
    /// Returns what stands for the text in braces behind `$`; nothing if that is not known.
    pub(super) fn expanded(&mut self, text: &str, user: DirectiveId) -> Option<String> {
        self.bytes += text.len();
        (self.bytes <= BYTES).then_some(())?;
        let expansion = Expansion::of(text)?;
        let name = self.key(expansion.name, user);
        match expansion.operation {
            Operation::Value => self.value(&name, user),
            Operation::Length => match list(&name) {
                Some(list) => self.value(&list.count(), user),
                None => Some(self.exact(&name, user)?.len().to_string()),
            },
            Operation::Present {
                action,
                of_empty,
                word,
            } => self.present(&name, action, of_empty, word, user),
            Operation::Part { offset, length } => {
                let value = self.exact(&name, user).filter(|_| list(&name).is_none())?;
                let offset = match offset {
                    "" => 0,
                    offset => self.number(offset, user)?,
                };
                let length = match length {
                    Some(length) => Some(self.number(length, user)?),
                    None => None,
                };
                part(&value, offset, length)
            }
            Operation::Cut {
                side,
                is_longest,
                pattern,
            } => {
                let pattern = self.pattern(pattern, user)?.on(side);
                let extent = match is_longest {
                    true => Extent::Longest,
                    false => Extent::Shortest,
                };
                self.each(&name, user, &|value, steps| {
                    cut(value, &pattern, side, extent, steps)
                })
            }
            Operation::Replace {
                place,
                pattern,
                text,
            } => {
                let is_anchored = matches!(place, Replaced::At(_));
                // bash takes the length of this set to be more than one.
                let is_set = pattern.contains("[!]");
                ((is_anchored || !pattern.is_empty()) && !is_set).then_some(())?;
                let pattern = self.pattern(pattern, user)?;
                let text = self.replacement(text, user)?;
                match place {
                    Replaced::At(side) => {
                        let pattern = pattern.on(side);
                        self.each(&name, user, &|value, steps| {
                            at(value, &pattern, side, &text, steps)
                        })
                    }
                    place => self.each(&name, user, &|value, steps| {
                        replaced(value, &pattern, place == Replaced::All, &text, steps)
                    }),
                }
            }
        }
    }

    /// Returns the name of a variable whose number or key may be that of another one: `RS[$i]`, `RS[i + 1]`.
    fn key(&mut self, name: &str, user: DirectiveId) -> String {
        let name = match name.contains('$') {
            true => self.substituted(name, user),
            false => name.to_owned(),
        };
        self.element(&name, user).unwrap_or(name)
    }

    /// Returns the value of a variable that the script has set.
    pub(super) fn value(&mut self, name: &str, user: DirectiveId) -> Option<String> {
        let (value, id) = self.variables.get(name)?;
        let (value, id) = (value.clone(), *id);
        self.used(id, user);
        self.doubt(name, false);
        Some(value)
    }

    /// Returns the value of a variable if each of its characters is known: no quotes of the script are in it, and no
    /// space in which lines were joined.
    fn exact(&mut self, name: &str, user: DirectiveId) -> Option<String> {
        let (_, id) = self.variables.get(name)?;
        let is_spread = self.spread.contains(id);
        let value = self.value(name, user)?;
        let is_quoted = value.contains(['"', '\'', '\\', '`', '$']);
        let is_known = value.is_ascii() && !is_quoted;
        (is_known && !(is_spread && value.contains(char::is_whitespace))).then_some(value)
    }

    /// Returns the value or the word of an expansion that asks whether there is a value.
    fn present(
        &mut self,
        name: &str,
        action: Action,
        of_empty: bool,
        word: &str,
        user: DirectiveId,
    ) -> Option<String> {
        let list = list_of(name);
        let value = self.value(name, user);
        if value.is_none() {
            (!self.unknown.contains_key(list)).then_some(())?;
            self.doubt(list, true);
        }
        let has = value
            .as_ref()
            .is_some_and(|value| !(of_empty && value.is_empty()));
        match (action, has) {
            (Action::Default | Action::Set | Action::Require, true) => value,
            (Action::Other, false) => Some(String::new()),
            (Action::Require, false) => None,
            // What a backslash stands for depends on quotes around the braces.
            _ if word.contains('\\') => None,
            (Action::Other, true) | (Action::Default, false) => Some(self.substituted(word, user)),
            (Action::Set, false) => {
                let value = self.substituted(word, user);
                self.set(name, value.clone(), user);
                Some(value)
            }
        }
    }

    /// Changes the value of a variable, or each one of a list.
    fn each(
        &mut self,
        name: &str,
        user: DirectiveId,
        change: &dyn Fn(&str, &mut usize) -> Option<String>,
    ) -> Option<String> {
        let value = self.exact(name, user)?;
        let mut steps = MATCHING;
        let changed = match list(name) {
            None => change(&value, &mut steps),
            Some(list) => {
                let count = self.value(&list.count(), user)?;
                let words: Vec<_> = value.split_whitespace().collect();
                (count == words.len().to_string()).then_some(())?;
                let words = words.into_iter().map(|word| {
                    change(word, &mut steps)
                        .filter(|word| !word.is_empty() && !word.contains(char::is_whitespace))
                });
                words
                    .collect::<Option<Vec<_>>>()
                    .map(|words| words.join(" "))
            }
        };
        self.bytes += (MATCHING - steps) / STEPS_OF_A_BYTE;
        changed
    }

    fn pattern(&mut self, text: &str, user: DirectiveId) -> Option<Pattern> {
        let characters = characters(text, &mut |name| self.known(name, user))?;
        portable(&characters)
    }

    fn replacement(&mut self, text: &str, user: DirectiveId) -> Option<String> {
        let text = text.replace("\\/", "/");
        // Shells differ in a backslash, and in what `&` means.
        (!text.contains('\\')).then_some(())?;
        let characters = characters(&text, &mut |name| self.known(name, user))?;
        let text: String = characters.into_iter().map(PatternChar::char).collect();
        (!text.contains('&')).then_some(text)
    }

    /// Returns what stands for a variable in a pattern, without `$`.
    fn known(&mut self, name: &str, user: DirectiveId) -> Option<String> {
        let braced = name
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'));
        match braced {
            Some(braced) => self.expanded(braced, user),
            None => self.exact(name, user),
        }
    }
}

/// The values of a list, all together: `RS[@]`, or the arguments of a function.
enum List<'t> {
    Named(&'t str),
    Arguments,
}

impl List<'_> {
    /// Returns under which name it is known how many they are.
    fn count(&self) -> String {
        match self {
            Self::Named(name) => format!("#{name}[@]"),
            Self::Arguments => "#".to_owned(),
        }
    }
}

fn list(name: &str) -> Option<List<'_>> {
    let all = || {
        name.strip_suffix("[@]")
            .or_else(|| name.strip_suffix("[*]"))
    };
    match name {
        "@" | "*" => Some(List::Arguments),
        _ => all().map(List::Named),
    }
}

/// Returns the name of the list to which an element belongs, `RS` of `RS[0]`; of another variable its own.
fn list_of(name: &str) -> &str {
    match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        Some((list, _)) => list,
        None => name,
    }
}

impl Pattern {
    /// Returns the pattern as it is compared from a side of a text.
    fn on(self, side: Side) -> Self {
        match side {
            Side::Start => self,
            Side::End => self.reversed(),
        }
    }
}

/// Returns the text between two places, of which those below 0 are counted from its end.
fn part(value: &str, offset: i64, length: Option<i64>) -> Option<String> {
    let whole = i64::try_from(value.len()).ok()?;
    let start = match offset < 0 {
        true => whole.checked_add(offset)?,
        false => offset,
    };
    if start < 0 || start > whole {
        return Some(String::new());
    }
    let end = match length {
        Some(length) if length < 0 => whole.checked_add(length)?,
        Some(length) => start.saturating_add(length).min(whole),
        None => whole,
    };
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    value.get(start..end).map(str::to_owned)
}

/// Returns how much of a side of a text matches.
fn matched(
    value: &str,
    pattern: &Pattern,
    side: Side,
    extent: Extent,
    steps: &mut usize,
) -> Option<Option<usize>> {
    let text: Vec<char> = match side {
        Side::Start => value.chars().collect(),
        Side::End => value.chars().rev().collect(),
    };
    pattern.beginning(&text, extent, steps)
}

fn cut(
    value: &str,
    pattern: &Pattern,
    side: Side,
    extent: Extent,
    steps: &mut usize,
) -> Option<String> {
    let length = matched(value, pattern, side, extent, steps)?.unwrap_or(0);
    let kept = match side {
        Side::Start => value.get(length..),
        Side::End => value.get(..value.len().checked_sub(length)?),
    };
    kept.map(str::to_owned)
}

fn at(value: &str, pattern: &Pattern, side: Side, text: &str, steps: &mut usize) -> Option<String> {
    if matched(value, pattern, side, Extent::Longest, steps)?.is_none() {
        return Some(value.to_owned());
    }
    let kept = cut(value, pattern, side, Extent::Longest, steps)?;
    Some(match side {
        Side::Start => format!("{text}{kept}"),
        Side::End => format!("{kept}{text}"),
    })
}

/// Replaces the first part that matches, or all; each is as long as it can be.
fn replaced(
    value: &str,
    pattern: &Pattern,
    all: bool,
    text: &str,
    steps: &mut usize,
) -> Option<String> {
    let value: Vec<char> = value.chars().collect();
    let mut result = String::new();
    let mut rest = value.as_slice();
    if rest.is_empty() && pattern.beginning(rest, Extent::Longest, steps)?.is_some() {
        return Some(text.to_owned());
    }
    while let Some((first, behind)) = rest.split_first() {
        (result.len() <= COMMAND).then_some(())?;
        match pattern.beginning(rest, Extent::Longest, steps)? {
            Some(length) if length > 0 => {
                result.push_str(text);
                rest = rest.get(length..)?;
                if !all {
                    break;
                }
            }
            _ => {
                result.push(*first);
                rest = behind;
            }
        }
    }
    result.extend(rest);
    Some(result)
}
