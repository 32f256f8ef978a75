//! Where the values of variables come from and end: subshells, and other scripts that are read.

use std::collections::{BTreeMap, BTreeSet};

use super::flow::Reason;
use super::{UNUSED, Walk};
use crate::import::ImportError;
use crate::import::limits::SOURCES;
use crate::import::report::Place;
use crate::import::shell;
use crate::import::tally::DirectiveId;

/// What is known outside of a subshell, which changes nothing of it.
pub(super) struct Scope {
    variables: BTreeMap<String, (String, DirectiveId)>,
    unknown: BTreeMap<String, &'static str>,
}

/// Another script that the script reads, and the variables that it may set to other values than are imported.
pub(super) struct Sourced {
    id: DirectiveId,
    text: String,
    names: BTreeSet<String>,
}

const SOURCED: &str = "the script that it reads is not imported";

impl Walk<'_, '_> {
    pub(super) fn open_subshell(&mut self, place: &Place) -> Result<(), ImportError> {
        let values = self.variables.iter();
        self.bytes += values
            .map(|(name, (value, _))| name.len() + value.len())
            .sum::<usize>();
        self.limit(place)?;
        self.scopes.push(Scope {
            variables: self.variables.clone(),
            unknown: self.unknown.clone(),
        });
        Ok(())
    }

    pub(super) fn close_subshell(&mut self) {
        let Some(outside) = self.scopes.pop() else {
            return;
        };
        let inside = std::mem::replace(&mut self.variables, outside.variables);
        self.unknown = outside.unknown;
        for (name, (_, id)) in inside {
            let is_outside = |(_, outside): &(String, DirectiveId)| *outside == id;
            if !self.variables.get(&name).is_some_and(is_outside) && !self.tally.is_settled(id) {
                self.tally.left(id, UNUSED);
            }
        }
        self.flow.go_on(Reason::Subshell);
    }

    /// Remembers that another script is read, if a command does that: values that are known may be others behind it.
    pub(super) fn source(&mut self, id: DirectiveId, text: &str) -> bool {
        let mut words = text.split_whitespace();
        let (Some("." | "source"), Some(file)) = (words.next(), words.next()) else {
            return false;
        };
        self.tally.left(id, SOURCED);
        // Those have no values.
        if !file.contains("functions") && self.sourced.len() < SOURCES {
            let place = self.sourced.len();
            let names = self.variables.keys().filter(|name| shell::is_name(name));
            self.doubtful
                .extend(names.map(|name| (name.clone(), place)));
            self.sourced.push(Sourced {
                id,
                text: text.to_owned(),
                names: BTreeSet::new(),
            });
        }
        true
    }

    /// Says that a value is used which another script may have set.
    pub(super) fn doubt(&mut self, name: &str, is_default: bool) {
        let place = match is_default {
            true => self.sourced.len().checked_sub(1),
            false => self.doubtful.get(name).copied(),
        };
        let sourced = place.and_then(|place| self.sourced.get_mut(place));
        if let Some(sourced) = sourced.filter(|_| shell::is_name(name)) {
            sourced.names.insert(name.to_owned());
        }
    }

    /// Tells of the scripts that may set what is imported.
    pub(super) fn doubt_sources(&mut self) {
        for Sourced { id, text, names } in std::mem::take(&mut self.sourced) {
            if !names.is_empty() {
                let names: Vec<_> = names.into_iter().collect();
                let reason = format!(
                    "it may set {}, of which the values and defaults of this script are imported",
                    names.join(", ")
                );
                self.tally.lost(id, &text, reason);
            }
        }
    }
}
