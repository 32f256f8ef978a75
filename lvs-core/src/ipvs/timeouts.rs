//! Durations in the kernel's unit, whole seconds, and the three timeouts that can be set.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Is a duration in whole seconds of 32 bits, the unit of IPVS.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seconds(pub u32);

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_secs(seconds.0.into())
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

/// Holds the times for which an idle connection is remembered, by state, in one network namespace.
///
/// Setting 0 leaves that timeout unchanged: the kernel treats it as "not given".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timeouts {
    /// The timeout of established TCP connections; the kernel's default is 900 s.
    pub tcp: Seconds,
    /// The timeout of TCP connections after a FIN; the kernel's default is 120 s.
    pub tcp_fin: Seconds,
    /// The timeout of UDP; the kernel's default is 300 s.
    pub udp: Seconds,
}

impl Timeouts {
    /// Returns these timeouts after those of `new` that are not 0 have been set.
    #[must_use]
    pub(crate) fn updated_by(self, new: Self) -> Self {
        let pick = |kept: Seconds, new: Seconds| if new == Seconds(0) { kept } else { new };
        Self {
            tcp: pick(self.tcp, new.tcp),
            tcp_fin: pick(self.tcp_fin, new.tcp_fin),
            udp: pick(self.udp, new.udp),
        }
    }
}
