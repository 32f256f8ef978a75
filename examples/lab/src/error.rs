//! The errors of the lab.

use std::fmt;
use std::io;
use std::path::Path;

/// The result of all operations of the lab.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Tells why an operation of the lab failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// This host cannot run the lab: a test is skipped (or fails, with `LVS_REQUIRE_KERNEL=1`).
    Unavailable(String),
    /// The operation failed although the lab can run.
    Failed(String),
}

impl Error {
    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable(reason.into())
    }

    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(reason) | Self::Failed(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Error {}

/// Converts errors whose text is complete.
macro_rules! failed_by {
    ($($error:ty),*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Failed(error.to_string())
            }
        }
    )*};
}

failed_by!(
    lvs_core::Error,
    lvs_core::InvalidValue,
    lvs_core::cluster::DocumentErrors,
    crate::topology::TopologyError
);

/// Adds to an errno the file or system call that it belongs to.
pub(crate) trait Context<T> {
    /// Adds an operation, an infinitive: "mount proc on /proc".
    fn context(self, operation: impl fmt::Display) -> Result<T>;

    /// Adds a verb and a path: "read /etc/hosts".
    fn on(self, verb: &str, path: &Path) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, operation: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error::Failed(format!("{operation}: {}", error.into())))
    }

    fn on(self, verb: &str, path: &Path) -> Result<T> {
        self.context(format_args!("{verb} {}", path.display()))
    }
}
