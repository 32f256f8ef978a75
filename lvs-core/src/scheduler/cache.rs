//! The cache of target addresses in lblc and lblcr, and its expiry.

use std::net::IpAddr;
use std::time::Duration;

use super::Generation;
use super::hash::{fold, hash32};

const BUCKET_BITS: u32 = 10;
const BUCKETS: usize = 1 << BUCKET_BITS;
/// Above so many entries, those idle for [`SHORT_IDLE`] are removed.
const CROWDED: usize = BUCKETS * 16;
/// The most entries that a newer kernel keeps.
const LIMIT: usize = CROWDED / 2 * 3;
/// Seconds between two checks.
const CHECK_EVERY: u64 = 60;
/// One of so many checks examines all entries.
const FULL_CHECK: u64 = 30;
const SHORT_IDLE: Duration = Duration::from_secs(6 * 60);
/// The default of `net.ipv4.vs.lblc_expiration` and `lblcr_expiration`.
pub(super) const EXPIRATION: Duration = Duration::from_secs(24 * 60 * 60);

/// Holds a value for each target address, and removes those that were idle for long.
///
/// The buckets are the kernel's, because they determine the order of removal in a crowded table.
#[derive(Clone, Debug)]
pub(super) struct Cache<T> {
    generation: Generation,
    buckets: Vec<Vec<CachedTarget<T>>>,
    entries: usize,
    /// The bucket at which the last check ended.
    rover: usize,
    /// The number of checks since the last full one, counted as the kernel does: 1 to [`FULL_CHECK`].
    checks: u64,
    /// The time of the last check; before the first check, that of the first look-up.
    checked: Option<Duration>,
}

#[derive(Clone, Debug)]
struct CachedTarget<T> {
    target: IpAddr,
    last_use: Duration,
    value: T,
}

impl<T> Cache<T> {
    pub(super) const fn new(generation: Generation) -> Self {
        Self {
            generation,
            buckets: Vec::new(),
            entries: 0,
            rover: 0,
            checks: 1,
            checked: None,
        }
    }

    /// Returns the value of a target, and counts this as a use.
    pub(super) fn find(&mut self, target: IpAddr, now: Duration) -> Option<&mut T> {
        self.forget(now);
        let entry = self.entry(target)?;
        entry.last_use = now;
        Some(&mut entry.value)
    }

    /// Inserts or replaces the value of a target, if there is room.
    pub(super) fn insert(&mut self, target: IpAddr, value: T, now: Duration) {
        let entry = CachedTarget {
            target,
            last_use: now,
            value,
        };
        if let Some(known) = self.entry(target) {
            *known = entry;
        } else if self.generation == Generation::Old || self.entries < LIMIT {
            self.buckets.resize_with(BUCKETS, Vec::new);
            if let Some(bucket) = self.buckets.get_mut(bucket_of(target)) {
                bucket.push(entry);
                self.entries += 1;
            }
        }
    }

    fn entry(&mut self, target: IpAddr) -> Option<&mut CachedTarget<T>> {
        self.buckets
            .get_mut(bucket_of(target))?
            .iter_mut()
            .find(|entry| entry.target == target)
    }

    /// Makes the checks that the kernel's timer has made since the last call.
    fn forget(&mut self, now: Duration) {
        let mut checked = *self.checked.get_or_insert(now);
        let mut due = now.saturating_sub(checked).as_secs() / CHECK_EVERY;
        while due > 0 && self.entries > 0 {
            checked += Duration::from_secs(CHECK_EVERY);
            due -= 1;
            self.check(checked);
        }
        // Checks of an empty table only count.
        self.checks = (self.checks - 1 + due) % FULL_CHECK + 1;
        self.checked = Some(checked + Duration::from_secs(due * CHECK_EVERY));
    }

    fn check(&mut self, now: Duration) {
        if self.checks == FULL_CHECK {
            self.remove_idle(now, EXPIRATION, usize::MAX);
            self.checks = 1;
        } else if self.entries <= CROWDED {
            self.checks += 1;
        } else {
            let goal = (self.entries - CROWDED) * 4 / 3;
            self.remove_idle(now, SHORT_IDLE, goal.min(CROWDED / 2));
        }
    }

    /// Removes idle entries, bucket by bucket, until at least `goal` are removed.
    fn remove_idle(&mut self, now: Duration, idle: Duration, goal: usize) {
        let before = self.entries;
        for _ in 0..BUCKETS {
            self.rover = (self.rover + 1) % BUCKETS;
            let Some(bucket) = self.buckets.get_mut(self.rover) else {
                return;
            };
            let length = bucket.len();
            bucket.retain(|entry| now.saturating_sub(entry.last_use) < idle);
            self.entries -= length - bucket.len();
            if before - self.entries >= goal {
                return;
            }
        }
    }
}

fn bucket_of(target: IpAddr) -> usize {
    hash32(fold(target), BUCKET_BITS) as usize
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn target(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn crowd(generation: Generation) -> Cache<u32> {
        let mut cache = Cache::new(generation);
        assert!(cache.find(target(0), seconds(0)).is_none());
        for number in 0..30_000 {
            cache.insert(target(number), number, seconds(0));
        }
        cache
    }

    #[test]
    fn a_full_check_forgets_after_a_day() {
        let mut cache = Cache::new(Generation::New);
        assert!(cache.find(target(1), seconds(0)).is_none());
        cache.insert(target(1), 'x', seconds(0));
        cache.insert(target(2), 'y', seconds(0));
        assert_eq!(cache.find(target(2), seconds(100)), Some(&mut 'y'));
        // Full checks are every 30 minutes: at 86400 s for the first, which is idle for a day by then.
        assert_eq!(cache.find(target(9), seconds(86_399)), None);
        assert_eq!(cache.entries, 2);
        assert_eq!(cache.find(target(1), seconds(86_400)), None);
        assert_eq!(cache.find(target(2), seconds(86_400)), Some(&mut 'y'));
    }

    #[test]
    fn a_crowded_table_forgets_what_was_idle_for_six_minutes() {
        let mut cache = crowd(Generation::Old);
        assert_eq!(cache.entries, 30_000);
        cache.forget(seconds(359));
        assert_eq!(cache.entries, 30_000);
        cache.forget(seconds(360));
        let gone = 30_000 - cache.entries;
        assert!(
            (8192..8300).contains(&gone),
            "half the table at most: {gone}"
        );
        cache.forget(seconds(480));
        assert!(cache.entries <= CROWDED);
    }

    #[test]
    fn newer_kernels_have_a_limit() {
        assert_eq!(crowd(Generation::New).entries, LIMIT);
    }

    #[test]
    fn any_time_is_survived() {
        let mut cache = crowd(Generation::New);
        assert!(cache.find(target(1), Duration::MAX).is_none());
        assert_eq!(cache.entries, 0);
        assert!(cache.find(target(1), Duration::ZERO).is_none());
    }
}
