//! Probes: one question to one real server, bounded in bytes and time.
//!
//! Blocking, on plain sockets that never wait longer than the probe's deadline. What is received is
//! judged by pure parsers ([`http`], [`dns`]), which the fuzz targets call too.

mod deadline;
mod dns;
mod file;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod program;
mod socket;
mod stream;
mod target;
mod tcp;
mod tls;
mod udp;

use std::time::{Duration, Instant};

use deadline::Deadline;
pub use target::{Subject, Target, TargetId};
#[cfg(feature = "run")]
pub(crate) use tcp::Connecting;

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
        let path = self.path_from(port);
        let outcome = match &self.target.kind {
            CheckKind::Tcp => tcp::probe(&path, &deadline),
            CheckKind::Tls(_) => self.tls().and_then(|tls| tls.probe(&path, &deadline)),
            CheckKind::Http(check) => http::probe(check, &path, &deadline),
            CheckKind::Https(check, _) => self
                .tls()
                .and_then(|tls| http::probe_by_tls(check, tls, &path, &deadline)),
            CheckKind::Dns(check) => dns::probe(check, &path, &deadline),
            CheckKind::Udp(check) => udp::probe(check, &path, &deadline),
            CheckKind::Program(check) => program::probe(check, &self.target, &deadline),
            CheckKind::File(check) => file::probe(check, &self.target),
        };
        (outcome, began.elapsed())
    }

    /// Returns whether a probe is no more than a TCP connection, which [`connect`](Self::connect) begins.
    #[cfg(feature = "run")]
    pub(crate) const fn only_connects(&self) -> bool {
        matches!(self.target.kind, CheckKind::Tcp)
    }

    /// Begins a TCP connection from a source port, and does not wait for it.
    #[cfg(feature = "run")]
    pub(crate) fn connect(&self, port: u16) -> Result<Connecting, Failure> {
        Connecting::begin(&self.path_from(port))
    }

    fn path_from(&self, port: u16) -> ProbePath {
        let mut path = self.target.path;
        if let Some(source) = &mut path.source {
            source.set_port(port);
        }
        path
    }

    fn tls(&self) -> Result<&tls::Client, Failure> {
        self.tls
            .as_ref()
            .ok_or_else(|| Failure::NotProbed("TLS was not prepared".to_owned()))
    }
}
