//! Traces of real kernels, replayed by the models; needs no kernel.
//!
//! A trace in `traces/` is a file of comma-separated lines:
//!
//! | line | fields |
//! |---|---|
//! | `kernel` | release, `old` or `new` |
//! | `command` | the command that recorded it |
//! | `service`, `edit-service` | id, scheduler, flags, persistence timeout and prefix length (empty: none) |
//! | `add`, `edit` | destination, weight, upper and lower threshold |
//! | `remove` | destination |
//! | `connect` | protocol, client, target, and the destination that the kernel picked (`-`: refused) |
//! | `end` | clients whose connections ended, separated by blanks |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use lvs_core::ipvs::{
    Destination, Forwarding, Netmask, Persistence, SchedulerName, Seconds, Service, ServiceFlags,
    ServiceId, Thresholds, Weight,
};
use lvs_core::scheduler::{Flow, Generation, ModelConnection, ServiceModel};

#[test]
fn models_pick_what_kernels_picked() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces");
    let (mut schedulers, mut generations) = (BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        let replay = replay(&name, &fs::read_to_string(&path).unwrap());
        assert!(replay.picks > 80, "{name} has only {} picks", replay.picks);
        schedulers.insert(replay.model.service().scheduler.clone());
        generations.insert(replay.generation);
    }
    // Debian's user-mode kernels do not have twos, and its draws cannot be known.
    let expected: BTreeSet<_> = SchedulerName::KNOWN
        .iter()
        .filter(|name| **name != SchedulerName::TWOS)
        .cloned()
        .collect();
    assert_eq!(schedulers, expected);
    assert_eq!(generations.len(), 2);
}

struct Replay {
    generation: Generation,
    model: ServiceModel,
    /// The open connections by the client's address and port.
    open: HashMap<String, ModelConnection>,
    picks: usize,
}

fn replay(name: &str, text: &str) -> Replay {
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let generation = match lines.next().as_deref() {
        Some(["kernel", _, "old"]) => Generation::Old,
        Some(["kernel", _, "new"]) => Generation::New,
        other => panic!("{name}: {other:?} is no kernel"),
    };
    let (_command, service) = (lines.next().unwrap(), service(&lines.next().unwrap()));
    let mut replay = Replay {
        generation,
        model: ServiceModel::fresh(service, generation).unwrap(),
        open: HashMap::new(),
        picks: 0,
    };
    for (line, number) in lines.zip(4..) {
        replay.step(&line, &format!("{name}:{number}"));
    }
    replay
}

impl Replay {
    fn step(&mut self, line: &[&str], at: &str) {
        match *line {
            ["add", ..] => self.model.add(destination(line)).unwrap(),
            ["edit", ..] => self.model.edit(destination(line)).unwrap(),
            ["remove", id] => self.model.remove(id.parse().unwrap()).unwrap(),
            ["edit-service", ..] => self.model.edit_service(service(line)).unwrap(),
            ["end", clients] => clients.split_whitespace().for_each(|client| {
                let mut connection = self.open.remove(client).expect(at);
                self.model.set_active(&mut connection, false);
                self.model.close(connection);
            }),
            ["connect", protocol, client, target, kernel] => {
                let flow = Flow {
                    protocol: protocol.parse().unwrap(),
                    client: client.parse().unwrap(),
                    target: target.parse().unwrap(),
                };
                let connection = self.model.connect(flow);
                let picked = connection.as_ref().map(|c| c.destination().to_string());
                assert_eq!(picked.as_deref().unwrap_or("-"), kernel, "{at}");
                self.open.extend(connection.map(|c| (client.to_owned(), c)));
                self.picks += 1;
            }
            _ => panic!("{at}: {line:?} is no step"),
        }
    }
}

fn service(line: &[&str]) -> Service {
    let [_, id, scheduler, flags, timeout, prefix] = *line else {
        panic!("{line:?} is no service");
    };
    let id: ServiceId = id.parse().unwrap();
    let mut service = Service::new(id, scheduler.parse().unwrap());
    service.flags = ServiceFlags::from_bits_retain(flags.parse().unwrap());
    if !timeout.is_empty() {
        service.persistence = Some(Persistence {
            timeout: Seconds(timeout.parse().unwrap()),
            netmask: Netmask::from_prefix(id.family(), prefix.parse().unwrap()).unwrap(),
        });
    }
    service
}

fn destination(line: &[&str]) -> Destination {
    let [_, id, weight, upper, lower] = *line else {
        panic!("{line:?} is no destination");
    };
    let mut destination = Destination::new(id.parse().unwrap(), Forwarding::DirectRouting);
    destination.weight = Weight::new(weight.parse().unwrap()).unwrap();
    let (upper, lower) = (upper.parse().unwrap(), lower.parse().unwrap());
    destination.thresholds = Thresholds::new(upper, lower).unwrap();
    destination
}
