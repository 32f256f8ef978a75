//! Debian's ipvsadm.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::{Duration, Instant};

use lvs_lab::tool;

use crate::Result;
use crate::calls::Counted;
use crate::report::quantile;
use crate::turn::TURNS;

/// A file of the guest's own memory.
const RULES: &str = "/run/rules";

/// Returns `ipvsadm -R` that reads rules.
pub(crate) fn restoring(rules: &str) -> Result<Counted> {
    fs::write(RULES, rules)?;
    ipvsadm("-R", File::open(RULES)?.into())
}

/// Returns `ipvsadm -Sn`.
pub(crate) fn saving() -> Result<Counted> {
    ipvsadm("-Sn", Stdio::null())
}

/// Returns `ipvsadm -R` that reads no rules: the cost of its start.
pub(crate) fn starting() -> Result<Counted> {
    ipvsadm("-R", Stdio::null())
}

/// Measures the cost of a start, the lower quartile.
pub(crate) fn start() -> Result<Duration> {
    let times: Result<Vec<_>> = (0..TURNS).map(|_| time(starting()?)).collect();
    Ok(quantile(&times?, 4))
}

fn ipvsadm(option: &str, input: Stdio) -> Result<Counted> {
    let mut command = tool("ipvsadm")?;
    command.arg(option);
    Ok(Counted { command, input })
}

/// Runs a program to its end and returns the time.
pub(crate) fn time(Counted { mut command, input }: Counted) -> Result<Duration> {
    command.stdin(input).stdout(Stdio::null());
    let begin = Instant::now();
    let status = command.status()?;
    let elapsed = begin.elapsed();
    match status.success() {
        true => Ok(elapsed),
        false => Err(format!("{command:?}: {status}").into()),
    }
}
