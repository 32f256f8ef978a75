//! How a test or an example ended.

use std::any::Any;
use std::fmt::Display;
use std::panic;

use crate::error::Error;

/// Converts what a test or an example may return: `()` (it panics when it fails), or a result.
pub trait Outcome {
    /// Returns the failure as text.
    ///
    /// # Errors
    /// The test or example failed.
    fn outcome(self) -> Result<(), String>;
}

impl Outcome for () {
    fn outcome(self) -> Result<(), String> {
        Ok(())
    }
}

/// A test that the lab cannot run, [`Error::Unavailable`], is skipped.
impl<E: Display + 'static> Outcome for Result<(), E> {
    fn outcome(self) -> Result<(), String> {
        self.map_err(|error| match (&error as &dyn Any).downcast_ref() {
            Some(Error::Unavailable(reason)) => skip(reason),
            _ => error.to_string(),
        })
    }
}

/// Holds the reason in the panic that ends a test which cannot run.
pub(crate) struct Skip(pub(crate) String);

/// Ends a test that cannot run in this guest: it counts as skipped, with this reason, or fails with
/// `LVS_REQUIRE_KERNEL=1`.
pub fn skip(reason: impl Into<String>) -> ! {
    // Without the panic hook, so that a skip prints no panic message.
    panic::resume_unwind(Box::new(Skip(reason.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unavailable_test_is_skipped() {
        let failed: Result<(), _> = Err(Error::failed("broken"));
        assert_eq!(failed.outcome().unwrap_err(), "broken");
        let unavailable: Result<(), _> = Err(Error::unavailable("no apt"));
        let payload = panic::catch_unwind(|| unavailable.outcome()).unwrap_err();
        assert_eq!(payload.downcast::<Skip>().unwrap().0, "no apt");
    }
}
