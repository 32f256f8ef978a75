//! What the handle promises to programs that embed it: it survives the module, and nothing is done by half.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use lvs_core::ipvs::{
    BatchOutcome, Command, Forwarding, Ipvs, SchedulerName, ServiceEntry, ServiceId, Snapshot,
    Weight,
};
use lvs_core::{Error, Result};
use lvs_lab::{load_module, run_tool, unload_module};

use crate::ipvs::{behind, destination, id, open, round_robin};

const MODULES: [&str; 4] = ["ip_vs_rr", "ip_vs_wrr", "ip_vs_wlc", "ip_vs"];

/// Unloads ip_vs, which services would keep.
fn unload() {
    open().flush().unwrap();
    for module in MODULES {
        unload_module(module).unwrap();
    }
}

fn load() {
    for module in MODULES.into_iter().rev() {
        load_module(module).unwrap();
    }
}

pub(crate) fn a_handle_survives_the_reload_of_its_module() {
    let mut ipvs = open();
    let web = round_robin("tcp 10.0.0.1:80");
    let real = destination("10.1.0.1:80", Forwarding::DirectRouting);
    for round in 0..2 {
        assert!(ipvs.ensure_service(&web).unwrap(), "round {round}");
        assert!(ipvs.ensure_destination(&web.id, &real).unwrap());
        assert_eq!(ipvs.snapshot_of(&[web.id]).unwrap().len(), 1);
        unload();
        load();
    }
    assert!(!ipvs.ensure_no_service(&web.id).unwrap());
    assert_eq!(ipvs.snapshot().unwrap(), []);
    unload();
    load();
    // The first request after the reload is a batch, whose commands depend on each other.
    let commands = [
        Command::DeleteService(web.id),
        Command::AddService(web.clone()),
        Command::AddDestination(web.id, real),
        Command::DeleteDestination(web.id, "10.1.0.9:80".parse().unwrap()),
    ];
    let outcome = ipvs.batch(&commands).unwrap();
    let refused: Vec<_> = outcome.failures().map(|(place, _)| place).collect();
    assert_eq!((outcome.len(), refused), (4, vec![0, 3]));
    assert!(!outcome.is_success());
    assert_eq!(behind(&mut ipvs, &web.id), [real]);
    assert_eq!(ipvs.snapshot().unwrap().len(), 1);
}

/// Asserts that a call fails because the module is not loaded, and for no other reason.
#[track_caller]
fn is_not_loaded<T: std::fmt::Debug>(result: Result<T>) {
    let error = result.unwrap_err();
    assert!(error.is_not_loaded() && !error.is_not_found(), "{error}");
    assert!(error.to_string().contains("modprobe ip_vs"), "{error}");
}

pub(crate) fn a_dead_handle_is_neither_empty_nor_content() {
    let mut ipvs = open();
    let web = round_robin("tcp 10.0.0.1:80");
    let real = destination("10.1.0.1:80", Forwarding::DirectRouting);
    ipvs.add_service(&web).unwrap();
    ipvs.add_destination(&web.id, &real).unwrap();
    unload();
    is_not_loaded(ipvs.snapshot());
    is_not_loaded(ipvs.snapshot_of(&[web.id]));
    is_not_loaded(ipvs.services());
    is_not_loaded(ipvs.service(&web.id));
    is_not_loaded(ipvs.destinations(&web.id));
    is_not_loaded(ipvs.destination(&web.id, &real.id));
    is_not_loaded(ipvs.configuration());
    is_not_loaded(ipvs.daemons());
    is_not_loaded(ipvs.timeouts());
    is_not_loaded(ipvs.ensure_service(&web));
    is_not_loaded(ipvs.ensure_no_service(&web.id));
    is_not_loaded(ipvs.ensure_destination(&web.id, &real));
    is_not_loaded(ipvs.ensure_no_destination(&web.id, &real.id));
    is_not_loaded(ipvs.replace_of(&[web.id], &[]));
    is_not_loaded(ipvs.batch(&[Command::DeleteService(web.id)]));
    is_not_loaded(ipvs.reopen());
    load();
    ipvs.reopen().unwrap();
    assert_eq!(ipvs.services().unwrap(), []);
}

/// The kernel's word for both is `ENOENT`, which is also its word for a family that it does not have.
pub(crate) fn an_unknown_scheduler_is_no_dead_handle() {
    let mut ipvs = open();
    let mut web = round_robin("tcp 10.0.0.1:80");
    web.scheduler = SchedulerName::new("nonesuch").unwrap();
    let error = ipvs.ensure_service(&web).unwrap_err();
    assert!(error.is_not_found() && !error.is_not_loaded(), "{error}");
    assert!(error.to_string().contains("scheduler nonesuch"), "{error}");
    ipvs.add_service(&round_robin("tcp 10.0.0.1:80")).unwrap();
    let missing = "10.1.0.1:80".parse().unwrap();
    let error = ipvs.destination(&web.id, &missing).unwrap_err();
    assert!(error.is_not_found() && !error.is_not_loaded(), "{error}");
    assert!(!ipvs.ensure_no_destination(&web.id, &missing).unwrap());
}

fn entry(service: &str, servers: &[&str]) -> ServiceEntry {
    let mut entry = ServiceEntry::new(round_robin(service));
    entry.destinations = servers
        .iter()
        .map(|server| destination(server, Forwarding::Masquerade))
        .collect();
    entry
}

fn entries(mut table: Snapshot) -> Vec<ServiceEntry> {
    table.sort_by_key(|entry| entry.status.service.id);
    table.into_iter().map(Into::into).collect()
}

pub(crate) fn a_scope_is_replaced_and_nothing_else() {
    let mut ipvs = open();
    let [web, old, other] = ["tcp 10.0.0.1:80", "tcp 10.0.0.1:81", "tcp 10.0.0.9:80"];
    let before = [
        entry(web, &["10.1.0.1:80", "10.1.0.2:80"]),
        entry(old, &["10.1.0.1:81"]),
        entry(other, &["10.1.0.3:80"]),
    ];
    for wanted in &before {
        ipvs.replace_of(&[wanted.service.id], std::slice::from_ref(wanted))
            .unwrap();
    }
    assert_eq!(entries(ipvs.snapshot().unwrap()), before);

    let after = entry(web, &["10.1.0.4:80", "10.1.0.2:80"]);
    let commands = ipvs
        .replace_of(&[id(web), id(old)], std::slice::from_ref(&after))
        .unwrap();
    assert_eq!(commands.len(), 3, "{commands:?}");
    let table = entries(ipvs.snapshot().unwrap());
    assert_eq!(
        table[1], before[2],
        "a service outside of the scope changed"
    );
    assert_eq!(table.len(), 2);
    assert_eq!(ipvs.replace_of(&[id(web)], &[after]).unwrap(), []);

    let outside = ipvs.replace_of(&[id(web)], &[entry(other, &[])]);
    assert!(outside.unwrap_err().is_invalid());
    let twice = ipvs.replace_of(&[id(web)], &[entry(web, &[]), entry(web, &[])]);
    assert!(twice.unwrap_err().is_invalid());
}

/// A batch of the difference empties the service: the kernel refuses the addition and goes on deleting.
pub(crate) fn a_refused_replacement_leaves_every_destination() {
    let mut ipvs = open();
    let web = "tcp 10.0.0.1:80";
    let before = entry(web, &["10.1.0.1:80", "10.1.0.2:80"]);
    ipvs.replace_of(&[id(web)], std::slice::from_ref(&before))
        .unwrap();
    // The kernel takes no broadcast address.
    let mut wanted = entry(web, &["10.1.0.3:80", "127.255.255.255:80"]);
    wanted.service.scheduler = SchedulerName::WRR;
    let error = ipvs.replace_of(&[id(web)], &[wanted]).unwrap_err();
    assert!(error.to_string().contains("127.255.255.255"), "{error}");
    assert!(!error.is_partly_done());
    let left = entries(ipvs.snapshot().unwrap());
    assert_eq!(left[0].service, before.service);
    let ids = |entry: &ServiceEntry| entry.destinations.iter().map(|real| real.id).collect();
    let (mut left, mut wanted): (Vec<_>, Vec<_>) = (ids(&left[0]), ids(&before));
    left.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(left, wanted);
}

/// Runs `work` on six threads at once, with a handle for each.
fn six(work: impl Fn(&mut Ipvs, u16) + Sync) {
    let barrier = Barrier::new(6);
    thread::scope(|scope| {
        for number in 0..6 {
            let (barrier, work) = (&barrier, &work);
            scope.spawn(move || {
                let mut ipvs = open();
                barrier.wait();
                work(&mut ipvs, number);
            });
        }
    });
}

pub(crate) fn racing_threads_ensure_without_errors() {
    let web = round_robin("tcp 10.0.0.1:80");
    six(|ipvs, number| {
        for round in 0..300 {
            let mut mine = web.clone();
            if (number + round) % 3 == 0 {
                mine.scheduler = SchedulerName::WRR;
            }
            ipvs.ensure_service(&mine).unwrap();
            ipvs.ensure_no_service(&web.id).unwrap();
        }
    });
    let mut ipvs = open();
    ipvs.ensure_service(&web).unwrap();
    six(|ipvs, number| {
        for round in 0..300 {
            let mut mine = destination("10.1.0.1:80", Forwarding::DirectRouting);
            mine.weight = Weight::new(u32::from((number + round) % 3)).unwrap();
            ipvs.ensure_destination(&web.id, &mine).unwrap();
            ipvs.ensure_no_destination(&web.id, &mine.id).unwrap();
        }
    });
}

/// Asserts that reading has a list of all of them, again and again.
fn complete(ipvs: &mut Ipvs, count: usize) {
    for _ in 0..3 {
        assert_eq!(ipvs.services().unwrap().len(), count);
    }
}

/// From 7.1 on the kernel enlarges its table some time after services were added, and moves them under a
/// dump.
pub(crate) fn twenty_thousand_services_are_listed_and_deleted() {
    let mut ipvs = open();
    // The lists are long, and the guest is slow.
    ipvs.set_timeout(Duration::from_secs(60));
    let count: u32 = 20_000;
    let commands: Vec<_> = (0..count)
        .map(|number| {
            let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
            let id = ServiceId::tcp((address, 80).into());
            Command::AddService(lvs_core::ipvs::Service::new(id, SchedulerName::RR))
        })
        .collect();
    ipvs.batch(&commands)
        .and_then(BatchOutcome::into_result)
        .unwrap();
    complete(&mut ipvs, count as usize);
    // The example of the documentation.
    let deletions: Vec<_> = ipvs
        .services()
        .unwrap()
        .iter()
        .map(|status| Command::DeleteService(status.service.id))
        .collect();
    let outcome = ipvs.batch(&deletions).unwrap();
    let failed: Vec<&Error> = outcome.failures().map(|(_, error)| error).collect();
    assert!(failed.is_empty(), "{failed:?}");
    complete(&mut ipvs, 0);
}

/// The kernel forbids only slashes, colons and blanks in the name of an interface.
pub(crate) fn a_daemon_on_an_interface_of_any_name_is_listed() {
    run_tool("ip", &["link", "add", "name", "网卡", "type", "dummy"]).unwrap();
    run_tool("ip", &["link", "set", "网卡", "up"]).unwrap();
    let daemon = ["--start-daemon", "master", "--mcast-interface", "网卡"];
    run_tool("ipvsadm", &daemon).unwrap();
    let mut ipvs = open();
    let daemons = ipvs.configuration().unwrap().daemons.unwrap();
    assert_eq!(daemons[0].interface.as_str(), "网卡");
    ipvs.stop_daemon(daemons[0].role).unwrap();
    ipvs.start_daemon(&daemons[0]).unwrap();
    assert_eq!(ipvs.daemons().unwrap(), daemons);
}
