//! What the records of several clusters on one node share.

use super::Record;
use crate::cluster::change::{Change, Object};

impl Record {
    /// Returns whether the cluster, which is on this node, needs an object as another cluster has made it.
    /// Services and their destinations are never shared.
    pub(in crate::cluster) fn needs(&self, object: &Object) -> bool {
        let is_own = matches!(object, Object::Service(_) | Object::Destination(_));
        let after = || self.entries.find(&object.id())?.after();
        self.applied && !is_own && after().is_some_and(|after| after.is_like(object))
    }

    /// Returns the record when another cluster is removed: what this one found and the other had made before
    /// gets the original configuration that the other has recorded.
    #[doc(hidden)]
    #[must_use]
    pub fn inheriting(&self, removed: &Self) -> Self {
        let entries = self.entries().filter_map(|entry| {
            let made = removed
                .entries
                .find(&entry.id())
                .filter(|made| removed.applied && is_found(entry, made));
            match made {
                Some(made) => Change::between(made.before().cloned(), entry.after().cloned()),
                None => Some(entry.clone()),
            }
        });
        Self {
            entries: entries.collect(),
            ..self.clone()
        }
    }
}

/// Returns whether an entry has for its original configuration what another cluster had made.
fn is_found(entry: &Change<Object>, made: &Change<Object>) -> bool {
    let is_own = matches!(entry.newest(), Object::Service(_) | Object::Destination(_));
    let is_void = Object::are_alike(made.before(), made.after());
    !is_own && !is_void && Object::are_alike(entry.before(), made.after())
}
