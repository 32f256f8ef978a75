//! Checks: what is wrong with a cluster, why it hurts, and how to mend it.
//!
//! LVS fails silently: a browser that hangs, half of the users, one switch of ARP. Most of it can be
//! seen: some in the file, some on a machine, some in the connections that do not come about. Rules
//! are pure functions of the [`Cluster`] and, if there are any, of one machine's [`Facts`].
//!
//! ```
//! # #[cfg(feature = "toml")] {
//! use lvs_core::{Cluster, check};
//! let cluster = Cluster::from_toml(r#"
//!     name = "web"
//!     forwarding = "nat"
//!     [director]
//!     addresses = [
//!       { interface = "eth0", address = "172.16.5.11/16" },
//!       { interface = "eth1", address = "192.168.1.11/24" },
//!     ]
//!     [[services]]
//!     address = "172.16.5.11:80"
//!     [[real-servers]]
//!     name = "realserver1"
//!     addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
//!     gateway = "192.168.1.254"
//! "#)?;
//! let report = check::on_paper(&cluster);
//! let found: Vec<_> = report.findings().iter().map(|found| found.code).collect();
//! assert!(found.contains(&check::Code::NAT_GATEWAY), "answers would bypass the director");
//! # }
//! # Ok::<(), lvs_core::cluster::DocumentError>(())
//! ```

mod area;
mod code;
mod effective;
mod facts;
mod finding;
mod gather;
mod kind;
mod network;
mod object;
mod paper;
mod probe;
mod procfs;
mod report;
mod rules;
mod scene;
mod severity;
mod sntp;
mod sockets;
mod table;

pub use area::Area;
pub use code::Code;
pub use effective::Effective;
pub use facts::{ArpAnswers, ClockFact, Facts, IpvsReading, ListeningSocket};
pub use finding::Finding;
pub use gather::Gather;
pub use object::FindingObject;
pub use report::Report;
pub use severity::Severity;

use crate::cluster::Cluster;
use scene::Scene;

/// Checks what the file alone can tell.
#[must_use]
pub fn on_paper(cluster: &Cluster) -> Report {
    report(&Scene::paper(cluster))
}

/// Checks the file and one machine of the cluster.
#[must_use]
pub fn on_node(cluster: &Cluster, facts: &Facts) -> Report {
    report(&Scene::new(cluster, facts))
}

fn report(scene: &Scene<'_>) -> Report {
    Report::new(scene, rules::all(scene))
}

/// Checks the way from one state of a cluster to another.
#[must_use]
pub fn between(old: &Cluster, new: &Cluster) -> Vec<Finding> {
    let mut found = rules::method_change::changed(old, new);
    found.extend(rules::outage::of_change(old, new));
    found
}
