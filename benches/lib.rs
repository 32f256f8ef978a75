//! Measurements of lvs-core: `cargo bench -p lvs-benches`.
