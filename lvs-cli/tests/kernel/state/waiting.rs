//! Those that wait: for a confirmation, for the lock.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

use lvs_core::cluster::{Role, StateDir};
use lvs_core::{Cluster, Host};
use nix::mount::{MsFlags, mount, umount};

use crate::state::machine::{FILE, Machine, STATE, TWO, says};

/// Those that can be handled and would end a program, but SIGHUP and those of a fault.
const SIGNALS: [u8; 20] = [
    2, 3, 5, 6, 10, 12, 14, 15, 16, 24, 25, 26, 27, 29, 30, 31, 34, 35, 50, 64,
];
const ASKED: &str = "unless `lvsctl confirm` is run";

fn spawn(machine: &Machine, verb: &[&str]) -> Child {
    let spawn = |_: &mut Host| {
        let mut command = machine.command(verb);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    machine.netns.run(spawn).unwrap()
}

/// Starts a change and waits until it can be confirmed.
fn waiting(machine: &Machine, time: &str) -> Child {
    let mut child = spawn(machine, &["apply", "--confirm", time]);
    let lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    let lines: Vec<_> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.contains(ASKED))
        .collect();
    assert!(child.try_wait().unwrap().is_none(), "{lines:#?}");
    child
}

fn signal(child: &Child, number: u8) {
    let line = format!("kill -{number} {}", child.id());
    let status = Command::new("/bin/sh").args(["-c", &line]).status();
    assert!(status.unwrap().success(), "{line}");
}

const SIGKILL: u8 = 9;
const SIGINT: u8 = 2;
const SIGCONT: u8 = 18;
const SIGSTOP: u8 = 19;

pub(crate) fn every_signal_rolls_back_what_is_not_confirmed() {
    thread::scope(|scope| {
        for number in SIGNALS {
            scope.spawn(move || {
                let machine = Machine::new().with_state(&number.to_string());
                let before = machine.look();
                let child = waiting(&machine, "1h");
                assert_ne!(machine.look(), before);
                signal(&child, number);
                let output = child.wait_with_output().unwrap();
                says(&output, 1, &["stopped before the end", "rolled back"]);
                assert_eq!(machine.look(), before, "signal {number}");
            });
        }
    });
}

/// Only the process that waits can say yes, while it is awake and alive, and before its time is over.
pub(crate) fn a_stopped_or_killed_confirmation_is_none() {
    let machine = Machine::new();
    let before = machine.look();
    // `confirm` waits for an answer a little longer than this.
    let child = waiting(&machine, "9s");
    signal(&child, SIGSTOP);
    let late = machine.run(&["confirm"]);
    says(&late, 1, &["does not answer", "not confirmed"]);
    assert_ne!(machine.look(), before);
    signal(&child, SIGCONT);
    let output = child.wait_with_output().unwrap();
    says(&output, 1, &["not confirmed in time", "rolled back"]);
    assert_eq!(machine.look(), before);
    let nothing = machine.run(&["confirm"]);
    says(&nothing, 1, &["nothing waits for a confirmation"]);

    let mut child = waiting(&machine, "1h");
    signal(&child, SIGKILL);
    child.wait().unwrap();
    let other = StateDir::at(STATE).lock("other").unwrap();
    says(&machine.run(&["confirm"]), 1, &["no one is waiting"]);
    drop(other);
    says(&machine.run(&["remove"]), 0, &["done and verified"]);
    assert_eq!(machine.look(), before);
}

/// A change that cannot print its plan holds the lock. It is named, and can be waited for or not.
pub(crate) fn a_stopped_holder_is_named_and_waited_for() {
    let machine = Machine::of_file(TWO, "lb1");
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b' '; 1 << 16]).unwrap();
    let mut holder = machine.command(&["apply", "--role", "active"]);
    holder.stdout(writer).stderr(Stdio::null());
    let mut child = machine.netns.run(|_| holder.spawn().unwrap()).unwrap();
    drop(holder);
    while !is_locked(&format!("{STATE}/lock")) {}
    signal(&child, SIGSTOP);

    let drain = spawn(&machine, &["drain", "192.168.1.12"]);
    // It waits: the lock of the queue is taken again and again.
    let held = machine.run(&["remove"]);
    says(
        &held,
        1,
        &[
            &format!("apply (process {})", child.id()),
            "has held it for",
        ],
    );
    let drain_late = drain.wait_with_output().unwrap();
    says(&drain_late, 1, &["has held it for"]);
    interrupted(&machine);

    // A standby does not wait, and does not change what it cannot record.
    let standby = machine.run(&["apply", "--role", "standby"]);
    says(&standby, 1, &["has held it for"]);
    signal(&child, SIGCONT);
    let read = thread::spawn(move || reader.read_to_end(&mut Vec::new()));
    // The newest role decides, although it could not be recorded.
    assert_eq!(child.wait().unwrap().code(), Some(1));
    read.join().unwrap().unwrap();
    assert!(!machine.carries("172.16.5.11"));
}

/// Ends drains that wait for the lock, with Ctrl-C.
fn interrupted(machine: &Machine) {
    let drain = spawn(machine, &["drain", "192.168.1.12"]);
    let status = format!("/proc/{}/status", drain.id());
    let caught = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        line.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 2 != 0)
    };
    while !caught(&fs::read_to_string(&status).unwrap()) {}
    signal(&drain, SIGINT);
    let output = drain.wait_with_output().unwrap();
    says(
        &output,
        1,
        &["interrupted while it waited", "nothing was changed"],
    );
}

pub(crate) fn is_locked(path: &str) -> bool {
    let flock = ["-n", "-E", "75", path, "true"];
    let status = Command::new("flock").args(flock).status().unwrap();
    status.code() == Some(75)
}

/// Of roles that wait for a change the newest wins, in whatever order they came.
pub(crate) fn the_newest_role_wins() {
    let machine = Machine::of_file(TWO, "lb1");
    // A standby waits for three seconds only, so it comes last.
    for order in [
        ["active", "active", "standby"],
        ["active", "active", "active"],
    ] {
        let apply = StateDir::at(STATE).lock("apply").unwrap();
        let children = order.map(|role| {
            let child = spawn(&machine, &["apply", "--role", role]);
            let ticket = format!("{:020}-", child.id());
            let is_newest = || {
                fs::read_to_string(format!("{STATE}/role"))
                    .is_ok_and(|text| text.starts_with(&ticket))
            };
            while !is_newest() {}
            child
        });
        drop(apply);
        let outputs = children.map(|child| child.wait_with_output().unwrap());
        let [first, second, newest] = &outputs;
        for older in [first, second] {
            says(
                older,
                1,
                &["a newer change of the role came", "nothing was changed"],
            );
        }
        says(newest, 0, &["done and verified"]);
        let is_active = order[2] == "active";
        assert_eq!(machine.carries("172.16.5.11"), is_active);
        let newest = if is_active {
            Role::Active
        } else {
            Role::Standby
        };
        assert_eq!(role(&machine), Some(newest));
    }
}

fn role(machine: &Machine) -> Option<Role> {
    let node = Cluster::from_toml(TWO).unwrap().node("lb1").unwrap();
    let record = machine.netns.run(|_| StateDir::at(STATE).record(&node));
    record.unwrap().unwrap().role()
}

/// Otherwise a later `apply` would make this director active again.
pub(crate) fn what_is_released_without_the_file_is_recorded() {
    let machine = Machine::of_file(TWO, "lb1");
    let active = machine.run(&["apply", "--role", "active"]);
    says(&active, 0, &["done and verified"]);
    fs::write(FILE, format!("{TWO}\nx = 1\n")).unwrap();
    let standby = machine.run(&["apply", "--role", "standby"]);
    says(&standby, 3, &["only the floating addresses were released"]);
    assert!(!machine.carries("172.16.5.11"));
    assert_eq!(role(&machine), Some(Role::Standby));
    let again = machine.run(&["apply", "--role", "active"]);
    says(&again, 1, &["the role is not taken", "unknown key `x`"]);
    fs::write(FILE, TWO).unwrap();
    says(&machine.run(&["apply"]), 0, &["standby director of web"]);
}

/// A role goes on and says what it does not record; another change is not begun.
pub(crate) fn a_full_state_directory_prevents_no_role() {
    let machine = Machine::of_file(TWO, "lb1");
    let full = || {
        fs::create_dir_all(STATE).unwrap();
        let options = Some("size=16k,mode=700");
        mount(
            Some("tmpfs"),
            STATE,
            Some("tmpfs"),
            MsFlags::empty(),
            options,
        )
        .unwrap();
        let _ = fs::write(format!("{STATE}/filler"), [0; 1 << 16]);
    };
    full();
    let active = machine.run(&["apply", "--role", "active"]);
    says(
        &active,
        0,
        &["done and verified", "No space left on device"],
    );
    assert!(machine.carries("172.16.5.11"));
    let standby = machine.run(&["apply", "--role", "standby"]);
    says(
        &standby,
        0,
        &["done and verified", "No space left on device"],
    );
    assert!(!machine.carries("172.16.5.11"));
    umount(STATE).unwrap();

    says(
        &machine.run(&["apply", "--role", "standby"]),
        0,
        &["nothing to do"],
    );
    fs::rename(STATE, "/run/kept").unwrap();
    full();
    let before = machine.look();
    let refused = machine.run(&["apply", "--role", "active", "--confirm", "1h"]);
    says(&refused, 1, &["No space left on device", "rolled back"]);
    assert_eq!(machine.look(), before);
    umount(STATE).unwrap();
}
