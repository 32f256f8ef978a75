//! Links a program of the development profile so that the lab's guests start it fast.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    // As in lvs-core: a guest pays for every relocation, and the tests start this program thousands of times. The
    // published package has no tests.
    if is("CARGO_CFG_TARGET_ENV", "gnu") && Path::new("tests/kernel").exists() {
        println!("cargo::rustc-link-arg-tests=-no-pie");
        if is("PROFILE", "debug") {
            println!("cargo::rustc-link-arg-bins=-no-pie");
        }
    }
}
