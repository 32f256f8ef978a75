//! `cargo run -p lvs-lab -- FILE` runs any cluster file.
fn main() {}
