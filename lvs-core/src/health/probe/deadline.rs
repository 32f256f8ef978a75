//! The deadline of one probe.

use std::time::{Duration, Instant};

/// The moment at which a probe has failed, during any of its stages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(timeout: Duration) -> Self {
        Self(Instant::now() + timeout)
    }

    /// Returns the time that remains in whole milliseconds, rounded up, for `poll`; `None` if it has passed.
    pub(super) fn poll_timeout(self) -> Option<nix::poll::PollTimeout> {
        let remaining = self.0.checked_duration_since(Instant::now())?;
        let milliseconds = remaining.as_micros().div_ceil(1000).max(1);
        Some(nix::poll::PollTimeout::try_from(milliseconds).unwrap_or(nix::poll::PollTimeout::MAX))
    }
}
