//! The flags of a service, and the words for those of its scheduler.

use bitflags::bitflags;
use serde::{Deserialize, Serialize};

use super::SchedulerName;

bitflags! {
    /// Holds the bits of the kernel's flags word that a user may set.
    ///
    /// PERSISTENT (0x1) is not among them, because it is
    /// [`Service::persistence`](super::Service::persistence); nor is HASHED (0x2), which the kernel sets.
    /// Unknown bits are kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct ServiceFlags: u32 {
        /// Schedules every UDP datagram on its own.
        const ONE_PACKET = 0x4;
        /// The first flag of the scheduler.
        const FLAG_1 = 0x8;
        /// The second flag of the scheduler.
        const FLAG_2 = 0x10;
        /// The third flag of the scheduler; no scheduler of the kernel uses it.
        const FLAG_3 = 0x20;
        /// sh: chooses another server if the hashed one is not available.
        const SH_FALLBACK = 0x8;
        /// sh: hashes the client's port too.
        const SH_PORT = 0x10;
        /// mh: chooses another server if the hashed one is not available.
        const MH_FALLBACK = 0x8;
        /// mh: hashes the client's port too.
        const MH_PORT = 0x10;
        const _ = !0;
    }
}

impl Serialize for ServiceFlags {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.bits())
    }
}

impl<'de> Deserialize<'de> for ServiceFlags {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self::from_bits_retain)
    }
}

/// Is a word for a flag of a scheduler, as it is written in the cluster file, in `ipvsadm --sched-flags`
/// and in plans.
struct Word {
    text: &'static str,
    flag: ServiceFlags,
    /// The only scheduler whose flag it is; `None` for a word that fits every scheduler.
    scheduler: Option<&'static str>,
}

/// All words. The first one that fits a scheduler is the word for its flag.
const WORDS: &[Word] = &[
    word("sh-fallback", ServiceFlags::SH_FALLBACK, Some("sh")),
    word("sh-port", ServiceFlags::SH_PORT, Some("sh")),
    word("mh-fallback", ServiceFlags::MH_FALLBACK, Some("mh")),
    word("mh-port", ServiceFlags::MH_PORT, Some("mh")),
    word("flag-1", ServiceFlags::FLAG_1, None),
    word("flag-2", ServiceFlags::FLAG_2, None),
    word("flag-3", ServiceFlags::FLAG_3, None),
];

const fn word(text: &'static str, flag: ServiceFlags, scheduler: Option<&'static str>) -> Word {
    Word {
        text,
        flag,
        scheduler,
    }
}

/// Tells why a word is no flag of a scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlagError {
    /// There is no such word.
    Unknown,
    /// It is a flag of this other scheduler.
    OfScheduler(&'static str),
}

impl ServiceFlags {
    /// The flags that have a meaning.
    pub(crate) const NAMED: Self = Self::ONE_PACKET
        .union(Self::FLAG_1)
        .union(Self::FLAG_2)
        .union(Self::FLAG_3);

    /// Returns the flag that a word means to a scheduler.
    pub(crate) fn from_word(text: &str, scheduler: &SchedulerName) -> Result<Self, FlagError> {
        let word = WORDS
            .iter()
            .find(|word| word.text == text)
            .ok_or(FlagError::Unknown)?;
        match word.scheduler {
            Some(other) if other != scheduler.as_str() => Err(FlagError::OfScheduler(other)),
            _ => Ok(word.flag),
        }
    }

    /// Returns all words for flags of schedulers.
    pub(crate) fn words() -> impl Iterator<Item = &'static str> {
        WORDS.iter().map(|word| word.text)
    }

    /// Returns the words for the flags that are set of a scheduler, in the order of the bits.
    pub(super) fn words_of(self, scheduler: &SchedulerName) -> Vec<&'static str> {
        [Self::FLAG_1, Self::FLAG_2, Self::FLAG_3]
            .into_iter()
            .filter(|flag| self.contains(*flag))
            .filter_map(|flag| {
                WORDS
                    .iter()
                    .filter(|word| word.flag == flag)
                    .find(|word| word.scheduler.is_none_or(|name| name == scheduler.as_str()))
            })
            .map(|word| word.text)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_means_its_flag() {
        for scheduler in [SchedulerName::SH, SchedulerName::MH, SchedulerName::RR] {
            for bits in 0..8 {
                let flags = ServiceFlags::from_bits_retain(bits << 3);
                let read: Result<ServiceFlags, FlagError> = flags
                    .words_of(&scheduler)
                    .into_iter()
                    .map(|word| ServiceFlags::from_word(word, &scheduler))
                    .collect();
                assert_eq!(read, Ok(flags));
            }
        }
    }

    #[test]
    fn a_word_of_another_scheduler_is_refused() {
        let flag = |word| ServiceFlags::from_word(word, &SchedulerName::MH);
        assert_eq!(flag("sh-port"), Err(FlagError::OfScheduler("sh")));
        assert_eq!(flag("mh-port"), Ok(ServiceFlags::MH_PORT));
        assert_eq!(flag("port"), Err(FlagError::Unknown));
    }
}
