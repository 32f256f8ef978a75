//! `[time]`: the agreement of the nodes' clocks.

use serde::{Deserialize, Serialize};

use crate::cluster::checks::Span;
use crate::cluster::model::{Clock, DocumentError, DocumentErrorKind};

/// Holds `[time]` as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TimeTable {
    /// The NTP server, a name or an address.
    #[serde(default)]
    pub ntp_server: Option<String>,
    /// The largest difference between any two nodes, in seconds or like `"500ms"`; 1 second if absent.
    #[serde(default)]
    pub max_offset: Option<Span>,
}

impl TimeTable {
    pub(super) fn into_clock(self) -> Result<Clock, DocumentError> {
        let usual = Clock::default().max_offset;
        let max_offset = self.max_offset.map_or(usual, Span::get);
        if max_offset.is_zero() {
            let problem = "0 is not a time above 0";
            return Err(DocumentError::new(
                DocumentErrorKind::OutOfRange,
                "max-offset",
                problem,
            ));
        }
        if self
            .ntp_server
            .as_deref()
            .is_some_and(|name| name.trim().is_empty())
        {
            let problem = "the name is empty";
            let mistake =
                DocumentError::new(DocumentErrorKind::InvalidValue, "ntp-server", problem);
            return Err(mistake.with_hint("write a name or an address, or leave it out"));
        }
        Ok(Clock {
            ntp_server: self.ntp_server,
            max_offset,
        })
    }
}
