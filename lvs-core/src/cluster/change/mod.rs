//! A step of a plan is a change of one object: added, edited or deleted.

mod command;
pub(in crate::cluster) mod detail;
mod object;
mod object_id;
mod reason;
mod step;
pub(in crate::cluster) mod stored;

pub use object::{BoundDestination, LinkState, Object, Setting};
pub use object_id::ObjectId;
pub use reason::Reason;
pub use step::Step;

use std::fmt;

use serde::{Deserialize, Serialize};

/// Says what a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The object does not exist before.
    Add,
    /// The object exists before and after.
    Edit,
    /// The object does not exist after.
    Delete,
}

impl Kind {
    /// Returns `+`, `~` or `-`.
    #[must_use]
    pub const fn sign(self) -> char {
        match self {
            Self::Add => '+',
            Self::Edit => '~',
            Self::Delete => '-',
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Add => "add",
            Self::Edit => "edit",
            Self::Delete => "delete",
        })
    }
}

/// A change of one object. What to send, how to display it and how to roll it back all follow from it.
///
/// Serialized it is `{"before": …, "after": …}` with `null` for what does not exist.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "Pair<T>", try_from = "Pair<T>")]
#[serde(bound(
    serialize = "T: Clone + Serialize",
    deserialize = "T: Deserialize<'de>"
))]
pub enum Change<T> {
    /// The object does not exist yet; this is how it is added.
    Add(T),
    /// The object exists: before and after. In a box, for of millions of changes hardly any is an edit.
    Edit(Box<Edit<T>>),
    /// The object is deleted; this is how it looked.
    Delete(T),
}

/// Holds an object as it is before and after a change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edit<T> {
    /// Before.
    pub before: T,
    /// After.
    pub after: T,
}

/// The serialized form of a change.
#[derive(Serialize, Deserialize)]
struct Pair<T> {
    before: Option<T>,
    after: Option<T>,
}

impl<T> From<Change<T>> for Pair<T> {
    fn from(change: Change<T>) -> Self {
        let (before, after) = match change {
            Change::Add(after) => (None, Some(after)),
            Change::Edit(edit) => (Some(edit.before), Some(edit.after)),
            Change::Delete(before) => (Some(before), None),
        };
        Self { before, after }
    }
}

impl<T> TryFrom<Pair<T>> for Change<T> {
    type Error = &'static str;
    fn try_from(Pair { before, after }: Pair<T>) -> Result<Self, Self::Error> {
        Self::between(before, after).ok_or("a change needs `before`, `after` or both")
    }
}

impl<T> Change<T> {
    /// Returns the change from one state of an object to another, where `None` means that it does not
    /// exist; `None` if it exists in neither.
    pub(in crate::cluster) fn between(before: Option<T>, after: Option<T>) -> Option<Self> {
        match (before, after) {
            (None, Some(after)) => Some(Self::Add(after)),
            (Some(before), Some(after)) => Some(Self::edit(before, after)),
            (Some(before), None) => Some(Self::Delete(before)),
            (None, None) => None,
        }
    }

    /// Returns the change of an object that exists.
    pub fn edit(before: T, after: T) -> Self {
        Self::Edit(Box::new(Edit { before, after }))
    }

    /// Returns the object as it is before the change.
    #[must_use]
    pub fn before(&self) -> Option<&T> {
        match self {
            Self::Add(_) => None,
            Self::Edit(edit) => Some(&edit.before),
            Self::Delete(before) => Some(before),
        }
    }

    /// Returns the object as it is after the change.
    #[must_use]
    pub fn after(&self) -> Option<&T> {
        match self {
            Self::Add(after) => Some(after),
            Self::Edit(edit) => Some(&edit.after),
            Self::Delete(_) => None,
        }
    }

    /// Returns the object itself: as it is after the change, or the deleted one.
    #[must_use]
    pub fn newest(&self) -> &T {
        match self {
            Self::Add(object) | Self::Delete(object) => object,
            Self::Edit(edit) => &edit.after,
        }
    }

    /// Returns this change and a later one of the same object as one change; `None` if the object exists
    /// neither before nor after both.
    pub(in crate::cluster) fn then(self, later: &Self) -> Option<Self>
    where
        T: Clone,
    {
        Self::between(Pair::from(self).before, later.after().cloned())
    }

    /// Returns the change with another form of the same object.
    pub(in crate::cluster) fn map<U>(self, into: impl Fn(T) -> U) -> Change<U> {
        match self {
            Self::Add(object) => Change::Add(into(object)),
            Self::Edit(edit) => Change::edit(into(edit.before), into(edit.after)),
            Self::Delete(object) => Change::Delete(into(object)),
        }
    }

    /// Returns what the change does.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Add(_) => Kind::Add,
            Self::Edit(..) => Kind::Edit,
            Self::Delete(_) => Kind::Delete,
        }
    }

    /// Returns the change in the opposite direction.
    #[must_use]
    pub fn inverse(self) -> Self {
        match self {
            Self::Add(object) => Self::Delete(object),
            Self::Edit(edit) => Self::edit(edit.after, edit.before),
            Self::Delete(object) => Self::Add(object),
        }
    }
}
