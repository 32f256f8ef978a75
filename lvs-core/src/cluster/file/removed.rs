//! What was taken out of a document because it cannot be read, and which other mistakes only follow from that.

use std::collections::BTreeSet;

use crate::cluster::model::Gaps;
#[cfg(feature = "toml")]
use crate::cluster::model::{DocumentError, DocumentErrorKind};

/// Lists the keys that were taken out, or that were probably meant by unknown ones, each with the path of its table.
#[derive(Clone, Debug, Default)]
pub(super) struct Removed(Vec<(String, String)>);

impl Removed {
    #[cfg(feature = "toml")]
    pub(super) fn push(&mut self, table: String, key: String) {
        self.0.push((table, key));
    }

    #[cfg(feature = "toml")]
    pub(super) fn has_at(&self, table: &str, key: &str) -> bool {
        self.0
            .iter()
            .any(|(path, removed)| path == table && removed == key)
    }

    /// Returns whether this key of the whole document was taken out.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0
            .iter()
            .any(|(table, removed)| table.is_empty() && removed == key)
    }

    /// Returns what the document lacks therefore.
    pub(super) fn gaps(&self) -> Gaps {
        let directors =
            self.has("director") || self.has("directors") || self.has_addresses("director");
        Gaps {
            directors,
            virtual_ips: directors,
            real_servers: self.has("real-servers") || self.has("defaults"),
            services: self.has("services") || self.is_below("services"),
            forwarding: self.has("forwarding") || self.has("tunnel") || self.is_below("tunnel"),
            names: false,
            incomplete: BTreeSet::new(),
        }
    }

    /// Returns whether addresses of a real server may be missing.
    pub(super) fn has_addresses_of_server(&self, i: usize) -> bool {
        self.has_addresses(&format!("real-servers[{i}]"))
    }

    /// Returns whether real servers may be missing from groups.
    pub(super) fn has_groups(&self) -> bool {
        self.0
            .iter()
            .any(|(table, key)| table.starts_with("real-servers") && key == "groups")
    }

    pub(super) fn has_default(&self, key: &str) -> bool {
        self.has("defaults")
            || self
                .0
                .iter()
                .any(|(table, removed)| table == "defaults" && removed == key)
    }

    fn is_below(&self, path: &str) -> bool {
        self.0.iter().any(|(table, _)| table.starts_with(path))
    }

    fn has_addresses(&self, node: &str) -> bool {
        self.0.iter().any(|(table, key)| {
            table.starts_with(node)
                && (table.contains(".addresses")
                    || ["address", "addresses", "interface", "floating"].contains(&key.as_str()))
        })
    }

    /// Returns whether a mistake may follow from what was taken out of its table: a key that is missing there, or values
    /// that do not fit together.
    #[cfg(feature = "toml")]
    pub(super) fn explains(&self, mistake: &DocumentError) -> bool {
        use DocumentErrorKind::{Conflict, Duplicate, Missing, Unused};
        self.0.iter().any(|(table, key)| {
            let below = mistake.path().strip_prefix(table.as_str());
            let is_below = below.is_some_and(|rest| rest.starts_with(['.', '[']));
            match mistake.kind() {
                Missing => {
                    let means = |missing| is_alternative(missing, key);
                    mistake.path() == table && mistake.missing_key().is_some_and(means)
                }
                // What lacks another key does so whichever others were taken out.
                Conflict | Unused => {
                    let means = |missing| is_alternative(missing, key);
                    is_below && mistake.missing_key().is_none_or(means)
                }
                Duplicate => is_below && ["port", "protocol"].contains(&key.as_str()),
                _ => false,
            }
        })
    }
}

/// Returns whether a key that was taken out is the missing one, or one that may stand in its place.
#[cfg(feature = "toml")]
fn is_alternative(missing: &str, removed: &str) -> bool {
    let alternatives: &[&str] = match missing {
        "address" | "addresses" => &["address", "addresses", "fwmark"],
        "real-server" => &["real-server", "group"],
        _ => &[],
    };
    missing == removed || alternatives.contains(&removed)
}
