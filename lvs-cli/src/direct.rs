//! The verbs for hands that know ipvsadm: one command of it each, in its own options.

use lvs_core::Host;
use lvs_core::ipvs::Command;
use lvs_core::ipvs::rules::{self, RuleError};

use crate::arguments::{Change, DaemonVerb, DestinationWords, ServiceWords, Words};
use crate::columns;
use crate::exit::{Exit, Problem};
use crate::output::print;

pub(crate) fn service(change: &Change<ServiceWords>) -> Result<Exit, Problem> {
    match change {
        Change::Add(words) => run("-A", &words.rest),
        Change::Edit(words) => edit("-E", &words.rest),
        Change::Delete(words) => run("-D", &words.rest),
    }
}

pub(crate) fn destination(change: &Change<DestinationWords>) -> Result<Exit, Problem> {
    match change {
        Change::Add(words) => run("-a", &words.rest),
        Change::Edit(words) => edit("-e", &words.rest),
        Change::Delete(words) => run("-d", &words.rest),
    }
}

pub(crate) fn daemon(verb: &DaemonVerb) -> Result<Exit, Problem> {
    match verb {
        DaemonVerb::Start(rest) => run("--start-daemon", rest),
        DaemonVerb::Stop(rest) => run("--stop-daemon", rest),
    }
}

/// Sets them, or shows them if nothing is said.
pub(crate) fn timeouts(rest: &Words) -> Result<Exit, Problem> {
    if !rest.words.is_empty() {
        return run("--set", rest);
    }
    let timeouts = Host::open()?.ipvs()?.timeouts()?;
    print(&columns::timeouts(&timeouts))?;
    Ok(Exit::Done)
}

pub(crate) fn flush() -> Result<Exit, Problem> {
    execute(&Command::Flush)
}

pub(crate) fn run(verb: &str, rest: &Words) -> Result<Exit, Problem> {
    let command = rules::single(words(verb, rest)).map_err(refused)?;
    execute(&command)
}

fn edit(verb: &str, rest: &Words) -> Result<Exit, Problem> {
    let standing = Host::open()?.ipvs()?.configuration()?;
    let command = rules::edit(words(verb, rest), &standing).map_err(refused)?;
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

fn words<'a>(verb: &'a str, rest: &'a Words) -> impl Iterator<Item = &'a str> {
    let rest = rest.words.iter().map(String::as_str);
    std::iter::once(verb).chain(rest)
}
