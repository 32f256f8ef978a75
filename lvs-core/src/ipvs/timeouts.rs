//! Durations in the kernel's unit, whole seconds, and the three timeouts IPVS lets one set.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Whole seconds in 32 bits, which is what IPVS counts in.
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

/// How long an idle connection is remembered, by state. Of one network namespace.
///
/// Setting 0 leaves that timeout as it is: the kernel reads it as "not given".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timeouts {
    /// TCP established; the kernel's default is 900 s.
    pub tcp: Seconds,
    /// TCP after a FIN; the kernel's default is 120 s.
    pub tcp_fin: Seconds,
    /// UDP; the kernel's default is 300 s.
    pub udp: Seconds,
}
