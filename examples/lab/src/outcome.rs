//! How a test or an example ended.

use std::any::Any;
use std::fmt::Display;
use std::panic;

use crate::error::Error;

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

/// One that the lab itself cannot run, [`Error::Unavailable`], is skipped.
impl<E: Display + 'static> Outcome for Result<(), E> {
    fn outcome(self) -> Result<(), String> {
        self.map_err(|error| match (&error as &dyn Any).downcast_ref() {
            Some(Error::Unavailable(reason)) => skip(reason),
            _ => error.to_string(),
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_lab_cannot_run_is_skipped() {
        let failed: Result<(), _> = Err(Error::failed("broken"));
        assert_eq!(failed.outcome().unwrap_err(), "broken");
        let unavailable: Result<(), _> = Err(Error::unavailable("no apt"));
        let payload = panic::catch_unwind(|| unavailable.outcome()).unwrap_err();
        assert_eq!(payload.downcast::<Skip>().unwrap().0, "no apt");
    }
}
