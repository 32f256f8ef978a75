//! Checks: what is wrong with a cluster, its impact and the fix.
//!
//! LVS fails silently: a browser hangs, half of the users get no answer, one ARP sysctl is wrong. Most faults can be
//! seen in the cluster file, on a node, or in connections that are not established. Rules are pure functions of the
//! [`Cluster`] and, where they were gathered, of the [`Facts`] of one node.
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
//! let codes: Vec<_> = report.findings().iter().map(|finding| finding.code).collect();
//! assert!(codes.contains(&check::Code::NAT_GATEWAY), "answers would bypass the director");
//! # }
//! # Ok::<(), lvs_core::cluster::DocumentErrors>(())
//! ```

mod area;
mod arp;
mod code;
mod command;
mod datagrams;
mod effective;
mod examined;
mod facts;
mod finding;
mod gather;
mod health;
mod index;
mod kind;
mod look_ups;
mod loss;
mod neighbour;
mod network;
mod object;
mod packets;
mod paper;
mod path;
mod procfs;
mod report;
mod requests;
mod rules;
mod scene;
mod severity;
mod sntp;
mod sockets;
mod source;
mod table;
mod watch;
mod words;

pub use area::Area;
pub use code::Code;
pub use datagrams::DatagramsFact;
pub use effective::Effective;
pub use examined::{Examined, NotExamined};
pub use facts::{ArpAnswers, ClockFact, Facts, IpvsReading, ListeningSocket};
pub use finding::Finding;
pub use gather::Gather;
pub use health::{HealthFact, UnavailableDestination};
pub use neighbour::NeighbourFact;
pub use object::FindingObject;
pub use path::PathFact;
pub use report::{AreaReport, Report};
pub use requests::RequestsFact;
pub use severity::Severity;
pub use source::Source;

use crate::cluster::Cluster;
use scene::Scene;

/// Checks the cluster file alone.
#[must_use]
pub fn on_paper(cluster: &Cluster) -> Report {
    report(&Scene::paper(cluster))
}

/// Checks the cluster file and the host that the facts are of: a node of the cluster, or a host in front of it.
#[must_use]
pub fn on_node(cluster: &Cluster, facts: &Facts) -> Report {
    report(&Scene::new(cluster, facts))
}

fn report(scene: &Scene<'_>) -> Report {
    let (found, unsound) = rules::all(scene);
    Report::new(scene, found, unsound)
}

/// Checks the change from one cluster file to another.
#[must_use]
pub fn between(old: &Cluster, new: &Cluster) -> Vec<Finding> {
    let mut found = rules::method_change::changed(old, new);
    found.extend(rules::outage::of_change(old, new));
    found
}
