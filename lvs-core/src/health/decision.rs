//! What is decided of a service: the weights of its destinations, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cluster::checks::{BelowMinimum, Percent};
use crate::ipvs::Weight;

/// The weight that a destination must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DesiredWeight {
    /// The weight; `None` if the destination must not be in the kernel.
    pub weight: Option<Weight>,
    /// The reason.
    pub reason: WeightReason,
}

/// The reason for a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WeightReason {
    /// It is up: the file's weight × the share that the real server asks for × slow start.
    Up {
        /// What the real server asks for.
        share: Percent,
        /// What slow start allows.
        slow_start: Percent,
    },
    /// The operator, or the file, drains it.
    Drained,
    /// Its health is unknown: the kernel's weight is kept.
    Unknown,
    /// It is down.
    Down,
    /// Fewer than the minimum are available: every destination serves.
    ServeAll,
    /// Fewer than the minimum are available: the fallback gets all new connections.
    Fallback,
    /// Fewer than the minimum are available, and the fallback cannot serve: every other destination does.
    WithoutFallback,
    /// It is the fallback, and not needed.
    Reserve,
    /// Fewer than the minimum are available: new connections are refused.
    Refused,
}

impl WeightReason {
    /// Returns what keeps a weight below that of the file, each after a comma.
    pub(crate) fn limits(share: Percent, slow_start: Percent) -> String {
        let limits = [
            (share, "the real server asks for"),
            (slow_start, "slow start at"),
        ];
        limits
            .into_iter()
            .filter(|(percent, _)| *percent != Percent::FULL)
            .map(|(percent, what)| format!(", {what} {percent}"))
            .collect()
    }
}

impl fmt::Display for WeightReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up { share, slow_start } => {
                write!(f, "up{}", Self::limits(*share, *slow_start))
            }
            Self::Drained => f.write_str("drained"),
            Self::Unknown => f.write_str("health is unknown, the weight is kept"),
            Self::Down => f.write_str("down"),
            Self::ServeAll => {
                f.write_str("below the minimum, every destination that is not drained serves")
            }
            Self::Fallback => f.write_str("below the minimum, the fallback gets all new connections"),
            Self::WithoutFallback => f.write_str(
                "below the minimum, but the fallback cannot serve: every other destination that is not drained serves",
            ),
            Self::Reserve => f.write_str("the fallback is not needed"),
            Self::Refused => f.write_str("below the minimum, new connections are refused"),
        }
    }
}

/// Says whether a service has its minimum, and what happens if not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Posture {
    /// The minimum holds.
    Serving,
    /// It does not, and this happens.
    Below(BelowMinimum),
    /// It does not, and the fallback that is to serve then is drained, has weight 0, or is down while another
    /// destination is available: every other one serves, as by [`BelowMinimum::ServeAll`].
    WithoutFallback,
}

impl Posture {
    /// Returns what happens because the minimum does not hold; `None` while it does.
    #[must_use]
    pub const fn below_minimum(self) -> Option<BelowMinimum> {
        match self {
            Self::Serving => None,
            Self::Below(how) => Some(how),
            Self::WithoutFallback => Some(BelowMinimum::ServeAll),
        }
    }
}

/// The weights of all destinations of a service, in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Decision {
    /// Whether the minimum holds; `None` until enough is known after a start.
    pub posture: Option<Posture>,
    /// So many destinations are available.
    pub available: usize,
    /// The weight of each.
    pub weights: Vec<DesiredWeight>,
}
