//! Many probes at the same time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::poller::Poller;
use super::threads::Threads;
use crate::health::{Outcome, Prober, Timeout};

/// Runs probes, many at the same time, and reports each result.
///
/// One thread makes all probes by sockets, so that servers that do not answer delay no others. A program and a file
/// block a thread of their own, of which there are at most 512. The threads begin with the first probe, in the network
/// namespace of the thread that submits it. Dropping the pool forgets the probes that have not ended.
///
/// ```no_run
/// use std::sync::{Arc, mpsc};
/// use lvs_core::health::{Prober, Timeout};
/// use lvs_core::run::ProbePool;
/// # fn probers() -> Vec<Arc<Prober>> { Vec::new() }
/// let (send, results) = mpsc::channel();
/// let mut pool = ProbePool::new();
/// for prober in probers() {
///     let (send, of) = (send.clone(), Arc::clone(&prober));
///     pool.submit(prober, 0, Timeout::DEFAULT, move |outcome, took| {
///         let _ = send.send((of, outcome, took));
///     });
/// }
/// drop(send);
/// for (prober, outcome, took) in results {
///     println!("{}: {outcome:?} after {took:?}", prober.target().subject.server);
/// }
/// ```
#[derive(Default)]
pub struct ProbePool {
    threads: Threads,
    poller: Option<Poller>,
}

/// A probe that is to be made.
pub(super) struct Job {
    pub(super) prober: Arc<Prober>,
    pub(super) port: u16,
    pub(super) timeout: Timeout,
    /// Told the result.
    pub(super) report: Box<dyn FnOnce(Outcome, Duration) + Send>,
}

impl ProbePool {
    /// Returns a pool without threads.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a probe from a source port, as [`Prober::run_from`] does, and calls `report` with its result and how long
    /// it took: on a thread of the pool, or at once if the probe cannot even begin.
    pub fn submit(
        &mut self,
        prober: Arc<Prober>,
        port: u16,
        timeout: Timeout,
        report: impl FnOnce(Outcome, Duration) + Send + 'static,
    ) {
        let job = Job {
            prober,
            port,
            timeout,
            report: Box::new(report),
        };
        if let Some(job) = self.poll(job) {
            self.threads.submit(job);
        }
    }

    /// Hands a probe to the poller, or returns it if a thread must run it.
    fn poll(&mut self, job: Job) -> Option<Job> {
        if !job.prober.is_by_socket() {
            return Some(job);
        }
        if self.poller.is_none() {
            self.poller = Poller::start().ok();
        }
        let Some(poller) = &self.poller else {
            return Some(job);
        };
        let refused = poller.submit(job);
        if refused.is_some() {
            self.poller = None;
        }
        refused
    }
}

impl fmt::Debug for ProbePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbePool").finish_non_exhaustive()
    }
}
