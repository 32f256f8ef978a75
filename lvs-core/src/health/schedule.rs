//! When probes are due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Health, Timing};

/// Holds when each probe is due, and draws the jitter of its intervals.
///
/// The same seed and the same calls give the same times.
///
/// ```
/// use std::time::Duration;
/// use lvs_core::health::{Health, Schedule, Timing};
/// let (mut schedule, timing) = (Schedule::new(7), Timing::default());
/// schedule.begin("web1", &timing, Duration::ZERO);
/// let due = schedule.next().ok_or("nothing is due")?;
/// assert!(due < timing.fast_interval.get());
/// assert_eq!(schedule.take_due(due), Some("web1"));
/// schedule.again("web1", Health::Up, &timing, due);
/// assert!(schedule.next() > Some(due));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct Schedule<K> {
    state: u64,
    due: BTreeSet<(Duration, K)>,
    times: BTreeMap<K, Duration>,
}

impl<K: Ord + Clone> Schedule<K> {
    /// Returns a schedule without probes.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            state: seed,
            due: BTreeSet::new(),
            times: BTreeMap::new(),
        }
    }

    /// Sets the first time of a probe: some moment within the fast interval, so that the probes of many
    /// destinations do not begin together.
    pub fn begin(&mut self, probe: K, timing: &Timing, now: Duration) {
        let spread = self.part_of(timing.fast_interval.get());
        self.set(probe, now + spread);
    }

    /// Sets the next time of a probe that began at `began`.
    pub fn again(&mut self, probe: K, health: Health, timing: &Timing, began: Duration) {
        let interval = match health.is_at_edge() {
            true => timing.fast_interval.get(),
            false => timing.interval.get(),
        };
        let shortened = self.part_of(interval * u32::from(timing.jitter.get()) / 100);
        self.set(probe, began + interval - shortened);
    }

    /// Sets the next time of a probe.
    pub fn set(&mut self, probe: K, due: Duration) {
        self.remove(&probe);
        self.times.insert(probe.clone(), due);
        self.due.insert((due, probe));
    }

    /// Removes a probe.
    pub fn remove(&mut self, probe: &K) {
        if let Some(due) = self.times.remove(probe) {
            self.due.remove(&(due, probe.clone()));
        }
    }

    /// Removes and returns a probe that is due.
    pub fn take_due(&mut self, now: Duration) -> Option<K> {
        let (due, _) = self.due.first()?;
        if *due > now {
            return None;
        }
        let (_, probe) = self.due.pop_first()?;
        self.times.remove(&probe);
        Some(probe)
    }

    /// Returns when the next probe is due.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Draws a part of a span, from nothing to just below the whole (splitmix64).
    fn part_of(&mut self, span: Duration) -> Duration {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut draw = self.state;
        draw = (draw ^ (draw >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        draw = (draw ^ (draw >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        draw ^= draw >> 31;
        // 16 bits are fine enough for a jitter, and leave room for a day of nanoseconds.
        let nanoseconds = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX >> 16);
        Duration::from_nanos((nanoseconds >> 16) * (draw >> 48))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Percent;

    #[test]
    fn jitter_shortens_and_never_lengthens() {
        let timing = Timing {
            jitter: Percent::new(50).unwrap(),
            ..Timing::default()
        };
        let interval = timing.interval.get();
        let mut schedule = Schedule::new(3);
        let began = Duration::from_secs(100);
        let times: Vec<Duration> = (0..1000)
            .map(|_| {
                schedule.again(1, Health::Up, &timing, began);
                schedule.next().unwrap() - began
            })
            .collect();
        assert!(
            times
                .iter()
                .all(|time| *time <= interval && *time >= interval / 2)
        );
        let (shortest, longest) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(
            *longest - *shortest > interval / 3,
            "{shortest:?} to {longest:?}"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_times() {
        let times = |seed| {
            let mut schedule = Schedule::new(seed);
            for probe in 0..10 {
                schedule.begin(probe, &Timing::default(), Duration::ZERO);
            }
            let mut order = Vec::new();
            while let Some(due) = schedule.next() {
                order.push((due, schedule.take_due(due).unwrap()));
            }
            order
        };
        assert_eq!(times(5), times(5));
        assert_ne!(times(5), times(6));
    }

    #[test]
    fn a_probe_is_due_once_and_not_before_its_time() {
        let mut schedule = Schedule::new(0);
        let second = Duration::from_secs;
        schedule.set("a", second(5));
        schedule.set("a", second(3));
        schedule.set("b", second(4));
        schedule.set("c", second(1));
        schedule.remove(&"c");
        assert_eq!(schedule.take_due(second(2)), None);
        assert_eq!(schedule.take_due(second(9)), Some("a"));
        assert_eq!(schedule.take_due(second(9)), Some("b"));
        assert_eq!(
            (schedule.take_due(second(9)), schedule.next()),
            (None, None)
        );
    }
}
