//! How the program ends.

use std::process::ExitCode;

use lvs_core::cluster::ApplyError;
use lvs_core::run::RunError;

/// Is one of the exit statuses, which are a promise to users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Failed; nothing changed, or every change was rolled back.
    Failed = 1,
    /// There is, or was, something to change; only with `--exit-code`.
    Changed = 2,
    /// Failed, and not every change could be rolled back.
    Partial = 3,
    /// The command line makes no sense.
    Usage = 64,
}

impl Exit {
    /// Returns [`Changed`](Self::Changed) for a change if `--exit-code` was given.
    pub(crate) const fn for_change(changed: bool, exit_code: bool) -> Self {
        if changed && exit_code {
            Self::Changed
        } else {
            Self::Done
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Holds the message for standard error and the exit status of a verb that failed.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Problem {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    /// Returns it for a verb that has changed something all the same.
    pub(crate) fn partial(self) -> Self {
        Self {
            exit: Exit::Partial,
            ..self
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<lvs_core::Error> for Problem {
    fn from(error: lvs_core::Error) -> Self {
        let exit = match error.is_partly_done() {
            true => Exit::Partial,
            false => Exit::Failed,
        };
        Self {
            hint: error.hint().map(str::to_owned),
            ..Self::new(exit, format!("{}: {}", error.operation(), error.cause()))
        }
    }
}

impl From<ApplyError> for Problem {
    fn from(error: ApplyError) -> Self {
        let exit = match error.is_clean() {
            true => Exit::Failed,
            false => Exit::Partial,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<RunError> for Problem {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Apply(error) => error.into(),
            RunError::Failed(error) => error.into(),
            other => Self::usage(other.to_string()),
        }
    }
}
