//! How a test or an example ended.

use std::fmt::Display;
use std::panic;

/// What a test or an example may return: nothing (it panics when it fails), or a result.
pub trait Outcome {
    /// The failure as text.
    ///
    /// # Errors
    /// It failed.
    fn outcome(self) -> Result<(), String>;
}

impl Outcome for () {
    fn outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn outcome(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// The payload of the panic by which a test leaves that cannot run.
pub(crate) struct Skip(pub(crate) String);

/// Ends a test that cannot run in this guest: it counts as skipped, with this reason.
///
/// With `LVS_REQUIRE_KERNEL=1` it fails.
pub fn skip(reason: impl Into<String>) -> ! {
    // Without the hook: a skip is not to look like a panic.
    panic::resume_unwind(Box::new(Skip(reason.into())))
}
