//! The destinations of all services of a file: those that are written alike are converted once, and shared.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::destination::DestinationTable;
use super::service::ServiceContext;
use super::value::each;
use crate::cluster::SharedList;
use crate::cluster::model::{Mistakes, NodeName, VirtualDestination};

/// The destinations of the services that were converted until now.
#[derive(Default)]
pub(super) struct DestinationLists {
    known: HashMap<Written, DestinationList>,
}

/// What a service says about its destinations.
#[derive(PartialEq, Eq, Hash)]
struct Written {
    /// Absent: every real server of the file.
    tables: Option<Vec<DestinationTable>>,
    fallback: Option<NodeName>,
}

/// The destinations of a service, and where they are in the file.
#[derive(Clone, Default)]
pub(super) struct DestinationList {
    pub(super) destinations: SharedList<VirtualDestination>,
    /// The entry of each; empty if it is that of its number.
    pub(super) entries: SharedList<usize>,
    /// Whether the last destination is the fallback, which is no entry.
    pub(super) has_added_fallback: bool,
}

impl DestinationLists {
    /// Converts the destinations of a service; those with mistakes, each time.
    pub(super) fn convert(
        &mut self,
        tables: Option<Vec<DestinationTable>>,
        fallback: Option<NodeName>,
        context: &ServiceContext<'_>,
        mistakes: &mut Mistakes,
    ) -> DestinationList {
        match self.known.entry(Written { tables, fallback }) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(entry) => {
                let mut list = DestinationList::default();
                let has_mistakes = mistakes.has_more(|mistakes| {
                    list = entry.key().convert(context, mistakes);
                });
                match has_mistakes {
                    true => list,
                    false => entry.insert(list).clone(),
                }
            }
        }
    }
}

impl Written {
    fn convert(&self, context: &ServiceContext<'_>, mistakes: &mut Mistakes) -> DestinationList {
        let of_entries = match &self.tables {
            Some(tables) => {
                let tables = tables.iter().collect();
                each("destinations", tables, mistakes, |table, mistakes| {
                    table.destinations(context, mistakes)
                })
            }
            None => vec![(0, context.every_real_server())],
        };
        let (mut entries, mut destinations): (Vec<_>, Vec<_>) = of_entries
            .into_iter()
            .flat_map(|(i, destinations)| destinations.into_iter().map(move |one| (i, one)))
            .unzip();
        if self.tables.is_none() || entries.iter().enumerate().all(|(i, entry)| i == *entry) {
            entries.clear();
        }
        let added = self.fallback.as_ref().filter(|name| {
            let mut known = destinations.iter();
            known.all(|destination: &VirtualDestination| destination.real_server != **name)
        });
        destinations
            .extend(added.map(|name| VirtualDestination::new(name.clone(), context.forwarding)));
        DestinationList {
            destinations: destinations.into(),
            entries: entries.into(),
            has_added_fallback: added.is_some(),
        }
    }
}
