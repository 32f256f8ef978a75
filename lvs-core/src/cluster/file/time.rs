//! `[time]`: the agreement of the nodes' clocks.

use std::time::Duration;

use serde::Deserialize;

use crate::cluster::model::{Clock, DocumentError, DocumentErrorKind};

/// Holds `[time]` as written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TimeTable {
    /// The NTP server, a name or an address.
    #[serde(default)]
    pub ntp_server: Option<String>,
    /// The largest difference between any two nodes in seconds; 1.0 if absent.
    #[serde(default)]
    pub max_offset: Option<f64>,
}

impl TimeTable {
    pub(super) fn into_clock(self) -> Result<Clock, DocumentError> {
        let offset = self.max_offset.unwrap_or(1.0);
        let max_offset = Duration::try_from_secs_f64(offset)
            .ok()
            .filter(|offset| !offset.is_zero());
        Ok(Clock {
            ntp_server: self.ntp_server,
            max_offset: max_offset.ok_or_else(|| {
                let problem = format!("{offset} is not a number of seconds above 0");
                DocumentError::new(DocumentErrorKind::OutOfRange, "max-offset", problem)
            })?,
        })
    }
}
