//! The rows of a table, each measured in a guest of its own, in which this program runs again.

use std::env;
use std::process::{Command, ExitCode};

use crate::Result;

/// How many seconds the guest of a row may take.
const PATIENCE: &str = "900";

/// Returns the arguments, without the one that cargo adds.
pub(crate) fn words() -> Vec<String> {
    env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect()
}

pub(crate) fn exit_code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every row, or those whose name contains one of the wanted words, by `row NAME`.
pub(crate) fn run_all<'a>(rows: impl Iterator<Item = &'a str>, wanted: &[&str]) -> Result<()> {
    lvs_lab::prepare()?;
    let is_wanted = |row: &&str| wanted.is_empty() || wanted.iter().any(|word| row.contains(word));
    let mut failed = Vec::new();
    for row in rows.filter(is_wanted) {
        let mut command = Command::new(env::current_exe()?);
        if env::var_os("LVS_LAB_TIMEOUT").is_none() {
            command.env("LVS_LAB_TIMEOUT", PATIENCE);
        }
        if !command.args(["row", row]).status()?.success() {
            failed.push(row);
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!("clearly missed: {}", failed.join(", ")).into()),
    }
}
