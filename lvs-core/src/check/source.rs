//! The sources of facts, any of which a host may keep from the process that checks it.

use serde::{Deserialize, Serialize};

/// A source of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Source {
    /// `/proc/sys`: the sysctls.
    Sysctls,
    /// `/proc/thread-self/net`: the sockets, whether ip_vs is loaded, and its connections.
    Net,
    /// `/proc/PID`: the running programs.
    Processes,
    /// The table of services by netlink, which needs `CAP_NET_ADMIN`.
    Ipvs,
    /// The controller of the cluster, where one runs.
    Controller,
    /// The neighbours of the virtual IPs, by ARP or neighbour solicitation.
    Neighbours,
}
