//! A change that is rolled back unless it is confirmed in time.
//!
//! The process that has applied waits for a file to be renamed. It needs no terminal and no connection for
//! that: a change that cuts both is what this is for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::lock::Lock;
use crate::error::{Cause, Error, Operation, Result};

/// How often it looks for the confirmation.
const INTERVAL: Duration = Duration::from_millis(100);

/// A confirmation that a change asks for.
pub(in crate::cluster) struct Confirmation {
    directory: PathBuf,
    /// The time there is for it.
    pub(in crate::cluster) within: Duration,
}

impl Confirmation {
    pub(super) fn new(directory: &Path, within: Duration) -> Self {
        Self {
            directory: directory.to_owned(),
            within,
        }
    }

    /// Makes it possible to confirm. The time begins now.
    pub(in crate::cluster) fn ask(&self) -> Result<Pending> {
        let pending = Pending {
            files: Files::of(&self.directory),
            end: Instant::now() + self.within,
        };
        let unconfirmed = &pending.files.unconfirmed;
        pending.files.delete();
        fs::write(unconfirmed, format!("{} s\n", self.within.as_secs())).map_err(|source| {
            let operation = Operation::new("write", unconfirmed.display());
            Error::io(operation, source)
                .with_hint("without that file the change could not be confirmed")
        })?;
        Ok(pending)
    }
}

/// A confirmation that was asked for.
pub(in crate::cluster) struct Pending {
    files: Files,
    end: Instant,
}

impl Pending {
    /// Waits for it; returns no if the time is over or the change is to be stopped before.
    pub(in crate::cluster) fn wait(self, is_stopped: impl Fn() -> bool) -> bool {
        loop {
            if self.files.confirmed.exists() {
                return true;
            }
            if is_stopped() || Instant::now() >= self.end {
                // A confirmation in this very instant wins: only one of the two can delete or rename the file.
                let is_late = fs::remove_file(&self.files.unconfirmed).is_ok();
                return !is_late && self.files.confirmed.exists();
            }
            thread::sleep(INTERVAL);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.files.delete();
    }
}

/// The two names of the file.
struct Files {
    unconfirmed: PathBuf,
    confirmed: PathBuf,
}

impl Files {
    fn of(directory: &Path) -> Self {
        Self {
            unconfirmed: directory.join("unconfirmed"),
            confirmed: directory.join("confirmed"),
        }
    }

    /// A file that does not exist is deleted already.
    fn delete(&self) {
        let _ = fs::remove_file(&self.unconfirmed);
        let _ = fs::remove_file(&self.confirmed);
    }
}

/// Confirms the change that waits for it.
pub(super) fn confirm(directory: &Path) -> Result<()> {
    let files = Files::of(directory);
    let operation = || Operation::new("confirm", directory.display());
    let nothing = |problem: &str| Error::new(operation(), Cause::Invalid(problem.to_owned()));
    if !Lock::is_held(directory) && files.unconfirmed.exists() {
        files.delete();
        return Err(
            nothing("the process that waited for it has ended").with_hint(
                "nothing was rolled back: `lvsctl plan` shows how the node differs from a file",
            ),
        );
    }
    fs::rename(&files.unconfirmed, &files.confirmed).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => nothing("nothing waits for a confirmation").with_hint(
            "it was confirmed already, or it was too late and everything was rolled back",
        ),
        _ => Error::io(operation(), source),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits under a lock, while the confirmation is or is not given.
    fn waiting(time: Duration, stop: bool, mut meanwhile: impl FnMut(&Path)) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let _lock = Lock::acquire(path, "apply").unwrap();
        let pending = Confirmation::new(path, time).ask().unwrap();
        meanwhile(path);
        pending.wait(|| stop)
    }

    #[test]
    fn a_confirmation_ends_the_wait() {
        assert!(waiting(Duration::from_secs(60), false, |path| {
            confirm(path).unwrap();
        }));
    }

    #[test]
    fn no_confirmation_in_time_is_a_no() {
        assert!(!waiting(Duration::ZERO, false, |_| ()));
        assert!(!waiting(Duration::from_secs(60), true, |_| ()));
    }

    #[test]
    fn too_late_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let error = confirm(directory.path()).unwrap_err().to_string();
        assert!(error.contains("nothing waits"), "{error}");
        fs::write(directory.path().join("unconfirmed"), "").unwrap();
        let error = confirm(directory.path()).unwrap_err().to_string();
        assert!(
            error.contains("the process that waited for it has ended"),
            "{error}"
        );
    }
}
