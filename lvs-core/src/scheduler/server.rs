//! A server as schedulers see it: its destination, its connections, whether it is full.

use crate::ipvs::{Destination, DestinationId, Weight};

/// A destination with what the kernel knows about it when it schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server {
    /// How it is configured.
    pub destination: Destination,
    /// The latest weight that was not 0, or the weight it was added with. Only mh looks at it, and
    /// the kernel does not show it.
    pub last_weight: Weight,
    /// Active connections: TCP that is not closing.
    pub active: u32,
    /// All other connections; persistence templates are not counted.
    pub inactive: u32,
    /// Full by its thresholds: no scheduler gives it new connections. The kernel does not show it.
    pub overloaded: bool,
}

impl Server {
    /// A server that was just added.
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

    /// Its address and port.
    #[must_use]
    pub const fn id(&self) -> DestinationId {
        self.destination.id
    }

    /// Its weight as a number.
    #[must_use]
    pub const fn weight(&self) -> u32 {
        self.destination.weight.get()
    }

    /// All its connections.
    #[must_use]
    pub const fn connections(&self) -> u32 {
        self.active.wrapping_add(self.inactive)
    }

    /// May get new connections: has a weight and is not full.
    #[must_use]
    pub const fn is_eligible(&self) -> bool {
        self.weight() > 0 && !self.overloaded
    }
}
