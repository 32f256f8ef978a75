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

const CONFIRM: &str = "JSON: {schema: \"lvsctl.confirm/1\", confirmed, error, hint}";

#[derive(Debug, Args)]
#[command(after_help = CONFIRM)]
pub(crate) struct ConfirmArguments {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateArguments,
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
    /// Treat this host as the node even if it is evidently another node of the file
    #[arg(long)]
    pub(crate) force_node: bool,
}

const PLAN: &str = "\
Exit status:
  0   shown
  1   failed, or `apply` would refuse this plan; the message says why
  2   only with --exit-code: something would change
  64  wrong usage";

#[derive(Debug, Args)]
#[command(after_help = PLAN)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) role: RoleArguments,
    /// Compare with this cluster file, on paper and for any node: what would change if it was applied before
    #[arg(long, value_name = "OLD", requires = "node")]
    pub(crate) from: Option<String>,
    /// Output: text, the equivalent shell commands, or JSON
    #[arg(long, value_enum, default_value_t = PlanFormat::Text, conflicts_with = "json")]
    format: PlanFormat,
    /// Plan to delete services on a virtual IP that the file does not name, and to delete or change
    /// destinations that existed before the first apply; later ones do so without this
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Exit with 2 if something would change
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(crate) detail: Detail,
}

impl PlanArguments {
    pub(crate) fn format(&self) -> PlanFormat {
        match self.json {
            true => PlanFormat::Json,
            false => self.format,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Detail {
    /// List every step and note, also where there are thousands of one kind
    #[arg(long)]
    pub(crate) verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    Text,
    Shell,
    Json,
}

const APPLY: &str = "\
The original configuration is recorded in the state directory before the first
change. `lvsctl remove FILE` restores it; to return to an earlier file, apply
that file.

Exit status:
  0   done and verified, or nothing to do
  1   refused or failed; nothing changed, or every change was rolled back
  2   only with --exit-code: something changed
  3   failed, and not every change could be rolled back; the message lists what
      remains
  64  wrong usage";

#[derive(Debug, Args)]
#[command(after_help = APPLY)]
pub(crate) struct ApplyArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) role: RoleArguments,
    #[command(flatten)]
    pub(crate) identity: IdentityArguments,
    /// Only add: what the file no longer names or would replace stays until the next `apply`
    /// (see `order --from`)
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
    /// that existed before the first apply; later ones do so without this
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Exit with 2 if something changed
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) detail: Detail,
}

const REMOVE: &str = "\
`lvsctl remove web` removes the cluster named web by its record alone, without
its file. What other programs have changed since the last apply stays as it is;
the plan lists it.

Exit status:
  0   done, or nothing to do
  1   failed; nothing changed, or every change was rolled back
  2   only with --exit-code: something was removed
  3   failed, and not every change could be rolled back; the message lists what
      remains
  64  wrong usage";

#[derive(Debug, Args)]
#[command(after_help = REMOVE)]
pub(crate) struct RemoveArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) identity: IdentityArguments,
    /// Show the plan, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Exit with 2 if something was removed
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) detail: Detail,
}

const ORDER: &str = "\
Each line is one step: run it on the node that it names, and wait until it is
done before the next one. --json has the whole command of each step. A line with
`outage` tells what clients notice of the step above it, one with `hint` what to
do before the step below it.";

#[derive(Debug, Args)]
#[command(after_help = ORDER)]
pub(crate) struct OrderArguments {
    /// The cluster file; - reads standard input
    pub(crate) file: String,
    /// The cluster file that is applied now: print the steps from it to FILE; nodes that stay the same
    /// have none
    #[arg(long, value_name = "OLD")]
    pub(crate) from: Option<String>,
    /// Output: text, JSON, or a picture of the cluster, as the text of a Mermaid diagram or as SVG
    #[arg(long, value_enum, default_value_t = OrderFormat::Text, conflicts_with = "json")]
    format: OrderFormat,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl OrderArguments {
    pub(crate) fn format(&self) -> OrderFormat {
        match self.json {
            true => OrderFormat::Json,
            false => self.format,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OrderFormat {
    Text,
    Json,
    Mermaid,
    Svg,
}
