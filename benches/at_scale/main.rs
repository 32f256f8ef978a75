//! Whole clusters of the sizes that people run, in a guest: `cargo bench -p lvs-benches --bench at_scale [-- ROW]`.
//!
//! `apply` is measured beside `restore` of the same table, and what finds nothing to do beside a snapshot, below which
//! neither can be: two system calls for each service. The overview that `lvsctl list` shows is measured beside reading
//! `/proc`. The last row, `flushed`, restores what was just emptied.
//! Only ratios of one run are meaningful, because a busy host slows all of it. Each measurement is a process of its
//! own that reads the cluster file or the rules, works on the kernel and tells its time and the peak of its memory.

mod flushed;
#[path = "../guests.rs"]
mod guests;
#[path = "../namespace.rs"]
mod namespace;
mod row;
mod table;
mod work;

use std::error;
use std::process::{self, ExitCode};

use lvs_lab::Guest;

use guests::{exit_code, run_all};

/// The result of the measurement, which any error ends.
type Result<T, E = Box<dyn error::Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let words = guests::words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words.as_slice() {
        ["work", work] => exit_code(work::run(work)),
        ["row", flushed::NAME] => Guest::new().memory(flushed::MEMORY).run(flushed::run),
        ["row", name] => match row::find(name) {
            Some(row) => Guest::new().memory(row.memory).run(|| row.run()),
            None => exit_code(Err(format!("there is no row {name}").into())),
        },
        // The guest's kernel starts this as process 1, without arguments; its second run has them.
        _ if process::id() == 1 => Guest::new().run(|| Ok::<_, String>(())),
        ref wanted => {
            let rows = row::ROWS.iter().map(|row| row.name);
            exit_code(run_all(rows.chain([flushed::NAME]), wanted))
        }
    }
}
