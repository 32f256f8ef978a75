//! What is measured, each in a process of its own.

use std::fs;
use std::time::{Duration, Instant};

use lvs_core::cluster::{Plan, PlanOptions, StateDir};
use lvs_core::ipvs::Ipvs;
use lvs_core::ipvs::ipvsadm::Rules;
use lvs_core::{Cluster, Host};

use crate::Result;

/// The cluster file, the rules and the records, in the guest's own memory.
pub(crate) const FILE: &str = "/run/cluster.toml";
pub(crate) const RULES: &str = "/run/rules";
pub(crate) const STATE: &str = "/run/state";

/// What a process has measured.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) time: Duration,
    /// The most memory that the process has had, in MB.
    pub(crate) memory: u64,
    /// How many steps, or commands, were executed.
    pub(crate) changes: usize,
    /// How many pages of memory were touched first: in a guest these are most of the time of what is not a system
    /// call, and they are the same on a busy host.
    pub(crate) faults: u64,
}

/// Does the work of this name, and prints what it has measured.
pub(crate) fn run(work: &str) -> Result<()> {
    let begin = Instant::now();
    let changes = match work {
        "restore" => restore()?,
        "flush" => flush()?,
        "snapshot" => Ipvs::open()?.snapshot()?.len(),
        "overview" => Host::open()?.overview()?.len(),
        "apply" => apply()?.steps().count(),
        "proc" => fs::read("/proc/net/ip_vs")?.len(),
        _ => return Err(format!("there is no work {work}").into()),
    };
    let time = begin.elapsed().as_micros();
    println!("{time} {} {changes} {}", peak()?, faults()?);
    Ok(())
}

/// Reads what [`run`] has printed.
pub(crate) fn parse(text: &str) -> Option<Measured> {
    let mut words = text.split_whitespace();
    Some(Measured {
        time: Duration::from_micros(words.next()?.parse().ok()?),
        memory: words.next()?.parse().ok()?,
        changes: words.next()?.parse().ok()?,
        faults: words.next()?.parse().ok()?,
    })
}

fn restore() -> Result<usize> {
    let rules = Rules::parse(&fs::read_to_string(RULES)?)?;
    Ok(Ipvs::open()?.restore(&rules)?.len())
}

/// Empties the table as `lvsctl flush` does.
fn flush() -> Result<usize> {
    let mut host = Host::open()?;
    let listing = host.proc().listing()?;
    host.ipvs()?.flush_listed(&listing)?;
    Ok(listing.services.len())
}

fn apply() -> Result<Plan> {
    let cluster = Cluster::from_toml(&fs::read_to_string(FILE)?)?;
    let node = cluster.node("director").ok_or("no such node")?;
    let mut session = StateDir::at(STATE).lock("apply")?;
    let options = PlanOptions::default();
    Ok(session.apply(&node, &mut Host::open()?, options, &mut |_| ())?)
}

/// Returns the peak of this process's memory in MB.
fn peak() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes.ok_or("no VmHWM")?.parse::<u64>()? / 1000)
}

/// Returns how many pages this process has touched first: the tenth number of its `stat`, the eighth behind the name.
fn faults() -> Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let faults = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().nth(7));
    Ok(faults.ok_or("no page faults")?.parse()?)
}
