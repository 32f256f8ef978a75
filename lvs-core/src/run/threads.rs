//! The threads of probes that block: as many as there are at the same time, and not more than a limit.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::pool::Job;

/// The most threads.
pub(super) const MOST: usize = 512;
/// The size of a thread's stack in bytes: a TLS handshake needs less than half of it.
const STACK: usize = 512 << 10;
/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(30);

/// The threads of probes that block.
#[derive(Default)]
pub(super) struct Threads {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    is_filled: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    is_closed: bool,
}

impl Threads {
    /// Hands a probe to a thread that is idle, or to a new one. Where neither can be had it waits.
    pub(super) fn submit(&self, job: Job) {
        let mut queue = self.shared.queue();
        queue.jobs.push_back(job);
        if queue.idle < queue.jobs.len() && queue.threads < MOST {
            let shared = Arc::clone(&self.shared);
            let thread = thread::Builder::new().stack_size(STACK);
            if thread.spawn(move || shared.work()).is_ok() {
                queue.threads += 1;
            }
        }
        self.shared.is_filled.notify_one();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.is_closed = true;
        queue.jobs.clear();
        self.shared.is_filled.notify_all();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            let (outcome, took) = job.prober.run_from(job.port, job.timeout);
            (job.report)(outcome, took);
        }
    }

    /// Waits for a job; `None` if the thread is to end.
    fn next(&self) -> Option<Job> {
        let mut queue = self.queue();
        if queue.jobs.is_empty() && !queue.is_closed {
            queue.idle += 1;
            let is_empty = |queue: &mut Queue| queue.jobs.is_empty() && !queue.is_closed;
            let waited = self.is_filled.wait_timeout_while(queue, IDLE, is_empty);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            queue.idle -= 1;
        }
        let job = queue.jobs.pop_front();
        if job.is_none() {
            queue.threads -= 1;
        }
        job
    }
}
