//! How often a check runs, and how many results count.

use std::num::NonZeroU8;
use std::time::Duration;

use super::text::refused;
use super::{Interval, Percent, Timeout};
use crate::error::InvalidValue;

/// Says how often a check runs, and how many results in a row count.
///
/// A destination that fails is found within `interval × fall + timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timing {
    /// The time between the beginnings of two probes; 2 s unless given.
    pub interval: Interval,
    /// The same while results are being counted: before a destination is known, while it fails and while it
    /// rises. Unless given it is the interval.
    pub fast_interval: Interval,
    /// The time after which a probe has failed; 1 s unless given.
    pub timeout: Timeout,
    /// So many successes in a row make a destination up; 2 unless given.
    pub rise: NonZeroU8,
    /// So many failures in a row make it down; 3 unless given.
    pub fall: NonZeroU8,
    /// By up to so much an interval is shortened, differently each time, so that probes do not run in
    /// step; 10 % unless given. An interval is never lengthened.
    pub jitter: Percent,
}

const TWO: NonZeroU8 = NonZeroU8::MIN.saturating_add(1);
const THREE: NonZeroU8 = NonZeroU8::MIN.saturating_add(2);

impl Default for Timing {
    fn default() -> Self {
        Self {
            interval: Interval::DEFAULT,
            fast_interval: Interval::DEFAULT,
            timeout: Timeout::DEFAULT,
            rise: TWO,
            fall: THREE,
            jitter: Percent::new(10).unwrap_or(Percent::ZERO),
        }
    }
}

impl Timing {
    /// The largest jitter in percent: more would make the interval meaningless.
    pub const MAX_JITTER: u8 = 50;

    /// Refuses what makes no sense together.
    ///
    /// # Errors
    /// A fast interval above the interval, or a jitter above 50 %.
    pub fn check(&self) -> Result<(), InvalidValue> {
        if self.fast_interval > self.interval {
            let problem = format!("is above the interval {}", self.interval);
            return Err(refused(
                "fast-interval",
                self.fast_interval.to_string(),
                problem,
            ));
        }
        if self.jitter.get() > Self::MAX_JITTER {
            return Err(refused(
                "jitter",
                self.jitter.get().to_string(),
                "is above 50",
            ));
        }
        Ok(())
    }

    /// Returns the time within which a destination that stops answering is down.
    #[must_use]
    pub fn longest_until_down(&self) -> Duration {
        // A probe that times out after its successor was due delays it.
        let step = self.interval.get().max(self.timeout.get());
        step * u32::from(self.fall.get()) + self.timeout.get()
    }

    /// Returns the time within which a destination is known after a start, unless its answers contradict each
    /// other.
    #[must_use]
    pub fn longest_until_known(&self) -> Duration {
        let step = self.fast_interval.get().max(self.timeout.get());
        // The first probe begins within a fast interval.
        let results = u32::from(self.rise.max(self.fall).get()) + 1;
        step * results + self.timeout.get()
    }
}
