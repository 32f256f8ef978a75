//! Records and locks on a real kernel: what is remembered, through failures and crashes too.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lvs_core::cluster::plan::PhaseName;
use lvs_core::cluster::{
    Aftermath, ApplyError, DesiredState, Event, Failure, Observed, Plan, PlanOptions, Scope,
    StateDir,
};
use lvs_core::ipvs::{Ipvs, SchedulerName};
use lvs_core::net::{Address, Net};
use lvs_core::sysctl::{Conf, SysctlKey};
use lvs_core::{Cluster, Host, IfName, Netns};

type Outcome = lvs_core::Result<()>;

const NAT: &str = include_str!("../../../examples/nat.toml");
const DR: &str = include_str!("../../../examples/dr.toml");

lvs_lab::tests! {
    a_removal_brings_every_machine_back,
    a_removal_takes_devices_and_ports_of_tunnels,
    another_wrapping_takes_the_place_of_the_last,
    a_removal_stops_daemons_and_puts_switches_back,
    mixed_families_take_the_place_of_daemons_and_back,
    what_the_file_no_longer_names_goes,
    a_virtual_ip_is_deleted_before_the_service_behind_it,
    an_address_moves_within_its_network,
    one_virtual_ip_is_one_clusters,
    a_failure_leaves_machine_and_record_as_they_were,
    a_sysctl_that_this_kernel_lacks_is_refused_before_the_first_change,
    a_stop_takes_everything_back,
    without_a_confirmation_everything_is_taken_back,
    a_full_disk_changes_nothing,
    a_record_that_is_none_changes_nothing,
    a_lost_record_takes_nothing_away_that_was_found,
    who_waits_for_the_lock_is_told_by_whom,
    an_apply_can_die_at_any_phase,
}

fn name(text: &str) -> IfName {
    text.parse().unwrap()
}

/// A machine with interfaces that are down, as it comes.
fn on_a_machine(test: impl FnOnce(&mut Host, StateDir) + Send) -> Outcome {
    Netns::create()?.run(|host| {
        let net: &mut Net = host.net();
        net.add_veth(&name("eth0"), &name("port0"), None)?;
        net.add_veth(&name("eth1"), &name("port1"), None)?;
        net.set_up(&name("port0"))?;
        net.set_up(&name("port1"))?;
        host.ipvs()?;
        let directory = tempfile::tempdir().unwrap();
        test(host, StateDir::at(directory.path().join("state")));
        Ok(())
    })?
}

fn node(text: &str, name: &str) -> DesiredState {
    Cluster::from_toml(text).unwrap().node(name).unwrap()
}

fn apply(state: &StateDir, node: &DesiredState, host: &mut Host) -> Result<Plan, ApplyError> {
    let mut session = state.lock("apply").unwrap();
    session.apply(node, host, PlanOptions::default(), &mut |_| ())
}

fn remove(state: &StateDir, node: &DesiredState, host: &mut Host) -> Result<Plan, ApplyError> {
    state
        .lock("remove")
        .unwrap()
        .remove(node, host, &mut |_| ())
}

/// With `forwarding` of every interface, whatever the file says.
fn look(node: &DesiredState, host: &mut Host) -> Observed {
    let mut observed = Observed::read(host, &Scope::of(node)).unwrap();
    for interface in ["lo", "eth0", "eth1", "port0"] {
        let key = SysctlKey::forwarding(&Conf::Interface(name(interface)));
        let value = host.sysctl().read(&key).unwrap();
        observed.sysctls.insert(key, value);
    }
    observed
}

fn record_of(state: &StateDir, node: &DesiredState) -> PathBuf {
    let file = format!("{}@{}.json", node.cluster, node.name);
    state.directory().join(file)
}

/// A director's own address was there before, and one interface forwarded.
fn disturb(host: &mut Host) {
    host.net().set_up(&name("eth0")).unwrap();
    let own = Address::new(name("eth0"), "192.168.1.11/24".parse().unwrap());
    host.net().add_address(&own).unwrap();
    let port = SysctlKey::forwarding(&Conf::Interface(name("port0")));
    host.sysctl().write(&port, "1").unwrap();
}

fn a_removal_brings_every_machine_back() -> Outcome {
    for text in [NAT, DR] {
        let cluster = Cluster::from_toml(text).unwrap();
        for name in cluster.node_names() {
            let node = cluster.node(name.as_str()).unwrap();
            for disturbed in [false, true] {
                on_a_machine(|host, state| {
                    if disturbed {
                        disturb(host);
                    }
                    let before = look(&node, host);
                    assert!(!apply(&state, &node, host).unwrap().is_empty());
                    assert!(apply(&state, &node, host).unwrap().is_empty());
                    remove(&state, &node, host).unwrap();
                    assert_eq!(look(&node, host), before, "{name}, disturbed: {disturbed}");
                    assert!(remove(&state, &node, host).unwrap().is_empty());
                    assert!(
                        !apply(&state, &node, host).unwrap().is_empty(),
                        "and once more"
                    );
                })?;
            }
        }
    }
    Ok(())
}

const TUNNEL: &str = include_str!("../../../examples/tunnel.toml");

/// A real server of the tunnel example in another wrapping.
fn wrapped(tunnel: &str) -> DesiredState {
    for module in ["ipip", "fou", "ip_gre"] {
        lvs_lab::load_module(module).unwrap();
    }
    node(
        &TUNNEL.replace("{ type = \"ipip\" }", tunnel),
        "realserver1",
    )
}

const WRAPPINGS: [&str; 3] = [
    "{ type = \"ipip\" }",
    "{ type = \"gue\", port = 5555 }",
    "{ type = \"gre\", checksum = \"full\" }",
];

fn a_removal_takes_devices_and_ports_of_tunnels() -> Outcome {
    for tunnel in WRAPPINGS {
        let node = wrapped(tunnel);
        on_a_machine(|host, state| {
            let before = look(&node, host);
            apply(&state, &node, host).unwrap();
            remove(&state, &node, host).unwrap();
            assert_eq!(look(&node, host), before, "{tunnel}");
            assert!(remove(&state, &node, host).unwrap().is_empty());
        })?;
    }
    Ok(())
}

fn another_wrapping_takes_the_place_of_the_last() -> Outcome {
    let devices = |host: &mut Host| {
        let listeners = host.fou().unwrap().listeners().unwrap();
        let tunnels = host.net().tunnels().unwrap();
        let made = tunnels.iter().filter(|it| it.name.as_str() == "lvs-gre");
        (made.count(), listeners.len())
    };
    on_a_machine(|host, state| {
        for (tunnel, expected) in [
            (WRAPPINGS[2], (1, 0)),
            (WRAPPINGS[1], (0, 1)),
            (WRAPPINGS[0], (0, 0)),
        ] {
            let node = wrapped(tunnel);
            apply(&state, &node, host).unwrap();
            assert_eq!(devices(host), expected, "{tunnel}");
            assert!(apply(&state, &node, host).unwrap().is_empty(), "{tunnel}");
        }
    })
}

const SYNC: &str = include_str!("../plans/sync-director-fresh/cluster.toml");

fn a_removal_stops_daemons_and_puts_switches_back() -> Outcome {
    let node = node(SYNC, "director");
    on_a_machine(|host, state| {
        let before = look(&node, host);
        apply(&state, &node, host).unwrap();
        assert_eq!(host.ipvs().unwrap().daemons().unwrap().len(), 2);
        remove(&state, &node, host).unwrap();
        assert_eq!(look(&node, host), before);
    })
}

/// The kernel has not both: whichever goes is deleted first, and the plan says so.
fn mixed_families_take_the_place_of_daemons_and_back() -> Outcome {
    const MIXED: &str = include_str!("../plans/mixed-director/cluster.toml");
    let same = MIXED.replace(
        "{ interface = \"eth0\", address = \"2001:db8:1::12/64\" }",
        "{ interface = \"eth0\", address = \"192.168.1.12/24\" }",
    );
    let same = same.replace("gateway = \"2001:db8:1::fe\"\n", "");
    let synchronised = format!("{same}\n[sync]\nid = 1\ninterface = \"eth0\"\n");
    let (mixed, synchronised) = (node(MIXED, "director"), node(&synchronised, "director"));
    on_a_machine(|host, state| {
        apply(&state, &synchronised, host).unwrap();
        let plan = apply(&state, &mixed, host).unwrap();
        let told = |plan: &Plan, word: &str| plan.notes.iter().any(|note| note.contains(word));
        assert!(
            told(&plan, "connections are no longer synchronised"),
            "{plan}"
        );
        assert!(host.ipvs().unwrap().daemons().unwrap().is_empty());
        let plan = apply(&state, &synchronised, host).unwrap();
        assert!(
            told(&plan, "are deleted before the sync daemons start"),
            "{plan}"
        );
        assert_eq!(host.ipvs().unwrap().daemons().unwrap().len(), 2);
        assert!(apply(&state, &synchronised, host).unwrap().is_empty());
    })
}

/// The cluster of DR with a second virtual IP.
fn with_second_vip() -> String {
    DR.replace(
        "{ interface = \"eth0\", address = \"172.16.5.11/32\" },",
        "{ interface = \"eth0\", address = \"172.16.5.11/32\" },\n  { interface = \"eth0\", address = \"172.16.5.12/32\" },",
    ) + "\n[[services]]\naddress = \"172.16.5.12:443\"\nscheduler = \"rr\"\n"
}

/// Whether the second virtual IP and its service exist.
fn second_vip_and_service() -> (bool, bool) {
    let vip: IpAddr = "172.16.5.12".parse().unwrap();
    let addresses = Net::open().unwrap().addresses().unwrap();
    let services = Ipvs::open().unwrap().services().unwrap();
    let id = "tcp 172.16.5.12:443".parse().unwrap();
    (
        addresses.iter().any(|found| found.id.network.addr() == vip),
        services.iter().any(|found| found.service.id == id),
    )
}

/// Between two phases a client must not reach a virtual IP without a service, neither when the file no
/// longer names it nor when the cluster is removed.
fn a_virtual_ip_is_deleted_before_the_service_behind_it() -> Outcome {
    let two = node(&with_second_vip(), "director");
    let one = node(DR, "director");
    for is_removal in [false, true] {
        on_a_machine(|host, state| {
            apply(&state, &two, host).unwrap();
            let mut seen = Vec::new();
            let mut session = state.lock("apply").unwrap();
            let mut events = |event: Event<'_>| {
                if matches!(event, Event::Phase(_) | Event::Verified) {
                    seen.push(second_vip_and_service());
                }
            };
            if is_removal {
                session.remove(&two, host, &mut events).unwrap();
            } else {
                let options = PlanOptions::default();
                session.apply(&one, host, options, &mut events).unwrap();
            }
            seen.dedup();
            assert_eq!(seen, [(true, true), (false, true), (false, false)]);
        })?;
    }
    Ok(())
}

fn what_the_file_no_longer_names_goes() -> Outcome {
    let more = with_second_vip();
    for name in ["director", "realserver1"] {
        let (one, two) = (node(DR, name), node(&more, name));
        on_a_machine(|host, state| {
            apply(&state, &one, host).unwrap();
            let wanted = look(&one, host);
            apply(&state, &two, host).unwrap();
            assert_ne!(look(&one, host), wanted);
            apply(&state, &one, host).unwrap();
            assert_eq!(look(&one, host), wanted);
        })?;
    }
    Ok(())
}

/// Its first address takes the later ones of a network along, the new one and strangers' too.
fn an_address_moves_within_its_network() -> Outcome {
    let moved = DR.replace("192.168.1.11/24", "192.168.1.21/24");
    let (old, new) = (node(DR, "director"), node(&moved, "director"));
    on_a_machine(|host, state| {
        apply(&state, &old, host).unwrap();
        let theirs = Address::new(name("eth0"), "192.168.1.77/24".parse().unwrap());
        host.net().add_address(&theirs).unwrap();
        apply(&state, &new, host).unwrap();
        assert!(apply(&state, &new, host).unwrap().is_empty());
        let addresses = look(&new, host).addresses;
        let mut left: Vec<_> = addresses
            .iter()
            .map(|it| it.id.network.to_string())
            .collect();
        left.sort();
        assert_eq!(
            left,
            ["172.16.5.11/32", "192.168.1.21/24", "192.168.1.77/24"]
        );
        remove(&state, &new, host).unwrap();
        let addresses = look(&new, host).addresses;
        let left: Vec<_> = addresses
            .iter()
            .map(|it| it.id.network.to_string())
            .collect();
        assert_eq!(left, ["192.168.1.77/24"]);
    })
}

fn one_virtual_ip_is_one_clusters() -> Outcome {
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

/// The scheduler does not exist, which only the kernel finds out.
fn unknown_scheduler(mut node: DesiredState) -> DesiredState {
    node.services.update(|desired| {
        desired.service.scheduler = SchedulerName::new("nosuch").unwrap();
    });
    node
}

fn a_failure_leaves_machine_and_record_as_they_were() -> Outcome {
    let good = node(NAT, "director");
    let bad = unknown_scheduler(good.clone());
    on_a_machine(|host, state| {
        let before = look(&good, host);
        let error = apply(&state, &bad, host).unwrap_err();
        assert!(matches!(error.aftermath(), Aftermath::Reverted), "{error}");
        assert_eq!(look(&good, host), before);
        assert!(!record_of(&state, &good).exists());

        apply(&state, &good, host).unwrap();
        let (made, record) = (
            look(&good, host),
            fs::read(record_of(&state, &good)).unwrap(),
        );
        let error = apply(&state, &bad, host).unwrap_err();
        assert!(error.is_clean(), "{error}");
        assert_eq!(look(&good, host), made);
        assert_eq!(fs::read(record_of(&state, &good)).unwrap(), record);
    })
}

/// Each of these came with another kernel; none of the lab's has them all.
fn a_sysctl_that_this_kernel_lacks_is_refused_before_the_first_change() -> Outcome {
    on_a_machine(|host, state| {
        let newer = [
            ("conn-max", "1000"),
            ("est-nice", "0"),
            ("svc-lfactor", "-4"),
        ];
        for (sysctl, value) in newer {
            let key = SysctlKey::ipvs(&sysctl.replace('-', "_")).unwrap();
            let text = format!("{NAT}\n[ipvs]\n{sysctl} = {value}\n");
            let director = node(&text, "director");
            let before = look(&director, host);
            let applied = apply(&state, &director, host);
            if host.sysctl().read(&key).is_ok() {
                applied.unwrap();
                remove(&state, &director, host).unwrap();
                continue;
            }
            let error = applied.unwrap_err();
            let Failure::Refused(refusals) = error.failure() else {
                panic!("{error}");
            };
            let text = refusals[0].to_string();
            assert!(
                text.contains(&key.to_string()) && text.contains("[ipvs]"),
                "{text}"
            );
            assert!(error.is_clean());
            assert_eq!(look(&director, host), before);
        }
    })
}

fn a_stop_takes_everything_back() -> Outcome {
    let node = node(NAT, "director");
    on_a_machine(|host, state| {
        let before = look(&node, host);
        let stop = Arc::new(AtomicBool::new(false));
        let mut session = state.lock("apply").unwrap().stop_by(Arc::clone(&stop));
        let error = session.apply(&node, host, PlanOptions::default(), &mut |event| {
            let is_last =
                matches!(event, Event::Phase(phase) if phase.name == PhaseName::VirtualIps);
            stop.fetch_or(is_last, Ordering::Relaxed);
        });
        let error = error.unwrap_err();
        assert!(matches!(error.failure(), Failure::Stopped), "{error}");
        assert!(matches!(error.aftermath(), Aftermath::Reverted), "{error}");
        assert_eq!(look(&node, host), before);
    })
}

fn without_a_confirmation_everything_is_taken_back() -> Outcome {
    let node = node(NAT, "director");
    on_a_machine(|host, state| {
        let before = look(&node, host);
        let mut session = state
            .lock("apply")
            .unwrap()
            .confirm_within(Duration::from_millis(1));
        let error = session
            .apply(&node, host, PlanOptions::default(), &mut |_| ())
            .unwrap_err();
        assert!(matches!(error.failure(), Failure::Unconfirmed), "{error}");
        assert!(error.is_clean());
        assert_eq!(look(&node, host), before);
        drop(session);

        let mut session = state
            .lock("apply")
            .unwrap()
            .confirm_within(Duration::from_secs(60));
        session
            .apply(&node, host, PlanOptions::default(), &mut |event| {
                if matches!(event, Event::Confirming(_)) {
                    state.confirm().unwrap();
                }
            })
            .unwrap();
        drop(session);
        assert!(apply(&state, &node, host).unwrap().is_empty());
    })
}

/// A file system of 16 KiB takes the lock and nothing else.
fn a_full_disk_changes_nothing() -> Outcome {
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
        let mut tell =
            |event: Event<'_>| unrecorded += usize::from(matches!(event, Event::Unrecorded(_)));
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

fn a_record_that_is_none_changes_nothing() -> Outcome {
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
fn a_lost_record_takes_nothing_away_that_was_found() -> Outcome {
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
            .all(|it| it.protocol != Address::PROTOCOL)
        {
            assert_eq!(left, made);
            return;
        }
        assert!(left.services().is_empty());
        let left: Vec<_> = left.addresses.iter().map(|it| it.id.to_string()).collect();
        assert_eq!(left, ["192.168.1.11/24 on eth0"]);
    })
}

fn who_waits_for_the_lock_is_told_by_whom() -> Outcome {
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

/// A thread that panics is as dead as a process: nothing is taken back, and the lock is free.
fn an_apply_can_die_at_any_phase() -> Outcome {
    for node in [
        node(DR, "director"),
        node(DR, "realserver2"),
        node(NAT, "director"),
    ] {
        for fatal in 1..=9 {
            on_a_machine(|host, state| {
                disturb(host);
                let before = look(&node, host);
                die_at_phase(fatal, &state, &node);
                if fatal % 2 == 0 {
                    apply(&state, &node, host).unwrap();
                    assert!(apply(&state, &node, host).unwrap().is_empty());
                }
                remove(&state, &node, host).unwrap();
                assert_eq!(look(&node, host), before, "{} at {fatal}", node.name);
            })?;
        }
    }
    Ok(())
}

fn die_at_phase(fatal: usize, state: &StateDir, node: &DesiredState) {
    let mut phases = 0;
    let mut body = || {
        let mut session = state.lock("apply").unwrap();
        let mut host = Host::open().unwrap();
        let _ = session.apply(node, &mut host, PlanOptions::default(), &mut |event| {
            phases += usize::from(matches!(event, Event::Phase(_)));
            if phases == fatal {
                std::panic::resume_unwind(Box::new(()));
            }
        });
    };
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut body));
}
