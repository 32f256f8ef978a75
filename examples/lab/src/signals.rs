//! Children of the host side: a guest must not outlive the program that booted it.

use std::collections::BTreeSet;
use std::io;
use std::process::{self, Child, Command};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::Pid;

static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Makes an interrupt kill all guests before it ends this process.
///
/// It must be called on the main thread before others exist: threads inherit the blocked signals, and a
/// thread without them would receive the signal and end the process without killing the guests.
pub(crate) fn kill_guests_on_interrupt() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if interrupts().thread_block().is_ok() {
            thread::spawn(wait_for_interrupt);
        }
    });
}

fn interrupts() -> SigSet {
    let mut set = SigSet::empty();
    set.add(Signal::SIGINT);
    set.add(Signal::SIGTERM);
    set.add(Signal::SIGHUP);
    set
}

fn wait_for_interrupt() {
    let Ok(signal) = interrupts().wait() else {
        return;
    };
    for group in groups().iter() {
        let _ = killpg(Pid::from_raw(*group), Signal::SIGKILL);
    }
    process::exit(128 + signal as i32);
}

fn groups() -> std::sync::MutexGuard<'static, BTreeSet<i32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Spawns with the usual signal mask: a child would inherit that of this process and ignore an interrupt.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    let before = SigSet::thread_get_mask()?;
    interrupts().thread_unblock()?;
    let child = command.spawn();
    before.thread_set_mask()?;
    child
}

/// Represents a process group that is killed as a whole, at the latest when this is dropped.
///
/// User-mode Linux runs the guest's processes as processes of the host; killing the main one alone leaves them.
#[derive(Debug)]
pub(crate) struct Group(Pid);

impl Group {
    /// Returns the group of a child that was started as its leader.
    pub(crate) fn of(child: &Child) -> Self {
        let leader = i32::try_from(child.id()).unwrap_or(i32::MAX);
        groups().insert(leader);
        Self(Pid::from_raw(leader))
    }

    pub(crate) fn kill(&self) {
        // It fails if the group is empty already.
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        groups().remove(&self.0.as_raw());
    }
}
