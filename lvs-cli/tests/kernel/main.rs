//! lvsctl on a real kernel, each test in a guest of its own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod directors;
mod failover;
mod guide;
mod run;
mod state;
mod trust;
mod verbs;

use std::process::ExitCode;

fn main() -> ExitCode {
    lvs_lab::run_tests(&[
        directors::TESTS,
        guide::TESTS,
        run::TESTS,
        state::TESTS,
        trust::TESTS,
        verbs::TESTS,
        failover::TESTS,
    ])
}
