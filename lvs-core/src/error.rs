//! What can go wrong, said so that a person knows what to do next.

use std::fmt;
use std::io;

use crate::ipvs::Snapshot;

/// The result of everything here that talks to the kernel.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A value that the kernel cannot hold, refused when it was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?} {problem}")]
pub struct InvalidValue {
    what: &'static str,
    value: String,
    problem: String,
}

impl InvalidValue {
    pub(crate) fn new(
        what: &'static str,
        value: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self {
            what,
            value: value.into(),
            problem: problem.into(),
        }
    }

    /// What kind of value it is: `"weight"`, `"scheduler"`.
    #[must_use]
    pub fn what(&self) -> &str {
        self.what
    }

    /// The value, as text.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What is wrong with it, without the value.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

/// What was attempted, on which object: `add destination 192.168.1.12:80 to tcp 172.16.5.11:80`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operation {
    verb: &'static str,
    object: String,
}

impl Operation {
    /// `verb` is an infinitive ("add service"), `object` the thing in the file's text form.
    pub fn new(verb: &'static str, object: impl fmt::Display) -> Self {
        Self {
            verb,
            object: object.to_string(),
        }
    }

    /// The verb: `"add destination"`.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        self.verb
    }

    /// The object: `"192.168.1.12:80 of tcp 172.16.5.11:80"`.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.object.is_empty() {
            f.write_str(self.verb)
        } else {
            write!(f, "{} {}", self.verb, self.object)
        }
    }
}

/// Why an operation failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The kernel answered with this errno (positive) and perhaps a text of its own (extended ack).
    Kernel {
        /// The errno, positive: 17 is `EEXIST`.
        errno: i32,
        /// The extended ack's message, where there is one.
        text: Option<String>,
    },
    /// A file or socket could not be used.
    Io(io::Error),
    /// The value makes no sense; nothing was sent.
    Invalid(String),
    /// Bytes from the kernel that have no meaning here.
    Decode(String),
    /// ip_vs is not in this kernel, or its module is not loaded and was not to be loaded.
    NotLoaded,
    /// No answer in time; what happened is unknown.
    Timeout,
    /// Answers were lost (`ENOBUFS`); what happened is unknown: look at the table again.
    Overrun,
    /// The table kept changing while it was read.
    Unsettled {
        /// Every service and destination of IPVS that was seen in any reading, in the order of
        /// their identities: some have gone, and some that live may be missing. Empty for what is
        /// not IPVS.
        seen: Snapshot,
    },
}

/// An operation on an object that failed, why, and what to do next.
///
/// ```
/// # fn show(error: lvs_core::Error) {
/// if error.is_already_exists() {
///     println!("{} was there already", error.operation().object());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    operation: Operation,
    cause: Cause,
    advice: Option<String>,
    partly_done: bool,
}

impl Error {
    pub(crate) fn new(operation: Operation, cause: Cause) -> Self {
        Self(Box::new(Inner {
            operation,
            cause,
            advice: None,
            partly_done: false,
        }))
    }

    pub(crate) fn kernel(operation: Operation, errno: i32, text: Option<String>) -> Self {
        Self::new(operation, Cause::Kernel { errno, text })
    }

    pub(crate) fn io(operation: Operation, source: io::Error) -> Self {
        Self::new(operation, Cause::Io(source))
    }

    pub(crate) fn invalid(operation: Operation, problem: impl Into<String>) -> Self {
        Self::new(operation, Cause::Invalid(problem.into()))
    }

    /// Adds the likely reason and what to do next; the caller that knows the operation knows them.
    #[must_use]
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    /// The same under another name, where the caller knows more about what was attempted.
    #[must_use]
    pub(crate) fn renamed(mut self, operation: Operation) -> Self {
        self.0.operation = operation;
        self
    }

    /// Something was done and could not be taken back.
    #[must_use]
    pub(crate) fn partly_done(mut self) -> Self {
        self.0.partly_done = true;
        self
    }

    /// What was attempted.
    #[must_use]
    pub fn operation(&self) -> &Operation {
        &self.0.operation
    }

    /// Why it failed.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// The likely reason and what to do next, where it is known.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    /// The errno, positive, where the kernel gave one (through netlink or through a file).
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match &self.0.cause {
            Cause::Kernel { errno, .. } => Some(*errno),
            Cause::Io(source) => source.raw_os_error(),
            _ => None,
        }
    }

    /// The object of the operation does not exist (`ENOENT`, `ESRCH`, `ENODEV`, `EADDRNOTAVAIL`).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        use nix::libc::{EADDRNOTAVAIL, ENODEV, ENOENT, ESRCH};
        matches!(self.errno(), Some(ENOENT | ESRCH | ENODEV | EADDRNOTAVAIL))
    }

    /// The object exists already (`EEXIST`).
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.errno() == Some(nix::libc::EEXIST)
    }

    /// The caller lacks a privilege (`EPERM`, `EACCES`).
    #[must_use]
    pub fn is_permission(&self) -> bool {
        matches!(self.errno(), Some(nix::libc::EPERM | nix::libc::EACCES))
    }

    /// ip_vs is not there.
    #[must_use]
    pub fn is_not_loaded(&self) -> bool {
        matches!(self.0.cause, Cause::NotLoaded)
    }

    /// The value was refused before anything was sent.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(self.0.cause, Cause::Invalid(_))
    }

    /// The outcome is unknown (answers lost or late): observe again before deciding anything.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self.0.cause, Cause::Timeout | Cause::Overrun)
    }

    /// Of what was to be done all or not at all, something was done and could not be taken back: the
    /// advice says why.
    #[must_use]
    pub fn is_partly_done(&self) -> bool {
        self.0.partly_done
    }

    /// The table kept changing while it was read.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        matches!(self.0.cause, Cause::Unsettled { .. })
    }

    /// What was seen of a table that kept changing: see [`Cause::Unsettled`].
    #[must_use]
    pub fn seen(&self) -> Option<&Snapshot> {
        match &self.0.cause {
            Cause::Unsettled { seen } => Some(seen),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.operation, self.0.cause)?;
        match &self.0.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel { errno, text } => {
                let known = nix::errno::Errno::from_raw(*errno);
                write!(f, "{} ({known:?})", known.desc())?;
                text.iter()
                    .try_for_each(|text| write!(f, ", the kernel says: {text}"))
            }
            Self::Io(source) => write!(f, "{source}"),
            Self::Invalid(problem) => f.write_str(problem),
            Self::Decode(problem) => write!(f, "the kernel's answer was not understood: {problem}"),
            Self::NotLoaded => f.write_str("ip_vs is not loaded in this kernel"),
            Self::Timeout => f.write_str("no answer in time, the outcome is unknown"),
            Self::Overrun => f.write_str("answers were lost (ENOBUFS), the outcome is unknown"),
            Self::Unsettled { .. } => f.write_str("the table kept changing while it was read"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.cause {
            Cause::Io(source) => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_operation_object_errno_and_advice() {
        let operation = Operation::new("add destination", "192.168.1.12:80 to tcp 172.16.5.11:80");
        let error = Error::kernel(operation, 17, None).advise("it was added by somebody else");
        assert!(error.is_already_exists());
        assert_eq!(
            error.to_string(),
            "add destination 192.168.1.12:80 to tcp 172.16.5.11:80: \
             File exists (EEXIST); it was added by somebody else"
        );
    }
}
