//! What a cluster file alone tells, mistake by mistake; and where each known mistake is covered.
#![cfg(all(feature = "check", feature = "toml"))]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may fail it; clippy knows that of tests only"
)]

mod files;
mod mistakes;
mod whole;
