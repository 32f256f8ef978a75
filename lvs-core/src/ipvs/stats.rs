//! Counters and rates of a service or destination, and the version of IPVS.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Counts what a service or destination has carried since it was added or last zeroed.
///
/// The kernel copies these every 2 seconds from its per-CPU counters: traffic of the last 2 seconds may
/// be missing. Connection *counts* of a destination are current.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[non_exhaustive]
pub struct Stats {
    /// Scheduled connections.
    pub connections: u64,
    /// Packets from clients.
    pub packets_in: u64,
    /// Packets to clients; always 0 with direct routing and tunnels, whose answers bypass the director.
    pub packets_out: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
    /// The same numbers per second.
    pub rates: Rates,
}

impl Stats {
    /// Returns what was carried since an earlier reading of the same object. The rates are the later ones.
    ///
    /// A counter that is smaller than before began anew, because it was zeroed or the object was deleted and
    /// added: then all of them count from 0.
    ///
    /// ```
    /// use lvs_core::ipvs::Stats;
    /// let (mut earlier, mut later) = (Stats::default(), Stats::default());
    /// (earlier.connections, later.connections) = (5, 8);
    /// assert_eq!(later.since(earlier).connections, 3);
    /// assert_eq!(earlier.since(later).connections, 5, "it was zeroed in between");
    /// ```
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        self.checked_since(earlier).unwrap_or(self)
    }

    fn checked_since(self, earlier: Self) -> Option<Self> {
        Some(Self {
            connections: self.connections.checked_sub(earlier.connections)?,
            packets_in: self.packets_in.checked_sub(earlier.packets_in)?,
            packets_out: self.packets_out.checked_sub(earlier.packets_out)?,
            bytes_in: self.bytes_in.checked_sub(earlier.bytes_in)?,
            bytes_out: self.bytes_out.checked_sub(earlier.bytes_out)?,
            rates: self.rates,
        })
    }
}

/// Holds averages per second, weighted towards the last few seconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[non_exhaustive]
pub struct Rates {
    /// Connections per second.
    pub connections: u64,
    /// Packets from clients per second.
    pub packets_in: u64,
    /// Packets to clients per second.
    pub packets_out: u64,
    /// Bytes (not bits) from clients per second.
    pub bytes_in: u64,
    /// Bytes (not bits) to clients per second.
    pub bytes_out: u64,
}

/// Holds what the kernel reports about its IPVS (GET_INFO).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Info {
    /// The version as `major << 16 | minor << 8 | patch`; 1.2.1 since 2003.
    pub version: u32,
    /// The number of buckets of the connection table; from kernel 7.1 on its current size, 0 before the
    /// first service.
    pub connection_table_size: u32,
}

impl Info {
    /// Returns the version as `(major, minor, patch)`.
    #[must_use]
    pub const fn version_parts(self) -> (u8, u8, u8) {
        let [_, major, minor, patch] = self.version.to_be_bytes();
        (major, minor, patch)
    }
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor, patch) = self.version_parts();
        write!(
            f,
            "{major}.{minor}.{patch} (size={})",
            self.connection_table_size
        )
    }
}
