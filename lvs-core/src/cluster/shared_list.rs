//! A list whose copies share it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// Holds a list that its clones share until one of them is changed: thousands of services have the same destinations.
///
/// It reads and changes like a [`Vec`].
///
/// ```
/// use lvs_core::cluster::SharedList;
///
/// let one = SharedList::from(vec!["realserver1"]);
/// let mut other = one.clone();
/// assert!(one.is_shared_with(&other));
/// other.push("realserver2");
/// assert_eq!((one.len(), other.len()), (1, 2));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedList<T>(Arc<Vec<T>>);

impl<T> SharedList<T> {
    /// Returns whether two lists are the same one, and so equal.
    #[must_use]
    pub fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns what tells this list from others as long as it lives.
    pub(in crate::cluster) fn place(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl<T> Default for SharedList<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> From<Vec<T>> for SharedList<T> {
    fn from(list: Vec<T>) -> Self {
        Self(Arc::new(list))
    }
}

impl<T> FromIterator<T> for SharedList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(list: I) -> Self {
        Vec::from_iter(list).into()
    }
}

impl<T> Deref for SharedList<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T: Clone> DerefMut for SharedList<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        Arc::make_mut(&mut self.0)
    }
}

impl<'a, T> IntoIterator for &'a SharedList<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: fmt::Debug> fmt::Debug for SharedList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
