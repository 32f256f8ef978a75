//! How the program ends.

use std::process::ExitCode;

use lvs_core::cluster::ApplyError;

/// The exit statuses, which are a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Failed, and nothing is changed.
    Failed = 1,
    /// There is, or was, something to change; only where it was asked for.
    Changed = 2,
    /// Failed, and not everything could be taken back.
    Stands = 3,
    /// Not used as it is meant to be.
    Usage = 64,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What to say on standard error, and how to end.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            message: message.into(),
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
        }
    }
}

impl From<lvs_core::Error> for Problem {
    fn from(error: lvs_core::Error) -> Self {
        Self {
            exit: if error.is_partly_done() {
                Exit::Stands
            } else {
                Exit::Failed
            },
            message: error.to_string(),
        }
    }
}

impl From<ApplyError> for Problem {
    fn from(error: ApplyError) -> Self {
        Self {
            exit: if error.is_clean() {
                Exit::Failed
            } else {
                Exit::Stands
            },
            message: error.to_string(),
        }
    }
}

/// With `--exit-code` a change is told from none.
pub(crate) const fn changed(changed: bool, exit_code: bool) -> Exit {
    if changed && exit_code {
        Exit::Changed
    } else {
        Exit::Done
    }
}
