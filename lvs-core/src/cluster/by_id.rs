//! Objects in order that are found by their identity at once: a node may have thousands of addresses
//! and a routing table of the whole Internet.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::change::{Change, Object, ObjectId};
use super::desired::{Desired, DesiredService};
use crate::ipvs::ServiceId;
use crate::net::{Address, AddressId, Route, RouteId};

/// An object of the kernel with an identity.
pub trait Identified {
    /// What tells two of them apart.
    type Id: Clone + Eq + Hash;

    /// Returns the identity, in the form that the kernel keeps.
    fn identity(&self) -> Self::Id;
}

impl Identified for Address {
    type Id = AddressId;

    fn identity(&self) -> AddressId {
        self.id.clone()
    }
}

/// A route's destination is a network: the kernel keeps no host bits.
impl Identified for Route {
    type Id = RouteId;

    fn identity(&self) -> RouteId {
        self.id.trunc()
    }
}

impl Identified for DesiredService {
    type Id = ServiceId;

    fn identity(&self) -> ServiceId {
        self.service.id
    }
}

impl Identified for Change<Object> {
    type Id = ObjectId;

    fn identity(&self) -> ObjectId {
        self.id()
    }
}

impl<T: Identified> Identified for Desired<T> {
    type Id = T::Id;

    fn identity(&self) -> T::Id {
        self.value.identity()
    }
}

/// Holds objects in order, with an index by their identity. Several may have the same one, as IPv6
/// routes do; the first is the one that is found. The index is made when it is used first: what is only read or written
/// in order needs none.
///
/// It reads like a slice, and is serialised as a list.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "Vec<T>", into = "Vec<T>")]
#[serde(bound(
    serialize = "T: Clone + Serialize",
    deserialize = "T: Deserialize<'de>"
))]
pub struct ById<T: Identified> {
    objects: Vec<T>,
    places: OnceLock<HashMap<T::Id, Places>>,
}

/// The places of the objects of one identity, ascending. There is hardly ever a second one, and then a list for it.
#[derive(Clone)]
struct Places {
    first: usize,
    later: Vec<usize>,
}

impl Places {
    const fn of(first: usize) -> Self {
        Self {
            first,
            later: Vec::new(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.first).chain(self.later.iter().copied())
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut usize> {
        std::iter::once(&mut self.first).chain(&mut self.later)
    }

    /// Returns the places without one of them, by its number from 0; `None` if it was the only one.
    fn without(mut self, index: usize) -> Option<Self> {
        match index.checked_sub(1) {
            Some(later) => drop(self.later.remove(later)),
            None if self.later.is_empty() => return None,
            None => self.first = self.later.remove(0),
        }
        Some(self)
    }
}

impl<T: Identified> ById<T> {
    /// Returns the first object of this identity.
    #[must_use]
    pub fn find(&self, id: &T::Id) -> Option<&T> {
        self.objects.get(self.places().get(id)?.first)
    }

    fn places(&self) -> &HashMap<T::Id, Places> {
        self.places.get_or_init(|| {
            let mut places = HashMap::with_capacity(self.objects.len());
            for (place, object) in self.objects.iter().enumerate() {
                note(&mut places, object.identity(), place);
            }
            places
        })
    }

    /// Appends an object.
    pub fn push(&mut self, object: T) {
        let place = self.objects.len();
        if let Some(places) = self.places.get_mut() {
            note(places, object.identity(), place);
        }
        self.objects.push(object);
    }

    /// Removes the first object of this identity that is meant, and returns it. It is the cheaper the nearer it is
    /// to the end.
    pub fn remove(&mut self, id: &T::Id, is_meant: impl Fn(&T) -> bool) -> Option<T> {
        let (index, place) = self
            .places()
            .get(id)?
            .iter()
            .enumerate()
            .find(|(_, place)| self.objects.get(*place).is_some_and(&is_meant))?;
        let places = self.places.get_mut()?;
        let (id, of_id) = places.remove_entry(id)?;
        if let Some(rest) = of_id.without(index) {
            places.insert(id, rest);
        }
        let removed = self.objects.remove(place);
        for (now, later) in self.objects.iter().enumerate().skip(place) {
            let of_id = places.get_mut(&later.identity());
            let mut moved = of_id.into_iter().flat_map(Places::iter_mut);
            if let Some(moved) = moved.find(|at| **at == now + 1) {
                *moved = now;
            }
        }
        Some(removed)
    }

    /// Keeps the objects that are meant.
    pub fn retain(&mut self, is_meant: impl FnMut(&T) -> bool) {
        let count = self.objects.len();
        self.objects.retain(is_meant);
        if self.objects.len() < count {
            *self = std::mem::take(&mut self.objects).into();
        }
    }

    /// Changes each object, its identity included.
    pub fn update(&mut self, change: impl FnMut(&mut T)) {
        self.objects.iter_mut().for_each(change);
        *self = std::mem::take(&mut self.objects).into();
    }

    /// Returns the objects to be changed; none may change its identity.
    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.objects.iter_mut()
    }
}

impl<T: Identified> Default for ById<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T: Identified> From<Vec<T>> for ById<T> {
    fn from(objects: Vec<T>) -> Self {
        Self {
            objects,
            places: OnceLock::new(),
        }
    }
}

/// Adds the place of an object behind all that are known.
fn note<I: Eq + Hash>(places: &mut HashMap<I, Places>, id: I, place: usize) {
    match places.entry(id) {
        Entry::Vacant(entry) => drop(entry.insert(Places::of(place))),
        Entry::Occupied(entry) => entry.into_mut().later.push(place),
    }
}

impl<T: Identified> From<ById<T>> for Vec<T> {
    fn from(by_id: ById<T>) -> Self {
        by_id.objects
    }
}

impl<T: Identified> FromIterator<T> for ById<T> {
    fn from_iter<I: IntoIterator<Item = T>>(objects: I) -> Self {
        Vec::from_iter(objects).into()
    }
}

impl<T: Identified> Extend<T> for ById<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, objects: I) {
        objects.into_iter().for_each(|object| self.push(object));
    }
}

impl<T: Identified> Deref for ById<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.objects
    }
}

impl<'a, T: Identified> IntoIterator for &'a ById<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.objects.iter()
    }
}

impl<T: Identified + PartialEq> PartialEq for ById<T> {
    fn eq(&self, other: &Self) -> bool {
        self.objects == other.objects
    }
}

impl<T: Identified + Eq> Eq for ById<T> {}

impl<T: Identified + PartialOrd> PartialOrd for ById<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.objects.partial_cmp(&other.objects)
    }
}

impl<T: Identified + Ord> Ord for ById<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.objects.cmp(&other.objects)
    }
}

impl<T: Identified + Hash> Hash for ById<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.objects.hash(state);
    }
}

impl<T: Identified + fmt::Debug> fmt::Debug for ById<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.objects.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn address(number: u32) -> Address {
        let network = format!("10.0.0.{number}/24").parse().unwrap();
        Address::new("eth0".parse().unwrap(), network)
    }

    /// Whatever is done, it is the list that it would be without an index, and each object is found.
    #[test]
    fn an_index_is_never_wrong() {
        let mut random = Random::new(7);
        let mut plain: Vec<Address> = Vec::new();
        let mut indexed = ById::default();
        for _ in 0..5000 {
            let object = address(random.number(40));
            match random.below(3) {
                0 => {
                    let removed = plain
                        .iter()
                        .position(|found| found.id == object.id)
                        .map(|place| plain.remove(place));
                    assert_eq!(indexed.remove(&object.id, |_| true), removed);
                }
                1 if plain.len() > 30 => {
                    plain.retain(|found| found.id != object.id);
                    indexed.retain(|found| found.id != object.id);
                }
                _ => {
                    plain.push(object.clone());
                    indexed.push(object.clone());
                }
            }
            assert_eq!(*indexed, *plain);
            let first = plain.iter().find(|found| found.id == object.id);
            assert_eq!(indexed.find(&object.id), first);
        }
    }
}
