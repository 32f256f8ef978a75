//! The way back from how an object is now.

use super::ObservedIndex;
use crate::cluster::change::{Change, Object};

impl ObservedIndex<'_> {
    /// Returns the change of the object that a `done` change was about back to its `original` state;
    /// `None` if it is in that state, or cannot be brought there.
    ///
    /// The state of a link and sysctls appear and disappear with their interface. Where they did not
    /// exist before, a later interface brought its own, and `done` says how it began; where the interface
    /// no longer exists there is nothing to restore.
    pub(in crate::cluster) fn restore(
        &self,
        done: &Change<Object>,
        original: Option<Object>,
    ) -> Option<Change<Object>> {
        let id = done.id();
        let found = self.find(&id);
        let is_part = id.is_part_of_interface();
        let original = original.or_else(|| done.before().filter(|_| is_part).cloned());
        let is_gone = is_part && found.is_none();
        let must_stay = original.is_none() && !done.newest().can_be_deleted();
        if is_gone || must_stay || Object::are_alike(found.as_ref(), original.as_ref()) {
            return None;
        }
        Change::between(found, original)
    }
}
