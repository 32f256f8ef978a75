//! Network namespaces.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

use crate::error::{Error, Operation, Result};
use crate::host::Host;

/// The file of the calling *thread's* namespace: `/proc/self` would be the main thread's.
const OWN: &str = "/proc/thread-self/ns/net";

/// Holds a file descriptor of a network namespace, which keeps the namespace alive.
///
/// A namespace is a property of a thread. Work in another one therefore runs on a thread of its own, which
/// enters the namespace, does the work and ends: no thread ever stays in a namespace by mistake.
///
/// ```no_run
/// use lvs_core::{IfName, Netns};
/// let router = Netns::create()?;
/// router.run(|host| host.net().set_up(&IfName::LO))??;
/// # Ok::<(), lvs_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Netns {
    file: File,
    /// What errors call it: the path it was opened by.
    name: String,
}

impl Netns {
    /// Opens the calling thread's namespace.
    ///
    /// # Errors
    /// `/proc` is not mounted.
    pub fn current() -> Result<Self> {
        Self::open(OWN)
    }

    /// Opens a namespace by its file: `/run/netns/NAME`, `/proc/PID/ns/net`.
    ///
    /// # Errors
    /// The file does not exist ([`Error::is_not_found`]) or may not be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| {
            Error::io(
                Operation::new("open network namespace", path.display()),
                source,
            )
        })?;
        Ok(Self {
            file,
            name: path.display().to_string(),
        })
    }

    /// Creates a namespace.
    ///
    /// Its `lo` is down (set it up, IPVS needs it); where the module for tunnels is loaded it has a `tunl0`
    /// too. The namespace lives as long as this value or a thread in it.
    ///
    /// # Errors
    /// No privilege (`CAP_SYS_ADMIN`), or too many namespaces.
    pub fn create() -> Result<Self> {
        let operation = || Operation::new("create network namespace", "");
        on_own_thread(&operation(), || {
            unshare(CloneFlags::CLONE_NEWNET)
                .map_err(|errno| needs_privilege(Error::io(operation(), errno.into())))?;
            Ok(Self {
                name: "created by this process".to_owned(),
                ..Self::current()?
            })
        })?
    }

    /// Enters the namespace on a new thread, calls `f` there with its [`Host`] and returns when `f` has ended.
    ///
    /// `f` may use borrowed data. A panic in `f` continues in the caller.
    ///
    /// # Errors
    /// Entering failed: no privilege (`CAP_SYS_ADMIN`), or a file that is no network namespace.
    pub fn run<T: Send>(&self, f: impl FnOnce(&mut Host) -> T + Send) -> Result<T> {
        let operation = Operation::new("enter network namespace", &self.name);
        on_own_thread(&operation, || {
            setns(&self.file, CloneFlags::CLONE_NEWNET)
                .map_err(|errno| entering(&operation, errno.into()))?;
            let mut host = Host::open()?;
            Ok(f(&mut host))
        })?
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Runs `f` on a thread of its own, so that the namespace it enters ends with the thread.
fn on_own_thread<T: Send>(operation: &Operation, f: impl FnOnce() -> T + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, f)
            .map_err(|source| Error::io(operation.clone(), source))?;
        match thread.join() {
            Ok(result) => Ok(result),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn entering(operation: &Operation, source: io::Error) -> Error {
    let is_other_file = source.raw_os_error() == Some(nix::libc::EINVAL);
    let error = needs_privilege(Error::io(operation.clone(), source));
    if is_other_file {
        return error.with_hint("the file is not one of a network namespace");
    }
    error
}

fn needs_privilege(error: Error) -> Error {
    if error.is_permission() {
        return error.with_hint("network namespaces need CAP_SYS_ADMIN; run it as root");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_shared_by_threads() {
        fn shared<T: Send + Sync>(_: &T) {}
        shared(&Netns::current().unwrap());
    }

    #[test]
    fn a_missing_namespace_is_not_found() {
        let error = Netns::open("/run/netns/no such one").unwrap_err();
        assert!(error.is_not_found());
        assert!(error.to_string().contains("/run/netns/no such one"));
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        let error = Netns::open("/proc/thread-self/status")
            .unwrap()
            .run(|_| ())
            .unwrap_err();
        assert_eq!(error.errno(), Some(nix::libc::EINVAL));
        assert_eq!(error.operation().object(), "/proc/thread-self/status");
        assert!(
            error
                .hint()
                .unwrap()
                .contains("not one of a network namespace")
        );
    }

    #[test]
    #[should_panic(expected = "in the thread")]
    fn a_panic_reaches_the_caller() {
        let operation = Operation::new("test", "");
        let _ = on_own_thread(&operation, || panic!("in the thread"));
    }
}
