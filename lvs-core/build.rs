//! Fails with one message where there is no IPVS, and not with an error for each system call that is missing there.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system != "linux") {
        println!("cargo::error=lvs-core works on Linux only: IPVS is a part of that kernel");
    }
}
