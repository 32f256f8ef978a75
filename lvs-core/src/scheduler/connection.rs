//! A connection that a model has given to a server.

use super::Server;
use super::persistence::Hold;
use crate::ipvs::DestinationId;

/// A connection that a [`ServiceModel`](super::ServiceModel) gave to a destination; hand it back to
/// [`close`](super::ServiceModel::close).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a connection stays until it is closed"]
pub struct ModelConnection {
    pub(super) destination: DestinationId,
    pub(super) counted: Counted,
    pub(super) template: Option<Hold>,
}

/// As what its server counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Active,
    Inactive,
    /// One-packet: came and went in one.
    No,
}

impl ModelConnection {
    /// A connection that the model was attached with, so that it can be closed.
    pub const fn existing(destination: DestinationId, active: bool) -> Self {
        let counted = if active {
            Counted::Active
        } else {
            Counted::Inactive
        };
        Self {
            destination,
            counted,
            template: None,
        }
    }

    /// Who got it.
    #[must_use]
    pub const fn destination(&self) -> DestinationId {
        self.destination
    }

    /// Whether it counts as active: TCP until it closes, SCTP while established, UDP never.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.counted == Counted::Active
    }
}

impl Counted {
    /// One-packet connections count too, as inactive, for as long as their packet takes.
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
