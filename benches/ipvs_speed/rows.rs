//! The measurements, a function for each row.

use lvs_core::ipvs::{Command, Ipvs};
use lvs_core::proc::Proc;

use crate::Result;
use crate::calls;
use crate::change::{add_many, add_one, delete};
use crate::debian;
use crate::floor::Floor;
use crate::peer;
use crate::report::{Entry, Target, print};
use crate::steps::batch;
use crate::tables::{MANY, MORE, Size};
use crate::turn::{TURNS, in_fresh_namespace, timed};

type Row = fn() -> Result<()>;

const ROWS: [(&str, Row); 7] = [
    ("add-one", add_one),
    ("add-many", add_many),
    ("delete", delete),
    ("add-again", add_again),
    ("snapshot", snapshot),
    ("linear", linear),
    ("counters", counters),
];

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|(name, _)| *name)
}

pub(crate) fn run(name: &str) -> Result<()> {
    match ROWS.iter().find(|(row, _)| *row == name) {
        Some((_, row)) => row(),
        None => Err(format!("there is no row {name}").into()),
    }
}

/// The kernel keeps deleted destinations in a list, which it searches for each new one.
fn add_again() -> Result<()> {
    let commands = MANY.commands();
    let mut ours = Entry::new("lvs-core");
    let mut fresh = Entry::new("lvs-core, nothing deleted");
    let mut straight = Entry::new("lvs-core, in the same order");
    for _ in 0..TURNS {
        let (first, again) = in_fresh_namespace(|| {
            let mut ipvs = Ipvs::open()?;
            let first = timed(|| batch(&mut ipvs, &commands))?;
            let back = Command::rebuilding(&ipvs.snapshot()?);
            ipvs.flush()?;
            Ok((first, timed(|| batch(&mut ipvs, &back))?))
        })?;
        fresh.times.push(first);
        ours.times.push(again);
        let time = in_fresh_namespace(|| {
            let mut ipvs = Ipvs::open()?;
            batch(&mut ipvs, &commands)?;
            let mut back = Command::rebuilding(&ipvs.snapshot()?);
            back = services_reversed(back);
            ipvs.flush()?;
            timed(|| batch(&mut ipvs, &back))
        })?;
        straight.times.push(time);
    }
    let rivals = [(fresh, Target::Within(3.0)), (straight, Target::None)];
    print("1000 x 10 into a table just emptied", &ours, &rivals)
}

/// Reverses the services, each with its destinations: the order in which the kernel lists them.
fn services_reversed(commands: Vec<Command>) -> Vec<Command> {
    let mut services: Vec<Vec<Command>> = Vec::new();
    for command in commands {
        match (&command, services.last_mut()) {
            (Command::AddDestination(..), Some(service)) => service.push(command),
            _ => services.push(vec![command]),
        }
    }
    services.into_iter().rev().flatten().collect()
}

fn snapshot() -> Result<()> {
    let mut ipvs = Ipvs::open()?;
    batch(&mut ipvs, &MANY.commands())?;
    let mut plain = Floor::open()?;
    let requests = plain.requests(MANY.ids());
    let (mut ours, mut floor) = (Entry::new("lvs-core"), Entry::new("plain dump"));
    let (mut ipvsadm, mut go) = (Entry::new("ipvsadm -Sn"), peer::entry());
    for _ in 0..TURNS {
        ours.times.push(timed(|| Ok(ipvs.snapshot()?))?);
        floor.times.push(timed(|| plain.dump(&requests))?);
        ipvsadm.times.push(debian::time(debian::saving()?)?);
        if let Some(go) = &mut go {
            go.times.push(peer::time("list", MANY)?);
        }
    }
    ipvsadm.start = debian::start()?;
    ours.calls = Some(calls::of_step("snapshot")?);
    floor.calls = Some(calls::of_step("floor-dump")?);
    ipvsadm.calls = Some(calls::of_program(debian::starting()?, debian::saving()?)?);
    let mut rivals = vec![
        (floor, Target::Within(1.25)),
        (ipvsadm, Target::Faster(6.0)),
    ];
    if let Some(mut go) = go {
        go.calls = Some(peer::calls("list", MANY)?);
        rivals.push((go, Target::Faster(2.0)));
    }
    print("snapshot of 1000 x 10", &ours, &rivals)
}

/// Checks that a table of five times the size takes five times as long.
fn linear() -> Result<()> {
    let times = |size: Size, name| {
        in_fresh_namespace(move || {
            let mut ipvs = Ipvs::open()?;
            batch(&mut ipvs, &size.commands())?;
            let mut entry = Entry::new(name);
            for _ in 0..TURNS {
                let time = timed(|| Ok(ipvs.snapshot()?))?;
                entry.times.push(time * MORE.services / size.services);
            }
            Ok(entry)
        })
    };
    let small = times(MANY, "5 times 1000 x 10")?;
    let large = times(MORE, "lvs-core")?;
    print(
        "snapshot of 5000 x 10",
        &large,
        &[(small, Target::Within(1.25))],
    )
}

fn counters() -> Result<()> {
    let mut ipvs = Ipvs::open()?;
    batch(&mut ipvs, &MANY.commands())?;
    let proc = Proc::new();
    let mut ours = Entry::new("lvs-core, /proc");
    let mut dump = Entry::new("lvs-core, snapshot");
    for _ in 0..TURNS {
        ours.times.push(timed(|| Ok(proc.listing()?))?);
        dump.times.push(timed(|| Ok(ipvs.snapshot()?))?);
    }
    ours.calls = Some(calls::of_step("counters")?);
    dump.calls = Some(calls::of_step("snapshot")?);
    let what = "weights and connections of 1000 x 10";
    print(what, &ours, &[(dump, Target::Faster(5.0))])
}
