//! How the program ends.

use std::fmt;
use std::process::ExitCode;

use lvs_core::cluster::{ApplyError, DocumentError};
use lvs_core::escape_line;
use lvs_core::run::RunError;
use serde::Serialize;

use crate::output;

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
    /// The mistakes of a cluster file, which the message has, too.
    pub(crate) mistakes: Vec<Mistake>,
    /// Whether the JSON of the verb has been printed all the same.
    pub(crate) is_reported: bool,
}

/// Is a mistake of a cluster file, as JSON has it.
#[derive(Debug, Serialize)]
pub(crate) struct Mistake {
    pub(crate) file: String,
    pub(crate) line: Option<usize>,
    pub(crate) column: Option<usize>,
    pub(crate) path: String,
    pub(crate) problem: String,
    pub(crate) hint: Option<String>,
}

impl Mistake {
    pub(crate) fn new(file: &str, error: &DocumentError) -> Self {
        let position = error.position();
        Self {
            file: file.to_owned(),
            line: position.map(|position| position.line),
            column: position.map(|position| position.column),
            path: error.path().to_owned(),
            problem: error.problem().to_owned(),
            hint: error.hint().map(str::to_owned),
        }
    }
}

/// Without the hint, which has a line of its own.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        for number in self.line.into_iter().chain(self.column) {
            write!(f, "{number}:")?;
        }
        if !self.path.is_empty() {
            write!(f, " {}:", escape_line(&self.path))?;
        }
        write!(f, " {}", self.problem)
    }
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
            mistakes: Vec::new(),
            is_reported: false,
        }
    }

    /// Returns the problem of a cluster file with mistakes.
    pub(crate) fn mistaken(mistakes: Vec<Mistake>) -> Self {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        Self {
            mistakes,
            ..Self::failed(lines.join("\n"))
        }
    }

    /// Returns what is wrong, and the hints, in lines.
    pub(crate) fn text(&self) -> String {
        self.messages()
            .into_iter()
            .map(|(message, hint)| match hint {
                Some(hint) => format!("{message} ({hint})"),
                None => message,
            })
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Prints what is wrong.
    pub(crate) fn print(&self) {
        for (message, hint) in self.messages() {
            output::error(&message);
            hint.into_iter().for_each(output::remedy);
        }
    }

    /// Returns the mistakes of the cluster file, or else what is wrong, each with its hint.
    fn messages(&self) -> Vec<(String, Option<&str>)> {
        if self.mistakes.is_empty() {
            return vec![(self.message.clone(), self.hint.as_deref())];
        }
        self.mistakes
            .iter()
            .map(|mistake| (mistake.to_string(), mistake.hint.as_deref()))
            .collect()
    }

    /// Returns it for a verb that has changed something all the same.
    pub(crate) fn partial(self) -> Self {
        Self {
            exit: Exit::Partial,
            ..self
        }
    }

    /// Returns it for a verb that has printed its JSON, if that was asked for.
    pub(crate) fn reported(self) -> Self {
        Self {
            is_reported: true,
            ..self
        }
    }

    /// Adds a hint behind the one that it has.
    pub(crate) fn and_hint(self, hint: String) -> Self {
        let first = self.hint.as_ref().map(|first| format!("{first}; "));
        let all = first.unwrap_or_default() + &hint;
        self.with_hint(all)
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
