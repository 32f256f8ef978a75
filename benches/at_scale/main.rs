//! Whole clusters of the sizes that people run, in a guest: `cargo bench -p lvs-benches --bench at_scale [-- ROW]`.
//!
//! `apply` is measured beside `restore` of the same table, and an `apply` that finds nothing to do beside a snapshot.
//! Only ratios of one run are meaningful, because a busy host slows all of it. Each measurement is a process of its
//! own that reads the cluster file or the rules, works on the kernel and tells its time and the peak of its memory.

#[path = "../namespace.rs"]
mod namespace;
mod row;
mod table;
mod work;

use std::env;
use std::error;
use std::process::{self, Command, ExitCode};

use lvs_lab::Guest;

/// The result of the measurement, which any error ends.
type Result<T, E = Box<dyn error::Error + Send + Sync>> = std::result::Result<T, E>;

/// How many seconds the guest of a row may take.
const PATIENCE: &str = "900";

fn main() -> ExitCode {
    let words: Vec<String> = env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words.as_slice() {
        ["work", work] => code(work::run(work)),
        ["row", name] => match row::find(name) {
            Some(row) => Guest::new().memory(row.memory).run(|| row.run()),
            None => code(Err(format!("there is no row {name}").into())),
        },
        // The guest's kernel starts this as process 1, without arguments; its second run has them.
        _ if process::id() == 1 => Guest::new().run(|| Ok::<_, String>(())),
        ref names => code(run_all(names)),
    }
}

fn code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every row, or those whose name contains one of `names`, each in a guest of its own.
fn run_all(names: &[&str]) -> Result<()> {
    lvs_lab::prepare()?;
    let is_wanted = |name: &str| match names {
        [] => true,
        names => names.iter().any(|wanted| name.contains(wanted)),
    };
    let mut failed = Vec::new();
    for row in row::ROWS.iter().filter(|row| is_wanted(row.name)) {
        let mut command = Command::new(env::current_exe()?);
        if env::var_os("LVS_LAB_TIMEOUT").is_none() {
            command.env("LVS_LAB_TIMEOUT", PATIENCE);
        }
        if !command.args(["row", row.name]).status()?.success() {
            failed.push(row.name);
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!("missed a target by far: {}", failed.join(", ")).into()),
    }
}
