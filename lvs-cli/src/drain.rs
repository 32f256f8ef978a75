//! `lvsctl drain` and `lvsctl undrain`

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lvs_core::Host;
use lvs_core::cluster::{Drain, DrainOutcome, Draining, Plan, Remaining};

use crate::arguments::{DrainArguments, UndrainArguments};
use crate::exit::{Exit, Problem};
use crate::output::{complain, print};
use crate::signals;

pub(crate) fn run(arguments: &DrainArguments) -> Result<Exit, Problem> {
    let stop = signals::stop_flag()?;
    let mut host = Host::open()?;
    drain(arguments, Draining::Quiet, &stop, &mut host)?;
    let waited = arguments.state.state().wait(
        arguments.drain,
        host.proc(),
        arguments.timeout,
        &stop,
        &mut |left| tell(left),
    )?;
    let left = match waited {
        DrainOutcome::Over(left) => left,
        // Who gives no time wants no waiting.
        DrainOutcome::Late(left) if arguments.remove && arguments.timeout.is_zero() => left,
        DrainOutcome::Late(left) => return Err(unfinished("time is over", arguments.drain, &left)),
        DrainOutcome::Stopped(left) => {
            return Err(unfinished("interrupted", arguments.drain, &left));
        }
        _ => {
            return Err(Problem::failed(
                "the wait ended in a way unknown to this program",
            ));
        }
    };
    if arguments.remove {
        drain(arguments, Draining::Removed, &stop, &mut host)?;
    }
    print(&format!("{}: {}\n", arguments.drain, outcome(&left)))?;
    Ok(Exit::Done)
}

/// Closing connections are told, for whoever still listens on one notices when the server goes.
fn outcome(left: &[Remaining]) -> String {
    let sum =
        |count: fn(&Remaining) -> u32| left.iter().map(|it| u64::from(count(it))).sum::<u64>();
    match (sum(|it| it.active), sum(|it| it.inactive)) {
        (0, 0) => "nobody is left there".to_owned(),
        (0, closing) => format!("nobody is left there; {closing} closing"),
        (active, _) => format!("{active} connections were left there"),
    }
}

/// Only the change itself is made under the lock; the wait is not.
fn drain(
    arguments: &DrainArguments,
    how: Draining,
    stop: &Arc<AtomicBool>,
    host: &mut Host,
) -> Result<(), Problem> {
    let mut session = arguments.state.state().lock("drain")?;
    if how == Draining::Quiet {
        session = session.stop_by(Arc::clone(stop));
    }
    let done = session.drain(arguments.drain, how, host, &mut |_| ())?;
    show(&done)
}

pub(crate) fn undrain(arguments: &UndrainArguments) -> Result<Exit, Problem> {
    let stop = signals::stop_flag()?;
    let mut session = arguments.state.state().lock("undrain")?.stop_by(stop);
    let done = session.undrain(arguments.drain, &mut Host::open()?, &mut |_| ())?;
    show(&done)?;
    Ok(Exit::Done)
}

fn show(done: &[Plan]) -> Result<(), Problem> {
    done.iter().try_for_each(|plan| print(&plan.to_string()))
}

fn tell(left: &[Remaining]) {
    for it in left.iter().filter(|it| !it.is_over()) {
        complain(&format!("waiting: {it}"));
    }
}

fn unfinished(why: &str, drain: Drain, left: &[Remaining]) -> Problem {
    let left: Vec<_> = left
        .iter()
        .filter(|it| !it.is_over())
        .map(|it| format!("\n  {it}"))
        .collect();
    Problem::failed(format!(
        "drain {drain}: {why}; nobody new is sent there, but left are:{}\n\
         it stays drained: wait on with the same command (--timeout 0s --remove waits for nobody), \
         or give the weight back with `lvsctl undrain {drain}`",
        left.concat()
    ))
}
