//! lvsctl on a real kernel, each test in a guest of its own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod directors;
mod failover;
mod guide;
mod run;
mod state;
mod trust;
mod verbs;

use std::fs::File;
use std::process::ExitCode;

fn main() -> ExitCode {
    // A guest forgets what it has read of a file of the host when nothing holds the file any more, and would read 8 MB
    // each time that it starts the program.
    let _kept = File::open(env!("CARGO_BIN_EXE_lvsctl")).unwrap();
    lvs_lab::run_tests(&[
        directors::TESTS,
        guide::TESTS,
        run::TESTS,
        run::alerts::TESTS,
        state::TESTS,
        trust::TESTS,
        verbs::TESTS,
        failover::TESTS,
        run::roles::TESTS,
    ])
}
