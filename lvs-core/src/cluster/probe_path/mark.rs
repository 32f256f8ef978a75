//! Firewall marks of probe services.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use super::PathKey;
use crate::cluster::ClusterName;
use crate::error::InvalidValue;

/// The block of 65,536 firewall marks that belongs to probe services.
///
/// ```
/// use lvs_core::cluster::probe_path::Marks;
/// assert_eq!(Marks::default().first().get(), 0x4C56_0000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Marks(NonZeroU32);

impl Marks {
    const BLOCK: u32 = 0x1_0000;
    /// The largest first mark, 0xFFFF0000: the block ends with the largest mark.
    pub const LAST: u32 = u32::MAX - (Self::BLOCK - 1);
    /// "LV" in the upper half.
    const DEFAULT: NonZeroU32 = NonZeroU32::MIN.saturating_add(0x4C56_0000 - 1);

    /// Returns the block that begins with a mark.
    ///
    /// # Errors
    /// Refuses a mark above 0xFFFF0000, after which there are not enough.
    pub fn new(first: NonZeroU32) -> Result<Self, InvalidValue> {
        if first.get() > Self::LAST {
            let problem = "is above 0xffff0000: 65,536 marks must follow";
            return Err(InvalidValue::new("mark", format!("{first:#x}"), problem));
        }
        Ok(Self(first))
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

    /// Assigns a mark to each way of a cluster: by a hash, so that other ways that come or go change none,
    /// unless two have the same, and so that two clusters on a node rarely meet. Beyond 65,536 ways the rest
    /// gets none.
    #[must_use]
    pub fn assign(
        self,
        cluster: &ClusterName,
        ways: &BTreeSet<PathKey>,
    ) -> BTreeMap<PathKey, NonZeroU32> {
        let mut used = BTreeSet::new();
        let assign = |way: &PathKey| {
            let place = hash(&format!("{cluster} {way}")) % Self::BLOCK;
            let free = (0..Self::BLOCK)
                .map(|step| (place + step) % Self::BLOCK)
                .find(|place| used.insert(*place))?;
            Some((*way, self.0.checked_add(free)?))
        };
        let most = usize::try_from(Self::BLOCK).unwrap_or(usize::MAX);
        ways.iter().take(most).filter_map(assign).collect()
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self(Self::DEFAULT)
    }
}

/// FNV-1a, folded to 16 bits: it must be the same in every version.
fn hash(text: &str) -> u32 {
    let hash = text.bytes().fold(0x811C_9DC5, |hash: u32, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (hash >> 16) ^ (hash & 0xFFFF)
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

    #[test]
    fn a_way_keeps_its_mark_when_others_come_and_go() {
        let assign = |ways: &[PathKey]| {
            Marks::default().assign(&"web".parse().unwrap(), &ways.iter().copied().collect())
        };
        let first = assign(&[way(12), way(13), way(14)]);
        let second = assign(&[way(11), way(13), way(14), way(15)]);
        assert_eq!(first[&way(13)], second[&way(13)]);
        assert_eq!(first[&way(14)], second[&way(14)]);
        let all: Vec<PathKey> = (0..=255).map(way).collect();
        let marks: BTreeSet<NonZeroU32> = assign(&all).into_values().collect();
        assert_eq!(marks.len(), 256);
        assert!(marks.iter().all(|mark| Marks::default().contains(*mark)));
    }

    #[test]
    fn two_clusters_have_other_marks_for_the_same_way() {
        let ways = [way(12)].into();
        let mark = |name: &str| Marks::default().assign(&name.parse().unwrap(), &ways)[&way(12)];
        assert_ne!(mark("web"), mark("mail"));
    }

    #[test]
    fn a_block_is_whole() {
        let marks = |first| Marks::new(NonZeroU32::new(first).unwrap());
        assert!(marks(Marks::LAST).is_ok());
        assert!(marks(Marks::LAST + 1).is_err());
        let block = marks(100).unwrap();
        let contains = |mark| block.contains(NonZeroU32::new(mark).unwrap());
        assert!(!contains(99) && contains(100) && contains(65_635) && !contains(65_636));
    }
}
