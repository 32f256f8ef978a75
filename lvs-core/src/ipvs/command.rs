//! A change of the IPVS table as a value.

use super::message::IpvsMessage;
use super::{
    Daemon, DaemonRole, Destination, DestinationId, Service, ServiceEntryStatus, ServiceId,
    Timeouts,
};
use crate::error::{Error, InvalidValue, Operation, Result};

/// Is one change of the table, for [`Ipvs::batch`](super::Ipvs::batch).
///
/// The methods of [`Ipvs`](super::Ipvs) with the same names are batches of one command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Command {
    /// Adds a service.
    AddService(Service),
    /// Replaces everything but the identity of a service.
    EditService(Service),
    /// Deletes a service with its destinations.
    DeleteService(ServiceId),
    /// Adds a destination to a service.
    AddDestination(ServiceId, Destination),
    /// Replaces everything but the identity of a destination.
    EditDestination(ServiceId, Destination),
    /// Deletes a destination.
    DeleteDestination(ServiceId, DestinationId),
    /// Sets those of the timeouts that are not 0.
    SetTimeouts(Timeouts),
    /// Starts a synchronisation daemon.
    StartDaemon(Daemon),
    /// Stops a synchronisation daemon.
    StopDaemon(DaemonRole),
    /// Zeroes the counters of one service, or of all services, and the totals.
    Zero(Option<ServiceId>),
    /// Deletes every service.
    Flush,
}

impl Command {
    /// Refuses a command that the kernel would accept although it makes no sense.
    ///
    /// The methods of [`Ipvs`](super::Ipvs) do this first; a batch does not, because it must be able to
    /// restore everything that a kernel contained.
    ///
    /// # Errors
    /// See [`Service::check`], [`Destination::check`] and [`Daemon::check`].
    pub fn check(&self) -> Result<(), InvalidValue> {
        match self {
            Self::AddService(service) | Self::EditService(service) => service.check(),
            Self::AddDestination(service, destination)
            | Self::EditDestination(service, destination) => destination.check(service),
            Self::StartDaemon(daemon) => daemon.check(),
            _ => Ok(()),
        }
    }

    /// Returns the commands that build a table anew, as a [`snapshot`](super::Ipvs::snapshot) shows it.
    ///
    /// They are in exactly the reverse order: the kernel inserts a new destination at the head of its
    /// list, so every scheduler gets the list that it had. This is also by far the fastest way to restore
    /// what was just deleted: a deleted destination stays in a list for 2 minutes or more, each new one
    /// is searched for in it from the head, and in this order it is found at once. In the order of the
    /// snapshot thousands are passed each time.
    #[must_use]
    pub fn rebuilding(table: &[ServiceEntryStatus]) -> Vec<Self> {
        table
            .iter()
            .rev()
            .flat_map(|entry| {
                let service = entry.status.service.clone();
                let id = service.id;
                let destinations = entry.destinations.iter().rev();
                std::iter::once(Self::AddService(service)).chain(
                    destinations.map(move |status| Self::AddDestination(id, status.destination)),
                )
            })
            .collect()
    }

    /// Returns the operation that an [`Error`] names.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::AddService(service) => Operation::new("add service", service.id),
            Self::EditService(service) => Operation::new("edit service", service.id),
            Self::DeleteService(id) => Operation::new("delete service", id),
            Self::AddDestination(service, destination) => {
                let object = format!("{} to {service}", destination.id);
                Operation::new("add destination", object)
            }
            Self::EditDestination(service, destination) => {
                let object = format!("{} of {service}", destination.id);
                Operation::new("edit destination", object)
            }
            Self::DeleteDestination(service, id) => {
                Operation::new("delete destination", format!("{id} from {service}"))
            }
            Self::SetTimeouts(_) => Operation::new("set timeouts", ""),
            Self::StartDaemon(daemon) => Operation::new("start sync daemon", daemon.role),
            Self::StopDaemon(role) => Operation::new("stop sync daemon", role),
            Self::Zero(Some(id)) => Operation::new("zero counters of", id),
            Self::Zero(None) => Operation::new("zero all counters", ""),
            Self::Flush => Operation::new("delete all services", ""),
        }
    }

    /// Returns the message that is sent.
    #[must_use]
    pub fn message(&self) -> IpvsMessage {
        match self.clone() {
            Self::AddService(service) => IpvsMessage::NewService(service),
            Self::EditService(service) => IpvsMessage::SetService(service),
            Self::DeleteService(id) => IpvsMessage::DelService(id),
            Self::AddDestination(id, destination) => IpvsMessage::NewDest(id, destination),
            Self::EditDestination(id, destination) => IpvsMessage::SetDest(id, destination),
            Self::DeleteDestination(id, destination) => IpvsMessage::DelDest(id, destination),
            Self::SetTimeouts(timeouts) => IpvsMessage::SetConfig(timeouts),
            Self::StartDaemon(daemon) => IpvsMessage::NewDaemon(daemon),
            Self::StopDaemon(role) => IpvsMessage::DelDaemon(role),
            Self::Zero(id) => IpvsMessage::Zero(id),
            Self::Flush => IpvsMessage::Flush,
        }
    }

    /// Returns the command if [`check`](Self::check) accepts it.
    pub(super) fn checked(self) -> Result<Self> {
        match self.check() {
            Ok(()) => Ok(self),
            Err(invalid) => Err(Error::invalid(self.operation(), invalid.to_string())),
        }
    }
}
