//! Variables of a script: what sets them, and what stands where they are used.

use super::{NOT_IPVSADM, Walk};
use crate::import::limits::{BYTES, COMMAND};
use crate::import::shell::{self, arithmetic};
use crate::import::tally::DirectiveId;

const COMPUTED: &str = "the running script computes it";

impl Walk<'_, '_> {
    /// Forgets the value of a variable, and of a list its values.
    pub(super) fn forget(&mut self, name: &str, why: &'static str) {
        self.forget_list(name);
        let before = self.variables.remove(name);
        if let Some((_, before)) = before.filter(|(_, before)| !self.tally.is_settled(*before)) {
            self.tally
                .left(before, "a line below may set the variable again");
        }
        self.unknown.insert(name.to_owned(), why);
    }

    pub(super) fn forget_list(&mut self, name: &str) {
        let start = format!("{name}[");
        let before = self.variables.range(start.clone()..);
        let before = before.map(|(name, _)| name.clone());
        let before: Vec<_> = before.take_while(|name| name.starts_with(&start)).collect();
        for name in before.iter().chain([&format!("#{name}[@]")]) {
            self.variables.remove(name);
        }
    }

    /// Sets a variable; the line that set it before may be of no use.
    pub(super) fn set(&mut self, name: &str, value: String, id: DirectiveId) {
        self.doubtful.remove(name);
        let before = self.variables.insert(name.to_owned(), (value, id));
        if let Some((_, before)) = before.filter(|(_, before)| *before != id)
            && !self.tally.is_settled(before)
        {
            self.tally
                .left(before, "a line below sets the variable again");
        }
    }

    pub(super) fn assign(&mut self, id: DirectiveId, name: &str, value: &str) {
        let is_of_call = self.is_of_call(value);
        let computed = arithmetic::expr(value);
        let mut value = self.substituted(computed.as_deref().unwrap_or(value), id);
        let (name, is_added) = match name.strip_suffix('+') {
            Some(name) => (name, true),
            None => (name, false),
        };
        if let Some((before, line)) = self.variables.get(&format!("{name}[@]"))
            && is_added
        {
            value.insert_str(1, &format!("{before} "));
            let line = *line;
            self.tally.carried(line, "replaced where it is used");
            self.tally.belongs(line, &[id]);
        }
        match is_of_call {
            true => drop(self.of_call.insert(name.to_owned())),
            false => drop(self.of_call.remove(name)),
        }
        self.bytes += value.len();
        if shell::is_computed(&value) {
            self.unknown
                .insert(name.to_owned(), "another program computes it");
            self.variables.remove(name);
            return self.tally.left(id, "another program computes the value");
        }
        self.unknown.remove(name);
        match shell::elements(name, &value) {
            Some(elements) => self.set_all(name, elements, id),
            None => self.set(name, value, id),
        }
    }

    /// Sets a list of values, in place of those that it has.
    pub(super) fn set_all(&mut self, name: &str, elements: Vec<(String, String)>, id: DirectiveId) {
        self.forget_list(name);
        for (name, value) in elements {
            self.bytes += name.len() + value.len();
            self.set(&name, value, id);
        }
    }

    /// Carries out a command of arithmetic; what its values are is perhaps known to the running script only.
    pub(super) fn compute(&mut self, id: DirectiveId, expression: &str) {
        let Some((name, expression)) = arithmetic::assignment(expression) else {
            return self.tally.left(id, NOT_IPVSADM);
        };
        match self.number(&expression, id) {
            Some(number) => {
                self.unknown.remove(name);
                self.set(name, number.to_string(), id);
            }
            None => {
                self.forget(name, COMPUTED);
                self.tally.left(id, COMPUTED);
            }
        }
    }

    /// Returns what a test gives, if its values are known: `[ $i -lt 3 ]`, `[ "$MODE" = nat ]`, `[ -n "$VIP" ]`.
    pub(super) fn holds(&mut self, test: &str, user: DirectiveId) -> Option<bool> {
        if let Some(expression) = arithmetic::compared(test) {
            return self.number(&expression, user).map(|number| number != 0);
        }
        let words: Vec<_> = test.split_whitespace().collect();
        let (["[", words @ .., "]"] | ["[[", words @ .., "]]"] | ["test", words @ ..]) =
            words.as_slice()
        else {
            return None;
        };
        let mut value = |word: &str| {
            if self.is_of_call(word) {
                return None;
            }
            let value = self.substituted(word.trim_matches(['"', '\'']), user);
            // An unknown one, or a pattern.
            let is_known = !value.contains(['$', '`', '*', '?', '[', '"', '\'', '\\']);
            is_known.then_some(value)
        };
        match *words {
            ["-n", word] => value(word).map(|value| !value.is_empty()),
            ["-z", word] => value(word).map(|value| value.is_empty()),
            [one, "=" | "==", other] => Some(value(one)? == value(other)?),
            [one, "!=", other] => Some(value(one)? != value(other)?),
            _ => None,
        }
    }

    /// Returns the value of an expression of arithmetic, if that is known.
    pub(super) fn number(&mut self, expression: &str, user: DirectiveId) -> Option<i64> {
        let expression = self.substituted(expression, user);
        arithmetic::value(&expression, &mut |name| {
            let (value, id) = self.variables.get(name)?;
            let (number, id) = (arithmetic::number(value)?, *id);
            self.used(id, user);
            Some(number)
        })
    }

    /// Says that a variable is replaced in a command.
    pub(super) fn used(&mut self, id: DirectiveId, user: DirectiveId) {
        if id != user {
            self.tally.carried(id, "replaced where it is used");
            self.tally.belongs(id, &[user]);
        }
    }

    /// Returns the name of a value whose number is computed: `RS[i+1]`.
    pub(super) fn element(&mut self, name: &str, user: DirectiveId) -> Option<String> {
        let (list, key) = name.strip_suffix(']')?.split_once('[')?;
        let is_known = matches!(key, "@" | "*") || self.variables.contains_key(name);
        let number = self.number(key, user).filter(|_| !is_known)?;
        Some(format!("{list}[{number}]"))
    }

    /// Replaces `$NAME` where the script has set it, and `${…}` where that is followed.
    pub(super) fn substituted(&mut self, text: &str, user: DirectiveId) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('$')
            && result.len() < COMMAND
            && self.bytes <= BYTES
        {
            let (before, from) = rest.split_at(start);
            result.push_str(before);
            let arithmetic = from.strip_prefix("$((").and_then(arithmetic::until_closed);
            if let Some((expression, after)) = arithmetic
                && let Some(number) = self.number(expression, user)
            {
                result.push_str(&number.to_string());
                rest = after;
                continue;
            }
            let (expanded, after) = match shell::braced(from) {
                Some((inside, after)) => (self.expanded(inside, user), after),
                None => {
                    if from.starts_with("${") {
                        // It is looked through for the end of the braces.
                        self.bytes += from.len();
                    }
                    let name = from.get(1..).unwrap_or_default();
                    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    let is_one = |c: char| c.is_ascii_digit() || matches!(c, '@' | '*' | '#');
                    let end = match name.starts_with(is_one) {
                        true => 1,
                        false => name.find(|c| !is_part(c)).unwrap_or(name.len()),
                    };
                    let (name, after) = name.split_at(end);
                    (self.value(name, user), after)
                }
            };
            match expanded {
                Some(value) => {
                    result.push_str(&value);
                    rest = after;
                }
                None => {
                    result.push('$');
                    rest = from.get(1..).unwrap_or_default();
                }
            }
        }
        result + rest
    }
}
