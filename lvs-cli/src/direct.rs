//! The verbs that execute one ipvsadm command each, in its own options.

use lvs_core::Host;
use lvs_core::cluster::StateDir;
use lvs_core::ipvs::Command;
use lvs_core::ipvs::ipvsadm::{self, RuleError};

use crate::arguments::{
    DaemonVerb, DestinationOptions, IpvsadmOptions, ServiceOptions, StateArguments, TableVerb,
};
use crate::exit::{Exit, Problem};
use crate::list;
use crate::output::{Volume, print, warning};

pub(crate) fn service(verb: &TableVerb<ServiceOptions>) -> Result<Exit, Problem> {
    match verb {
        TableVerb::Add(service) => run("service add", "-A", &service.options),
        TableVerb::Edit(service) => edit("service edit", "-E", &service.options),
        TableVerb::Delete(service) => run("service delete", "-D", &service.options),
    }
}

pub(crate) fn destination(verb: &TableVerb<DestinationOptions>) -> Result<Exit, Problem> {
    match verb {
        TableVerb::Add(destination) => run("destination add", "-a", &destination.options),
        TableVerb::Edit(destination) => edit("destination edit", "-e", &destination.options),
        TableVerb::Delete(destination) => run("destination delete", "-d", &destination.options),
    }
}

pub(crate) fn daemon(verb: &DaemonVerb) -> Result<Exit, Problem> {
    match verb {
        DaemonVerb::Start(options) => run("daemon start", "--start-daemon", options),
        DaemonVerb::Stop(options) => run("daemon stop", "--stop-daemon", options),
    }
}

/// Sets the timeouts, or shows them if no values are given.
pub(crate) fn timeouts(options: &IpvsadmOptions) -> Result<Exit, Problem> {
    if options.words().next().is_some() {
        return run("timeouts", "--set", options);
    }
    print(&list::timeouts(&Host::open()?.ipvs()?.timeouts()?))?;
    Ok(Exit::Done)
}

pub(crate) fn flush(state: &StateArguments) -> Result<Exit, Problem> {
    let state = state.directory();
    let _session = state.lock("flush")?;
    warn_beside_controllers(&state, &[Command::Flush]);
    let mut host = Host::open()?;
    match host.is_ipvs_loaded() {
        true => {
            let listing = host.proc().listing()?;
            host.ipvs()?.flush_listed(&listing)?;
        }
        false => host.ipvs()?.flush()?,
    }
    Ok(Exit::Done)
}

pub(crate) fn zero(options: &IpvsadmOptions) -> Result<Exit, Problem> {
    run("zero", "-Z", options)
}

fn run(verb: &str, command: &str, options: &IpvsadmOptions) -> Result<Exit, Problem> {
    let command = ipvsadm::single(options.after(command)).map_err(problem)?;
    let state = options.directory();
    let _session = state.lock(verb)?;
    execute(&command, &state)
}

/// Reads the table and changes it under one lock, so that no other lvsctl changes it in between.
fn edit(verb: &str, command: &str, options: &IpvsadmOptions) -> Result<Exit, Problem> {
    let state = options.directory();
    let _session = state.lock(verb)?;
    let present = Host::open()?.ipvs()?.configuration()?;
    let command = ipvsadm::edit(options.after(command), &present).map_err(problem)?;
    execute(&command, &state)
}

fn problem(error: RuleError) -> Problem {
    match error.is_not_found() {
        true => Problem::failed(error.to_string()),
        false => Problem::usage(error.to_string()),
    }
}

fn execute(command: &Command, state: &StateDir) -> Result<Exit, Problem> {
    warn_beside_controllers(state, std::slice::from_ref(command));
    Host::open()?.ipvs()?.execute(command)?;
    Ok(Exit::Done)
}

/// Warns of changes that `lvsctl run` changes back.
pub(crate) fn warn_beside_controllers(state: &StateDir, commands: &[Command]) {
    for note in state.notes_beside_controllers(commands) {
        warning(&note);
    }
}

impl IpvsadmOptions {
    /// Returns the words of a whole ipvsadm line: the command, then its options.
    fn after<'a>(&'a self, command: &'a str) -> impl Iterator<Item = &'a str> {
        std::iter::once(command).chain(self.words())
    }

    /// Returns the options of ipvsadm, which has none of those that lvsctl has.
    fn words(&self) -> impl Iterator<Item = &str> {
        let mut is_value = false;
        self.words.iter().map(String::as_str).filter(move |word| {
            let is_named = *word == STATE;
            let is_left_out =
                is_value || is_named || word.starts_with(STATE_IS) || QUIET.contains(word);
            is_value = is_named;
            !is_left_out
        })
    }

    /// Returns how much is to be printed by the words, in which `--quiet` may be behind the options of ipvsadm.
    pub(crate) fn volume(&self) -> Volume {
        let mut words = self.words.iter().map(String::as_str);
        match words.any(|word| QUIET.contains(&word)) {
            true => Volume::Quiet,
            false => Volume::Usual,
        }
    }

    /// Returns the state directory, which may be named before or after the options of ipvsadm.
    fn directory(&self) -> StateDir {
        let mut words = self.words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let named = match word.strip_prefix(STATE_IS) {
                None if word == STATE => words.next(),
                named => named,
            };
            if let Some(directory) = named {
                return StateDir::at(directory);
            }
        }
        self.state.directory()
    }
}

const QUIET: [&str; 2] = ["-q", "--quiet"];
const STATE: &str = "--state";
const STATE_IS: &str = "--state=";
