//! The text of ipvsadm and its meaning, compared with ipvsadm itself on a real kernel.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod options;
mod restore;
mod save;

use std::io::Write;
use std::process::Stdio;

use lvs_core::ipvs::Configuration;
use lvs_core::{Host, IfName, Netns};
use lvs_lab::{load_module, tool};

lvs_lab::tests! {
    options::no_option_is_missing,
    options::every_option_means_the_same,
    options::every_option_of_daemons_means_the_same,
    options::clearing_means_the_same,
    options::stopping_a_daemon_means_the_same,
    save::compatible_text_is_byte_equal,
    save::saved_and_restored_is_the_same,
    save::ipvsadm_reads_what_we_save,
    restore::kept_entries_are_not_touched,
    restore::a_bad_line_changes_nothing,
    restore::a_refusal_restores_the_table,
}

/// Loads modules besides those of every guest.
fn load_modules() {
    for module in ["ip_vs_sh", "ip_vs_mh", "ip_vs_pe_sip"] {
        load_module(module).unwrap();
    }
}

/// Feeds a text to `ipvsadm -R`.
fn ipvsadm_restore(text: &str) {
    let mut command = tool("ipvsadm").unwrap();
    command
        .arg("-R")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{complaint}\n{text}"
    );
}

/// Runs `f` in a new namespace. The kernel accepts a real server only if `lo` is up.
fn in_fresh<T: Send>(f: impl FnOnce(&mut Host) -> T + Send) -> T {
    let run = |host: &mut Host| {
        host.net().set_up(&IfName::LO).unwrap();
        f(host)
    };
    Netns::create().unwrap().run(run).unwrap()
}

/// Sorts the services, because the kernel's order has no meaning.
fn sorted(mut table: Configuration) -> Configuration {
    table.services.sort();
    table
}
