//! The state of services and destinations, for people and programs that ask.

use std::time::Duration;

use crate::cluster::{Draining, NodeName};
use crate::health::{DesiredWeight, Failure, Health, Percent, Posture};
use crate::ipvs::{DestinationId, ServiceId, Weight};

/// Describes the state of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceView {
    /// The service.
    pub id: ServiceId,
    /// Whether it has its minimum; `None` until the kernel was seen and its destinations were probed.
    pub posture: Option<Posture>,
    /// So many destinations must be available.
    pub minimum: u16,
    /// So many are, whether or not the kernel has the service; one of unknown health whose probe failed is not.
    pub available: usize,
    /// Its destinations.
    pub destinations: Vec<DestinationView>,
}

/// Describes the state of a destination: its weight and every reason for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DestinationView {
    /// The destination.
    pub id: DestinationId,
    /// The real server's name.
    pub server: NodeName,
    /// The weight of the file.
    pub weight: Weight,
    /// Its health.
    pub health: Health,
    /// The share of its weight that the real server asked for last; 100 % if it said nothing.
    pub share: Percent,
    /// Since when it has been unknown, up or down; `None` without checks.
    pub since: Option<Duration>,
    /// The last failure since it was up.
    pub failure: Option<Failure>,
    /// How far it is drained.
    pub drain: Option<Draining>,
    /// The weight that it must have; `None` until the kernel was seen.
    pub desired: Option<DesiredWeight>,
    /// The weight that the kernel has.
    pub kernel: Option<Weight>,
}
