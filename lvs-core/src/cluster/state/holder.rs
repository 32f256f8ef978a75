//! The process that holds a lock, as it has signed the locked file: for messages only.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::process;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// The process that holds a lock.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Holder {
    pid: u32,
    /// When the process began, in ticks since boot: numbers of processes are used again.
    #[serde(default)]
    began: u64,
    verb: String,
    /// Seconds since 1970.
    since: u64,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

impl Holder {
    /// Writes into a locked file which process has locked it.
    pub(super) fn sign(file: &mut File, verb: &str, until: Option<u64>) -> io::Result<()> {
        let holder = Self {
            pid: process::id(),
            began: began(process::id()).unwrap_or_default(),
            verb: verb.to_owned(),
            since: now(),
            until,
        };
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(serde_json::to_string(&holder)?.as_bytes())
    }

    /// Returns the process that has signed a file, if it still lives: one that was killed could not erase its name.
    pub(super) fn of(file: &mut File) -> Option<Self> {
        let mut text = String::new();
        file.rewind().ok()?;
        file.take(4096).read_to_string(&mut text).ok()?;
        let holder: Self = serde_json::from_str(&text).ok()?;
        (began(holder.pid) == Some(holder.began)).then_some(holder)
    }

    /// Names it: `run (process 7)`.
    pub(super) fn named(holder: Option<Self>) -> String {
        match holder {
            Some(Self { pid, verb, .. }) => format!("{verb} (process {pid})"),
            None => "a process that is not known".to_owned(),
        }
    }

    /// Says since when it has held the lock.
    pub(super) fn held(holder: Option<Self>) -> String {
        match holder {
            Some(Self {
                pid, verb, since, ..
            }) => {
                let seconds = now().saturating_sub(since);
                format!("{verb} (process {pid}) has held it for {seconds} s")
            }
            None => {
                "a process that is not known holds it (`fuser -v` on the file names it)".to_owned()
            }
        }
    }

    /// Says how long it waits for a confirmation.
    pub(super) fn pending(holder: Option<Self>) -> String {
        match holder {
            Some(Self {
                pid,
                verb,
                until: Some(until),
                ..
            }) => {
                let seconds = until.saturating_sub(now());
                format!("{verb} (process {pid}) waits for a confirmation for {seconds} s more")
            }
            _ => "a change waits for a confirmation".to_owned(),
        }
    }
}

/// Returns when a living process began.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Returns the seconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map(|time| time.as_secs()).unwrap_or_default()
}
