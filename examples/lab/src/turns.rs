//! How many guests run side by side.
//!
//! A guest mostly waits, for clients, links and locks. So six of them share a processor, and more start as long as the
//! processors are idle all the same.

use std::fs;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

/// So many guests share a processor.
const USUAL: usize = 6;

/// So many share an idle one.
const IDLE: usize = 12;

/// The most guests at a time: each one takes some 60 MB.
const MOST: usize = 24;

/// Processors are idle that were busy for less than this share of the time.
const BUSY: f64 = 0.75;

/// The time for which they are observed before one more guest starts.
const OBSERVED: Duration = Duration::from_secs(1);

/// The ticks of `/proc/stat` in a second, on every architecture.
const TICKS: f64 = 100.0;

/// Returns how many guests run at a time, whatever else the host does.
pub(crate) fn guests() -> usize {
    processors().saturating_mul(USUAL).min(MOST)
}

/// Returns how many guests run at a time on an idle host.
pub(crate) fn most_guests() -> usize {
    processors().saturating_mul(IDLE).min(MOST)
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Runs a test when no other one runs alone, or alone.
pub(crate) fn in_turn<T>(is_alone: bool, test: impl FnOnce() -> T) -> T {
    static TURN: RwLock<()> = RwLock::new(());
    // Nothing is behind the lock that a panic could leave half done.
    match is_alone {
        true => {
            let _turn = TURN.write().unwrap_or_else(PoisonError::into_inner);
            test()
        }
        false => {
            let _turn = TURN.read().unwrap_or_else(PoisonError::into_inner);
            test()
        }
    }
}

/// Represents the place of a running guest, free again when dropped.
pub(crate) struct Place(());

static PLACES: Mutex<Places> = Mutex::new(Places {
    taken: 0,
    observed: None,
});
static FREED: Condvar = Condvar::new();

struct Places {
    taken: usize,
    observed: Option<Busy>,
}

impl Place {
    /// Waits for a place.
    pub(crate) fn take() -> Self {
        let mut places = lock();
        while places.taken >= guests() && !places.has_idle_processors() {
            let waited = FREED.wait_timeout(places, OBSERVED / 4);
            places = waited.map_or_else(|error| error.into_inner().0, |(places, _)| places);
        }
        places.taken += 1;
        Self(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock().taken -= 1;
        FREED.notify_one();
    }
}

fn lock() -> MutexGuard<'static, Places> {
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Places {
    /// Returns whether one more guest may start, which is observed anew then.
    fn has_idle_processors(&mut self) -> bool {
        let Some(before) = &self.observed else {
            self.observed = Busy::now();
            return false;
        };
        if before.at.elapsed() < OBSERVED {
            return false;
        }
        let now = Busy::now();
        let share = now.as_ref().map(|now| now.share_since(before));
        self.observed = now;
        share.is_some_and(|share| share < BUSY)
    }
}

/// Holds how long all processors were busy until a moment.
struct Busy {
    at: Instant,
    ticks: u64,
}

impl Busy {
    fn now() -> Option<Self> {
        let ticks = busy(&fs::read_to_string("/proc/stat").ok()?)?;
        Some(Self {
            at: Instant::now(),
            ticks,
        })
    }

    /// Returns for which share of the time since then the processors were busy that this process may use.
    fn share_since(&self, before: &Self) -> f64 {
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        let ticks = self.ticks.saturating_sub(before.ticks);
        ticks as f64 / TICKS / seconds / processors() as f64
    }
}

/// Reads the ticks in which processors were busy: neither idle, nor waiting for a disk, nor with programs that make way
/// for others.
fn busy(stat: &str) -> Option<u64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let mut times = line.split_whitespace().map(|word| word.parse().ok());
    let mut next = || times.next().flatten();
    let (user, _nice, system): (u64, u64, u64) = (next()?, next()?, next()?);
    let (_idle, _disk, irq): (u64, u64, u64) = (next()?, next()?, next()?);
    let (softirq, stolen): (u64, u64) = (next()?, next()?);
    Some(user + system + irq + softirq + stolen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_nice_time_is_not_busy() {
        let stat = "cpu  1 2000 10 4000 5000 100 1000 10000 7 8\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(busy(stat), Some(11_111));
        assert_eq!(busy("cpu  1 2 3"), None);
        assert_eq!(busy("intr 1"), None);
    }

    #[test]
    fn a_share_is_of_all_processors() {
        let at = Instant::now();
        let before = Busy { at, ticks: 1000 };
        let after = Busy {
            at: at + Duration::from_secs(2),
            ticks: 1000 + 100 * processors() as u64,
        };
        assert!((after.share_since(&before) - 0.5).abs() < 1e-9);
    }
}
