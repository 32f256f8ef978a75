//! The steps whose calls strace counts: one operation, or its preparation alone, in a process of its own.

use lvs_core::ipvs::{Command, Ipvs};
use lvs_core::proc::Proc;

use crate::Result;
use crate::floor::Floor;
use crate::tables::{MANY, ONE};

/// Runs the step of this name, or with `prepare` only its preparation.
pub(crate) fn run(step: &str, part: &str) -> Result<()> {
    let really = part == "do";
    match step {
        "add-one" => change(&ONE.commands(), really),
        "add-many" => change(&MANY.commands(), really),
        "delete" => change(&MANY.deletions(), really),
        "floor-add-one" => floor_change(&ONE.commands(), really),
        "floor-add-many" => floor_change(&MANY.commands(), really),
        "floor-delete" => floor_change(&MANY.deletions(), really),
        "snapshot" => snapshot(really),
        "floor-dump" => floor_dump(really),
        "counters" => counters(really),
        _ => Err(format!("there is no step {step}").into()),
    }
}

fn change(commands: &[Command], really: bool) -> Result<()> {
    let mut ipvs = Ipvs::open()?;
    if really {
        batch(&mut ipvs, commands)?;
    }
    Ok(())
}

/// Runs a batch in which no command may fail.
pub(crate) fn batch(ipvs: &mut Ipvs, commands: &[Command]) -> Result<()> {
    for result in ipvs.batch(commands)? {
        result?;
    }
    Ok(())
}

fn floor_change(commands: &[Command], really: bool) -> Result<()> {
    let mut floor = Floor::open()?;
    let packets = floor.packets(commands);
    match really {
        true => floor.send(&packets),
        false => Ok(()),
    }
}

fn snapshot(really: bool) -> Result<()> {
    let mut ipvs = Ipvs::open()?;
    if really {
        ipvs.snapshot()?;
    }
    Ok(())
}

fn floor_dump(really: bool) -> Result<()> {
    let mut floor = Floor::open()?;
    let requests = floor.requests(MANY.ids());
    if really {
        floor.dump(&requests)?;
    }
    Ok(())
}

fn counters(really: bool) -> Result<()> {
    if really {
        Proc::new().listing()?;
    }
    Ok(())
}
