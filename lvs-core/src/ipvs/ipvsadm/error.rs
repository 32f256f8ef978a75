//! Errors of a line: the wrong word, what is wrong with it, and what to write instead.

use std::fmt;

use crate::error::InvalidValue;
use crate::ipvs::editor::EditError;

/// Describes a line that cannot be read, or that contradicts the lines above it.
///
/// ```
/// use lvs_core::ipvs::ipvsadm::{RuleErrorKind, Rules};
/// let error = Rules::parse("-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r web1").unwrap_err();
/// assert_eq!((error.line(), error.kind()), (2, RuleErrorKind::InvalidValue));
/// assert_eq!(
///     error.to_string(),
///     "line 2: \"web1\" is not an IP address; names are not looked up: write the number, as \
///      \"ipvsadm -Sn\" does"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    line: usize,
    problem: Problem,
}

/// Tells what kind of mistake a [`RuleError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RuleErrorKind {
    /// The line has no command, more than one, or one that does not change the table.
    Command,
    /// The word is not an option of ipvsadm, or belongs to none.
    UnknownWord,
    /// An option or value that is needed is missing.
    Missing,
    /// The option cannot be combined with the command or with another option.
    Conflict,
    /// The value cannot be read, or is out of its range.
    InvalidValue,
    /// ipvsadm would silently ignore or change a part of the line, which [`single`](super::single) and
    /// [`edit`](super::edit) refuse.
    Ignored,
    /// The object to edit or delete does not exist.
    NotFound,
    /// The object to add exists already.
    AlreadyExists,
}

impl RuleError {
    pub(super) const fn new(line: usize, problem: Problem) -> Self {
        Self { line, problem }
    }

    /// Returns the number of the line, from 1; 0 for words that are not a line of a text.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// Returns the kind of the mistake.
    #[must_use]
    pub const fn kind(&self) -> RuleErrorKind {
        self.problem.kind
    }

    /// Returns the wrong word; if a word is missing, the command.
    #[must_use]
    pub fn word(&self) -> &str {
        &self.problem.word
    }

    /// Returns what is wrong with the word.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.problem.reason
    }

    /// Returns what to write instead, if that is not obvious.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.problem.hint.as_deref()
    }

    /// Returns whether the line can be read, but the object to edit or delete does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == RuleErrorKind::NotFound
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => self.problem.fmt(f),
            line => write!(f, "line {line}: {}", self.problem),
        }
    }
}

impl std::error::Error for RuleError {}

pub(super) type Parsed<T> = Result<T, Problem>;

/// Describes what is wrong with a word, before the number of its line is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    kind: RuleErrorKind,
    word: String,
    reason: String,
    hint: Option<String>,
}

impl Problem {
    pub(super) fn new(
        kind: RuleErrorKind,
        word: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            word: word.into(),
            reason: reason.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn command(word: &str, reason: &str) -> Self {
        Self::new(RuleErrorKind::Command, word, reason)
    }

    pub(super) fn missing(word: impl Into<String>, reason: &str) -> Self {
        Self::new(RuleErrorKind::Missing, word, reason)
    }

    pub(super) fn unknown(word: &str, reason: &str) -> Self {
        Self::new(RuleErrorKind::UnknownWord, word, reason)
    }

    pub(super) fn conflict(word: &str, reason: impl Into<String>) -> Self {
        Self::new(RuleErrorKind::Conflict, word, reason)
    }

    pub(super) fn value(word: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(RuleErrorKind::InvalidValue, word, reason)
    }

    /// Describes a value that the types refuse.
    pub(super) fn invalid(word: &str, invalid: &InvalidValue) -> Self {
        Self::value(
            word,
            format!("as {}: {}", invalid.what(), invalid.problem()),
        )
    }

    /// Describes an object to edit that does not exist.
    pub(super) fn not_found(object: String) -> Self {
        Self::new(RuleErrorKind::NotFound, object, "does not exist").hint("add it instead")
    }
}

/// Describes a command that contradicts the table or the lines above.
impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        let kind = match error {
            EditError::Exists(_) => RuleErrorKind::AlreadyExists,
            EditError::NotFound(_) => RuleErrorKind::NotFound,
        };
        let invalid = InvalidValue::from(error);
        let object = format!("{} {}", invalid.what(), invalid.value());
        Self::new(kind, object, invalid.problem())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.word, self.reason)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}
