//! The examples of lvs-core: `cargo run --example nat_cluster`.
