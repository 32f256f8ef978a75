//! What the facts of a node tell: each sign that no kernel test produces, and what looks like it but is none.
//! Facts are made up here; those of real kernels are in `kernel::check`.
#![cfg(all(feature = "check", feature = "toml"))]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may fail it; clippy knows that of tests only"
)]

mod addresses;
mod arp;
mod drops;
mod facts;
mod health;
mod listeners;
mod routing;
mod services;
mod traffic;
mod whole;
