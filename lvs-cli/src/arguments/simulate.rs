//! Arguments of `simulate`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use lvs_core::ipvs::ServiceId;
use lvs_core::net::IpNet;
use lvs_core::scheduler::Generation;
use serde::Serialize;

use crate::duration;

#[derive(Debug, Args)]
pub(crate) struct SimulateArguments {
    /// The cluster file; - reads standard input
    pub(crate) file: String,
    /// The service, such as "tcp 172.16.5.11:80"; required if the file has several
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<ServiceId>,
    /// The number of connections: one per second, each from the next client
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) connections: u64,
    /// The network of the clients, used address by address [default: 10.0.0.0/8 or 2001:db8::/32]
    #[arg(long, value_name = "CIDR")]
    pub(crate) clients: Option<IpNet>,
    /// How long each connection lasts (0, 30, 60s, 5m) [default: none ever ends]
    #[arg(long, value_name = "TIME", value_parser = duration::seconds)]
    pub(crate) hold: Option<Duration>,
    /// How the kernel counts connections: as since autumn 2026 (new: 6.1.192, 6.12.117, 7.2.7) or as
    /// before (old)
    #[arg(long, value_enum, default_value_t = Kernel::New)]
    pub(crate) kernel: Kernel,
    /// Another cluster file; reports the share of clients that get another real server there
    #[arg(long, value_name = "OTHER")]
    pub(crate) against: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Is a generation of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kernel {
    Old,
    New,
}

impl From<Kernel> for Generation {
    fn from(kernel: Kernel) -> Self {
        match kernel {
            Kernel::Old => Self::Old,
            Kernel::New => Self::New,
        }
    }
}
