//! The measurements, a function for each row.

use std::time::{Duration, Instant};

use lvs_core::IfName;
use lvs_core::ipvs::{Command, Ipvs};
use lvs_core::proc::Proc;

use crate::Result;
use crate::calls::{self, Calls};
use crate::debian;
use crate::floor::Floor;
use crate::namespace::only_namespace;
use crate::report::{Entry, Target, print, quantile};
use crate::steps::batch;
use crate::tables::{MANY, MORE, ONE, Size};

type Row = fn() -> Result<()>;

const ROWS: [(&str, Row); 6] = [
    ("add-one", add_one),
    ("add-many", add_many),
    ("add-again", add_again),
    ("snapshot", snapshot),
    ("linear", linear),
    ("counters", counters),
];

/// How many turns each contestant has.
const TURNS: usize = 15;
/// How many turns ipvsadm has, which takes seconds.
const TURNS_OF_IPVSADM: usize = 3;

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|(name, _)| *name)
}

pub(crate) fn run(name: &str) -> Result<()> {
    match ROWS.iter().find(|(row, _)| *row == name) {
        Some((_, row)) => row(),
        None => Err(format!("there is no row {name}").into()),
    }
}

/// Runs `work` in a new network namespace, in which no destination was ever deleted, and then removes it.
fn in_fresh_namespace<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    only_namespace()?.run(|host| {
        host.net().set_up(&IfName::LO)?;
        work()
    })?
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<Duration> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed())
}

fn start_of_ipvsadm() -> Result<Duration> {
    let times: Result<Vec<_>> = (0..TURNS)
        .map(|_| debian::time(debian::starting()?))
        .collect();
    Ok(quantile(&times?, 4))
}

fn add_one() -> Result<()> {
    add("add 1000 destinations to 1 service", ONE, "add-one", 40.0)
}

fn add_many() -> Result<()> {
    add("add 1000 services x 10", MANY, "add-many", 100.0)
}

fn add(what: &str, size: Size, step: &str, faster: f64) -> Result<()> {
    let commands = size.commands();
    let (mut ours, mut floor) = (Entry::new("lvs-core"), Entry::new("floor"));
    let mut ipvsadm = Entry::new("ipvsadm -R");
    for turn in 0..TURNS {
        ours.times.push(in_fresh_namespace(|| add_ours(&commands))?);
        floor
            .times
            .push(in_fresh_namespace(|| add_floor(&commands))?);
        if turn % (TURNS / TURNS_OF_IPVSADM) == 0 {
            let time = in_fresh_namespace(|| debian::time(debian::restoring(size)?))?;
            ipvsadm.times.push(time);
        }
    }
    ipvsadm.start = start_of_ipvsadm()?;
    ours.calls = Some(in_fresh_namespace(|| calls::of_step(step))?);
    let step = format!("floor-{step}");
    floor.calls = Some(in_fresh_namespace(|| calls::of_step(&step))?);
    ipvsadm.calls = count_ipvsadm(size)?;
    let rivals = [
        (floor, Target::Within(1.25)),
        (ipvsadm, Target::Faster(faster)),
    ];
    print(what, &ours, &rivals)
}

/// Counts the calls of ipvsadm for a small table only: strace is slow.
fn count_ipvsadm(size: Size) -> Result<Option<Calls>> {
    if size.services > 1 {
        return Ok(None);
    }
    in_fresh_namespace(|| {
        let calls = calls::of_program(debian::starting()?, debian::restoring(size)?)?;
        Ok(Some(calls))
    })
}

/// Measures with a handle that was used before, as the floor's bytes were. In a guest the first touch of a
/// page costs as much as hundreds of messages; outside it does not.
fn add_ours(commands: &[Command]) -> Result<Duration> {
    let mut ipvs = Ipvs::open()?;
    let edits = commands.iter().filter_map(|command| match command {
        Command::AddDestination(id, real) => Some(Command::EditDestination(*id, *real)),
        _ => None,
    });
    for result in ipvs.batch(&edits.collect::<Vec<_>>())? {
        if result.is_ok() {
            return Err("a destination existed already".into());
        }
    }
    timed(|| batch(&mut ipvs, commands))
}

fn add_floor(commands: &[Command]) -> Result<Duration> {
    let mut floor = Floor::open()?;
    let packets = floor.packets(commands);
    timed(|| floor.send(&packets))
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
    let mut ipvsadm = Entry::new("ipvsadm -Sn");
    for _ in 0..TURNS {
        ours.times.push(timed(|| Ok(ipvs.snapshot()?))?);
        floor.times.push(timed(|| plain.dump(&requests))?);
        ipvsadm.times.push(debian::time(debian::saving()?)?);
    }
    ipvsadm.start = start_of_ipvsadm()?;
    ours.calls = Some(calls::of_step("snapshot")?);
    floor.calls = Some(calls::of_step("floor-dump")?);
    ipvsadm.calls = Some(calls::of_program(debian::starting()?, debian::saving()?)?);
    let rivals = [
        (floor, Target::Within(1.25)),
        (ipvsadm, Target::Faster(6.0)),
    ];
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
