//! Fails with one message where there is no IPVS, and not with an error for each system call that is missing there.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system != "linux") {
        println!("cargo::error=lvs-core works on Linux only: IPVS is a part of that kernel");
    }
    // A guest of the lab executes the tests twice, and a hundred thousand relocations are a thousand page faults each time,
    // which are dear there: a quarter of a short test. The published package has no tests.
    let is_gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|libc| libc == "gnu");
    if is_gnu && Path::new("tests/kernel").exists() {
        println!("cargo::rustc-link-arg-tests=-no-pie");
    }
}
