//! A rule of ipvsadm, with names in place of numbers, and why one is refused.

use std::net::IpAddr;

use super::calls::changes_nothing;
use super::{ELSEWHERE, Walk};
use crate::import::report::Place;
use crate::import::tally::DirectiveId;
use crate::import::{ImportError, names, shell};
use crate::ipvs::ipvsadm::{RuleError, Rules};

/// How often a line is read again with a name replaced by its number; a line has two addresses and ports.
const NAMES: usize = 4;

impl Walk<'_, '_> {
    /// Reads a rule; a name in it is replaced by its number, and the rule read again.
    pub(super) fn rule(&mut self, place: &Place, id: DirectiveId, text: &str) {
        if let Some(word) = changes_nothing(text) {
            return match word {
                "-C" | "--clear" => self.clear(id),
                "-R" | "--restore" => self.tally.lost(id, text, ELSEWHERE),
                _ => self.tally.left(
                    id,
                    format!("{word} changes nothing that a cluster file says"),
                ),
            };
        }
        match self.rules(place, text) {
            Ok(rules) => {
                let notes: Vec<_> = rules.notes().iter().map(|note| note.text.clone()).collect();
                for command in rules.commands() {
                    self.command(place, id, command, &notes);
                }
            }
            Err(error) => self.mistake(id, error),
        }
    }

    fn rules(&mut self, place: &Place, text: &str) -> Result<Rules, ImportError> {
        let mut text = text.replace(['"', '\''], "");
        let mut attempts = 0;
        loop {
            let error = match Rules::parse(&text) {
                Ok(rules) => return Ok(rules),
                Err(error) => error,
            };
            attempts += 1;
            match self.without_name(&text, &error) {
                Some(Ok(replaced)) if attempts <= NAMES => text = replaced,
                Some(Err(unknown)) => {
                    return Err(ImportError::new(place, unknown)
                        .with_hint("write the number, or import where the name is known"));
                }
                _ => return Err(self.refused(place, &error)),
            }
        }
    }

    /// Returns the rule with a number in place of the name that is refused, or why there is none.
    fn without_name(&mut self, text: &str, error: &RuleError) -> Option<Result<String, String>> {
        let name = error.word();
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        // A number too large is no name, though resolvers take one for an address.
        let is_number = name.chars().all(|c| c.is_ascii_digit() || c == '.');
        if is_number || !name.chars().all(known) {
            return None;
        }
        let number = match names::port(name) {
            Some(port) if error.reason().contains("port") => port.to_string(),
            _ => {
                let Some(ip) = (self.resolve)(name) else {
                    let is_host = error.reason().contains("address");
                    return is_host.then(|| Err(format!("no address of {name:?} is known here")));
                };
                let name = || name.to_owned();
                self.draft.names.entry(ip).or_insert_with(name);
                match ip {
                    IpAddr::V4(ip) => ip.to_string(),
                    IpAddr::V6(ip) => format!("[{ip}]"),
                }
            }
        };
        replace_word(text, name, &number).map(Ok)
    }

    fn refused(&self, place: &Place, error: &RuleError) -> ImportError {
        let problem = format!("{:?} {}", error.word(), error.reason());
        let refused = ImportError::new(place, problem);
        let Some((_, from)) = error.word().split_once('$') else {
            return match error.hint() {
                Some(hint) => refused.with_hint(hint),
                None => refused,
            };
        };
        let braced = from.strip_prefix('{');
        let name = braced.unwrap_or(from);
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = name.split(|c| !is_part(c)).next().unwrap_or_default();
        if braced.is_some() && self.variables.contains_key(name) {
            return refused.with_hint(
                "what the braces stand for is not followed: write the value that they have on this director",
            );
        }
        if !shell::is_name(name) {
            return refused.with_hint(
                "import what ipvsadm -Sn prints, or on the director: lvsctl import kernel",
            );
        }
        refused.with_hint(match self.unknown.get(name) {
            Some(why) => {
                format!(
                    "{why}: write what {name} is on this director right above this line, as in {name}=VALUE"
                )
            }
            None => format!("no line above sets {name}: add one, as in {name}=VALUE"),
        })
    }
}

/// Replaces a name by a number in the first word that contains it between other characters than letters.
fn replace_word(text: &str, name: &str, number: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let mut from = 0;
    while let Some(start) = text.get(from..)?.find(name).map(|place| place + from) {
        let end = start + name.len();
        let (before, after) = (text.get(..start)?, text.get(end..)?);
        let alone = !before.ends_with(is_part) && !after.starts_with(is_part);
        // The value of a short option may be joined with it: -tweb:http.
        let joined = before
            .rsplit(char::is_whitespace)
            .next()
            .is_some_and(|word| {
                word.len() == 2 && word.starts_with('-') && !after.starts_with(is_part)
            });
        if alone || joined {
            return Some(format!("{before}{number}{after}"));
        }
        from = end;
    }
    None
}
