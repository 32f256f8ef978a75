//! Records that are in the way of another, cannot be written or read, or are lost; and the lock.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use lvs_core::cluster::{Aftermath, ApplyEvent, StateDir};
use lvs_core::net::Address;

use crate::state::{DR, NAT, Outcome, apply, disturb, look, node, on_a_machine, record_of, remove};

pub(crate) fn one_virtual_ip_is_one_clusters() -> Outcome {
    let web = node(NAT, "director");
    let mail = node(
        &NAT.replace("name = \"web\"", "name = \"mail\"")
            .replace("172.16.5.11:80", "172.16.5.11:25"),
        "director",
    );
    on_a_machine(|host, state| {
        apply(&state, &web, host).unwrap();
        let error = apply(&state, &mail, host).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("172.16.5.11 belongs to the cluster web"),
            "{error}"
        );
        let error = remove(&state, &mail, host).unwrap_err();
        assert!(error.is_clean(), "{error}");
        remove(&state, &web, host).unwrap();
        apply(&state, &mail, host).unwrap();
    })
}

/// A file system of 16 KiB takes the lock and nothing else.
pub(crate) fn a_full_disk_changes_nothing() -> Outcome {
    let node = node(NAT, "director");
    on_a_machine(|host, state| {
        fs::create_dir(state.directory()).unwrap();
        nix::mount::mount(
            Some("tmpfs"),
            state.directory(),
            Some("tmpfs"),
            nix::mount::MsFlags::empty(),
            Some("size=32k,mode=700"),
        )
        .unwrap();
        drop(state.lock("fill").unwrap());
        // Whatever fits, until nothing does.
        let _ = fs::write(state.directory().join("filler"), [0; 65536]);
        let before = look(&node, host);
        let error = apply(&state, &node, host).unwrap_err();
        assert!(error.to_string().contains("write record"), "{error}");
        assert!(matches!(error.aftermath(), Aftermath::Untouched), "{error}");
        assert_eq!(look(&node, host), before);
        assert!(!record_of(&state, &node).exists());
        fs::remove_file(state.directory().join("filler")).unwrap();
        apply(&state, &node, host).unwrap();
        let record = fs::read(record_of(&state, &node)).unwrap();
        assert!(!String::from_utf8_lossy(&record).contains("under_way"));
        let _ = fs::write(state.directory().join("filler"), [0; 65536]);
        let mut unrecorded = 0;
        let mut tell = |event: ApplyEvent<'_>| {
            unrecorded += usize::from(matches!(event, ApplyEvent::Unrecorded(_)))
        };
        let mut session = state.lock("remove").unwrap();
        session.remove(&node, host, &mut tell).unwrap();
        drop(session);
        assert_eq!(unrecorded, 1);
        assert_eq!(look(&node, host), before, "it needs no room");
        assert_eq!(fs::read(record_of(&state, &node)).unwrap(), record);
        assert!(remove(&state, &node, host).unwrap().is_empty());
        nix::mount::umount(state.directory()).unwrap();
    })
}

pub(crate) fn a_record_that_is_none_changes_nothing() -> Outcome {
    let node = node(DR, "director");
    on_a_machine(|host, state| {
        apply(&state, &node, host).unwrap();
        let path = record_of(&state, &node);
        let whole = fs::read(&path).unwrap();
        let made = look(&node, host);
        for bytes in [&[][..], &whole[..whole.len() / 2], b"{}", b"\xff\xff"] {
            fs::write(&path, bytes).unwrap();
            for error in [apply(&state, &node, host), remove(&state, &node, host)] {
                let error = error.unwrap_err().to_string();
                assert!(
                    error.contains("web@director.json") && error.contains("delete it"),
                    "{error}"
                );
            }
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(remove(&state, &node, host).is_err());
        assert_eq!(look(&node, host), made);
        let mode = fs::metadata(state.directory())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o022, 0, "nobody else may write records: {mode:o}");
    })
}

/// From kernel 5.18 on the virtual IP bears our mark, so what is on it is known as ours again; before,
/// nobody could tell.
pub(crate) fn a_lost_record_takes_nothing_away_that_was_found() -> Outcome {
    let node = node(DR, "director");
    on_a_machine(|host, state| {
        disturb(host);
        apply(&state, &node, host).unwrap();
        let made = look(&node, host);
        fs::remove_file(record_of(&state, &node)).unwrap();
        assert!(apply(&state, &node, host).unwrap().is_empty());
        remove(&state, &node, host).unwrap();
        let left = look(&node, host);
        if made
            .addresses
            .iter()
            .all(|address| address.protocol != Address::PROTOCOL)
        {
            assert_eq!(left, made);
            return;
        }
        assert!(left.services().is_empty());
        let left: Vec<_> = left
            .addresses
            .iter()
            .map(|address| address.id.to_string())
            .collect();
        assert_eq!(left, ["192.168.1.11/24 on eth0"]);
    })
}

pub(crate) fn who_waits_for_the_lock_is_told_by_whom() -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let state = StateDir::at(directory.path());
    let session = state.lock("apply").unwrap();
    let error = state.lock("remove").unwrap_err().to_string();
    let holder = format!("apply (process {}) has held it for", std::process::id());
    assert!(error.contains(&holder), "{error}");
    drop(session);
    drop(state.lock("remove").unwrap());
    Ok(())
}
