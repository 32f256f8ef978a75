//! Arguments of `drain` and `undrain`.

use std::time::Duration;

use clap::Args;
use lvs_core::cluster::DrainTarget;

use super::cluster::StateArguments;
use crate::duration;

const DRAIN: &str = "\
The real server gets weight 0 and stays drained until `undrain`, also after the
timeout, Ctrl-C, an `apply` or a reboot. With two directors, run it on both.
It does not count for the `minimum` of a service: with fewer than that, `run` acts
by `below-minimum`, and the drain warns of it.

JSON: one object. Within /1 fields are only ever added.
  {schema: \"lvsctl.drain/1\", target, plans, outcome, removed, connections,
   other_directors, error, hint}
  plans            what was changed, for each cluster, as by `plan --json`
  outcome          how the wait ended: \"over\", \"late\" or \"stopped\"; it and connections
                   are absent if the connections cannot be read
  removed          whether the destinations were deleted
  connections      [{service, destination, active, inactive}]: what the table has
  other_directors  [NAME]: they learn nothing of it

Exit status:
  0   no connection is in use any more
  1   the timeout expired or Ctrl-C: the real server stays drained, and the
      message lists the connections in use; or failed, and nothing changed
  3   failed, and not every change could be rolled back
  64  wrong usage";

#[derive(Debug, Args)]
#[command(after_help = DRAIN)]
pub(crate) struct DrainArguments {
    #[arg(
        value_name = "REAL-SERVER[:PORT]",
        help = "The real server's address or its name in the cluster file, on one port or on all: \
                192.168.1.12, web2, web2:80, [fd00::12]:80"
    )]
    pub(crate) target: DrainTarget,
    /// How long to wait for open connections to end (60s, 5m, 1h)
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
    /// After the wait, also delete its destinations, until `undrain`
    #[arg(long)]
    pub(crate) remove: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}

const UNDRAIN: &str = "\
JSON: {schema: \"lvsctl.undrain/1\", target, plans, other_directors, error, hint}, as
of `drain`";

#[derive(Debug, Args)]
#[command(after_help = UNDRAIN)]
pub(crate) struct UndrainArguments {
    /// The address or name, and the port, as given to `drain`
    #[arg(value_name = "REAL-SERVER[:PORT]")]
    pub(crate) target: DrainTarget,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}
