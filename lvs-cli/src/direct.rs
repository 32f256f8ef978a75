//! The verbs for hands that know ipvsadm: one command of it each, in its own options.

use lvs_core::Host;
use lvs_core::ipvs::Command;
use lvs_core::ipvs::ipvsadm::{self, RuleError};

use crate::arguments::{Change, DaemonVerb, DestinationWords, ServiceWords, StateArguments, Words};
use crate::columns;
use crate::exit::{Exit, Problem};
use crate::output::print;

pub(crate) fn service(change: &Change<ServiceWords>) -> Result<Exit, Problem> {
    match change {
        Change::Add(words) => run("service add", "-A", &words.rest),
        Change::Edit(words) => edit("service edit", "-E", &words.rest),
        Change::Delete(words) => run("service delete", "-D", &words.rest),
    }
}

pub(crate) fn destination(change: &Change<DestinationWords>) -> Result<Exit, Problem> {
    match change {
        Change::Add(words) => run("destination add", "-a", &words.rest),
        Change::Edit(words) => edit("destination edit", "-e", &words.rest),
        Change::Delete(words) => run("destination delete", "-d", &words.rest),
    }
}

pub(crate) fn daemon(verb: &DaemonVerb) -> Result<Exit, Problem> {
    match verb {
        DaemonVerb::Start(rest) => run("daemon start", "--start-daemon", rest),
        DaemonVerb::Stop(rest) => run("daemon stop", "--stop-daemon", rest),
    }
}

/// Sets them, or shows them if nothing is said.
pub(crate) fn timeouts(rest: &Words) -> Result<Exit, Problem> {
    if !rest.words.is_empty() {
        return run("timeouts", "--set", rest);
    }
    let timeouts = Host::open()?.ipvs()?.timeouts()?;
    print(&columns::timeouts(&timeouts))?;
    Ok(Exit::Done)
}

pub(crate) fn flush(state: &StateArguments) -> Result<Exit, Problem> {
    let _session = state.state().lock("flush")?;
    execute(&Command::Flush)
}

pub(crate) fn zero(rest: &Words) -> Result<Exit, Problem> {
    run("zero", "-Z", rest)
}

fn run(verb: &str, option: &str, rest: &Words) -> Result<Exit, Problem> {
    let command = ipvsadm::single(words(option, rest)).map_err(refused)?;
    let _session = rest.state.state().lock(verb)?;
    execute(&command)
}

/// Nobody else changes anything between the reading and the change.
fn edit(verb: &str, option: &str, rest: &Words) -> Result<Exit, Problem> {
    let _session = rest.state.state().lock(verb)?;
    let standing = Host::open()?.ipvs()?.configuration()?;
    let command = ipvsadm::edit(words(option, rest), &standing).map_err(refused)?;
    execute(&command)
}

fn refused(error: RuleError) -> Problem {
    match error.is_not_found() {
        true => Problem::failed(error.to_string()),
        false => Problem::usage(error.to_string()),
    }
}

fn execute(command: &Command) -> Result<Exit, Problem> {
    Host::open()?.ipvs()?.execute(command)?;
    Ok(Exit::Done)
}

fn words<'a>(option: &'a str, rest: &'a Words) -> impl Iterator<Item = &'a str> {
    let rest = rest.words.iter().map(String::as_str);
    std::iter::once(option).chain(rest)
}
