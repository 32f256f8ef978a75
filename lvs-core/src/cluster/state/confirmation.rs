//! A change that is rolled back unless it is confirmed in time.
//!
//! The process that has applied listens on a socket in the state directory, and answers. It needs no terminal
//! and no connection for that: a change that cuts both is what this is for. Only that process decides, once,
//! and what `confirm` reports is its answer.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::directory::Directory;
use super::lock::{Lock, is_pending, lock_pending};
use super::queue::{TICKET, newest_role};
use crate::error::{Cause, Error, Operation, Result};

/// How often it looks for the confirmation.
const INTERVAL: Duration = Duration::from_millis(50);

/// How long the other process may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

const SOCKET: &str = "confirm";
const YES: &[u8] = b"confirmed\n";
const NO: &[u8] = b"too late\n";

/// A confirmation that a change asks for.
pub(in crate::cluster) struct Confirmation<'a> {
    lock: &'a Lock,
    /// The time there is for it.
    pub(in crate::cluster) within: Duration,
}

impl<'a> Confirmation<'a> {
    pub(super) fn new(lock: &'a Lock, within: Duration) -> Self {
        Self { lock, within }
    }

    /// Makes it possible to confirm. The time begins now, and changes of the role can be made.
    pub(in crate::cluster) fn ask(&self) -> Result<Pending<'a>> {
        let end = Instant::now() + self.within;
        let path = self.lock.directory();
        let locked = lock_pending(path, self.lock.verb(), self.within)?;
        let socket = path.join(SOCKET);
        let listener = listen(path, &socket).map_err(|source| {
            Error::io(Operation::new("listen on", socket.display()), source)
                .with_hint("without that socket the change could not be confirmed")
        })?;
        let decision = Arc::new(Mutex::new(Decision::Open));
        let (decides, decided) = (Arc::clone(&decision), socket.clone());
        let spawned = thread::Builder::new().spawn(move || answer(&listener, end, &decides));
        spawned
            .map_err(|source| Error::io(Operation::new("wait at", decided.display()), source))?;
        let role = newest_role(path);
        self.lock.release();
        Ok(Pending {
            role,
            lock: self.lock,
            decision,
            socket,
            end,
            _locked: locked,
        })
    }
}

/// Listens where the last one did; that it has ended is known by its lock.
fn listen(path: &Path, socket: &Path) -> io::Result<UnixListener> {
    let directory = Directory::create(path)?;
    directory.delete(SOCKET)?;
    let listener = UnixListener::bind(socket)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// What becomes of a change: decided once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Open,
    Confirmed,
    Over,
}

/// Answers until it is decided. The lock on the decision is held while it is told: the one who asks hears what
/// then is so, or has hung up and the change is not confirmed.
fn answer(listener: &UnixListener, end: Instant, decision: &Mutex<Decision>) {
    loop {
        let client = listener.accept();
        let mut decision = decision.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok((mut client, _)) = client {
            let is_open = *decision == Decision::Open && Instant::now() < end;
            let answer = if is_open { YES } else { NO };
            if client.write_all(answer).is_ok() && is_open {
                *decision = Decision::Confirmed;
            }
        } else if *decision != Decision::Open {
            return;
        }
        drop(decision);
        thread::sleep(INTERVAL);
    }
}

/// A confirmation that was asked for.
pub(in crate::cluster) struct Pending<'a> {
    lock: &'a Lock,
    decision: Arc<Mutex<Decision>>,
    socket: PathBuf,
    end: Instant,
    /// The newest change of the role when the wait began.
    role: Option<[u8; TICKET]>,
    _locked: File,
}

impl Pending<'_> {
    /// Returns whether the role may have changed meanwhile.
    pub(in crate::cluster) fn has_new_role(&self) -> bool {
        newest_role(self.lock.directory()) != self.role
    }

    /// Waits for it, and locks the directory again; returns no if the time is over or the change is to be
    /// stopped before.
    pub(in crate::cluster) fn wait(&self, is_stopped: impl Fn() -> bool) -> bool {
        loop {
            let is_over = is_stopped() || Instant::now() >= self.end;
            let decision = self.decide(is_over);
            if decision != Decision::Open {
                // A verb that holds it for so long changes the role: waiting on would help no client.
                let _ = self.lock.retake();
                return decision == Decision::Confirmed;
            }
            thread::sleep(INTERVAL);
        }
    }

    fn decide(&self, is_over: bool) -> Decision {
        let mut decision = self.decision.lock().unwrap_or_else(PoisonError::into_inner);
        if is_over && *decision == Decision::Open {
            *decision = Decision::Over;
        }
        *decision
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.decide(true);
        let _ = fs::remove_file(&self.socket);
    }
}

/// Confirms the change that waits for it: successful only if the process that waits says so.
pub(super) fn confirm(directory: &Path) -> Result<()> {
    let operation = || Operation::new("confirm", directory.display());
    let failed = |source| Error::io(operation(), source);
    let nothing = |problem: &str| Error::new(operation(), Cause::Invalid(problem.to_owned()));
    let nothing_waits = || {
        nothing("nothing waits for a confirmation").with_hint(
            "it was confirmed already, or it was too late and everything was rolled back",
        )
    };
    let Some(state) = Directory::open(directory).map_err(failed)? else {
        return Err(nothing_waits());
    };
    let socket = directory.join(SOCKET);
    if fs::symlink_metadata(&socket).is_err() {
        return Err(nothing_waits());
    }
    if !is_pending(&state) {
        return Err(
            nothing("no one is waiting: the process that waited for it has ended").with_hint(
                "nothing was rolled back: `lvsctl plan` shows how the node differs from a file",
            ),
        );
    }
    let mut answer = Vec::new();
    let asked = UnixStream::connect(&socket).and_then(|stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.take(64).read_to_end(&mut answer)
    });
    match asked {
        Ok(_) if answer == YES => Ok(()),
        Ok(_) if answer == NO => {
            Err(nothing("it is too late").with_hint("everything is being rolled back"))
        }
        Ok(_) => Err(nothing_waits()),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Err(nothing("the process that waits for it does not answer").with_hint(
                "not confirmed: when it continues, it rolls everything back unless there is time left to confirm",
            ))
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(nothing_waits()),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::Request;
    use super::*;

    fn lock(path: &Path) -> Lock {
        let request = Request {
            verb: "apply",
            is_role: false,
            stop: None,
            patience: None,
        };
        Lock::acquire(path, &request).unwrap()
    }

    /// Waits under a lock, while the confirmation is or is not given.
    fn waiting(time: Duration, stop: bool, mut meanwhile: impl FnMut(&Path)) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let lock = lock(path);
        let pending = Confirmation::new(&lock, time).ask().unwrap();
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
    fn files_confirm_nothing() {
        assert!(!waiting(Duration::from_millis(1), false, |path| {
            fs::create_dir(path.join("confirmed")).unwrap();
        }));
    }

    #[test]
    fn a_confirmation_after_the_time_is_refused() {
        assert!(!waiting(Duration::ZERO, false, |path| {
            let error = confirm(path).unwrap_err().to_string();
            assert!(error.contains("too late"), "{error}");
        }));
    }

    #[test]
    fn too_late_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let error = confirm(directory.path()).unwrap_err().to_string();
        assert!(error.contains("nothing waits"), "{error}");
        drop(UnixListener::bind(directory.path().join(SOCKET)).unwrap());
        let _other = lock(directory.path());
        let error = confirm(directory.path()).unwrap_err().to_string();
        assert!(error.contains("no one is waiting"), "{error}");
    }
}
