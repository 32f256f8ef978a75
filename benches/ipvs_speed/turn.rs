//! A turn of a contestant.

use std::time::{Duration, Instant};

use lvs_core::IfName;

use crate::Result;
use crate::namespace::only_namespace;

/// How many turns each contestant has.
pub(crate) const TURNS: usize = 15;

/// Runs `work` in a new network namespace, in which no destination was ever deleted, and then removes it.
pub(crate) fn in_fresh_namespace<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    only_namespace()?.run(|host| {
        host.net().set_up(&IfName::LO)?;
        work()
    })?
}

pub(crate) fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<Duration> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed())
}
