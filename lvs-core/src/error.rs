//! Errors: what was attempted, on which object, why it failed, and a hint at what to do next.

use std::any::Any;
use std::fmt;
use std::io;

use crate::text::{escape_control, escape_line};

/// Is the result of every function of this crate that talks to the kernel.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Describes a value that the kernel cannot hold or that makes no sense, refused before it is used.
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

    /// Returns what kind of value it is: `"weight"`, `"scheduler"`.
    #[must_use]
    pub fn what(&self) -> &str {
        self.what
    }

    /// Returns the value as text.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns what is wrong with the value, without the value.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

/// Names what was attempted, and on which object.
///
/// Its text is `add destination 192.168.1.12:80 to tcp 172.16.5.11:80`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operation {
    verb: &'static str,
    object: String,
}

impl Operation {
    /// Returns the operation of a verb in the infinitive ("add service") on an object in the text form
    /// of the cluster file.
    pub fn new(verb: &'static str, object: impl fmt::Display) -> Self {
        Self {
            verb,
            object: escape_line(&object.to_string()).into_owned(),
        }
    }

    /// Returns the verb: `"add destination"`.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        self.verb
    }

    /// Returns the object: `"192.168.1.12:80 of tcp 172.16.5.11:80"`.
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

/// Tells why an operation failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The kernel answered with an errno, and possibly with a text of its own.
    Kernel {
        /// The errno, positive: 17 is `EEXIST`.
        errno: i32,
        /// The message of the extended ack, if there is one.
        text: Option<String>,
    },
    /// A file or socket could not be used.
    Io(io::Error),
    /// The value makes no sense; nothing was sent.
    Invalid(String),
    /// The kernel's answer could not be decoded.
    Decode(String),
    /// The kernel has no ip_vs, or its module is not loaded and was not to be loaded.
    NotLoaded,
    /// No answer arrived in time; the outcome is unknown.
    Timeout,
    /// Answers were lost (`ENOBUFS`); the outcome is unknown: read the table again.
    Overrun,
    /// The table kept changing while it was read.
    ///
    /// For the IPVS table, [`Error::seen`] has what was read of it.
    Unsettled,
}

/// Describes an operation that failed: on which object, why, and what to do next.
///
/// ```
/// # fn show(error: lvs_core::Error) {
/// if error.is_already_exists() {
///     println!("{} exists already", error.operation().object());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    operation: Operation,
    cause: Cause,
    hint: Option<String>,
    partly_done: bool,
    /// What the module that failed wants to return besides; only that module knows the type.
    payload: Option<Box<dyn Any + Send + Sync>>,
}

/// Marks the error of a change that a newer one has made pointless.
#[derive(Debug)]
pub(crate) struct Superseded;

impl Error {
    pub(crate) fn new(operation: Operation, cause: Cause) -> Self {
        Self(Box::new(Inner {
            operation,
            cause,
            hint: None,
            partly_done: false,
            payload: None,
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

    /// Adds the likely reason and what to do next, which only the caller knows.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Replaces the operation, for a caller that knows more about what was attempted.
    #[must_use]
    pub(crate) fn renamed(mut self, operation: Operation) -> Self {
        self.0.operation = operation;
        self
    }

    /// Marks that something was done and could not be rolled back.
    #[must_use]
    pub(crate) fn partly_done(mut self) -> Self {
        self.0.partly_done = true;
        self
    }

    /// Attaches a value that [`payload`](Self::payload) returns.
    #[must_use]
    pub(crate) fn with_payload(mut self, payload: impl Any + Send + Sync) -> Self {
        self.0.payload = Some(Box::new(payload));
        self
    }

    /// Returns the attached value, if there is one of this type.
    pub(crate) fn payload<T: Any>(&self) -> Option<&T> {
        self.0.payload.as_deref()?.downcast_ref()
    }

    /// Returns what was attempted.
    #[must_use]
    pub fn operation(&self) -> &Operation {
        &self.0.operation
    }

    /// Returns why it failed.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// Returns the likely reason and what to do next, if they are known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the errno, positive, if the kernel gave one (through netlink or through a file).
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match &self.0.cause {
            Cause::Kernel { errno, .. } => Some(*errno),
            Cause::Io(source) => source.raw_os_error(),
            _ => None,
        }
    }

    /// Returns whether the object of the operation does not exist (`ENOENT`, `ESRCH`, `ENODEV`,
    /// `EADDRNOTAVAIL`).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        use nix::libc::{EADDRNOTAVAIL, ENODEV, ENOENT, ESRCH};
        matches!(self.errno(), Some(ENOENT | ESRCH | ENODEV | EADDRNOTAVAIL))
    }

    /// Returns whether the object of the operation exists already (`EEXIST`).
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.errno() == Some(nix::libc::EEXIST)
    }

    /// Returns whether the caller lacks a privilege (`EPERM`, `EACCES`).
    #[must_use]
    pub fn is_permission(&self) -> bool {
        matches!(self.errno(), Some(nix::libc::EPERM | nix::libc::EACCES))
    }

    /// Returns whether ip_vs is not loaded.
    #[must_use]
    pub fn is_not_loaded(&self) -> bool {
        matches!(self.0.cause, Cause::NotLoaded)
    }

    /// Returns whether the value was refused before anything was sent.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(self.0.cause, Cause::Invalid(_))
    }

    /// Returns whether the outcome is unknown because answers were lost or late. Read the table again
    /// before deciding anything.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self.0.cause, Cause::Timeout | Cause::Overrun)
    }

    /// Returns whether an operation that is done completely or not at all was done in part and could
    /// not be rolled back. The hint tells why.
    #[must_use]
    pub fn is_partly_done(&self) -> bool {
        self.0.partly_done
    }

    /// Returns whether a change of the role was not made because a newer one came.
    #[must_use]
    pub fn is_superseded(&self) -> bool {
        self.payload::<Superseded>().is_some()
    }

    /// Returns whether the table kept changing while it was read.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        matches!(self.0.cause, Cause::Unsettled)
    }
}

/// For a function that parses values and then uses them: `?` serves both.
impl From<InvalidValue> for Error {
    fn from(invalid: InvalidValue) -> Self {
        Self::invalid(Operation::new("read", invalid.what), invalid.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.operation, self.0.cause)?;
        match &self.0.hint {
            Some(hint) => write!(f, "; {}", escape_control(hint)),
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
                    .try_for_each(|text| write!(f, ", the kernel says: {}", escape_line(text)))
            }
            Self::Io(source) => write!(f, "{source}"),
            Self::Invalid(problem) => f.write_str(&escape_control(problem)),
            Self::Decode(problem) => write!(
                f,
                "the kernel's answer was not understood: {}",
                escape_control(problem)
            ),
            Self::NotLoaded => f.write_str("ip_vs is not loaded in this kernel"),
            Self::Timeout => f.write_str("no answer in time, the outcome is unknown"),
            Self::Overrun => f.write_str("answers were lost (ENOBUFS), the outcome is unknown"),
            Self::Unsettled => f.write_str("the table kept changing while it was read"),
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
    fn says_operation_object_errno_and_hint() {
        let operation = Operation::new("add destination", "192.168.1.12:80 to tcp 172.16.5.11:80");
        let error = Error::kernel(operation, 17, None).with_hint("another program added it");
        assert!(error.is_already_exists());
        assert_eq!(
            error.to_string(),
            "add destination 192.168.1.12:80 to tcp 172.16.5.11:80: \
             File exists (EEXIST); another program added it"
        );
    }

    #[test]
    fn an_invalid_value_is_an_error_too() {
        let error = Error::from(InvalidValue::new("weight", "-1", "is negative"));
        assert!(error.is_invalid());
        assert_eq!(error.to_string(), "read weight: weight \"-1\" is negative");
    }

    #[test]
    fn a_payload_is_returned_by_its_type() {
        let error = Error::new(Operation::new("read", ""), Cause::Unsettled).with_payload(7_u8);
        assert_eq!(error.payload(), Some(&7_u8));
        assert_eq!(error.payload::<u16>(), None);
    }
}
