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
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use nix::fcntl::FlockArg;

use super::directory::Directory;
use super::holder::{Holder, now};
use super::queue::{Queue, Request, TICKET, failed, newest_role, superseded, try_lock};
use crate::error::{Error, Operation, Result};

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

/// Makes a change of the role the newest one without the lock, and returns its ticket.
pub(super) fn begin_role(path: &Path) -> Option<[u8; TICKET]> {
    // Where it cannot be written, no other role can be waiting either.
    let _ = Queue::join(path, &RECORDING);
    newest_role(path)
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
    Holder::sign(&mut locked, verb, Some(now() + within.as_secs()))
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
        let holder = queue
            .open(name)
            .ok()
            .and_then(|mut file| Holder::of(&mut file));
        return Ok(Claim::Held(Holder::named(holder)));
    };
    // Only for messages: a full disk prevents no controller.
    let _ = Holder::sign(&mut locked, verb, None);
    Ok(Claim::Taken(locked))
}

/// Returns which process has locked a file of the directory, if one has.
pub(super) fn holder_of(path: &Path, name: &str) -> Option<String> {
    let directory = Directory::open(path).ok()??;
    let open = || directory.file(name, nix::fcntl::OFlag::O_RDONLY).ok();
    match try_lock(open()?, FlockArg::LockSharedNonblock) {
        Ok(None) => Some(Holder::named(
            open().and_then(|mut file| Holder::of(&mut file)),
        )),
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::{fs, process, thread};

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
