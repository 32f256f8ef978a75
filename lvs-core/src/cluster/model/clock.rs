//! The agreement of the cluster's clocks.

use std::time::Duration;

/// How far the clocks of any two nodes may be apart, and by which server they are set.
///
/// Declared here, judged by checks: applying a cluster never touches a clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clock {
    /// The NTP server, a name or an address.
    pub ntp_server: Option<String>,
    /// The largest difference between any two nodes; each is held to half of it against the server.
    pub max_offset: Duration,
}

impl Default for Clock {
    /// No server named, one second.
    fn default() -> Self {
        Self {
            ntp_server: None,
            max_offset: Duration::from_secs(1),
        }
    }
}
