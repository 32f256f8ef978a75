//! A host in trouble: a stalled change, a full disk, a clock that is set, a long change and a watchdog.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use lvs_core::cluster::{Role, StateDir};
use lvs_core::ipvs;
use lvs_core::net::Address;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;

use crate::run::resident::{DR, Resident, STATE, checked, says};

const PAIR: &str = include_str!("../../../../examples/two_directors.toml");

/// The standby cannot be recorded while another change holds the lock; the controller and every other verb follow it
/// all the same.
pub(crate) fn a_role_beside_a_stalled_change() {
    let cluster = lvs_core::Cluster::from_toml(PAIR).unwrap();
    let first = cluster.directors()[0].name.to_string();
    let mut resident = Resident::idle(&checked(PAIR), &first, &[]);
    resident.start();
    resident.prints(&["apply", "--role", "active"]);
    resident.waits("answer", || resident.request().is_some());
    resident.settle();

    let stalled = resident.on_director(|_| StateDir::at(STATE).lock("apply").unwrap());
    let released = "only the floating addresses were released";
    says(
        &resident.lvsctl(&["apply", "--role", "standby"]),
        3,
        released,
    );
    assert_eq!(resident.role(), Some(Role::Standby));
    let is_standby = |resident: &Resident| {
        let status = resident.prints(&["status"]);
        status.contains("standby, no drift")
    };
    resident.waits("standby", || is_standby(&resident));
    drop(stalled);
    // A plain apply, a new comparison and a restart.
    resident.prints(&["apply"]);
    resident.settle();
    assert!(is_standby(&resident) && resident.request().is_none());
    resident.end(Signal::SIGKILL);
    resident.start();
    resident.settle();
    assert!(is_standby(&resident) && resident.request().is_none());

    resident.prints(&["apply", "--role", "active"]);
    assert_eq!(resident.role(), Some(Role::Active));
    resident.waits("answer", || resident.request().is_some());
    resident.waits("active", || {
        resident.prints(&["status"]).contains("active, no drift")
    });
}

pub(crate) fn a_full_disk() {
    let mut resident = Resident::idle(&checked(DR), "director", &[]);
    fs::create_dir(STATE).unwrap();
    let options = Some("size=96k,mode=700");
    mount(
        Some("tmpfs"),
        STATE,
        Some("tmpfs"),
        MsFlags::empty(),
        options,
    )
    .unwrap();
    resident.start();
    resident.settle();
    let filler = format!("{STATE}/filler");
    // Whatever fits, until nothing does.
    let fill = || drop(fs::write(&filler, vec![0; 1 << 20]));
    fill();
    resident.lab.stop_servers("realserver1");
    resident.waits_for(&[0, 3]);
    resident.serves(4);
    // What others break is repaired, and said to be unrecorded.
    resident.on_director(|host| {
        let ipvs = host.ipvs().unwrap();
        let flushed = ipvs.batch(&[ipvs::Command::Flush]).unwrap();
        flushed.into_result().unwrap();
    });
    resident.waits_for(&[0, 3]);
    resident.waits_for_message("No space left on device");
    resident.serves(4);
    // Killed and started again, it keeps what it knew.
    resident.end(Signal::SIGKILL);
    resident.start();
    resident.waits("health", || {
        resident.prints(&["status"]).contains("connection refused")
    });
    resident.waits_for(&[0, 3]);
    resident.serves(4);
    fs::remove_file(&filler).unwrap();
    resident.prints(&["drain", "192.168.1.12"]);
    resident.prints(&["undrain", "192.168.1.12"]);
    resident.waits("no drift", || {
        resident.prints(&["status"]).contains("no drift")
    });
    assert_eq!(resident.end(Signal::SIGTERM), 0);
}

/// Health has a clock that is never set.
pub(crate) fn a_clock_that_is_set() {
    let mut resident = Resident::new(&checked(DR), &[]);
    let vip = || Address::new(lvs_core::IfName::LO, "172.16.5.11/32".parse().unwrap());
    let set = |by: &str| {
        let set = Command::new("date").args(["-s", by]).output().unwrap();
        assert!(set.status.success(), "{set:?}");
    };
    for by in ["+1 hour", "-2 hours", "+1 hour"] {
        set(by);
        resident.settle();
        resident.serves(4);
        resident.on("realserver1", |host| {
            host.net().delete_address(&vip().id).unwrap();
        });
        resident.waits_for(&[0, 3]);
        resident.serves(4);
        resident.on("realserver1", |host| {
            host.net().add_address(&vip()).unwrap();
        });
        resident.waits_for(&[2, 3]);
    }
    let text = checked(DR).replace("weight = 3", "weight = 7");
    fs::write(&resident.file, text).unwrap();
    resident.waits_for(&[2, 7]);
    assert_eq!(resident.end(Signal::SIGTERM), 0);
}

/// A change of many addresses feeds the watchdog with each of its steps.
pub(crate) fn a_long_change_feeds_the_watchdog() {
    let path = "/run/notify";
    let socket = UnixDatagram::bind(path).unwrap();
    let (sender, told) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length) = socket.recv(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if sender.send(text).is_err() {
                return;
            }
        }
    });
    let until = |expected: &str| {
        told.iter()
            .take_while(|text| !text.starts_with(expected))
            .filter(|text| text == "WATCHDOG=1")
            .count()
    };
    let mut resident = Resident::idle(&checked(DR), "director", &[])
        .with_environment("NOTIFY_SOCKET", path)
        // A step of the change takes longer than an eighth of it.
        .with_environment("WATCHDOG_USEC", "80");
    resident.start();
    until("READY=1");
    let vip = "  { interface = \"eth0\", address = \"172.16.5.11/32\" },";
    let more: String = (0..200)
        .map(|number| vip.replace("5.11", &format!("6.{number}")))
        .collect();
    let text = checked(DR).replacen(vip, &format!("{vip}{more}"), 1);
    fs::write(&resident.file, text).unwrap();
    until("RELOADING=1");
    let fed = until("READY=1");
    assert!(fed > 100, "fed {fed} times");
    assert_eq!(resident.end(Signal::SIGTERM), 0);
}

/// Other processes see it again, and so a second one is refused.
pub(crate) fn a_deleted_state_directory() {
    let mut resident = Resident::new(&checked(DR), &[]);
    fs::remove_dir_all(STATE).unwrap();
    resident.waits_for_message("the state directory was deleted");
    says(&resident.lvsctl(&["run"]), 1, "run /run/web.toml (process");
    resident.on_director(|host| host.ipvs().unwrap().flush().unwrap());
    resident.waits_for(&[2, 3]);
    resident.settle();
    resident.serves(4);
}
