//! Snapshots on a real kernel while another thread keeps changing the table.
//!
//! Half of the services (or destinations) exist from the beginning to the end, the others are added and
//! deleted. A plain listing misses permanent ones; a snapshot never does: it returns an error instead.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::ipvs::{
    Command, Destination, DestinationId, Forwarding, Ipvs, SchedulerName, Service, ServiceId,
    ServiceOverview, Snapshot,
};
use lvs_core::{Error, Host};

lvs_lab::tests! {
    nothing_permanent_is_missed_while_many_change,
    nothing_permanent_is_missed_while_many_change_with_pauses,
    nothing_permanent_is_missed_while_one_changes,
    no_permanent_destination_is_missed_in_a_long_list,
    a_scope_is_read_while_others_change,
    a_scope_contains_the_services_that_exist,
}

/// The time for which a writer and a reader work.
const DURATION: Duration = Duration::from_secs(5);

/// The number of services, enough for a listing in four datagrams.
const SERVICES: u16 = 250;

type Identities = BTreeMap<ServiceId, BTreeSet<DestinationId>>;

fn service(number: u16) -> ServiceId {
    ServiceId::tcp(([10, 0, 0, 1], number).into())
}

fn destination(number: u16) -> Destination {
    let id = DestinationId::new([10, 1, 0, 1].into(), number);
    Destination::new(id, Forwarding::Masquerade)
}

/// Returns the commands that add a service with destinations from 1 on.
fn add(number: u16, destinations: u16) -> Vec<Command> {
    let id = service(number);
    let added = Command::AddService(Service::new(id, SchedulerName::RR));
    let behind = (1..=destinations).map(|n| Command::AddDestination(id, destination(n)));
    [added].into_iter().chain(behind).collect()
}

fn delete(number: u16) -> Command {
    Command::DeleteService(service(number))
}

fn run(ipvs: &mut Ipvs, commands: &[Command]) {
    for result in ipvs.batch(commands).unwrap() {
        result.unwrap();
    }
}

fn identities(table: &Snapshot) -> Identities {
    table
        .iter()
        .map(|entry| {
            let ids = entry
                .destinations
                .iter()
                .map(|status| status.destination.id);
            (entry.status.service.id, ids.collect())
        })
        .collect()
}

fn overviewed(table: Vec<ServiceOverview>) -> Identities {
    let table = table.into_iter().map(|entry| {
        let ids = entry.destinations.iter().map(|found| found.id);
        (entry.service.id, ids.collect())
    });
    table.collect()
}

/// Counts the permanent services and destinations that were not seen.
fn missing(permanent: &Identities, seen: &Identities) -> usize {
    let nothing = BTreeSet::new();
    let missed = permanent.iter().map(|(service, destinations)| {
        let known = seen.get(service);
        let gone = destinations.difference(known.unwrap_or(&nothing)).count();
        gone + usize::from(known.is_none())
    });
    missed.sum()
}

/// Counts the results of repeated reading.
#[derive(Debug, Default)]
struct Count {
    listings: usize,
    listings_that_missed: usize,
    unsettled_listings: usize,
    /// The lengths that listings had: more than one shows that the table changed between them.
    lengths: BTreeSet<usize>,
    settled: usize,
    settled_that_missed: usize,
    unsettled: usize,
    unions_that_missed: usize,
}

impl Count {
    fn listing(&mut self, permanent: &Identities, seen: Result<Identities, Error>) {
        match seen {
            Ok(seen) => {
                self.listings += 1;
                self.listings_that_missed += usize::from(missing(permanent, &seen) > 0);
                self.lengths
                    .insert(seen.len() + seen.values().map(BTreeSet::len).sum::<usize>());
            }
            Err(error) if error.is_unsettled() => self.unsettled_listings += 1,
            Err(error) => panic!("{error}"),
        }
    }

    fn snapshot(&mut self, permanent: &Identities, snapshot: Result<Snapshot, Error>) {
        match snapshot {
            Ok(table) => {
                self.settled += 1;
                self.settled_that_missed +=
                    usize::from(missing(permanent, &identities(&table)) > 0);
            }
            Err(error) if error.is_unsettled() => {
                let seen = identities(error.seen().unwrap());
                self.unsettled += 1;
                self.unions_that_missed += usize::from(missing(permanent, &seen) > 0);
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Asserts that no snapshot missed a permanent entry.
    fn judge(&self, what: &str) {
        println!("{what}: {self:?}");
        assert_eq!(self.settled_that_missed, 0, "{what}: {self:?}");
        assert_eq!(self.listings_that_missed, 0, "{what}: {self:?}");
    }
}

/// Sleeps. There is only one processor, and a thread that wakes up gets it at once, in the middle of the
/// reader's work.
fn pause() {
    thread::sleep(Duration::from_micros(50));
}

/// Writes and reads at the same time, each as fast as possible.
fn at_once(write: impl Fn(&mut Ipvs) + Sync, mut read: impl FnMut(&mut Ipvs)) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut ipvs = Ipvs::open().unwrap();
            while !stop.load(Ordering::Relaxed) {
                write(&mut ipvs);
            }
        });
        let mut ipvs = Ipvs::open().unwrap();
        let begin = Instant::now();
        while begin.elapsed() < DURATION {
            read(&mut ipvs);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

fn nothing_permanent_is_missed_while_many_change() {
    many_change("many services, all the time", Duration::ZERO);
}

fn nothing_permanent_is_missed_while_many_change_with_pauses() {
    many_change("many services, now and then", Duration::from_millis(40));
}

/// Deletes and adds the temporary services, with a pause of the writer after each turn.
fn many_change(what: &str, rest: Duration) {
    let mut ipvs = Ipvs::open().unwrap();
    let (temporary, permanent) = half_of_them_temporary(&mut ipvs);
    let write = |ipvs: &mut Ipvs| {
        for some in temporary.chunks(10) {
            run(ipvs, &some.iter().map(|n| delete(*n)).collect::<Vec<_>>());
            pause();
            let back: Vec<_> = some.iter().flat_map(|n| add(*n, 2)).collect();
            run(ipvs, &back);
            pause();
        }
        thread::sleep(rest);
    };
    let count = read_meanwhile(write, &permanent);
    count.judge(what);
    assert!(
        count.unsettled_listings > 0 || count.lengths.len() > 1,
        "no test: {count:?}"
    );
    let table = ipvs.snapshot().unwrap();
    assert_eq!(table.len(), usize::from(SERVICES), "the writer has stopped");
}

/// Returns the numbers of the temporary services, and the identities of the permanent ones.
fn half_of_them_temporary(ipvs: &mut Ipvs) -> (Vec<u16>, Identities) {
    let all: Vec<_> = (1..=SERVICES).flat_map(|number| add(number, 2)).collect();
    run(ipvs, &all);
    let mut permanent = identities(&ipvs.snapshot().unwrap());
    assert_eq!(permanent.len(), usize::from(SERVICES));
    let temporary: Vec<_> = (1..=SERVICES).filter(|number| number % 2 == 1).collect();
    for number in &temporary {
        permanent.remove(&service(*number));
    }
    (temporary, permanent)
}

/// Lists services and takes snapshots while another thread writes.
fn read_meanwhile(write: impl Fn(&mut Ipvs) + Sync, permanent: &Identities) -> Count {
    let services = permanent.keys().map(|id| (*id, BTreeSet::new())).collect();
    let mut count = Count::default();
    at_once(write, |ipvs| {
        for _ in 0..10 {
            let listed = ipvs.services().map(|list| {
                let ids = list.into_iter().map(|status| status.service.id);
                ids.map(|id| (id, BTreeSet::new())).collect()
            });
            count.listing(&services, listed);
        }
        count.snapshot(permanent, ipvs.snapshot());
    });
    count
}

/// The first service of the kernel's order moves all the others, always equally far: the places at which
/// a dump is cut are the same every time, and so is the service that is missed.
fn nothing_permanent_is_missed_while_one_changes() {
    let mut ipvs = Ipvs::open().unwrap();
    let all: Vec<_> = (1..=SERVICES).flat_map(|number| add(number, 1)).collect();
    run(&mut ipvs, &all);
    let table = ipvs.snapshot().unwrap();
    let first = table.first().unwrap().status.service.clone();
    let mut permanent = identities(&table);
    permanent.remove(&first.id);

    let write = |ipvs: &mut Ipvs| {
        run(ipvs, &[Command::DeleteService(first.id)]);
        pause();
        run(ipvs, &[Command::AddService(first.clone())]);
        pause();
    };
    let count = read_meanwhile(write, &permanent);
    count.judge("one service");
    let mut host = Host::open().unwrap();
    let mut count = Count::default();
    at_once(write, |_| {
        count.listing(&permanent, host.overview().map(overviewed))
    });
    count.judge("one service, overview");
    let table = ipvs.snapshot().unwrap();
    assert_eq!(table.len(), usize::from(SERVICES), "the writer has stopped");
}

fn no_permanent_destination_is_missed_in_a_long_list() {
    const DESTINATIONS: u16 = 500;
    let mut ipvs = Ipvs::open().unwrap();
    run(&mut ipvs, &add(1, DESTINATIONS));
    let newest = destination(DESTINATIONS);
    let mut permanent = identities(&ipvs.snapshot().unwrap());
    permanent.get_mut(&service(1)).unwrap().remove(&newest.id);

    let write = |ipvs: &mut Ipvs| {
        run(ipvs, &[Command::DeleteDestination(service(1), newest.id)]);
        pause();
        run(ipvs, &[Command::AddDestination(service(1), newest)]);
        pause();
    };
    let mut count = Count::default();
    at_once(write, |ipvs| {
        let listed = ipvs.destinations(&service(1)).map(|list| {
            let ids = list.into_iter().map(|status| status.destination.id);
            BTreeMap::from([(service(1), ids.collect())])
        });
        count.listing(&permanent, listed);
        count.snapshot(&permanent, ipvs.snapshot_of(&[service(1)]));
    });
    count.judge("one destination");
    assert!(
        count.unsettled_listings > 0 || count.lengths.len() > 1,
        "no test: {count:?}"
    );
    let table = ipvs.snapshot().unwrap();
    assert_eq!(table[0].destinations.len(), usize::from(DESTINATIONS));
}

fn a_scope_is_read_while_others_change() {
    let mut ipvs = Ipvs::open().unwrap();
    let all: Vec<_> = (1..=300).flat_map(|number| add(number, 2)).collect();
    run(&mut ipvs, &all);
    let scope = [service(100), service(200)];
    let write = |ipvs: &mut Ipvs| {
        run(ipvs, &(1..100).map(delete).collect::<Vec<_>>());
        let back: Vec<_> = (1..100).flat_map(|number| add(number, 2)).collect();
        run(ipvs, &back);
        pause();
    };
    let mut readings = 0;
    at_once(write, |ipvs| {
        let table = ipvs.snapshot_of(&scope).unwrap();
        let counts: Vec<_> = table.iter().map(|entry| entry.destinations.len()).collect();
        assert_eq!(counts, [2, 2]);
        readings += 1;
    });
    assert!(readings > 0);
}

fn a_scope_contains_the_services_that_exist() {
    let mut ipvs = Ipvs::open().unwrap();
    let all: Vec<_> = (1..=5).flat_map(|number| add(number, 3)).collect();
    run(&mut ipvs, &all);
    let scope = [service(4), service(9), service(2), service(4)];
    let table = identities(&ipvs.snapshot_of(&scope).unwrap());
    assert!(table.keys().eq([&service(2), &service(4)]));
    assert!(table.values().all(|destinations| destinations.len() == 3));
    assert_eq!(ipvs.snapshot_of(&[]).unwrap(), []);
    let many: Vec<_> = (1..=2000).map(service).collect();
    assert_eq!(ipvs.snapshot_of(&many).unwrap().len(), 5);
}
