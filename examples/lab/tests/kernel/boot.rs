//! A guest seen from inside.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::fs;
use std::process;
use std::thread;

use lvs_lab::{load_module, loaded_modules, run_tool, skip, unload_module};

lvs_lab::tests! {
    is_process_one_and_root,
    the_hosts_files_are_read_only,
    ip_vs_is_loaded,
    ip_vs_can_be_unloaded,
    a_scheduler_must_be_loaded,
    an_unknown_module_is_an_error,
    debians_tools_run,
    threads_run,
    a_skip_is_no_failure,
}

fn is_process_one_and_root() {
    assert_eq!(process::id(), 1);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    assert!(status.contains("\nUid:\t0\t0\t0\t0\n"), "{status}");
}

fn the_hosts_files_are_read_only() -> Result<(), std::io::Error> {
    assert!(fs::write(env::current_exe()?, "").is_err());
    let scratch = env::temp_dir().join("scratch");
    fs::write(&scratch, "mine")?;
    assert_eq!(fs::read_to_string(scratch)?, "mine");
    fs::write("/dev/shm/scratch", "mine")
}

fn ip_vs_is_loaded() {
    let table = fs::read_to_string("/proc/net/ip_vs").unwrap();
    assert!(table.starts_with("IP Virtual Server version"), "{table}");
}

fn ip_vs_can_be_unloaded() -> lvs_lab::Result<()> {
    assert!(unload_module("ip_vs").is_err(), "its schedulers need it");
    for module in ["ip_vs_rr", "ip_vs_wrr", "ip_vs_wlc", "ip_vs"] {
        unload_module(module)?;
    }
    assert!(!fs::exists("/proc/net/ip_vs").unwrap());
    load_module("ip_vs_rr")?;
    assert!(fs::exists("/proc/net/ip_vs").unwrap());
    Ok(())
}

fn a_scheduler_must_be_loaded() -> lvs_lab::Result<()> {
    let add = ["-A", "-t", "10.0.0.1:80", "-s", "sh"];
    let refused = run_tool("ipvsadm", &add).unwrap_err().to_string();
    assert!(refused.contains("cheduler"), "{refused}");
    load_module("ip_vs_sh")?;
    run_tool("ipvsadm", &add)?;
    assert!(loaded_modules()?.contains(&"ip_vs_sh".to_owned()));
    Ok(())
}

fn an_unknown_module_is_an_error() {
    let error = load_module("ip_vs_nonsense").unwrap_err();
    assert_eq!(
        error.to_string(),
        "this kernel has no module ip_vs_nonsense"
    );
}

fn debians_tools_run() -> lvs_lab::Result<()> {
    assert!(run_tool("ip", &["link", "show", "lo"])?.contains("UP"));
    assert!(run_tool("ipvsadm", &["-Ln"])?.contains("IP Virtual Server"));
    let forward = run_tool("sysctl", &["-n", "net.ipv4.ip_forward"])?;
    assert_eq!(forward, "0\n");
    assert!(run_tool("ip", &["nonsense"]).is_err());
    Ok(())
}

fn threads_run() {
    let threads: Vec<_> = (0..50).map(|n| thread::spawn(move || n)).collect();
    let sum: i32 = threads.into_iter().map(|t| t.join().unwrap()).sum();
    assert_eq!(sum, 49 * 50 / 2);
}

fn a_skip_is_no_failure() {
    // The host side turns this into a failure when every kernel test must run.
    if env::var_os("LVS_REQUIRE_KERNEL").is_none() {
        skip("an example of a skip");
    }
}
