//! Who loads the kernel's modules.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::state::machine::{FILE, Machine, NAT, says};

/// What the kernel calls for a module, as it calls modprobe. It loads the one file that the test needs.
const HELPER: &str = "/run/modprobe";
const CALLS: &str = "/run/modprobe.log";
/// `finit_module` by its number on x86-64: not every host has kmod.
const LOAD: &str = "open F, '<', shift; my $o = ''; exit(syscall(313, fileno(F), $o, 0) ? 1 : 0)";

/// Returns the file of a scheduler that the lab has not loaded.
fn module() -> PathBuf {
    let Some(directory) = std::env::var_os("LVS_LAB_MODULE_DIRECTORY") else {
        lvs_lab::skip("the modules of this kernel are not the lab's");
    };
    let list = fs::read_to_string(PathBuf::from(&directory).join("modules.dep")).unwrap();
    let paths = list.lines().filter_map(|line| line.split_once(':'));
    let mut paths = paths.map(|(path, _)| path);
    let path = paths
        .find(|path| path.ends_with("/ip_vs_lblcr.ko"))
        .unwrap();
    PathBuf::from(directory).join(path)
}

/// Has the kernel call a program for a module that it lacks, as it calls modprobe, and write the calls to `CALLS`.
pub(crate) fn let_the_kernel_load_modules() {
    let script = format!(
        "#!/bin/sh\nexec >> {CALLS} 2>&1\necho \"called: $*\"\nperl -e \"{}\" '{}'\n",
        LOAD.replace('$', "\\$"),
        module().display()
    );
    fs::write(HELPER, script).unwrap();
    fs::set_permissions(HELPER, Permissions::from_mode(0o755)).unwrap();
    fs::write("/proc/sys/kernel/modprobe", HELPER).unwrap();
}

/// Whether the kernel has asked for the scheduler lblcr, and has it.
pub(crate) fn assert_has_loaded() {
    let calls = fs::read_to_string(CALLS).unwrap_or_default();
    assert!(calls.contains("called: -q -- ip_vs_lblcr"), "{calls}");
    let loaded = fs::read_to_string("/proc/modules").unwrap();
    assert!(loaded.contains("ip_vs_lblcr "), "{calls}");
}

/// lvsctl may change the network, and nothing else: the kernel itself loads what a service needs.
pub(crate) fn the_kernel_loads_modules_for_who_may_not() {
    let machine = Machine::new();
    let_the_kernel_load_modules();
    fs::write(FILE, NAT.replace("\"rr\"", "\"lblcr\"")).unwrap();

    let lvsctl = machine.command(&["apply"]);
    let limits = [
        "--bounding-set",
        "-all,+net_admin,+net_raw",
        "--no-new-privs",
    ];
    let mut limited = Command::new("setpriv");
    limited
        .args(limits)
        .arg(lvsctl.get_program())
        .args(lvsctl.get_args());
    let output = machine.netns.run(|_| limited.output().unwrap()).unwrap();
    says(&output, 0, &["done and verified"]);
    assert_has_loaded();
}
