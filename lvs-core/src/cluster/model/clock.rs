//! The agreement of the cluster's clocks.

use std::time::Duration;

/// Holds the NTP server of the cluster and how far the clocks of any two nodes may differ.
///
/// The cluster only declares this; `check` verifies it, and applying a cluster never sets a clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clock {
    /// The NTP server, a name or an address.
    pub ntp_server: Option<String>,
    /// The largest difference between any two nodes; each node may differ from the server by half of it.
    pub max_offset: Duration,
}

impl Default for Clock {
    /// Returns an agreement without a server, with one second between any two nodes.
    fn default() -> Self {
        Self {
            ntp_server: None,
            max_offset: Duration::from_secs(1),
        }
    }
}
