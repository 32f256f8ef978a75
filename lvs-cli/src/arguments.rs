//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lvs_core::cluster::{Drain, State};

use crate::duration;

/// Plans, applies and inspects Linux Virtual Server clusters.
#[derive(Debug, Parser)]
#[command(name = "lvsctl", version, about, after_help = EXITS, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXITS: &str = "Exit status: 0 done or nothing to do; 1 failed, and nothing is changed; \
2 something changed (only with --exit-code); 3 failed, and not everything could be taken back; 64 usage.";

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show what would change on this machine; nothing is touched
    Plan(PlanArguments),
    /// Make this machine look as the file says, verify it, and take it back if it fails
    Apply(ApplyArguments),
    /// Say in time that a change made with apply --confirm is to stay
    Confirm(StateArguments),
    /// Take the cluster off this machine: everything as it was found
    Remove(RemoveArguments),
    /// Send nobody new to a real server and wait until nobody is left there; lasts until undrain
    Drain(DrainArguments),
    /// Give a drained real server its weight back
    Undrain(UndrainArguments),
    /// Show the kernel's table of services and destinations
    List(ListArguments),
    /// Show the order in which the machines are to be changed
    Order(OrderArguments),
}

/// Which machine of which cluster.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The cluster file; - is standard input
    pub(crate) file: String,
    /// The machine of the file that this one is [default: the one with this host name]
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}

#[derive(Debug, Args)]
pub(crate) struct StateArguments {
    /// Where is remembered what was found and made here
    #[arg(long, value_name = "DIR", default_value = State::DEFAULT)]
    pub(crate) state: PathBuf,
}

impl StateArguments {
    pub(crate) fn state(&self) -> State {
        State::at(&self.state)
    }
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// As text, as the commands an operator would type, or as JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Plan to delete services on a virtual IP that the file does not name
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Exit with 2 if something would change
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    Text,
    Shell,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Only show what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take everything back unless `lvsctl confirm` is given within this time, whatever becomes of
    /// this terminal: for changes that may cut the connection they are made by
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) confirm: Option<Duration>,
    /// Delete services on a virtual IP that the file does not name
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Exit with 2 if something changed
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DrainArguments {
    /// The real server's address, on one port or on all: 192.168.1.12, 192.168.1.12:80, [fd00::12]:80
    #[arg(value_name = "ADDRESS[:PORT]")]
    pub(crate) drain: Drain,
    /// How long to wait for connections to end
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
    /// Then take it out of the table, until undrain
    #[arg(long)]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}

#[derive(Debug, Args)]
pub(crate) struct UndrainArguments {
    /// As it was given to drain
    #[arg(value_name = "ADDRESS[:PORT]")]
    pub(crate) drain: Drain,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Only show what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OrderArguments {
    /// The cluster file; - is standard input
    pub(crate) file: String,
    /// The cluster as it is now: machines that stay as they are have no turn
    #[arg(long, value_name = "OLD")]
    pub(crate) from: Option<String>,
    /// Report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
