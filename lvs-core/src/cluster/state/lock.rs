//! One changing verb at a time, and a change of the role before all others.
//!
//! Three files are locked with flock(2), which ends with its process however that ends:
//!
//! | file | is locked by |
//! |---|---|
//! | `lock` | the process that changes the node |
//! | `role` | a change of the role that waits for `lock`; in it is the newest one's ticket |
//! | `pending` | the process that has applied and waits for a confirmation, without `lock` |
//!
//! ```text
//!              another holds lock, a role waits, or a confirmation is pending
//!                ┌────────┐
//!                ▼        │
//!  change ───▶ waits ─────┴──▶ holds lock ──────────────────────────────▶ done
//!                               │      ▲
//!                  --confirm    ▼      │ confirmed, late or stopped
//!                              pending ┘  (lock is free: only roles pass)
//!
//!              another holds lock
//!                ┌────────┐
//!                ▼        │
//!  role ─────▶ waits ─────┴──▶ holds lock ──▶ done
//!                │
//!                └─ a newer role came ──▶ gives up, nothing changed
//! ```

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::fcntl::FlockArg;
#[expect(deprecated, reason = "see try_lock")]
use nix::fcntl::flock;
use serde::{Deserialize, Serialize};

use super::directory::Directory;
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

/// What a role wants the lock for that was changed without it.
const RECORDING: Request<'_> = Request {
    verb: "apply",
    is_role: true,
    stop: None,
    patience: Some(Duration::from_secs(1)),
};

/// The lock of a state directory, held until it is dropped or the process ends, however it ends.
///
/// The file is never deleted: two processes could then lock two files.
#[derive(Debug)]
pub(in crate::cluster) struct Lock {
    path: PathBuf,
    verb: String,
    file: Mutex<Option<File>>,
    /// The newest change of the role when it was locked.
    role: Option<[u8; TICKET]>,
    /// Why a change of the role goes on without it.
    pub(super) lacking: Option<Error>,
}

/// The process that holds a lock.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    /// When the process began, in ticks since boot: numbers of processes are used again.
    #[serde(default)]
    began: u64,
    verb: String,
    /// Seconds since 1970.
    since: u64,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

impl Lock {
    pub(super) fn acquire(path: &Path, request: &Request<'_>) -> Result<Self> {
        let lock = |file, role, lacking| Self {
            path: path.to_owned(),
            verb: request.verb.to_owned(),
            file: Mutex::new(file),
            role,
            lacking,
        };
        let wait = |mut queue: Queue| {
            let file = queue.wait(request)?;
            Ok((file, queue.role(path)))
        };
        match Queue::join(path, request).and_then(wait) {
            Ok((file, role)) => Ok(lock(Some(file), role, None)),
            // Where the lock cannot be used, no other change can be made either.
            Err(error) if request.is_role && !error.is_invalid() && !error.is_permission() => {
                Ok(lock(None, newest_role(path), Some(error)))
            }
            Err(error) => Err(error),
        }
    }

    /// Locks it to record a role that was changed without it, unless a newer one came.
    pub(super) fn acquire_late(path: &Path, ticket: Option<[u8; TICKET]>) -> Result<Self> {
        let request = &RECORDING;
        let file = Queue::at(path)?.wait(request)?;
        if newest_role(path) != ticket {
            return Err(superseded(path));
        }
        Ok(Self {
            path: path.to_owned(),
            verb: request.verb.to_owned(),
            file: Mutex::new(Some(file)),
            role: ticket,
            lacking: None,
        })
    }

    /// Unlocks it for changes of the role while a confirmation is pending.
    pub(super) fn release(&self) {
        *self.file() = None;
    }

    /// Locks it again after a confirmation or without one, before all others.
    pub(super) fn retake(&self) -> Result<()> {
        let request = Request {
            verb: &self.verb,
            is_role: true,
            stop: None,
            patience: None,
        };
        // No ticket: a role that waits is still the newest.
        let mut queue = Queue::at(&self.path)?;
        *self.file() = Some(queue.wait(&request)?);
        Ok(())
    }

    /// Returns whether a newer change of the role came: one that waits, or that was made without the lock.
    pub(in crate::cluster) fn has_new_role(&self) -> bool {
        newest_role(&self.path) != self.role
    }

    pub(super) fn verb(&self) -> &str {
        &self.verb
    }

    pub(super) fn directory(&self) -> &Path {
        &self.path
    }

    fn file(&self) -> std::sync::MutexGuard<'_, Option<File>> {
        self.file
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Those that wait for the lock.
struct Queue {
    directory: Directory,
    /// Locked by one of the roles that wait.
    role: Option<File>,
    /// What says that no newer change of the role has come.
    ticket: Option<String>,
}

impl Queue {
    fn at(path: &Path) -> Result<Self> {
        Ok(Self {
            directory: Directory::create(path).map_err(|source| failed(path, source))?,
            role: None,
            ticket: None,
        })
    }

    fn join(path: &Path, request: &Request<'_>) -> Result<Self> {
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
    fn role(&self, path: &Path) -> Option<[u8; TICKET]> {
        let own = self.ticket.as_ref();
        own.and_then(|ticket| ticket.as_bytes().try_into().ok())
            .or_else(|| newest_role(path))
    }

    fn open(&self, name: &str) -> Result<File> {
        self.directory
            .open_or_create(name)
            .map_err(|source| failed(&self.directory.path(name), source))
    }

    fn wait(&mut self, request: &Request<'_>) -> Result<File> {
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
        let _ = sign(&mut locked, request.verb, None);
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
        let holder = |name| self.open(name).ok().and_then(|mut file| holder(&mut file));
        let problem = match obstacle {
            Obstacle::Role => "a change of the role waits for it, too, and goes first".to_owned(),
            Obstacle::Lock => held(holder("lock")),
            Obstacle::Pending => pending(holder("pending")),
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

fn superseded(path: &Path) -> Error {
    let problem = "a newer change of the role came, which decides";
    Error::invalid(Operation::new("lock", path.display()), problem).with_payload(Superseded)
}

/// Makes a change of the role the newest one without the lock, and returns its ticket.
pub(super) fn begin_role(path: &Path) -> Option<[u8; TICKET]> {
    // Where it cannot be written, no other role can be waiting either.
    let _ = Queue::join(path, &RECORDING);
    newest_role(path)
}

/// Returns the ticket of the newest change of the role: another one than before means that the role may have
/// changed.
pub(super) fn newest_role(path: &Path) -> Option<[u8; TICKET]> {
    let mut newest = [0; TICKET];
    let file = Queue::at(path).and_then(|queue| queue.open("role")).ok()?;
    file.read_exact_at(&mut newest, 0).ok().map(|()| newest)
}

/// Locks the file that says that a confirmation is pending, and for how long.
pub(super) fn lock_pending(path: &Path, verb: &str, within: Duration) -> Result<File> {
    let name = path.join("pending");
    let directory = Directory::create(path).map_err(|source| failed(&name, source))?;
    let file = directory
        .open_or_create("pending")
        .map_err(|source| failed(&name, source))?;
    let Some(mut locked) = try_lock(file, FlockArg::LockExclusiveNonblock)? else {
        let operation = Operation::new("lock", name.display());
        return Err(Error::invalid(
            operation,
            "another change waits for a confirmation",
        ));
    };
    sign(&mut locked, verb, Some(now() + within.as_secs()))
        .map_err(|source| failed(&name, source))?;
    Ok(locked)
}

/// What becomes of a claim.
#[cfg(feature = "run")]
pub(super) enum Claim {
    /// The file, locked until it is closed.
    Taken(File),
    /// Another process has it: which one.
    Held(String),
}

/// Locks a file of the directory for as long as the process lives, if no other has it.
#[cfg(feature = "run")]
pub(super) fn claim(path: &Path, name: &str, verb: &str) -> Result<Claim> {
    let queue = Queue::at(path)?;
    let Some(mut locked) = try_lock(queue.open(name)?, FlockArg::LockExclusiveNonblock)? else {
        let holder = queue.open(name).ok().and_then(|mut file| holder(&mut file));
        return Ok(Claim::Held(named(holder)));
    };
    // Only for messages: a full disk prevents no controller.
    let _ = sign(&mut locked, verb, None);
    Ok(Claim::Taken(locked))
}

/// Returns which process has locked a file of the directory, if one has.
pub(super) fn holder_of(path: &Path, name: &str) -> Option<String> {
    let directory = Directory::open(path).ok()??;
    let open = || directory.file(name, nix::fcntl::OFlag::O_RDONLY).ok();
    match try_lock(open()?, FlockArg::LockSharedNonblock) {
        Ok(None) => Some(named(open().and_then(|mut file| holder(&mut file)))),
        _ => None,
    }
}

/// Returns whether a confirmation is pending.
pub(super) fn is_pending(directory: &Directory) -> bool {
    let file = directory.file("pending", nix::fcntl::OFlag::O_RDONLY);
    file.is_ok_and(|file| {
        try_lock(file, FlockArg::LockSharedNonblock).is_ok_and(|locked| locked.is_none())
    })
}

/// Locks a file until it is closed. The type of nix that unlocks it before that panics where unlocking fails.
#[expect(deprecated, reason = "see above")]
fn try_lock(file: File, how: FlockArg) -> Result<Option<File>> {
    match flock(file.as_raw_fd(), how) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::EWOULDBLOCK) => Ok(None),
        Err(errno) => Err(Error::io(
            Operation::new("lock", "the state directory"),
            errno.into(),
        )),
    }
}

fn sign(file: &mut File, verb: &str, until: Option<u64>) -> io::Result<()> {
    let holder = Holder {
        pid: process::id(),
        began: began(process::id()).unwrap_or_default(),
        verb: verb.to_owned(),
        since: now(),
        until,
    };
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(serde_json::to_string(&holder)?.as_bytes())
}

fn named(holder: Option<Holder>) -> String {
    match holder {
        Some(Holder { pid, verb, .. }) => format!("{verb} (process {pid})"),
        None => "a process that is not known".to_owned(),
    }
}

fn held(holder: Option<Holder>) -> String {
    match holder {
        Some(Holder {
            pid, verb, since, ..
        }) => {
            let seconds = now().saturating_sub(since);
            format!("{verb} (process {pid}) has held it for {seconds} s")
        }
        None => "a process that is not known holds it (`fuser -v` on the file names it)".to_owned(),
    }
}

fn pending(holder: Option<Holder>) -> String {
    match holder {
        Some(Holder {
            pid,
            verb,
            until: Some(until),
            ..
        }) => {
            let seconds = until.saturating_sub(now());
            format!("{verb} (process {pid}) waits for a confirmation for {seconds} s more")
        }
        _ => "a change waits for a confirmation".to_owned(),
    }
}

/// Returns the process that has signed a file, if it still lives: one that was killed could not erase its name.
fn holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    let holder: Holder = serde_json::from_str(&text).ok()?;
    (began(holder.pid) == Some(holder.began)).then_some(holder)
}

/// Returns when a living process began.
fn began(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map(|time| time.as_secs()).unwrap_or_default()
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::io(Operation::new("lock", path.display()), source).with_hint(
        "the state directory and its files must be this user's alone, who usually is root; --state names another",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn request(verb: &str) -> Request<'_> {
        Request {
            verb,
            is_role: false,
            stop: None,
            patience: Some(Duration::ZERO),
        }
    }

    fn role(verb: &str) -> Request<'_> {
        Request {
            is_role: true,
            patience: Some(Duration::from_secs(20)),
            ..request(verb)
        }
    }

    #[test]
    fn the_holder_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(directory.path(), &request("apply")).unwrap();
        let error = Lock::acquire(directory.path(), &request("remove"))
            .unwrap_err()
            .to_string();
        let pid = process::id();
        assert!(
            error.contains(&format!("apply (process {pid}) has held it for 0 s")),
            "{error}"
        );
        drop(lock);
        Lock::acquire(directory.path(), &request("remove")).unwrap();
    }

    #[test]
    fn a_dead_process_is_not_the_holder() {
        let directory = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(directory.path(), &request("apply")).unwrap();
        let text = r#"{"pid":4294967,"began":1,"verb":"apply","since":1}"#;
        fs::write(directory.path().join("lock"), text).unwrap();
        let error = Lock::acquire(directory.path(), &request("remove"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("not known"), "{error}");
        drop(lock);
    }

    #[test]
    fn a_file_in_the_way_is_no_directory() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("state"), "").unwrap();
        let error = Lock::acquire(&directory.path().join("state"), &request("apply")).unwrap_err();
        assert!(error.hint().unwrap().contains("--state"), "{error}");
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let directory = tempfile::tempdir().unwrap();
        let _lock = Lock::acquire(directory.path(), &request("apply")).unwrap();
        let stop = AtomicBool::new(true);
        let stopped = Request {
            stop: Some(&stop),
            patience: None,
            ..request("drain")
        };
        let error = Lock::acquire(directory.path(), &stopped)
            .unwrap_err()
            .to_string();
        assert!(error.contains("interrupted"), "{error}");
    }

    #[test]
    fn only_roles_pass_a_pending_confirmation() {
        let directory = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(directory.path(), &request("apply")).unwrap();
        let pending = lock_pending(directory.path(), "apply", Duration::from_secs(60)).unwrap();
        lock.release();
        let error = Lock::acquire(directory.path(), &request("remove"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("waits for a confirmation for"), "{error}");
        drop(Lock::acquire(directory.path(), &role("apply")).unwrap());
        lock.retake().unwrap();
        drop(pending);
    }

    #[test]
    fn roles_go_first_and_the_newest_wins() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let lock = Lock::acquire(path, &request("apply")).unwrap();
        thread::scope(|scope| {
            let waits = || {
                try_lock(
                    Directory::create(path)
                        .unwrap()
                        .open_or_create("role")
                        .unwrap(),
                    FlockArg::LockSharedNonblock,
                )
                .unwrap()
                .is_none()
            };
            let old = scope.spawn(|| Lock::acquire(path, &role("old")).map(drop));
            while !waits() {
                thread::yield_now();
            }
            let new = scope.spawn(|| Lock::acquire(path, &role("new")).map(drop));
            let error = old.join().unwrap().unwrap_err().to_string();
            assert!(error.contains("newer"), "{error}");
            while !waits() {
                thread::yield_now();
            }
            lock.release();
            new.join().unwrap().unwrap();
        });
    }
}
