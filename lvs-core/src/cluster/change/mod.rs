//! A step as a pair: the thing before and the thing after.

mod object;
mod step;

pub(in crate::cluster) use object::Subject;
pub use object::{BoundDestination, LinkState, Setting};
pub use step::{Action, Step};

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// There is nothing before.
    Add,
    /// The same thing looks different after.
    Edit,
    /// There is nothing after.
    Delete,
}

impl Kind {
    /// `+`, `~` or `-`.
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

/// One thing before and after. Everything else about a step follows from the pair: what to send, how
/// to say it, how to take it back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Change<T> {
    before: Option<T>,
    after: Option<T>,
}

impl<T> Change<T> {
    /// From nothing to a thing.
    #[must_use]
    pub const fn add(after: T) -> Self {
        Self {
            before: None,
            after: Some(after),
        }
    }

    /// From a thing to the same thing looking different.
    #[must_use]
    pub const fn edit(before: T, after: T) -> Self {
        Self {
            before: Some(before),
            after: Some(after),
        }
    }

    /// From a thing to nothing.
    #[must_use]
    pub const fn delete(before: T) -> Self {
        Self {
            before: Some(before),
            after: None,
        }
    }

    /// From whatever is there to whatever is wanted; `None` if that is nothing and nothing.
    pub(in crate::cluster) fn between(before: Option<T>, after: Option<T>) -> Option<Self> {
        (before.is_some() || after.is_some()).then_some(Self { before, after })
    }

    /// The thing as it was found.
    #[must_use]
    pub const fn before(&self) -> Option<&T> {
        self.before.as_ref()
    }

    /// The thing as it is to be.
    #[must_use]
    pub const fn after(&self) -> Option<&T> {
        self.after.as_ref()
    }

    /// This and then another one of the same thing; `None` if there is nothing before and after both.
    pub(in crate::cluster) fn then(self, later: &Self) -> Option<Self>
    where
        T: Clone,
    {
        Self::between(self.before, later.after.clone())
    }

    /// What it does.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match (&self.before, &self.after) {
            (None, _) => Kind::Add,
            (Some(_), Some(_)) => Kind::Edit,
            (Some(_), None) => Kind::Delete,
        }
    }

    /// The way back.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self {
            before: self.after,
            after: self.before,
        }
    }

    /// The thing itself, the newer of the two: there is always one.
    pub(in crate::cluster) fn newest(&self) -> Option<&T> {
        self.after.as_ref().or(self.before.as_ref())
    }
}
