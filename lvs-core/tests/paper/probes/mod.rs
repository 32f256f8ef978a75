//! Every kind of probe against servers on loopback: what is healthy, and how each failure is named.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod dns;
mod http;
mod local;
mod peer;
mod plan;
mod pool;
mod tls;
mod transport;
mod withdrawal;
