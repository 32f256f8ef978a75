//! A server as schedulers see it: its destination, its connections, and whether it is full.

use super::Generation;
use crate::ipvs::{Destination, DestinationId, Weight};

/// Holds a destination and the state by which the kernel schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server {
    /// The configured destination.
    pub destination: Destination,
    /// The latest weight that was not 0, or the weight with which the server was added. Only mh uses it, and
    /// the kernel does not show it.
    pub last_weight: Weight,
    /// Active connections: TCP that is not closing.
    pub active: u32,
    /// All other connections; persistence templates are not counted.
    pub inactive: u32,
    /// Whether it is full by its thresholds, so that no scheduler picks it. The kernel does not show it.
    pub overloaded: bool,
}

impl Server {
    /// Returns a server that was just added.
    #[must_use]
    pub const fn new(destination: Destination) -> Self {
        Self {
            destination,
            last_weight: destination.weight,
            active: 0,
            inactive: 0,
            overloaded: false,
        }
    }

    /// Returns its address and port.
    #[must_use]
    pub const fn id(&self) -> DestinationId {
        self.destination.id
    }

    /// Returns its weight as a number.
    #[must_use]
    pub const fn weight(&self) -> u32 {
        self.destination.weight.get()
    }

    /// Returns the number of all its connections.
    #[must_use]
    pub const fn connections(&self) -> u32 {
        self.active.wrapping_add(self.inactive)
    }

    /// Returns whether it may get new connections: it has a weight and is not full.
    #[must_use]
    pub const fn is_eligible(&self) -> bool {
        self.weight() > 0 && !self.overloaded
    }

    /// Returns whether it has more active connections than weight while another server is half empty: then
    /// lblc and lblcr pick another server even for a known target.
    pub(super) fn is_busy(&self, servers: &[Self]) -> bool {
        let half_empty =
            |other: &Self| (other.active.wrapping_mul(2) as i32) < other.weight() as i32;
        self.active > self.weight() && servers.iter().any(half_empty)
    }

    /// Writes the destination anew.
    pub(super) fn rewrite(&mut self, destination: Destination, generation: Generation) {
        let before = self.destination.thresholds;
        self.destination = destination;
        if self.weight() > 0 {
            self.last_weight = destination.weight;
        }
        generation.thresholds_written(self, before);
    }
}
