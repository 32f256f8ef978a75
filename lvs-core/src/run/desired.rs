//! What the controller is to keep: services, destinations and their checks.

use std::net::IpAddr;

use crate::cluster::{Draining, NodeName};
use crate::health::{Policy, Target, Timing};
use crate::ipvs::{DestinationId, ServiceId, Weight};

/// A service whose weights follow the health of its destinations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckedService {
    /// The service.
    pub id: ServiceId,
    /// The rules for its weights.
    pub policy: Policy,
    /// The virtual IPs that are withdrawn with it, if its policy says so.
    pub virtual_ips: Vec<IpAddr>,
    /// Its destinations.
    pub destinations: Vec<CheckedDestination>,
}

/// A destination whose weight follows its health.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckedDestination {
    /// The destination.
    pub id: DestinationId,
    /// The real server's name.
    pub server: NodeName,
    /// The weight of the file.
    pub weight: Weight,
    /// How far the file drains it.
    pub drain: Option<Draining>,
    /// Whether it is the service's fallback.
    pub is_fallback: bool,
    /// What is probed; all must be healthy. Without any it counts as up.
    pub targets: Vec<CheckedTarget>,
}

/// A target of a destination, and how often it is probed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckedTarget {
    /// What is probed.
    pub target: Target,
    /// How often, and how many results count.
    pub timing: Timing,
}
