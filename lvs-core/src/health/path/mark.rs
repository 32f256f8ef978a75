//! Firewall marks of probe services.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use super::PathKey;

/// The block of 65,536 firewall marks that belongs to probe services.
///
/// ```
/// use lvs_core::health::Marks;
/// assert_eq!(Marks::default().first().get(), 0x4C56_0000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Marks(NonZeroU32);

/// A mark of the block that another service or rule already uses, or a block that is too small.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MarkCollision {
    /// Another service has a mark of the block.
    #[error("health.marks: mark {mark:#x} is used by another service; choose another first mark")]
    Taken {
        /// The mark.
        mark: NonZeroU32,
    },
    /// More ways than marks.
    #[error("health.marks: {ways} marks are needed from {first:#x} on, which are more than exist")]
    TooMany {
        /// The first mark of the block.
        first: NonZeroU32,
        /// So many marks are needed.
        ways: usize,
    },
}

impl Marks {
    const BLOCK: u32 = 0x1_0000;
    /// "LV" in the upper half.
    const DEFAULT: NonZeroU32 = NonZeroU32::MIN.saturating_add(0x4C56_0000 - 1);

    /// Returns the block that begins with a mark.
    #[must_use]
    pub const fn new(first: NonZeroU32) -> Self {
        Self(first)
    }

    /// Returns the first mark.
    #[must_use]
    pub const fn first(self) -> NonZeroU32 {
        self.0
    }

    /// Returns whether a mark belongs to the block.
    #[must_use]
    pub fn contains(self, mark: NonZeroU32) -> bool {
        mark.get()
            .checked_sub(self.0.get())
            .is_some_and(|place| place < Self::BLOCK)
    }

    /// Assigns a mark to each way. A way keeps the mark that it held, so that a reload changes no other
    /// way's service; a new one gets the smallest that is free.
    ///
    /// # Errors
    /// A mark of the block that is taken, or more ways than marks.
    pub fn assign(
        self,
        ways: &BTreeSet<PathKey>,
        held: &BTreeMap<PathKey, NonZeroU32>,
        taken: &BTreeSet<NonZeroU32>,
    ) -> Result<BTreeMap<PathKey, NonZeroU32>, MarkCollision> {
        if let Some(mark) = taken.iter().find(|mark| self.contains(**mark)) {
            return Err(MarkCollision::Taken { mark: *mark });
        }
        let mut used = BTreeSet::new();
        let mut assigned: BTreeMap<PathKey, NonZeroU32> = ways
            .iter()
            .filter_map(|way| {
                let mark = *held.get(way).filter(|mark| self.contains(**mark))?;
                used.insert(mark).then_some((*way, mark))
            })
            .collect();
        let mut free = (0..Self::BLOCK)
            .map_while(|place| self.0.checked_add(place))
            .filter(|mark| !used.contains(mark));
        for way in ways {
            if assigned.contains_key(way) {
                continue;
            }
            let too_many = || MarkCollision::TooMany {
                first: self.0,
                ways: ways.len(),
            };
            assigned.insert(*way, free.next().ok_or_else(too_many)?);
        }
        Ok(assigned)
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self(Self::DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::{Family, Forwarding};

    fn way(last: u8) -> PathKey {
        PathKey {
            address: [192, 168, 1, last].into(),
            forwarding: Forwarding::DirectRouting,
            port: 0,
            family: Family::Ipv4,
        }
    }

    fn mark(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn a_way_keeps_its_mark_when_others_come_and_go() {
        let marks = Marks::new(mark(100));
        let none = BTreeSet::new();
        let ways = [way(12), way(13), way(14)].into();
        let first = marks.assign(&ways, &BTreeMap::new(), &none).unwrap();
        assert_eq!(
            first.values().map(|mark| mark.get()).collect::<Vec<_>>(),
            [100, 101, 102]
        );
        let ways = [way(11), way(13), way(14), way(15)].into();
        let second = marks.assign(&ways, &first, &none).unwrap();
        assert_eq!((second[&way(13)], second[&way(14)]), (mark(101), mark(102)));
        assert_eq!((second[&way(11)], second[&way(15)]), (mark(100), mark(103)));
    }

    #[test]
    fn a_taken_mark_is_refused() {
        let marks = Marks::new(mark(100));
        let assign =
            |taken| marks.assign(&[way(1)].into(), &BTreeMap::new(), &[mark(taken)].into());
        assert!(assign(99).is_ok());
        assert_eq!(
            assign(65_635),
            Err(MarkCollision::Taken { mark: mark(65_635) })
        );
        assert!(assign(65_636).is_ok());
        let last = Marks::new(NonZeroU32::MAX);
        let ways = [way(1), way(2)].into();
        assert!(
            last.assign(&ways, &BTreeMap::new(), &BTreeSet::new())
                .is_err()
        );
        // A mark held under another first one is not kept.
        let held = BTreeMap::from([(way(1), mark(7))]);
        let assigned = marks
            .assign(&[way(1)].into(), &held, &BTreeSet::new())
            .unwrap();
        assert_eq!(assigned[&way(1)], mark(100));
    }
}
