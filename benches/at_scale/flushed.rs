//! A large table that is restored soon after it was emptied, while the kernel remembers its destinations: by
//! `lvsctl flush`, and by a program that leaves their order to the kernel.
//!
//! Kernels list services in the order of a hash, the newest ones with a key of their own:
//! `LVS_LAB_SUITE=sid cargo bench -p lvs-benches --bench at_scale -- flushed`.

use std::fs;

use crate::Result;
use crate::row::{TURNS, compare, in_fresh_namespace, measure};
use crate::table::Size;
use crate::work::{Measured, RULES};

pub(crate) const NAME: &str = "flushed";
/// The memory of the guest, in MiB.
pub(crate) const MEMORY: u32 = 1024;

const SIZE: Size = Size {
    vips: 1765,
    ports: 25,
    servers: 1,
};

pub(crate) fn run() -> Result<()> {
    println!("{NAME}: {} services", SIZE.services());
    fs::write(RULES, SIZE.rules())?;
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        turns.push(restored_twice(|| measure("flush").map(drop))?);
    }
    let ours = turns.iter().map(|turn| turn.1);
    let again = ours.min_by_key(|one| one.time).ok_or("not measured")?;
    let by_kernel = restored_twice(|| Ok(lvs_lab::run_tool("ipvsadm", &["-C"]).map(drop)?))?;
    let all = turns.iter().chain([&by_kernel]).map(|turn| turn.0);
    let fresh = all.min_by_key(|one| one.time).ok_or("not measured")?;
    let beside = ("restore", fresh);
    compare("restore, ipvsadm -C", by_kernel.1, beside, f64::INFINITY);
    match compare("restore, lvsctl flush", again, beside, 3.0) {
        true => Ok(()),
        false => Err(format!("{NAME}: a target was clearly missed").into()),
    }
}

/// Measures a restore into a table that was never used, and another one after `flush`.
fn restored_twice(flush: impl FnOnce() -> Result<()> + Send) -> Result<(Measured, Measured)> {
    in_fresh_namespace(|| {
        let first = measure("restore")?;
        flush()?;
        Ok((first, measure("restore")?))
    })
}
