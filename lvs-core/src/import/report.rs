//! The report of an import: what became of every directive of the source.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A file and a line of the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub struct Place {
    /// The file as it was named; the source itself where it has only one.
    #[serde(serialize_with = "as_text")]
    pub file: Arc<str>,
    /// The line, counted from 1; 0 for what was read from the kernel, which has none.
    pub line: usize,
}

fn as_text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl Place {
    pub(super) fn new(file: impl Into<Arc<str>>, line: usize) -> Self {
        Self {
            file: file.into(),
            line,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// What became of a directive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "fate", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Fate {
    /// The cluster file says the same.
    Carried {
        /// The key of the cluster file.
        to: String,
    },
    /// The cluster file says it, with a value that the source does not give.
    Assumed {
        /// The key of the cluster file.
        to: String,
        /// What was assumed, and why.
        reason: String,
    },
    /// The cluster file does not say it.
    Left {
        /// Why.
        reason: String,
    },
}

/// A directive of the source and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Directive {
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// Its words, joined by blanks.
    pub directive: String,
    /// What became of it.
    #[serde(flatten)]
    pub fate: Fate,
    /// Whether it is left only because what it belongs to is, or is no mistake beside those that refuse the source.
    #[serde(skip)]
    pub follows: bool,
}

impl fmt::Display for Directive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place, directive, ..
        } = self;
        match &self.fate {
            Fate::Carried { to } => write!(f, "{place}: carried: {directive}: {to}"),
            Fate::Assumed { to, reason } => {
                write!(f, "{place}: assumed: {directive}: {to}: {reason}")
            }
            Fate::Left { reason } => write!(f, "{place}: left: {directive}: {reason}"),
        }
    }
}

/// How many directives shared a fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// All directives of the source.
    pub directives: usize,
    /// Those that the cluster file says too.
    pub carried: usize,
    /// Those that needed a value which the source does not give.
    pub assumed: usize,
    /// Those that the cluster file does not say.
    pub left: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            directives,
            carried,
            assumed,
            left,
        } = self;
        write!(
            f,
            "{directives} directives: {carried} carried, {assumed} assumed, {left} left"
        )
    }
}

/// Every directive of the source with its fate, in the order of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    pub(super) directives: Vec<Directive>,
}

impl ImportReport {
    /// Returns every directive, in the order in which the source was read.
    #[must_use]
    pub fn directives(&self) -> &[Directive] {
        &self.directives
    }

    /// Returns the report of a source that makes no file: nothing of it is carried.
    pub(super) fn refused(mut self) -> Self {
        for directive in &mut self.directives {
            if !matches!(directive.fate, Fate::Left { .. }) {
                let reason = "no cluster file is made".to_owned();
                directive.fate = Fate::Left { reason };
                directive.follows = true;
            }
        }
        self
    }

    /// Counts the directives by fate; the three counts add up to all.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let count = |is: fn(&Fate) -> bool| {
            let directives = self.directives.iter();
            directives.filter(|directive| is(&directive.fate)).count()
        };
        Counts {
            directives: self.directives.len(),
            carried: count(|fate| matches!(fate, Fate::Carried { .. })),
            assumed: count(|fate| matches!(fate, Fate::Assumed { .. })),
            left: count(|fate| matches!(fate, Fate::Left { .. })),
        }
    }
}

/// One directive a line, then the counts.
impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for directive in &self.directives {
            writeln!(f, "{directive}")?;
        }
        writeln!(f, "{}", self.counts())
    }
}
