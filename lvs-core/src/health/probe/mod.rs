//! Probes: one question to one real server, bounded in bytes and time.
//!
//! A probe by a socket is a [`Conversation`], which never waits itself. What is received is judged by pure parsers
//! ([`http`], [`dns`]), which the fuzz targets call too.

mod conversation;
mod deadline;
mod dns;
mod file;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod program;
mod socket;
mod target;
mod tls;

use std::time::{Duration, Instant};

pub(crate) use conversation::Conversation;
#[cfg(feature = "run")]
pub(crate) use conversation::Interest;
use deadline::Deadline;
#[cfg(feature = "run")]
pub(crate) use program::kill_all as kill_programs;
pub use target::{Subject, Target, TargetId};

use super::{CheckKind, Failure, Outcome, ProbePath, Timeout};

/// Runs the probes of one target.
///
/// What can be prepared once is prepared once: TLS roots are read when it is made.
///
/// ```no_run
/// use lvs_core::health::{CheckKind, ProbePath, Prober, Subject, Target, Timeout};
/// let target = Target {
///     kind: CheckKind::Tcp,
///     path: ProbePath::direct("192.168.1.12:80".parse()?),
///     via: None,
///     subject: Subject {
///         cluster: "web".parse()?,
///         service: "tcp 172.16.5.11:80".parse()?,
///         server: "realserver1".parse()?,
///         destination: "192.168.1.12:80".parse()?,
///     },
/// };
/// let (outcome, took) = Prober::new(target).run(Timeout::DEFAULT);
/// println!("{outcome:?} after {took:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Prober {
    target: Target,
    tls: Option<tls::Client>,
}

impl Prober {
    /// Prepares the probes of a target.
    #[must_use]
    pub fn new(target: Target) -> Self {
        let tls = match &target.kind {
            CheckKind::Tls(check) | CheckKind::Https(_, check) => Some(tls::Client::new(check)),
            _ => None,
        };
        Self { target, tls }
    }

    /// Returns what is probed.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Probes once, and returns the result and how long it took.
    pub fn run(&self, timeout: Timeout) -> (Outcome, Duration) {
        self.run_from(0, timeout)
    }

    /// Probes once from a source port; 0 is any, and so is a port that is in use.
    pub fn run_from(&self, port: u16, timeout: Timeout) -> (Outcome, Duration) {
        let began = Instant::now();
        let deadline = Deadline::after(timeout.get());
        let outcome = match &self.target.kind {
            CheckKind::Program(check) => program::probe(check, &self.target, &deadline),
            CheckKind::File(check) => file::probe(check, &self.target),
            _ => self
                .begin(port)
                .and_then(|conversation| conversation.finish(&deadline)),
        };
        (outcome, began.elapsed())
    }

    /// Returns whether a probe needs a socket and no thread, so that [`begin`](Self::begin) begins it.
    #[cfg(feature = "run")]
    pub(crate) const fn is_by_socket(&self) -> bool {
        !matches!(self.target.kind, CheckKind::Program(_) | CheckKind::File(_))
    }

    /// Begins a probe from a source port, and does not wait for it.
    pub(crate) fn begin(&self, port: u16) -> Result<Conversation, Failure> {
        Conversation::begin(&self.target.kind, self.tls.as_ref(), &self.path_from(port))
    }

    fn path_from(&self, port: u16) -> ProbePath {
        let mut path = self.target.path;
        if let Some(source) = &mut path.source {
            source.set_port(port);
        }
        path
    }
}
