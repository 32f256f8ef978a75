//! The verbs that change the kernel's table by hand, beside a controller.

use std::fs;
use std::process::Output;

use crate::run::resident::{DR, Resident, checked};

fn errors(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn they_warn_of_a_controller() {
    let mut resident = Resident::new(&checked(DR), &[]);
    let rules = "/run/rules";
    fs::write(rules, "-A -t 172.16.5.11:8080 -s rr\n").unwrap();
    let own = ["-t", "172.16.5.11:80"];
    let destination = ["-r", "192.168.1.12:80", "-g", "-w", "9"];
    let controller = "run /run/web.toml (process";
    for verb in [
        [&["destination", "edit"][..], &own, &destination].concat(),
        [&["service", "edit"][..], &own, &["-s", "rr"]].concat(),
        [&["service", "delete"][..], &own].concat(),
        vec!["service", "add", "-t", "172.16.5.11:443", "-s", "rr"],
        vec!["restore", rules],
        vec!["flush"],
    ] {
        let text = errors(&resident.lvsctl(&verb));
        assert!(
            text.contains("warning") && text.contains(controller),
            "{verb:?}: {text}"
        );
        resident.waits_for(&[2, 3]);
        resident.settle();
    }
    resident.waits_for_message("repaired:");
    // What it does not keep.
    for verb in [
        &["service", "add", "-t", "10.0.0.1:80", "-s", "rr"][..],
        &["zero"],
    ] {
        assert_eq!(errors(&resident.lvsctl(verb)), "", "{verb:?}");
    }
    resident.serves(4);
}
