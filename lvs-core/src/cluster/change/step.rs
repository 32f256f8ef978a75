//! One step of a plan.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::{Change, Object, ObjectId, Reason};

/// A change of one object, and the reason for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// The change.
    pub change: Change<Object>,
    /// Its reason, to be read after the change: `+ route default via 172.16.0.1: the director's way out`.
    pub why: Reason,
}

impl Step {
    pub(in crate::cluster) fn new(change: Change<Object>, why: impl Into<Reason>) -> Self {
        Self {
            change,
            why: why.into(),
        }
    }

    pub(in crate::cluster) fn add(object: impl Into<Object>, why: impl Into<Reason>) -> Self {
        Self::new(Change::Add(object.into()), why)
    }

    pub(in crate::cluster) fn edit<T: Into<Object>>(
        before: T,
        after: T,
        why: impl Into<Reason>,
    ) -> Self {
        Self::new(Change::edit(before.into(), after.into()), why)
    }

    pub(in crate::cluster) fn delete(object: impl Into<Object>, why: impl Into<Reason>) -> Self {
        Self::new(Change::Delete(object.into()), why)
    }
}

impl Change<Object> {
    /// Returns the identity of the object.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        self.newest().id()
    }

    /// Returns whether IPVS carries it out.
    #[must_use]
    pub fn is_ipvs(&self) -> bool {
        matches!(
            self.newest(),
            Object::Timeouts(_) | Object::Daemon(_) | Object::Service(_) | Object::Destination(_)
        )
    }

    /// Returns whether both states are alike, so that there is nothing to change.
    pub(in crate::cluster) fn is_void(&self) -> bool {
        Object::are_alike(self.before(), self.after())
    }
}

/// `{do, what, name, before, after, why}`, the form that `lvsctl plan --format json` promises.
impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let id = self.change.id();
        let mut step = serializer.serialize_struct("Step", 6)?;
        step.serialize_field("do", &self.change.kind())?;
        step.serialize_field("what", id.what())?;
        step.serialize_field("name", &id.to_string())?;
        step.serialize_field("before", &self.change.before())?;
        step.serialize_field("after", &self.change.after())?;
        step.serialize_field("why", &self.why)?;
        step.end()
    }
}
