//! A source that cannot be imported: where, why, and what to write instead.

use std::fmt;

use super::report::{ImportReport, Place};

/// A source that cannot be imported.
///
/// ```
/// # use lvs_core::import::{self, Options};
/// let options = Options::new("web".parse()?, "director".parse()?);
/// let error = import::keepalived("k.conf", "global_defs {\n", &options, &mut |_| Ok(Vec::new()));
/// assert_eq!(error.unwrap_err().to_string(), "k.conf:1: global_defs: the block is never closed; add a }");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    place: Place,
    problem: String,
    hint: Option<String>,
    report: Option<Box<ImportReport>>,
    keepalived: Option<Box<Vrrp>>,
}

/// keepalived.conf for VRRP alone, of a source without services.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vrrp {
    /// The configuration, which calls lvsctl.
    pub text: String,
    /// Directives that it lacks, with the reasons: what lvsctl sets itself, the addresses that move among it.
    pub dropped: Vec<String>,
}

impl ImportError {
    pub(super) fn new(place: &Place, problem: impl Into<String>) -> Self {
        Self {
            place: place.clone(),
            problem: problem.into(),
            hint: None,
            report: None,
            keepalived: None,
        }
    }

    pub(super) fn with_report(mut self, report: ImportReport) -> Self {
        self.report = Some(Box::new(report.refused()));
        self
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn with_keepalived(mut self, vrrp: Vrrp) -> Self {
        self.keepalived = Some(Box::new(vrrp));
        self
    }

    /// Returns the file and line of the directive that is refused.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Returns what is wrong.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Returns what to write instead, where that is not obvious.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns why every directive that was read is left, the one that is refused among them.
    #[must_use]
    pub fn report(&self) -> Option<&ImportReport> {
        self.report.as_deref()
    }

    /// Returns the configuration for VRRP of a keepalived.conf without services, which another source may have.
    #[must_use]
    pub fn keepalived(&self) -> Option<&Vrrp> {
        self.keepalived.as_deref()
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)?;
        self.hint.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for ImportError {}
