//! What is wrong with a line, where, and what to write instead.

use std::fmt;

use crate::error::InvalidValue;

/// A line that cannot be read, or that does not fit those above it.
///
/// ```
/// use lvs_core::ipvs::ipvsadm::Rules;
/// let error = Rules::parse("-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r web1").unwrap_err();
/// assert_eq!(error.line(), 2);
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

impl RuleError {
    pub(super) const fn new(line: usize, problem: Problem) -> Self {
        Self { line, problem }
    }

    /// The line, counted from 1; 0 for words that were no line of a text.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// The word that is wrong; the command where one is missing.
    #[must_use]
    pub fn word(&self) -> &str {
        &self.problem.word
    }

    /// What is wrong with it.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.problem.reason
    }

    /// The words can be read, but what they are about does not exist.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        self.problem.missing
    }

    /// What to do about it, where that is not obvious.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.problem.remedy.as_deref()
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

/// What is wrong with a word, before anybody knows on which line it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    word: String,
    reason: String,
    remedy: Option<String>,
    missing: bool,
}

impl Problem {
    pub(super) fn new(word: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            word: word.into(),
            reason: reason.into(),
            remedy: None,
            missing: false,
        }
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// What was to be edited is not there.
    pub(super) fn missing(what: String) -> Self {
        Self {
            missing: true,
            ..Self::new(what, "does not exist").remedy("add it instead")
        }
    }

    /// A command that does not fit what the lines above have made.
    pub(super) fn misplaced(invalid: &InvalidValue) -> Self {
        Self::new(
            format!("{} {}", invalid.what(), invalid.value()),
            invalid.problem(),
        )
    }

    /// A value that the types refuse.
    pub(super) fn invalid(word: &str, invalid: &InvalidValue) -> Self {
        Self::new(
            word,
            format!("as {}: {}", invalid.what(), invalid.problem()),
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.word, self.reason)?;
        self.remedy
            .iter()
            .try_for_each(|remedy| write!(f, "; {remedy}"))
    }
}
