//! Arguments of `drain` and `undrain`.

use std::time::Duration;

use clap::Args;
use lvs_core::cluster::Drain;

use super::cluster::StateArguments;
use crate::duration;

#[derive(Debug, Args)]
pub(crate) struct DrainArguments {
    #[arg(
        value_name = "ADDRESS[:PORT]",
        help = "The real server's address, on one port or on all: 192.168.1.12, 192.168.1.12:80, [fd00::12]:80"
    )]
    pub(crate) drain: Drain,
    /// How long to wait for connections to end (60s, 5m, 1h)
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
    /// The address and port as given to `drain`
    #[arg(value_name = "ADDRESS[:PORT]")]
    pub(crate) drain: Drain,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}
