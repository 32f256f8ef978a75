//! The rows in which each contestant changes a table of its own.

use std::time::Duration;

use lvs_core::ipvs::{Command, Ipvs};

use crate::Result;
use crate::calls;
use crate::debian;
use crate::floor::Floor;
use crate::peer;
use crate::report::{Entry, Target, print};
use crate::steps::batch;
use crate::tables::{MANY, ONE, Size};
use crate::turn::{TURNS, in_fresh_namespace, timed};

/// How many turns those have that take seconds.
const TURNS_OF_SLOW: usize = 3;
/// The library of Go has a send and an answer for each command.
const FASTER_THAN_GO: Target = Target::Faster(10.0);

pub(crate) fn add_one() -> Result<()> {
    let row = Row {
        what: "add 1000 destinations to 1 service",
        step: "add-one",
        size: ONE,
        change: Change::Add,
    };
    row.measure(40.0)
}

pub(crate) fn add_many() -> Result<()> {
    let row = Row {
        what: "add 1000 services x 10",
        step: "add-many",
        size: MANY,
        change: Change::Add,
    };
    row.measure(100.0)
}

pub(crate) fn delete() -> Result<()> {
    let row = Row {
        what: "delete 1000 services x 10",
        step: "delete",
        size: MANY,
        change: Change::Delete,
    };
    row.measure(40.0)
}

/// What is done to a table.
#[derive(Clone, Copy)]
enum Change {
    /// It is made, from nothing.
    Add,
    /// Its services are deleted, one by one.
    Delete,
}

#[derive(Clone, Copy)]
struct Row {
    what: &'static str,
    /// The step whose system calls are counted.
    step: &'static str,
    size: Size,
    change: Change,
}

impl Row {
    /// Measures; lvs-core is to be so many times as fast as ipvsadm.
    fn measure(self, faster: f64) -> Result<()> {
        let (mut ours, mut floor) = (Entry::new("lvs-core"), Entry::new("floor"));
        let (mut ipvsadm, mut go) = (Entry::new("ipvsadm -R"), peer::entry());
        for turn in 0..TURNS {
            ours.times.push(self.turn(|| self.ours())?);
            floor.times.push(self.turn(|| self.floor())?);
            if turn % (TURNS / TURNS_OF_SLOW) != 0 {
                continue;
            }
            ipvsadm.times.push(self.turn(|| self.ipvsadm())?);
            if let Some(go) = &mut go {
                let time = self.turn(|| peer::time(self.verb(), self.size))?;
                go.times.push(time);
            }
        }
        ipvsadm.start = debian::start()?;
        ours.calls = Some(self.turn(|| calls::of_step(self.step))?);
        floor.calls = Some(self.turn(|| calls::of_step(&format!("floor-{}", self.step)))?);
        // Those that need thousands are counted for a small table only: strace is slow.
        if self.size.services == 1 {
            let (starting, restoring) = (debian::starting()?, debian::restoring(&self.rules())?);
            ipvsadm.calls = Some(self.turn(|| calls::of_program(starting, restoring))?);
            if let Some(go) = &mut go {
                go.calls = Some(self.turn(|| peer::calls(self.verb(), self.size))?);
            }
        }
        let mut rivals = vec![
            (floor, Target::Within(1.25)),
            (ipvsadm, Target::Faster(faster)),
        ];
        rivals.extend(go.map(|go| (go, FASTER_THAN_GO)));
        print(self.what, &ours, &rivals)
    }

    /// Runs `work` in a new network namespace, with the table if it is to be deleted.
    fn turn<T: Send>(self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        in_fresh_namespace(|| {
            if let Change::Delete = self.change {
                batch(&mut Ipvs::open()?, &self.size.commands())?;
            }
            work()
        })
    }

    /// Measures with a handle that was used before, as the floor's bytes were. In a guest the first touch of a
    /// page costs as much as hundreds of messages; outside it does not.
    fn ours(self) -> Result<Duration> {
        let mut ipvs = Ipvs::open()?;
        let edits = self.size.commands().into_iter().filter_map(edit);
        // There is nothing to edit yet where it is to be added.
        drop(ipvs.batch(&edits.collect::<Vec<_>>())?);
        let commands = self.commands();
        timed(|| batch(&mut ipvs, &commands))
    }

    fn floor(self) -> Result<Duration> {
        let mut floor = Floor::open()?;
        let packets = floor.packets(&self.commands());
        timed(|| floor.send(&packets))
    }

    fn ipvsadm(self) -> Result<Duration> {
        debian::time(debian::restoring(&self.rules())?)
    }

    fn commands(self) -> Vec<Command> {
        match self.change {
            Change::Add => self.size.commands(),
            Change::Delete => self.size.deletions(),
        }
    }

    fn rules(self) -> String {
        match self.change {
            Change::Add => self.size.rules(),
            Change::Delete => self.size.rules_of_deletion(),
        }
    }

    /// Returns the word of `peer.go`.
    const fn verb(self) -> &'static str {
        match self.change {
            Change::Add => "add",
            Change::Delete => "delete",
        }
    }
}

fn edit(command: Command) -> Option<Command> {
    match command {
        Command::AddDestination(service, real) => Some(Command::EditDestination(service, real)),
        _ => None,
    }
}
