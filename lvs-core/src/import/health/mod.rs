//! Checks, fallback and minimum of a service, as keys of the cluster file.
//!
//! What the file would refuse is written as a comment.

mod check;

use super::tally::{DirectiveId, Tally};
use check::quoted;
pub(super) use check::{Check, Kind, Page, literal};

/// Why what follows from checks is left.
pub(super) const NO_CHECK: &str =
    "no check of the service is imported, without which no real server fails";

/// What the sources do with a service that has no fallback.
const NONE_SERVES: &str = "# minimum = 0: as in the source, no real server serves when all have failed; without it all do";

const NONE_INSTEAD: &str = "# minimum = 0: when all have failed no real server serves, and nothing in their place; without it all do";

/// What the source says about the health of a service's destinations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// All of them must hold.
    pub(super) checks: Vec<Check>,
    /// With a fallback: with fewer real servers it serves.
    pub(super) minimum: usize,
    /// Weight 0 on failure (true) or deletion (false).
    pub(super) inhibit: Option<bool>,
    /// The lines that say so.
    pub(super) inhibit_lines: Vec<DirectiveId>,
    /// Whether the source has a fallback that is not imported.
    pub(super) lacks_fallback: bool,
    /// The weight that all real servers have, where an exit status changes it.
    pub(super) weight: Option<u32>,
}

impl Health {
    /// Settles a directive that these keys say.
    pub(super) fn said(tally: &mut Tally, id: DirectiveId, key: &str) {
        tally.carried(id, format!("services.{key}"));
    }

    /// Returns whether the file has a check.
    pub(super) fn is_checked(&self) -> bool {
        !self.checks.is_empty()
    }

    /// Returns whether a program sets the weights.
    pub(super) fn sets_weight(&self) -> bool {
        self.checks.iter().any(Check::sets_weight)
    }

    /// Returns the lines for a table of `[[services]]` with this fallback: keys, and comments above them.
    pub(super) fn lines(&self, fallback: Option<&str>) -> Vec<String> {
        let checks = self.checks.iter().map(|check| check.value(self.weight));
        let checks: Vec<_> = checks.collect();
        let mut lines = match checks.as_slice() {
            [] => return Vec::new(),
            [check] => vec![format!("check = {check}")],
            checks => vec![format!("check = [\n    {},\n]", checks.join(",\n    "))],
        };
        match fallback {
            Some(name) => lines.extend([
                format!("minimum = {}", self.minimum),
                format!("fallback = {}", quoted(name)),
            ]),
            None => {
                let told = match self.lacks_fallback {
                    true => NONE_INSTEAD,
                    false => NONE_SERVES,
                };
                lines.extend([told.to_owned(), "minimum = 0".to_owned()]);
            }
        }
        lines.extend(self.inhibit.map(|inhibit| match inhibit {
            true => "on-failure = \"drain\"".to_owned(),
            false => "on-failure = \"remove\"".to_owned(),
        }));
        lines
    }
}
