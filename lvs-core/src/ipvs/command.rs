//! A change to the IPVS table as a value: what is sent, what it is called, what it means.

use super::message::IpvsMessage;
use super::{
    Daemon, DaemonRole, Destination, DestinationId, Service, ServiceEntryStatus, ServiceId,
    Timeouts,
};
use crate::error::{Error, InvalidValue, Operation, Result};

/// One change of the table, for [`Ipvs::batch`](super::Ipvs::batch). The verbs of
/// [`Ipvs`](super::Ipvs) of the same names are batches of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Command {
    /// Add a service.
    AddService(Service),
    /// Replace everything but the identity of a service.
    EditService(Service),
    /// Delete a service with its destinations.
    DeleteService(ServiceId),
    /// Add a destination to a service.
    AddDestination(ServiceId, Destination),
    /// Replace everything but the identity of a destination.
    EditDestination(ServiceId, Destination),
    /// Delete a destination.
    DeleteDestination(ServiceId, DestinationId),
    /// Set the timeouts that are not 0.
    SetTimeouts(Timeouts),
    /// Start a synchronisation daemon.
    StartDaemon(Daemon),
    /// Stop a synchronisation daemon.
    StopDaemon(DaemonRole),
    /// Zero the counters of one service, or all and the totals too.
    Zero(Option<ServiceId>),
    /// Delete every service.
    Flush,
}

impl Command {
    /// Refuses what the kernel would take but what makes no sense. The verbs of
    /// [`Ipvs`](super::Ipvs) do this first; a batch does not, for it must be able to restore
    /// whatever a kernel holds.
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

    /// The commands that build a table anew, as a [`snapshot`](super::Ipvs::snapshot) shows it.
    ///
    /// In exactly the reverse order: the kernel puts a new destination at the head of its list, so
    /// this gives every scheduler the list it had. And it is by far the fastest way to put back what
    /// was just deleted: a deleted destination lies in a list for 2 minutes or more, each new one is
    /// looked for in it from the head, and in this order is found there at once. In the order of the
    /// snapshot thousands are walked past each time.
    #[must_use]
    pub fn rebuilding(table: &[ServiceEntryStatus]) -> Vec<Self> {
        let services = table.iter().rev().flat_map(|entry| {
            let service = entry.status.service.clone();
            let id = service.id;
            let behind = entry.destinations.iter().rev();
            let behind = behind.map(move |status| Self::AddDestination(id, status.destination));
            [Self::AddService(service)].into_iter().chain(behind)
        });
        services.collect()
    }

    /// What it is called in an [`Error`].
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

    /// What is sent for it.
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

    /// [`check`](Self::check) as the error of the operation.
    pub(super) fn checked(self) -> Result<Self> {
        match self.check() {
            Ok(()) => Ok(self),
            Err(invalid) => Err(Error::invalid(self.operation(), invalid.to_string())),
        }
    }
}
