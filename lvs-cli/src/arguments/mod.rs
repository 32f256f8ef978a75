//! The command line: verbs, options and their help.

mod check;
mod cluster;
mod drain;
mod list;
mod run;
mod simulate;
mod table;

pub(crate) use check::CheckArguments;
pub(crate) use cluster::{
    ApplyArguments, ConfirmArguments, Detail, IdentityArguments, OrderArguments, OrderFormat,
    PlanArguments, PlanFormat, RemoveArguments, StateArguments, Target,
};
pub(crate) use drain::{DrainArguments, UndrainArguments};
pub(crate) use list::{ListArguments, View};
pub(crate) use run::{RunArguments, StatusArguments};
pub(crate) use simulate::{Kernel, SimulateArguments};
pub(crate) use table::{
    DaemonVerb, DestinationOptions, IpvsadmOptions, RestoreArguments, SaveArguments,
    ServiceOptions, TableVerb,
};

use std::env;

use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::output::Volume;
use crate::report_kind::ReportKind;

/// Plan, apply and inspect Linux Virtual Server clusters
#[derive(Debug, Parser)]
#[command(name = "lvsctl", version, after_help = EXIT_STATUS, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Print only errors and requested results: nothing of a change that succeeds
    #[arg(short, long, global = true)]
    quiet: bool,
}

const EXIT_STATUS: &str = "\
Exit status:
  0   done, or nothing to do
  1   failed; nothing changed, or every change was rolled back
      check: an error was found
      drain: the timeout expired or Ctrl-C; the real server stays drained
  2   only with --exit-code: there is, or was, something to change
  3   failed, and not every change could be rolled back; the message lists what remains
  64  wrong usage";

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show what `apply` would change on this node, and change nothing
    Plan(PlanArguments),
    /// Apply the file to this node, verify the result, and roll back on failure
    Apply(ApplyArguments),
    /// Confirm a change made with `apply --confirm` before its deadline
    Confirm(ConfirmArguments),
    /// Remove the cluster from this node, and restore the original configuration
    #[command(mut_arg("file", |file| {
        file.help("The cluster file, or the cluster's name; - reads standard input")
    }))]
    Remove(RemoveArguments),
    /// Keep this node as the file says: apply it, and repair what other programs change; on a director
    /// probe the real servers, too, and set weights by their health
    Run(RunArguments),
    /// Show each real server's weight, health and the reason, as `run` knows them, or else the kernel
    Status(StatusArguments),
    /// Print metrics for Prometheus, as `run --metrics` serves them
    Metrics(StateArguments),
    /// Find errors in the file or on this node; each finding has an impact and a fix
    Check(CheckArguments),
    /// Stop new connections to a real server, until `undrain`, and wait for open ones to end
    Drain(DrainArguments),
    /// Restore the weight of a drained real server
    Undrain(UndrainArguments),
    /// Make a cluster file from keepalived.conf, ldirectord.cf, rules of ipvsadm or the kernel
    Import(crate::import::ImportArguments),
    /// Show the kernel's services and destinations
    List(ListArguments),
    /// Show the order in which to change the nodes of a cluster
    Order(OrderArguments),
    /// Print the JSON Schema of the cluster file, by which an editor completes and checks it
    Schema,
    /// Write the man pages and shell completions into a directory
    Manual(crate::manual::ManualArguments),
    /// Predict which real server gets each connection of a service, without a kernel
    Simulate(SimulateArguments),
    /// Print the kernel's services, timeouts and daemons for `restore` (or `ipvsadm -R`)
    Save(SaveArguments),
    /// Execute rules printed by `save` or written for ipvsadm: all of them, or none
    Restore(RestoreArguments),
    /// Add, edit or delete a service
    #[command(subcommand)]
    #[command(mut_subcommand("add", |add| add.about("Add a service")))]
    #[command(mut_subcommand("edit", |edit| edit.about("Change the given properties of a service, and keep the others")))]
    #[command(mut_subcommand("delete", |delete| delete.about("Delete a service and its destinations")))]
    Service(TableVerb<ServiceOptions>),
    /// Add, edit or delete a destination of a service
    #[command(subcommand)]
    #[command(mut_subcommand("add", |add| add.about("Add a destination to a service")))]
    #[command(mut_subcommand("edit", |edit| edit.about("Change the given properties of a destination, and keep the others")))]
    #[command(mut_subcommand("delete", |delete| delete.about("Delete a destination from a service")))]
    Destination(TableVerb<DestinationOptions>),
    /// Reset the counters of all services, or of one: zero -t ADDRESS:PORT
    Zero(IpvsadmOptions),
    /// Delete all services
    Flush(StateArguments),
    /// Show the connection timeouts, or set them: timeouts TCP TCPFIN UDP (seconds; 0 keeps)
    Timeouts(IpvsadmOptions),
    /// Start or stop a connection synchronisation daemon
    #[command(subcommand)]
    Daemon(DaemonVerb),
}

/// The exit statuses of a verb whose help names none.
const USUAL_STATUS: &str = "\
Exit status:
  0   done
  1   failed, and nothing changed
  3   failed, and something changed, which the message tells
  64  wrong usage";

impl Arguments {
    /// Reads the command line of this process.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let mut command = Self::with_statuses();
        let matches = command.try_get_matches_from_mut(env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    /// Returns how much is to be printed, by an option before the verb or anywhere behind it.
    pub(crate) fn volume(&self) -> Volume {
        let behind = self.verb.options().map(IpvsadmOptions::volume);
        match self.quiet {
            true => Volume::Quiet,
            false => behind.unwrap_or_default(),
        }
    }

    /// Returns the definition of the command line, where the help of every verb has its exit statuses.
    pub(crate) fn with_statuses() -> Command {
        Self::command().mut_subcommands(with_status)
    }
}

/// Adds the exit statuses to the help of a verb that has none, or to that of its subcommands.
fn with_status(verb: Command) -> Command {
    if verb.has_subcommands() {
        return verb.mut_subcommands(with_status);
    }
    let long = verb.get_after_long_help().map(ToString::to_string);
    let short = verb.get_after_help().map(ToString::to_string);
    match (long, short) {
        (Some(text), _) if !text.contains("Exit status:") => {
            verb.after_long_help(format!("{text}\n\n{USUAL_STATUS}"))
        }
        (None, Some(text)) if !text.contains("Exit status:") => {
            verb.after_help(format!("{text}\n\n{USUAL_STATUS}"))
        }
        (None, None) => verb.after_help(USUAL_STATUS),
        _ => verb,
    }
}

impl Verb {
    /// Returns the line of a verb in the options of ipvsadm.
    const fn options(&self) -> Option<&IpvsadmOptions> {
        match self {
            Self::Service(verb) => Some(&verb.options().options),
            Self::Destination(verb) => Some(&verb.options().options),
            Self::Daemon(DaemonVerb::Start(options) | DaemonVerb::Stop(options))
            | Self::Zero(options)
            | Self::Timeouts(options) => Some(options),
            _ => None,
        }
    }

    /// Returns which JSON is asked for.
    pub(crate) fn report(&self) -> Option<ReportKind> {
        let (is_json, kind) = match self {
            Self::Plan(plan) => (plan.format() == PlanFormat::Json, ReportKind::Plan),
            Self::Apply(apply) => (apply.json, ReportKind::Apply),
            Self::Remove(remove) => (remove.json, ReportKind::Remove),
            Self::Check(check) => (check.json, ReportKind::Check),
            Self::Order(order) => (order.format() == OrderFormat::Json, ReportKind::Order),
            Self::Simulate(simulate) => (simulate.json, ReportKind::Simulate),
            Self::Import(import) => (import.json, ReportKind::Import),
            Self::List(list) => (list.json, ReportKind::List),
            Self::Status(status) => (status.json, ReportKind::Status),
            Self::Confirm(confirm) => (confirm.json, ReportKind::Confirm),
            Self::Drain(drain) => (drain.json, ReportKind::Drain),
            Self::Undrain(undrain) => (undrain.json, ReportKind::Undrain),
            Self::Restore(restore) => (restore.json, ReportKind::Restore),
            _ => return None,
        };
        is_json.then_some(kind)
    }
}
