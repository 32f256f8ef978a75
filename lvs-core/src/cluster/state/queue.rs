//! Those that wait for the lock of a state directory: changes of the role first, and of these the newest.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::fcntl::FlockArg;
#[expect(deprecated, reason = "see try_lock")]
use nix::fcntl::flock;

use super::directory::Directory;
use super::holder::Holder;
use crate::error::{Cause, Error, Operation, Result, Superseded};

/// How long another change may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a role, and a change that was pending, wait for the change that is being made.
const PATIENCE_FIRST: Duration = Duration::from_secs(60);

/// How often the lock is tried: the kernel can wait for a lock, but not for ten seconds at most.
const INTERVAL: Duration = Duration::from_millis(50);

/// The length of a ticket.
pub(super) const TICKET: usize = 41;

/// What a process wants the lock for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) verb: &'a str,
    /// Whether the role of a director changes, which goes first.
    pub(super) is_role: bool,
    /// Ends the wait.
    pub(super) stop: Option<&'a AtomicBool>,
    /// Ends the wait for another holder, if it is not the usual one.
    pub(super) patience: Option<Duration>,
}

/// Those that wait for the lock.
pub(super) struct Queue {
    directory: Directory,
    /// Locked by one of the roles that wait.
    role: Option<File>,
    /// What says that no newer change of the role has come.
    ticket: Option<String>,
}

impl Queue {
    pub(super) fn at(path: &Path) -> Result<Self> {
        Ok(Self {
            directory: Directory::create(path).map_err(|source| failed(path, source))?,
            role: None,
            ticket: None,
        })
    }

    pub(super) fn join(path: &Path, request: &Request<'_>) -> Result<Self> {
        let mut queue = Self::at(path)?;
        if request.is_role {
            let file = queue.open("role")?;
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let ticket = format!(
                "{:020}-{:020}",
                process::id(),
                since.unwrap_or_default().as_nanos()
            );
            // Written at once or not at all; a full disk prevents no change of the role.
            queue.ticket = file
                .write_all_at(ticket.as_bytes(), 0)
                .ok()
                .map(|()| ticket);
        }
        Ok(queue)
    }

    /// Returns the change of the role that counts for the one who has waited: its own, or else the newest.
    pub(super) fn role(&self, path: &Path) -> Option<[u8; TICKET]> {
        let own = self.ticket.as_ref();
        own.and_then(|ticket| ticket.as_bytes().try_into().ok())
            .or_else(|| newest_role(path))
    }

    pub(super) fn open(&self, name: &str) -> Result<File> {
        self.directory
            .open_or_create(name)
            .map_err(|source| failed(&self.directory.path(name), source))
    }

    pub(super) fn wait(&mut self, request: &Request<'_>) -> Result<File> {
        let usual = if request.is_role {
            PATIENCE_FIRST
        } else {
            PATIENCE
        };
        let patience = request.patience.unwrap_or(usual);
        let started = Instant::now();
        loop {
            let obstacle = match self.attempt(request)? {
                Ok(file) => return Ok(file),
                Err(obstacle) => obstacle,
            };
            let is_stopped = request
                .stop
                .is_some_and(|stop| stop.load(Ordering::Relaxed));
            if is_stopped || started.elapsed() >= patience {
                return Err(self.gave_up(obstacle, is_stopped));
            }
            thread::sleep(INTERVAL);
        }
    }

    fn attempt(&mut self, request: &Request<'_>) -> Result<std::result::Result<File, Obstacle>> {
        if request.is_role {
            self.stay_newest()?;
            if self.role.is_none() {
                // Others share it for a moment to see whether a role waits; the next attempt is soon.
                self.role = try_lock(self.open("role")?, FlockArg::LockExclusiveNonblock)?;
            }
        } else if try_lock(self.open("role")?, FlockArg::LockSharedNonblock)?.is_none() {
            return Ok(Err(Obstacle::Role));
        }
        let Some(mut locked) = try_lock(self.open("lock")?, FlockArg::LockExclusiveNonblock)?
        else {
            return Ok(Err(Obstacle::Lock));
        };
        if !request.is_role
            && try_lock(self.open("pending")?, FlockArg::LockSharedNonblock)?.is_none()
        {
            return Ok(Err(Obstacle::Pending));
        }
        // Only for messages: a full disk prevents no change.
        let _ = Holder::sign(&mut locked, request.verb, None);
        Ok(Ok(locked))
    }

    /// Fails if another change of the role came later: it decides.
    fn stay_newest(&self) -> Result<()> {
        let Some(ticket) = &self.ticket else {
            return Ok(());
        };
        let mut newest = [0; TICKET];
        let is_read = self.open("role")?.read_exact_at(&mut newest, 0).is_ok();
        if !is_read || newest == *ticket.as_bytes() {
            return Ok(());
        }
        Err(superseded(&self.directory.path("lock")).with_hint("nothing was changed"))
    }

    fn gave_up(&self, obstacle: Obstacle, is_stopped: bool) -> Error {
        let path = self.directory.path("lock");
        let operation = Operation::new("lock", path.display());
        let holder = |name| {
            self.open(name)
                .ok()
                .and_then(|mut file| Holder::of(&mut file))
        };
        let problem = match obstacle {
            Obstacle::Role => "a change of the role waits for it, too, and goes first".to_owned(),
            Obstacle::Lock => Holder::held(holder("lock")),
            Obstacle::Pending => Holder::pending(holder("pending")),
        };
        let hint = match (obstacle, is_stopped) {
            (_, true) => "interrupted while it waited; nothing was changed",
            (Obstacle::Pending, _) => {
                "`lvsctl confirm` keeps that change; without it, it is rolled back then"
            }
            _ => "one change at a time: wait until it is done, or end it",
        };
        Error::new(operation, Cause::Invalid(problem)).with_hint(hint)
    }
}

/// Why the lock cannot be had now.
#[derive(Clone, Copy, Debug)]
enum Obstacle {
    Role,
    Lock,
    Pending,
}

pub(super) fn superseded(path: &Path) -> Error {
    let problem = "a newer change of the role came, which decides";
    Error::invalid(Operation::new("lock", path.display()), problem).with_payload(Superseded)
}

/// Returns the ticket of the newest change of the role: another one than before means that the role may have
/// changed.
pub(super) fn newest_role(path: &Path) -> Option<[u8; TICKET]> {
    let mut newest = [0; TICKET];
    let file = Queue::at(path).and_then(|queue| queue.open("role")).ok()?;
    file.read_exact_at(&mut newest, 0).ok().map(|()| newest)
}

/// Locks a file until it is closed. The type of nix that unlocks it before that panics where unlocking fails.
#[expect(deprecated, reason = "see above")]
pub(super) fn try_lock(file: File, how: FlockArg) -> Result<Option<File>> {
    match flock(file.as_raw_fd(), how) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::EWOULDBLOCK) => Ok(None),
        Err(errno) => Err(Error::io(
            Operation::new("lock", "the state directory"),
            errno.into(),
        )),
    }
}

pub(super) fn failed(path: &Path, source: io::Error) -> Error {
    Error::io(Operation::new("lock", path.display()), source).with_hint(
        "the state directory and its files must be this user's alone, who usually is root; --state names another",
    )
}
