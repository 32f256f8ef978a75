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
    #[command(flatten)]
    pub(crate) state: StateArguments,
}

#[derive(Debug, Args)]
pub(crate) struct UndrainArguments {
    /// The address or name, and the port, as given to `drain`
    #[arg(value_name = "REAL-SERVER[:PORT]")]
    pub(crate) target: DrainTarget,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}
