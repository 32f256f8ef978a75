//! Probes by sockets: begun without waiting, and epoll(7) tells one thread which can go on.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::pool::Job;
use super::threads;
use crate::health::{Conversation, Failure, Interest, Outcome};

/// The most events that are taken at a time.
const BATCH: usize = 256;
/// The thread wakes at most once in so long a time: what comes meanwhile it takes together.
const PAUSE: Duration = Duration::from_millis(1);
/// The open files that this process may have, where it is allowed so many.
const FILES: u64 = 65_536;
/// Open files of everything but probes.
const OTHERS: usize = 128;
/// The number of the event that wakes the thread; attempts have other ones.
const WAKE: u64 = 0;

/// Begins probes. A thread waits for all of them, and ends when this is dropped.
pub(super) struct Poller {
    shared: Arc<Shared>,
}

struct Shared {
    epoll: Epoll,
    /// Wakes the thread for an earlier deadline, or to end.
    wake: EventFd,
    /// How many attempts there may be at a time.
    most: usize,
    attempts: Mutex<Attempts>,
}

/// The probes that have begun, and those for which there is no room yet.
#[derive(Default)]
struct Attempts {
    running: HashMap<u64, Attempt>,
    deadlines: BTreeSet<(Instant, u64)>,
    waiting: VecDeque<Job>,
    newest: u64,
    /// When the thread wakes by itself.
    wakes_at: Option<Instant>,
    is_closed: bool,
}

/// A probe that has begun.
struct Attempt {
    job: Job,
    conversation: Conversation,
    began: Instant,
    deadline: Instant,
}

impl Attempt {
    fn end(self, outcome: Outcome) {
        drop(self.conversation);
        (self.job.report)(outcome, self.began.elapsed());
    }
}

impl Poller {
    /// Starts the thread, and allows the process enough open files for its connections.
    pub(super) fn start() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let shared = Arc::new(Shared {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            wake: EventFd::from_flags(flags)?,
            most: most_connections(),
            attempts: Mutex::default(),
        });
        let event = EpollEvent::new(EpollFlags::EPOLLIN, WAKE);
        shared.epoll.add(&shared.wake, event)?;
        let poller = Self {
            shared: Arc::clone(&shared),
        };
        let thread = thread::Builder::new().name("probes".to_owned());
        thread.spawn(move || Closing(shared).0.work())?;
        Ok(poller)
    }

    /// Begins a probe, or returns it if the thread has ended. A failure that comes at once is reported at once.
    pub(super) fn submit(&self, job: Job) -> Option<Job> {
        let mut attempts = self.shared.attempts();
        if attempts.is_closed {
            return Some(job);
        }
        if attempts.running.len() >= self.shared.most {
            // The end of any of them begins it.
            attempts.waiting.push_back(job);
            return None;
        }
        drop(attempts);
        self.shared.begin(job);
        None
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.shared.attempts().is_closed = true;
        self.shared.wake();
    }
}

/// Takes no more probes when the thread ends, however that comes.
struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        let closed = Attempts {
            is_closed: true,
            ..Attempts::default()
        };
        *self.0.attempts() = closed;
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

impl Shared {
    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // It fails only where the thread is to wake already.
        let _ = self.wake.write(1);
    }

    fn begin(&self, job: Job) {
        let began = Instant::now();
        match job.prober.begin(job.port) {
            Ok(conversation) => self.watch(Attempt {
                deadline: began + job.timeout.get(),
                job,
                conversation,
                began,
            }),
            Err(failure) => (job.report)(Err(failure), began.elapsed()),
        }
    }

    /// Has the thread told when an attempt can go on.
    fn watch(&self, attempt: Attempt) {
        let mut attempts = self.attempts();
        attempts.newest += 1;
        let (number, deadline) = (attempts.newest, attempt.deadline);
        let event = event(attempt.conversation.interest(), number);
        // The thread looks for it when the lock is free.
        if let Err(errno) = self.epoll.add(&attempt.conversation, event) {
            drop(attempts);
            return attempt.end(Err(unwatched(errno)));
        }
        attempts.deadlines.insert((deadline, number));
        attempts.running.insert(number, attempt);
        if attempts.wakes_at.is_none_or(|at| deadline < at) {
            attempts.wakes_at = Some(deadline);
            drop(attempts);
            self.wake();
        }
    }

    /// The thread.
    fn work(&self) {
        let mut events = [EpollEvent::empty(); BATCH];
        while let Some(count) = self.wait(&mut events) {
            for event in events.iter().take(count) {
                match event.data() {
                    WAKE => drop(self.wake.read()),
                    number => self.advance(number, event.events()),
                }
            }
            // Otherwise there may be outcomes that were not read yet.
            if count < BATCH {
                self.expire();
            }
            self.begin_waiting();
            if count < BATCH {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Returns the number of events; `None` if the thread is to end.
    fn wait(&self, events: &mut [EpollEvent]) -> Option<usize> {
        let timeout = self.attempts().timeout()?;
        match self.epoll.wait(events, timeout) {
            Err(Errno::EINTR) => Some(0),
            waited => waited.ok(),
        }
    }

    fn advance(&self, number: u64, ready: EpollFlags) {
        let Some(mut attempt) = self.attempts().running.remove(&number) else {
            return;
        };
        let before = attempt.conversation.interest();
        let mut outcome = attempt
            .conversation
            .advance(ready.contains(EpollFlags::EPOLLERR));
        let after = attempt.conversation.interest();
        if outcome.is_none() && before != after {
            let changed = self
                .epoll
                .modify(&attempt.conversation, &mut event(after, number));
            outcome = changed.err().map(|errno| Err(unwatched(errno)));
        }
        let mut attempts = self.attempts();
        if let Some(outcome) = outcome {
            attempts.deadlines.remove(&(attempt.deadline, number));
            drop(attempts);
            attempt.end(outcome);
        } else {
            attempts.running.insert(number, attempt);
        }
    }

    fn expire(&self) {
        let now = Instant::now();
        let next = || self.attempts().take_expired(now);
        while let Some(attempt) = next() {
            let outcome = attempt.conversation.late();
            attempt.end(outcome);
        }
    }

    fn begin_waiting(&self) {
        let next = || self.attempts().take_waiting(self.most);
        while let Some(job) = next() {
            self.begin(job);
        }
    }
}

fn event(interest: Interest, number: u64) -> EpollEvent {
    let events = match interest {
        Interest::Readable => EpollFlags::EPOLLIN,
        Interest::Writable => EpollFlags::EPOLLOUT,
    };
    EpollEvent::new(events, number)
}

fn unwatched(errno: Errno) -> Failure {
    Failure::NotProbed(format!("watch a socket: {}", errno.desc()))
}

impl Attempts {
    /// Returns how long the thread waits: not beyond the first deadline.
    ///
    /// It keeps the time for which it was set, so that an attempt that begins later need not wake it.
    fn timeout(&mut self) -> Option<EpollTimeout> {
        let now = Instant::now();
        let kept = self.wakes_at.filter(|at| *at > now);
        let first = self.deadlines.first().map(|(deadline, _)| *deadline);
        self.wakes_at = kept.into_iter().chain(first).min();
        let timeout = self.wakes_at.map_or(EpollTimeout::NONE, |at| {
            let rounded_up = at.saturating_duration_since(now) + Duration::from_micros(999);
            EpollTimeout::try_from(rounded_up).unwrap_or(EpollTimeout::MAX)
        });
        (!self.is_closed).then_some(timeout)
    }

    fn take_expired(&mut self, now: Instant) -> Option<Attempt> {
        self.deadlines
            .first()
            .filter(|(deadline, _)| *deadline <= now)?;
        let (_, number) = self.deadlines.pop_first()?;
        self.running.remove(&number)
    }

    fn take_waiting(&mut self, most: usize) -> Option<Job> {
        match self.running.len() < most {
            true => self.waiting.pop_front(),
            false => None,
        }
    }
}
