//! The handle: one socket, and a verb for everything the kernel's IPVS can be asked.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_sys::protocols::NETLINK_GENERIC;

use super::message::{DecodeError, FAMILY_NAME, IpvsMessage};
use super::{
    Command, Daemon, DaemonRole, Destination, DestinationId, DestinationStatus, Info, Service,
    ServiceId, ServiceStatus, Timeouts, errno, snapshot,
};
use crate::error::{Cause, Error, Operation, Result};
use crate::netlink::packet::{ACK, Packet};
use crate::netlink::{Conn, Reply, family};

/// The IPVS of one network namespace: that of the thread which opened it, for as long as it lives.
///
/// Every call is one conversation with the kernel and blocks until it is over; the kernel executes a
/// request while it is sent, so that is microseconds (milliseconds for a dump, and tens of them
/// where a scheduler's module is loaded). Answers are waited for 5 seconds at most.
///
/// Everything, reading too, needs `CAP_NET_ADMIN` in the initial user namespace.
///
/// ```no_run
/// use lvs_core::ipvs::{Destination, Forwarding, Ipvs, SchedulerName, Service};
///
/// let mut ipvs = Ipvs::open()?;
/// let service = Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::WRR);
/// ipvs.add_service(&service)?;
/// ipvs.add_destination(
///     &service.id,
///     &Destination::new("192.168.1.12:80".parse()?, Forwarding::DirectRouting),
/// )?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Ipvs {
    pub(super) conn: Conn,
    /// For second readings, whose dumps must be cut at other places. Opened with the first, because
    /// later the thread, or the handle, may be in another namespace.
    pub(super) second: Conn,
    pub(super) family: u16,
    /// Kept from batch to batch for its memory.
    pub(super) packet: Packet,
}

impl Ipvs {
    /// Opens the IPVS of the calling thread's network namespace.
    ///
    /// This may load the module `ip_vs`, which needs no privilege: the kernel does it when asked for
    /// the family's number. Look at `/proc/thread-self/net/ip_vs` first where that is unwanted.
    ///
    /// # Errors
    /// [`is_not_loaded`](Error::is_not_loaded) where the kernel has no ip_vs. Lack of privilege
    /// shows only in the first request.
    pub fn open() -> Result<Self> {
        let mut conn = Conn::open(NETLINK_GENERIC)?;
        let operation = Operation::new("open", "ip_vs");
        let family = family::resolve(&mut conn, &operation, FAMILY_NAME).map_err(errno::open)?;
        Ok(Self {
            conn,
            second: Conn::with_room(NETLINK_GENERIC, snapshot::SECOND_ROOM)?,
            family,
            packet: Packet::default(),
        })
    }

    /// Version and size of the connection table.
    ///
    /// # Errors
    /// [`is_permission`](Error::is_permission), as with every other verb.
    pub fn info(&mut self) -> Result<Info> {
        let operation = Operation::new("read", "IPVS version");
        self.ask(&operation, &IpvsMessage::GetInfo, |reply| match reply {
            IpvsMessage::SetInfo(info) => Some(info),
            _ => None,
        })
    }

    /// All services, in the kernel's hash order, which means nothing and may change.
    ///
    /// One reading: services that come or go meanwhile hide others. To be sure, take a
    /// [`snapshot`](Self::snapshot), or ask for the one [`service`](Self::service).
    ///
    /// # Errors
    /// [`is_permission`](Error::is_permission).
    pub fn services(&mut self) -> Result<Vec<ServiceStatus>> {
        let reading = Self::read_services(&mut self.conn, self.family)?;
        Ok(reading.items)
    }

    /// One service.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) if there is none.
    pub fn service(&mut self, id: &ServiceId) -> Result<ServiceStatus> {
        let operation = Operation::new("read service", id);
        self.ask(
            &operation,
            &IpvsMessage::GetService(Some(*id)),
            |reply| match reply {
                IpvsMessage::Service(status) => Some(status),
                _ => None,
            },
        )
    }

    /// The destinations of a service in the kernel's order, newest first: the order in which
    /// schedulers look at them.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) if there is no such service.
    pub fn destinations(&mut self, id: &ServiceId) -> Result<Vec<DestinationStatus>> {
        let destinations = self.dump_destinations(id)?;
        if destinations.is_empty() {
            // The kernel gives an empty list for a service that is not there, too.
            self.service(id)?;
        }
        Ok(destinations)
    }

    /// Adds a service.
    ///
    /// # Errors
    /// [`is_already_exists`](Error::is_already_exists); [`is_invalid`](Error::is_invalid) by
    /// [`Service::check`]; [`is_not_found`](Error::is_not_found) if the kernel has no such scheduler
    /// or persistence engine.
    pub fn add_service(&mut self, service: &Service) -> Result<()> {
        self.change(Command::AddService(service.clone()).checked()?)
    }

    /// Replaces everything but the identity of a service. Another scheduler starts from the
    /// beginning; the same keeps its place.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) if there is no such service, scheduler or engine;
    /// [`is_invalid`](Error::is_invalid) by [`Service::check`].
    pub fn edit_service(&mut self, service: &Service) -> Result<()> {
        self.change(Command::EditService(service.clone()).checked()?)
    }

    /// Deletes a service and its destinations. Connections stay, but their packets are dropped.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found).
    pub fn delete_service(&mut self, id: &ServiceId) -> Result<()> {
        self.change(Command::DeleteService(*id))
    }

    /// Adds a destination, at the head of the list.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) if there is no such service;
    /// [`is_already_exists`](Error::is_already_exists); [`is_invalid`](Error::is_invalid) by
    /// [`Destination::check`].
    pub fn add_destination(
        &mut self,
        service: &ServiceId,
        destination: &Destination,
    ) -> Result<()> {
        self.change(Command::AddDestination(*service, *destination).checked()?)
    }

    /// Replaces everything but the identity of a destination, which keeps its place.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) if there is no such service or destination;
    /// [`is_invalid`](Error::is_invalid) by [`Destination::check`].
    pub fn edit_destination(
        &mut self,
        service: &ServiceId,
        destination: &Destination,
    ) -> Result<()> {
        self.change(Command::EditDestination(*service, *destination).checked()?)
    }

    /// Deletes a destination. The kernel remembers it for some 2 minutes: added again, it has its
    /// connections back.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) if there is no such service or destination.
    pub fn delete_destination(&mut self, service: &ServiceId, id: &DestinationId) -> Result<()> {
        self.change(Command::DeleteDestination(*service, *id))
    }

    /// Zeroes the counters of one service and its destinations, or all of them and the totals.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found).
    pub fn zero(&mut self, service: Option<&ServiceId>) -> Result<()> {
        self.change(Command::Zero(service.copied()))
    }

    /// Deletes every service, also where there is none. Timeouts, daemons and totals stay.
    ///
    /// # Errors
    /// [`is_permission`](Error::is_permission).
    pub fn flush(&mut self) -> Result<()> {
        self.change(Command::Flush)
    }

    /// The timeouts of idle connections.
    ///
    /// # Errors
    /// [`is_permission`](Error::is_permission).
    pub fn timeouts(&mut self) -> Result<Timeouts> {
        let operation = Operation::new("read", "timeouts");
        self.ask(&operation, &IpvsMessage::GetConfig, |reply| match reply {
            IpvsMessage::SetConfig(timeouts) => Some(timeouts),
            _ => None,
        })
    }

    /// Sets the timeouts that are not 0.
    ///
    /// # Errors
    /// `EINVAL` for more seconds than the kernel's clock can count (some 24 days or more).
    pub fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<()> {
        self.change(Command::SetTimeouts(*timeouts))
    }

    /// The synchronisation daemons that run: none, one, or the master and then the backup.
    ///
    /// # Errors
    /// [`is_permission`](Error::is_permission).
    pub fn daemons(&mut self) -> Result<Vec<Daemon>> {
        let operation = Operation::new("list sync daemons", "");
        let replies = self.list(&operation, &IpvsMessage::GetDaemon)?;
        let daemons = replies.into_iter().filter_map(|reply| match reply {
            IpvsMessage::NewDaemon(daemon) => Some(daemon),
            _ => None,
        });
        Ok(daemons.collect())
    }

    /// Starts a synchronisation daemon.
    ///
    /// # Errors
    /// [`is_already_exists`](Error::is_already_exists) if one of this role runs;
    /// [`is_not_found`](Error::is_not_found) if there is no such interface;
    /// [`is_invalid`](Error::is_invalid) by [`Daemon::check`].
    pub fn start_daemon(&mut self, daemon: &Daemon) -> Result<()> {
        self.change(Command::StartDaemon(daemon.clone()).checked()?)
    }

    /// Stops a synchronisation daemon and waits until its threads have ended.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) if none of this role runs.
    pub fn stop_daemon(&mut self, role: DaemonRole) -> Result<()> {
        self.change(Command::StopDaemon(role))
    }

    /// A batch of one.
    fn change(&mut self, command: Command) -> Result<()> {
        self.batch(&[command])?.into_iter().collect()
    }

    /// A request with one reply.
    fn ask<T>(
        &mut self,
        operation: &Operation,
        message: &IpvsMessage,
        wanted: impl Fn(IpvsMessage) -> Option<T>,
    ) -> Result<T> {
        let payload = payload(message);
        let replies = self
            .conn
            .request(operation, self.family, ACK, &payload)
            .map_err(errno::general)?;
        let nothing = || Error::new(operation.clone(), Cause::Decode("there is none".to_owned()));
        decode(operation, &replies)?
            .into_iter()
            .find_map(wanted)
            .ok_or_else(nothing)
    }

    /// A dump.
    fn list(&mut self, operation: &Operation, message: &IpvsMessage) -> Result<Vec<IpvsMessage>> {
        let payload = payload(message);
        let replies = self
            .conn
            .dump(operation, self.family, &payload)
            .map_err(errno::general)?;
        decode(operation, &replies)
    }
}

impl AsFd for Ipvs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.conn.as_fd()
    }
}

impl fmt::Debug for Ipvs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ipvs")
            .field("family", &self.family)
            .finish_non_exhaustive()
    }
}

fn payload(message: &IpvsMessage) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode_with_header(&mut bytes);
    bytes
}

pub(super) fn decode(operation: &Operation, replies: &[Reply]) -> Result<Vec<IpvsMessage>> {
    let broken =
        |error: DecodeError| Error::new(operation.clone(), Cause::Decode(error.to_string()));
    let messages = replies
        .iter()
        .map(|reply| IpvsMessage::decode_with_header(&reply.payload));
    messages.map(|message| message.map_err(broken)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handle_can_move_to_another_thread() {
        const fn is_send<T: Send>() {}
        const { is_send::<Ipvs>() };
    }
}
