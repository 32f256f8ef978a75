//! Everything that needs no kernel and no privilege.
//!
//! One executable for all of it: each one takes seconds to link.

mod check_codes;
mod check_machine;
mod check_paper;
mod check_rows;
mod cluster_file;
mod corpus;
mod golden;
#[cfg(feature = "import")]
mod import;
mod language;
mod pictures;
mod plans;
#[cfg(all(feature = "health", feature = "toml"))]
mod probes;
mod properties;
mod records;
mod schema;
#[cfg(feature = "run")]
mod simulation;
mod traces;
mod written;

#[path = "../random/mod.rs"]
mod random;
