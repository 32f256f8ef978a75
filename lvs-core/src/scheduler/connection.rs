//! A connection that a model has assigned to a server.

use super::Server;
use super::persistence::Hold;
use crate::ipvs::DestinationId;

/// Represents a connection that a [`ServiceModel`](super::ServiceModel) has assigned to a destination; pass
/// it to [`close`](super::ServiceModel::close) when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a connection stays until it is closed"]
pub struct ModelConnection {
    pub(super) destination: DestinationId,
    pub(super) counted: Counted,
    pub(super) template: Option<Hold>,
}

/// Tells in which counter of its server a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Active,
    Inactive,
    /// In none: a one-packet connection ends with its packet.
    No,
}

impl ModelConnection {
    /// Returns a connection that existed when the model was attached, so that it can be closed.
    pub const fn existing(destination: DestinationId, active: bool) -> Self {
        Self {
            destination,
            counted: if active {
                Counted::Active
            } else {
                Counted::Inactive
            },
            template: None,
        }
    }

    /// Returns the destination that serves it.
    #[must_use]
    pub const fn destination(&self) -> DestinationId {
        self.destination
    }

    /// Returns whether it counts as active: TCP until it closes, SCTP while established, UDP never.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.counted == Counted::Active
    }
}

impl Counted {
    /// Counts the connection. A one-packet connection counts too, as inactive, for as long as its packet takes.
    pub(super) const fn add_to(self, server: &mut Server) {
        let counter = self.counter(server);
        *counter = counter.saturating_add(1);
    }

    pub(super) const fn remove_from(self, server: &mut Server) {
        let counter = self.counter(server);
        *counter = counter.saturating_sub(1);
    }

    const fn counter(self, server: &mut Server) -> &mut u32 {
        match self {
            Self::Active => &mut server.active,
            Self::Inactive | Self::No => &mut server.inactive,
        }
    }
}
