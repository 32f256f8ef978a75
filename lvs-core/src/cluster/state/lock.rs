//! One changing verb at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::process;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::error::{Cause, Error, Operation, Result};

/// How long another change may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the lock is tried: the kernel can wait for a lock, but not for ten seconds at most.
const INTERVAL: Duration = Duration::from_millis(50);

/// The lock of a state directory, held until it is dropped or the process ends, however it ends.
///
/// The file is never deleted: two processes could then lock two files.
#[derive(Debug)]
pub(super) struct Lock {
    _file: Flock<File>,
}

/// The process that holds the lock.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    verb: String,
    /// Seconds since 1970.
    since: u64,
}

impl Lock {
    pub(super) fn acquire(directory: &Path, verb: &str) -> Result<Self> {
        let path = directory.join("lock");
        let operation = || Operation::new("lock", path.display());
        let failed = |source| unwritable(operation(), source);
        fs::create_dir_all(directory).map_err(failed)?;
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed)?;
        let started = Instant::now();
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(mut locked) => {
                    sign(&mut locked, verb).map_err(failed)?;
                    return Ok(Self { _file: locked });
                }
                Err((back, errno)) if errno == nix::errno::Errno::EWOULDBLOCK => file = back,
                Err((_, errno)) => return Err(failed(errno.into())),
            }
            if started.elapsed() >= PATIENCE {
                return Err(held(operation(), &mut file));
            }
            thread::sleep(INTERVAL);
        }
    }

    /// Returns whether a process holds it now.
    pub(super) fn is_held(directory: &Path) -> bool {
        let Ok(file) = File::open(directory.join("lock")) else {
            return false;
        };
        Flock::lock(file, FlockArg::LockSharedNonblock).is_err()
    }
}

fn sign(file: &mut File, verb: &str) -> std::io::Result<()> {
    let holder = Holder {
        pid: process::id(),
        verb: verb.to_owned(),
        since: now(),
    };
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(serde_json::to_string(&holder)?.as_bytes())
}

fn held(operation: Operation, file: &mut File) -> Error {
    let problem = match holder(file) {
        Some(Holder { pid, verb, since }) => {
            let seconds = now().saturating_sub(since);
            format!("{verb} (process {pid}) has held it for {seconds} s")
        }
        None => "another process holds it".to_owned(),
    };
    Error::new(operation, Cause::Invalid(problem))
        .with_hint("one change at a time: wait until it is done, or end it")
}

fn holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map(|time| time.as_secs()).unwrap_or_default()
}

fn unwritable(operation: Operation, source: std::io::Error) -> Error {
    Error::io(operation, source).with_hint(
        "the state directory must be writable, which usually needs root; --state names another",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_named() {
        let directory = tempfile::tempdir().unwrap();
        assert!(!Lock::is_held(directory.path()));
        let lock = Lock::acquire(directory.path(), "apply").unwrap();
        assert!(Lock::is_held(directory.path()));
        let mut file = File::open(directory.path().join("lock")).unwrap();
        let error = held(Operation::new("lock", "here"), &mut file).to_string();
        let pid = process::id();
        assert!(
            error.contains(&format!("apply (process {pid}) has held it for 0 s")),
            "{error}"
        );
        drop(lock);
        assert!(!Lock::is_held(directory.path()));
        Lock::acquire(directory.path(), "remove").unwrap();
    }

    #[test]
    fn a_file_in_the_way_is_no_directory() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("state"), "").unwrap();
        let error = Lock::acquire(&directory.path().join("state"), "apply").unwrap_err();
        assert!(error.hint().unwrap().contains("--state"), "{error}");
    }
}
