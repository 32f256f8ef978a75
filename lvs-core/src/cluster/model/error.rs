//! What can be wrong with a cluster on paper.

use std::fmt;

use crate::error::InvalidValue;

/// A cluster that makes no sense, refused before any machine was looked at.
///
/// It names the place by its path in the file (`services[0].destinations[1].weight`, counted from 0),
/// which is the same path for a [`Cluster`](super::Cluster) built in plain Rust; what is wrong; and
/// what to write instead. Read from TOML it also has a [`position`](Self::position).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    path: String,
    problem: String,
    remedy: Option<String>,
    position: Option<Position>,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl DocumentError {
    pub(in crate::cluster) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            problem: problem.into(),
            remedy: None,
            position: None,
        }
    }

    pub(in crate::cluster) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Puts the path below another: `weight` in `services[0]` is `services[0].weight`.
    pub(in crate::cluster) fn within(mut self, parent: impl fmt::Display) -> Self {
        self.path = if self.path.is_empty() {
            parent.to_string()
        } else {
            format!("{parent}.{}", self.path)
        };
        self
    }

    #[cfg(feature = "toml")]
    pub(in crate::cluster) fn at(mut self, position: Option<Position>) -> Self {
        self.position = position;
        self
    }

    /// The place in the document: `services[0].destinations[1].weight`; empty for the whole of it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong there.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What to write instead.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// The place in the text, where it came from a text.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }
}

impl fmt::Display for DocumentError {
    /// Without the position: who has read the file puts its name and the position before.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.problem)?;
        self.remedy
            .iter()
            .try_for_each(|remedy| write!(f, "; {remedy}"))
    }
}

impl std::error::Error for DocumentError {}

impl From<InvalidValue> for DocumentError {
    fn from(value: InvalidValue) -> Self {
        Self::new("", value.to_string())
    }
}

/// A refusal of the value of one key.
pub(in crate::cluster) fn invalid(key: &str) -> impl Fn(InvalidValue) -> DocumentError + '_ {
    move |value| DocumentError::from(value).within(key)
}
