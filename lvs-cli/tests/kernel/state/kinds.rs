//! Every kind of file at every name that lvsctl reads or writes in its state directory.

use std::fs::{self, DirBuilder, File, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::thread;

use lvs_core::cluster::{DesiredState, DrainTarget, Draining, PlanOptions, StateDir};
use lvs_core::{Cluster, Host};

use nix::sys::stat::{Mode, SFlag, makedev, mknod, umask};
use nix::unistd::mkfifo;

use crate::state::machine::{Machine, NAT, STATE, TWO, says, text};

const NAMES: [&str; 9] = [
    "lock",
    "role",
    "pending",
    "confirm",
    "web@director.json",
    "web@director.json.new",
    "lasting",
    "lasting/web@director.json",
    "lasting/web@director.json.new",
];
/// What a link in the state directory must not let lvsctl change.
const VICTIM: &str = "/run/victim";
const NOTHING: &str = "/run/nothing";

type Maker = fn(&Path);
const KINDS: [(&str, Maker); 11] = [
    ("fifo", |path| mkfifo(path, Mode::S_IRWXU).unwrap()),
    ("socket", |path| drop(UnixListener::bind(path).unwrap())),
    ("device", |path| {
        let null = makedev(1, 3);
        mknod(path, SFlag::S_IFCHR, Mode::S_IRWXU, null).unwrap();
    }),
    ("directory", |path| {
        fs::create_dir(path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
    }),
    ("link", |path| symlink(VICTIM, path).unwrap()),
    ("link to nothing", |path| symlink(NOTHING, path).unwrap()),
    ("link to itself", |path| symlink(path, path).unwrap()),
    ("3 GB", |path| {
        with_mode(path, 0o600);
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(3 << 30)
            .unwrap();
    }),
    ("of another user", |path| {
        fs::write(path, "{}").unwrap();
        chown(path, Some(1000), None).unwrap();
    }),
    ("writable by a group", |path| with_mode(path, 0o660)),
    ("writable by all", |path| with_mode(path, 0o666)),
];

fn with_mode(path: &Path, mode: u32) {
    fs::write(path, "{}").unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Puts one into a state directory, which is made if need be, in place of what is there.
fn place(state: &str, name: &str, make: Maker) {
    let path = Path::new(state).join(name);
    let directory = path.parent().unwrap();
    fs::create_dir_all(directory).unwrap();
    let private = Permissions::from_mode(0o700);
    for directory in [Path::new(state), directory] {
        fs::set_permissions(directory, private.clone()).unwrap();
    }
    let _ = fs::remove_file(&path);
    let _ = fs::remove_dir_all(&path);
    make(&path);
}

/// Expects of each that every verb ends, follows nothing, and changes the node completely or not at all.
pub(crate) fn every_kind_of_file_at_every_name() {
    umask(Mode::empty());
    let machine = Machine::new();
    says(&machine.run(&["apply"]), 0, &["done and verified"]);
    assert_private();
    let (good, applied) = (files(), machine.look());
    fs::write(VICTIM, "whole").unwrap();
    let node = Cluster::from_toml(NAT).unwrap().node("director").unwrap();
    for name in NAMES {
        for (kind, make) in KINDS {
            println!("{kind} at {name}");
            place(STATE, name, make);
            let (confirmed, done, drained) = machine.netns.run(|host| attack(&node, host)).unwrap();
            assert!(confirmed.is_err());
            println!("  {}; {}", outcome(&done), outcome(&drained));
            assert_eq!(machine.look() != applied, drained.is_ok());
            assert_eq!(fs::read_to_string(VICTIM).unwrap(), "whole");
            assert!(!Path::new(NOTHING).exists());
            fs::remove_dir_all(STATE).unwrap();
            restore(&good);
            let mended = machine.netns.run(|host| apply(&node, host)).unwrap();
            assert!(mended.is_ok(), "{}", outcome(&mended));
            assert_eq!(machine.look(), applied);
        }
    }
}

type Done = Result<(), String>;

fn attack(node: &DesiredState, host: &mut Host) -> (Done, Done, Done) {
    let state = StateDir::at(STATE);
    let drain = DrainTarget::from_str("192.168.1.12").unwrap();
    let drained = |host: &mut Host| {
        let mut session = state.lock("drain").map_err(|error| error.to_string())?;
        let drained = session.drain(&drain, Draining::Quiet, host, &mut |_| ());
        drained.map(drop).map_err(|error| error.to_string())
    };
    let confirmed = state.confirm().map_err(|error| error.to_string());
    (confirmed, apply(node, host), drained(host))
}

fn apply(node: &DesiredState, host: &mut Host) -> Done {
    let state = StateDir::at(STATE);
    let mut session = state.lock("apply").map_err(|error| error.to_string())?;
    let done = session.apply(node, host, PlanOptions::default(), &mut |_| ());
    done.map(drop).map_err(|error| error.to_string())
}

fn outcome(done: &Done) -> &str {
    done.as_ref().map_or_else(String::as_str, |()| "done")
}

/// Returns the files of the state directory.
fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let entries = Path::new(STATE).read_dir().unwrap();
    let paths = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    paths
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

fn restore(files: &[(PathBuf, Vec<u8>)]) {
    DirBuilder::new().mode(0o700).create(STATE).unwrap();
    for (path, bytes) in files {
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }
}

/// Whatever the umask: no other user can read, write or lock what lvsctl has made.
fn assert_private() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(Path::new(STATE)), 0o700);
    for (path, _) in files() {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let mut foreign = Command::new("setpriv");
        foreign.args(["--reuid=1000", "--regid=1000", "--clear-groups"]);
        let status = foreign
            .args(["flock", "-n", "-s"])
            .arg(&path)
            .arg("true")
            .status();
        assert!(!status.unwrap().success(), "{}", path.display());
    }
}

/// A change of the role is made whatever it is.
pub(crate) fn no_kind_of_file_prevents_a_role() {
    thread::scope(|scope| {
        let names = [
            "lock",
            "role",
            "web@lb1.json",
            "lasting",
            "lasting/web@lb1.json",
        ];
        for (number, name) in names.into_iter().enumerate() {
            scope.spawn(move || {
                let kinds = ["fifo", "directory", "link", "of another user"];
                for (kind, make) in KINDS.into_iter().filter(|(kind, _)| kinds.contains(kind)) {
                    let machine = Machine::of_file(TWO, "lb1").with_state(&number.to_string());
                    let state = format!("{STATE}-{number}");
                    let _ = fs::remove_dir_all(&state);
                    place(&state, name, make);
                    let active = machine.run(&["apply", "--role", "active"]);
                    let standby = machine.run(&["apply", "--role", "standby"]);
                    println!("{kind} at {name}: {}\n{}", text(&active), text(&standby));
                    says(&active, 0, &["done and verified", "announced"]);
                    assert!(!machine.carries("172.16.5.11"));
                }
            });
        }
    });
}
