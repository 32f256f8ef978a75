//! The thread of probes that only connect: it begins them, and epoll(7) tells which have ended.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, mem, thread};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::pool::Job;
use super::threads;
use crate::health::{Connecting, Failure, Outcome};

/// The most events that are taken, and probes that are begun, at a time.
const BATCH: usize = 256;
/// The open files that this process may have, where it is allowed so many.
const FILES: u64 = 65_536;
/// Open files of everything but probes.
const OTHERS: usize = 128;
/// The number of the event that there are jobs; probes have other ones.
const JOBS: u64 = 0;

/// Hands probes to the thread, which ends when this is dropped.
pub(super) struct Poller {
    inbox: Arc<Inbox>,
}

/// What the thread is handed.
struct Inbox {
    /// `None` if no more are taken.
    jobs: Mutex<Option<Vec<Job>>>,
    is_filled: EventFd,
}

impl Poller {
    /// Starts the thread, and allows the process enough open files for its connections.
    pub(super) fn start() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let inbox = Arc::new(Inbox {
            jobs: Mutex::new(Some(Vec::new())),
            is_filled: EventFd::from_flags(flags)?,
        });
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&inbox.is_filled, EpollEvent::new(EpollFlags::EPOLLIN, JOBS))?;
        let attempts = Attempts {
            epoll,
            inbox: Arc::clone(&inbox),
            waiting: VecDeque::new(),
            running: HashMap::new(),
            deadlines: BTreeSet::new(),
            newest: JOBS,
            most: most_connections(),
        };
        thread::Builder::new()
            .name("probes".to_owned())
            .spawn(move || attempts.work())?;
        Ok(Self { inbox })
    }

    /// Hands a probe to the thread, or returns it if the thread has ended.
    pub(super) fn submit(&self, job: Job) -> Option<Job> {
        let mut jobs = self.inbox.jobs();
        let Some(waiting) = jobs.as_mut() else {
            return Some(job);
        };
        waiting.push(job);
        // The first one wakes it for all that come before it looks.
        let is_first = waiting.len() == 1;
        drop(jobs);
        if is_first {
            self.inbox.wake();
        }
        None
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.inbox.close();
        self.inbox.wake();
    }
}

impl Inbox {
    fn jobs(&self) -> MutexGuard<'_, Option<Vec<Job>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        drop(self.jobs().take());
    }

    fn wake(&self) {
        // It fails only where it is awake already.
        let _ = self.is_filled.write(1);
    }
}

/// Returns how many connections there may be at a time: beside them all threads have room for a socket.
fn most_connections() -> usize {
    let (mut soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let wanted = FILES.min(hard);
    if soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() {
        soft = wanted;
    }
    let files = usize::try_from(soft.min(FILES)).unwrap_or_default();
    files.saturating_sub(threads::MOST + OTHERS).max(files / 4)
}

/// The probes of the thread.
struct Attempts {
    epoll: Epoll,
    inbox: Arc<Inbox>,
    /// Those for which there is no room yet.
    waiting: VecDeque<Job>,
    running: HashMap<u64, Attempt>,
    deadlines: BTreeSet<(Instant, u64)>,
    newest: u64,
    most: usize,
}

/// A probe that has begun.
struct Attempt {
    job: Job,
    connecting: Connecting,
    began: Instant,
    deadline: Instant,
}

impl Attempt {
    fn end(self, outcome: Outcome) {
        drop(self.connecting);
        (self.job.report)(outcome, self.began.elapsed());
    }
}

impl Attempts {
    fn work(mut self) {
        let mut events = [EpollEvent::empty(); BATCH];
        while let Ok(count) = self.wait(&mut events) {
            for event in events.iter().take(count) {
                match event.data() {
                    JOBS => match self.take_jobs() {
                        Some(jobs) => self.waiting.extend(jobs),
                        None => return,
                    },
                    number => self.decide(number),
                }
            }
            // Otherwise there may be outcomes that were not read yet.
            if count < BATCH {
                self.expire();
            }
            self.begin();
        }
    }

    fn wait(&self, events: &mut [EpollEvent]) -> nix::Result<usize> {
        match self.epoll.wait(events, self.timeout()) {
            Err(Errno::EINTR) => Ok(0),
            waited => waited,
        }
    }

    /// Returns the time until the next deadline, rounded up; none if there are probes to begin.
    fn timeout(&self) -> EpollTimeout {
        if !self.waiting.is_empty() && self.running.len() < self.most {
            return EpollTimeout::ZERO;
        }
        let Some((deadline, _)) = self.deadlines.first() else {
            return EpollTimeout::NONE;
        };
        let remaining = deadline.saturating_duration_since(Instant::now());
        let rounded = remaining + Duration::from_micros(999);
        EpollTimeout::try_from(rounded).unwrap_or(EpollTimeout::MAX)
    }

    /// Returns the jobs that were handed over; `None` if the thread is to end.
    fn take_jobs(&self) -> Option<Vec<Job>> {
        // First, so that no job that comes after it is overlooked.
        let _ = self.inbox.is_filled.read();
        self.inbox.jobs().as_mut().map(mem::take)
    }

    fn begin(&mut self) {
        let room = self.most.saturating_sub(self.running.len()).min(BATCH);
        for job in self.waiting.drain(..room.min(self.waiting.len())) {
            self.newest += 1;
            let number = self.newest;
            let began = Instant::now();
            let deadline = began + job.timeout.get();
            match watched(&self.epoll, &job, number) {
                Ok(connecting) => {
                    self.deadlines.insert((deadline, number));
                    let attempt = Attempt {
                        job,
                        connecting,
                        began,
                        deadline,
                    };
                    self.running.insert(number, attempt);
                }
                Err(failure) => (job.report)(Err(failure), began.elapsed()),
            }
        }
    }

    fn decide(&mut self, number: u64) {
        if let Some(attempt) = self.running.remove(&number) {
            self.deadlines.remove(&(attempt.deadline, number));
            let outcome = attempt.connecting.outcome();
            attempt.end(outcome);
        }
    }

    fn expire(&mut self) {
        let now = Instant::now();
        while let Some((_, number)) = self.deadlines.first().filter(|(at, _)| *at <= now).copied() {
            self.deadlines.pop_first();
            if let Some(attempt) = self.running.remove(&number) {
                attempt.end(Err(Failure::ConnectTimedOut));
            }
        }
    }
}

/// A thread that has ended, however that came, takes no more jobs.
impl Drop for Attempts {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

/// Begins a probe and watches it: its event is that it has an outcome.
fn watched(epoll: &Epoll, job: &Job, number: u64) -> Result<Connecting, Failure> {
    let connecting = job.prober.connect(job.port)?;
    epoll
        .add(&connecting, EpollEvent::new(EpollFlags::EPOLLOUT, number))
        .map_err(|errno| Failure::NotProbed(format!("watch a socket: {}", errno.desc())))?;
    Ok(connecting)
}
