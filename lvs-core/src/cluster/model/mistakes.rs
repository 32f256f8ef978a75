//! All mistakes of a cluster or a cluster file, and how they are collected.

use std::collections::BTreeSet;
use std::{fmt, iter, slice, vec};

use super::error::DocumentError;

/// Holds every mistake of a cluster or a cluster file, at least one; of a text in its order.
///
/// ```
/// # #[cfg(feature = "toml")] {
/// use lvs_core::Cluster;
/// let mistakes = Cluster::from_toml("name = \"Web\"\nforwardin = \"nat\"\n").unwrap_err();
/// let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.position().unwrap().line).collect();
/// assert!(lines.is_sorted() && lines.contains(&1) && lines.contains(&2), "{lines:?}");
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentErrors {
    first: Box<DocumentError>,
    others: Vec<DocumentError>,
}

impl DocumentErrors {
    /// Returns the first mistake.
    #[must_use]
    pub fn first(&self) -> &DocumentError {
        &self.first
    }

    /// Returns all mistakes.
    pub fn iter(&self) -> Iter<'_> {
        iter::once(&*self.first).chain(&self.others)
    }
}

type Iter<'a> = iter::Chain<iter::Once<&'a DocumentError>, slice::Iter<'a, DocumentError>>;

impl<'a> IntoIterator for &'a DocumentErrors {
    type Item = &'a DocumentError;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for DocumentErrors {
    type Item = DocumentError;
    type IntoIter = iter::Chain<iter::Once<DocumentError>, vec::IntoIter<DocumentError>>;

    fn into_iter(self) -> Self::IntoIter {
        iter::once(*self.first).chain(self.others)
    }
}

impl From<DocumentError> for DocumentErrors {
    fn from(first: DocumentError) -> Self {
        Self {
            first: Box::new(first),
            others: Vec::new(),
        }
    }
}

impl fmt::Display for DocumentErrors {
    /// Writes one mistake a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.others
            .iter()
            .try_for_each(|mistake| write!(f, "\n{mistake}"))
    }
}

impl std::error::Error for DocumentErrors {}

/// Collects mistakes; a mistake that is there already is not added.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Mistakes(Vec<DocumentError>);

impl Mistakes {
    pub(in crate::cluster) fn push(&mut self, mistake: DocumentError) {
        self.0.push(mistake);
    }

    /// Returns the value; of an error it keeps the error and returns nothing.
    pub(in crate::cluster) fn keep<T>(&mut self, result: Result<T, DocumentError>) -> Option<T> {
        result.map_err(|mistake| self.push(mistake)).ok()
    }

    /// Collects the mistakes of a part, and puts its path in front of theirs.
    pub(in crate::cluster) fn within<T>(
        &mut self,
        parent: impl fmt::Display,
        part: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let mut inner = Self::default();
        let value = part(&mut inner);
        self.0
            .extend(inner.0.into_iter().map(|mistake| mistake.within(&parent)));
        value
    }

    /// Collects the mistakes of a part that follows from one key, and puts them at its path.
    pub(in crate::cluster) fn all_at(&mut self, path: &str, part: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        part(&mut inner);
        let moved = inner.0.into_iter();
        self.0
            .extend(moved.map(|mistake| mistake.moved_to(path.to_owned())));
    }

    /// Returns whether a part has mistakes, which are collected.
    pub(in crate::cluster) fn has_more(&mut self, part: impl FnOnce(&mut Self)) -> bool {
        let before = self.0.len();
        part(self);
        self.0.len() > before
    }

    #[cfg(feature = "toml")]
    pub(in crate::cluster) fn take(&mut self) -> Vec<DocumentError> {
        std::mem::take(&mut self.0)
    }

    /// Returns the value if there is no mistake.
    pub(in crate::cluster) fn finish<T>(self, value: T) -> Result<T, DocumentErrors> {
        let mut seen = BTreeSet::new();
        let mut distinct = self.0;
        distinct.retain(|mistake| {
            seen.insert((mistake.path().to_owned(), mistake.problem().to_owned()))
        });
        let mut mistakes = distinct.into_iter();
        match mistakes.next() {
            None => Ok(value),
            Some(first) => Err(DocumentErrors {
                first: Box::new(first),
                others: mistakes.collect(),
            }),
        }
    }
}

impl Extend<DocumentError> for Mistakes {
    fn extend<T: IntoIterator<Item = DocumentError>>(&mut self, mistakes: T) {
        self.0.extend(mistakes);
    }
}
