//! The error of a cluster that is not valid: its kind, its place, the problem and a hint.

use std::fmt;

use crate::error::InvalidValue;
use crate::text::{escape_control, escape_line};

/// Reports a cluster or a cluster file that was refused before any node was read.
///
/// It names the place by its path in the file (`services[0].destinations[1].weight`, counted from 0), which is
/// the same path for a [`Cluster`](crate::Cluster) built in plain Rust; the problem; and in most cases a hint
/// what to write instead. Read from TOML it also has a [`position`](Self::position).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    kind: DocumentErrorKind,
    path: String,
    problem: String,
    hint: Option<String>,
    position: Option<Position>,
    /// The key that is missing at the path.
    missing: Option<&'static str>,
}

/// Says what kind of mistake a [`DocumentError`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DocumentErrorKind {
    /// The text cannot be read at all: it is not TOML, it is empty, or it is too long.
    Syntax,
    /// A key does not exist.
    UnknownKey,
    /// A key, an entry or a part of a value is missing.
    Missing,
    /// A value is of another type, such as text in place of a number.
    WrongType,
    /// A value does not have the form that its key needs, or cannot be used there by itself.
    InvalidValue,
    /// A word or name is not one of those that can be used there.
    UnknownName,
    /// A number is too small or too large.
    OutOfRange,
    /// A value contradicts another one, or has no meaning beside it.
    Conflict,
    /// A name, an address, a service or a destination occurs twice.
    Duplicate,
    /// An address cannot be reached: no interface carries it, or it is on no connected network.
    Unreachable,
    /// A value has no effect because nothing uses it.
    Unused,
}

/// Holds a place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
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
    pub(in crate::cluster) fn new(
        kind: DocumentErrorKind,
        path: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            path: path.into(),
            problem: problem.into(),
            hint: None,
            position: None,
            missing: None,
        }
    }

    /// Reports a key that a table lacks.
    pub(in crate::cluster) fn missing(key: &'static str) -> Self {
        let problem = format!("the key `{key}` is missing");
        Self {
            missing: Some(key),
            ..Self::new(DocumentErrorKind::Missing, "", problem)
        }
    }

    /// Returns the key that is missing at the path, if the mistake is that.
    #[cfg(feature = "toml")]
    pub(in crate::cluster) fn missing_key(&self) -> Option<&'static str> {
        self.missing
    }

    /// Says that it is a mistake only without this key.
    pub(in crate::cluster) fn without(mut self, key: &'static str) -> Self {
        self.missing = Some(key);
        self
    }

    /// Adds what to write instead.
    pub(in crate::cluster) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts the path below another: `weight` within `services[0]` is `services[0].weight`.
    pub(in crate::cluster) fn within(mut self, parent: impl fmt::Display) -> Self {
        let parent = parent.to_string();
        if parent.is_empty() {
            return self;
        }
        self.path = if self.path.is_empty() {
            parent
        } else {
            format!("{parent}.{}", self.path)
        };
        self
    }

    /// Returns the mistake at another path.
    pub(in crate::cluster) fn moved_to(self, path: String) -> Self {
        Self { path, ..self }
    }

    /// Adds the place in the text.
    #[cfg(feature = "toml")]
    pub(in crate::cluster) fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    /// Returns the kind of mistake.
    #[must_use]
    pub fn kind(&self) -> DocumentErrorKind {
        self.kind
    }

    /// Returns the place in the document, `services[0].destinations[1].weight`; empty for the whole document.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what is wrong there.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Returns what to write instead, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns the place in the text, where the document was read from a text.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }
}

impl fmt::Display for DocumentError {
    /// Writes path, problem and hint in one line, without the position: the program that read the file puts
    /// the file's name and the position in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", escape_line(&self.path))?;
        }
        f.write_str(&escape_control(&self.problem))?;
        self.hint
            .iter()
            .try_for_each(|hint| write!(f, "; {}", escape_control(hint)))
    }
}

impl std::error::Error for DocumentError {}

impl From<InvalidValue> for DocumentError {
    fn from(value: InvalidValue) -> Self {
        Self::new(DocumentErrorKind::InvalidValue, "", value.to_string())
    }
}

/// Returns a conversion of refused values into errors at the path of one key.
pub(in crate::cluster) fn invalid(key: &str) -> impl Fn(InvalidValue) -> DocumentError + '_ {
    move |value| DocumentError::from(value).within(key)
}
