//! A visit to a namespace on the calling thread: where requests are many, a thread for each one costs more than the
//! request.

use std::os::fd::AsFd;

use lvs_core::Netns;
use nix::sched::{CloneFlags, setns};

use crate::error::{Context, Result};

/// Calls `f` in a namespace, and returns to the thread's own. Sockets stay where they were opened.
pub(crate) fn inside<T>(netns: &Netns, f: impl FnOnce() -> T) -> Result<T> {
    let own = Netns::current()?;
    enter(netns)?;
    let _home = Home(own);
    Ok(f())
}

fn enter(netns: &Netns) -> Result<()> {
    setns(netns.as_fd(), CloneFlags::CLONE_NEWNET).context("enter a network namespace")
}

/// Returns when it is dropped, also by a panic.
struct Home(Netns);

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = enter(&self.0) {
            // Everything that this thread does from here on would be about the wrong node.
            eprintln!("return to the own namespace: {error}");
            std::process::abort();
        }
    }
}
