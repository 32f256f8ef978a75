//! What lvsctl says where /proc is hidden from it, or not mounted.

use std::process::{Command, Output};

use crate::state::machine::{Machine, says, text};

/// Runs lvsctl in a mount namespace whose /proc is another one.
fn under(machine: &Machine, mount: &str, verb: &[&str]) -> Output {
    let command = machine.command(verb);
    let line = format!("{mount} && exec \"$@\"");
    let mut shell = Command::new("unshare");
    shell.args(["-m", "/bin/sh", "-c", &line, "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    machine.netns.run(|_| shell.output().unwrap()).unwrap()
}

/// Nothing that could not be read is reported as absent, and no message blames the kernel.
pub(crate) fn what_proc_hides_is_not_absent() {
    let machine = Machine::new();
    says(&machine.run(&["apply"]), 0, &["done and verified"]);
    let before = machine.look();
    for mount in [
        "mount -t proc -o subset=pid none /proc",
        "mount -t tmpfs none /proc",
    ] {
        for verb in [
            &["list"][..],
            &["save"],
            &["plan"],
            &["apply"],
            &["remove"],
            &["drain", "192.168.1.12", "--timeout", "0s"],
        ] {
            let output = under(&machine, mount, verb);
            println!("{mount}: {verb:?}: {}", text(&output));
            let is_shown = output.status.success() && text(&output).contains("172.16.5.11");
            if !is_shown {
                says(&output, 1, &["error: ", "/proc"]);
            }
            assert!(!text(&output).contains("not loaded"));
            assert_eq!(machine.look(), before);
        }
    }
}
