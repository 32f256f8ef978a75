//! What is promised of plans, judged by a real kernel.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ipvs_steps;
#[path = "../random/mod.rs"]
mod random;
mod steps;

lvs_lab::main! {
    steps::a_hundred_random_sequences_do_what_was_foretold,
    steps::a_hundred_more_do_what_was_foretold,
}
