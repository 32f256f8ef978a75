//! The lab itself, each test in a guest of its own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod boot;
mod clusters;
mod directors;
mod many;
mod network;

use std::process::ExitCode;

fn main() -> ExitCode {
    lvs_lab::run_tests(&[
        boot::TESTS,
        clusters::TESTS,
        directors::TESTS,
        many::TESTS,
        network::TESTS,
    ])
}
