//! Arguments of the verbs that take a cluster file: `plan`, `apply`, `remove`, `order`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use lvs_core::cluster::{Role, StateDir};

use crate::duration;

/// Names a node of a cluster file.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The cluster file; - reads standard input
    pub(crate) file: String,
    /// The node of the file that this host is [default: the node with this host's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}

#[derive(Debug, Args)]
pub(crate) struct StateArguments {
    /// State directory: records of the original and the applied configuration, and the lock
    #[arg(long, value_name = "DIR", default_value = StateDir::DEFAULT)]
    pub(crate) state: PathBuf,
}

impl StateArguments {
    pub(crate) fn directory(&self) -> StateDir {
        StateDir::at(&self.state)
    }
}

#[derive(Debug, Args)]
pub(crate) struct RoleArguments {
    /// With two directors: active (carries the floating addresses) or standby (does not)
    /// [default: the role that was last applied here]
    #[arg(long, value_name = "active|standby")]
    pub(crate) role: Option<Role>,
}

#[derive(Debug, Args)]
pub(crate) struct IdentityArguments {
    /// Take this host for the node even if it is evidently another one
    #[arg(long)]
    pub(crate) force_node: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) role: RoleArguments,
    /// Output: text, the equivalent shell commands, or JSON
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    pub(crate) format: PlanFormat,
    /// Plan to delete services on a virtual IP that the file does not name, and to delete or change
    /// destinations that were there before the first apply
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Exit with 2 if something would change
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PlanFormat {
    Text,
    Shell,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) role: RoleArguments,
    #[command(flatten)]
    pub(crate) identity: IdentityArguments,
    /// Apply only what is added: what the file no longer names or would replace stays until the next
    /// apply (see `order`)
    #[arg(long)]
    pub(crate) grow: bool,
    /// Show the plan, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Roll back unless `lvsctl confirm` is run within this time (60s, 5m, 1h), even if this
    /// terminal is lost: for changes that may cut your own connection
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) confirm: Option<Duration>,
    /// Delete services on a virtual IP that the file does not name, and delete or change destinations
    /// that were there before the first apply
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Exit with 2 if something changed
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) identity: IdentityArguments,
    /// Show the plan, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OrderArguments {
    /// The cluster file; - reads standard input
    pub(crate) file: String,
    /// The cluster file that is applied now; nodes that stay the same are left out
    #[arg(long, value_name = "OLD")]
    pub(crate) from: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
