//! The rules of a service for the health of its destinations.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Percent, SlowStartTime};

/// Says what happens while fewer destinations than `minimum` are available.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BelowMinimum {
    /// Every destination that is not drained gets the weight of the file, as if all were up: the checks may be wrong,
    /// and a few answers are better than none.
    #[default]
    ServeAll,
    /// The fallback gets all new connections. While it is drained, has weight 0, or is down beside a destination that is
    /// available, every other one that is not drained serves, as by `ServeAll`.
    Fallback,
    /// The virtual IP is removed from the director, unless another service on it has its minimum or does not say
    /// so; weights follow health. A director that starts without it adds it once the minimum is known to hold.
    Withdraw,
    /// New connections are refused: every weight is 0.
    Refuse,
}

impl fmt::Display for BelowMinimum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ServeAll => "serve-all",
            Self::Fallback => "fallback",
            Self::Withdraw => "withdraw",
            Self::Refuse => "refuse",
        })
    }
}

/// Says what happens to a destination that is down.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OnFailure {
    /// Weight 0: its connections live on.
    #[default]
    Drain,
    /// It is deleted, and its connections with it; so is a fallback that is not needed.
    Remove,
}

/// How the weight of a destination rises after it was down or drained: in ten steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SlowStart(pub SlowStartTime);

impl SlowStart {
    const STEPS: u32 = 10;

    /// Returns the share of the weight so long after admission: 10 % at once, 100 % at nine tenths.
    #[must_use]
    pub fn share(self, elapsed: Duration) -> Percent {
        let step = self.0.get() / Self::STEPS;
        let steps = elapsed.as_nanos() / step.as_nanos().max(1);
        u8::try_from((steps + 1) * 10)
            .ok()
            .and_then(|percent| Percent::new(percent).ok())
            .unwrap_or(Percent::FULL)
    }

    /// Returns when the next step comes, counted from admission; `None` after the last.
    #[must_use]
    pub fn next_step(self, elapsed: Duration) -> Option<Duration> {
        let step = self.0.get() / Self::STEPS;
        let done = u32::try_from(elapsed.as_nanos() / step.as_nanos().max(1)).ok()?;
        (done + 1 < Self::STEPS).then(|| step * (done + 1))
    }
}

/// The rules of a service for the health of its destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Policy {
    /// So many destinations must be available; 1 unless given.
    pub minimum: u16,
    /// What happens with fewer.
    pub below_minimum: BelowMinimum,
    /// What happens to a destination that is down.
    pub on_failure: OnFailure,
    /// How the weight of a destination rises that was down or drained.
    pub slow_start: Option<SlowStart>,
}

impl Policy {
    /// Every destination serves while none is healthy; one that is down is drained.
    pub const DEFAULT: Self = Self {
        minimum: 1,
        below_minimum: BelowMinimum::ServeAll,
        on_failure: OnFailure::Drain,
        slow_start: None,
    };
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
