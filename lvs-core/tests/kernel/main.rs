//! Everything that only a real kernel can judge, each test in a guest of its own.
//!
//! One executable for all of them, because guests mostly wait.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod check;
mod cluster;
mod health;
mod host;
mod import;
mod ipvs;
mod judge;
mod messages;
mod net;
mod reload;
mod rules;
mod scheduler;
mod snapshot;
mod state;
#[cfg(feature = "tracing")]
mod trace;
mod traffic;

#[path = "../random/mod.rs"]
mod random;
mod support;

use std::process::ExitCode;

/// A child that is to be killed is this executable too.
fn main() -> ExitCode {
    judge::child().unwrap_or_else(|| {
        lvs_lab::run_tests(&[
            check::TESTS,
            cluster::TESTS,
            health::TESTS,
            host::TESTS,
            import::TESTS,
            ipvs::TESTS,
            judge::TESTS,
            messages::TESTS,
            net::TESTS,
            reload::TESTS,
            rules::TESTS,
            scheduler::TESTS,
            snapshot::TESTS,
            state::TESTS,
            #[cfg(feature = "tracing")]
            trace::TESTS,
            traffic::TESTS,
        ])
    })
}
