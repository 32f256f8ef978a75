//! One method for each request of the kernel's IPVS.

use nix::libc::ENOENT;

use super::message::IpvsMessage;
use super::{
    Command, Daemon, DaemonRole, Destination, DestinationId, DestinationStatus, Info, Ipvs,
    Service, ServiceId, ServiceStatus, Timeouts,
};
use crate::error::{Error, Operation, Result};

impl Ipvs {
    /// Reads the version and the size of the connection table.
    ///
    /// # Errors
    /// [`is_permission`](crate::Error::is_permission), as with every other method.
    pub fn info(&mut self) -> Result<Info> {
        let operation = Operation::new("read", "IPVS version");
        self.channel
            .ask(&operation, &IpvsMessage::GetInfo, |reply| match reply {
                IpvsMessage::SetInfo(info) => Some(info),
                _ => None,
            })
    }

    /// Reads all services, in the kernel's hash order, which has no meaning and may change.
    ///
    /// A list that is longer than one datagram is read until two dumps contain the same services, as in a
    /// [`snapshot`](Self::snapshot): one that exists all the time is never missing.
    ///
    /// # Errors
    /// [`is_permission`](crate::Error::is_permission); [`is_unsettled`](crate::Error::is_unsettled) if
    /// services kept being added or deleted: [`Error::seen`] has those that were read.
    pub fn services(&mut self) -> Result<Vec<ServiceStatus>> {
        self.agreed_services()
    }

    /// Reads one service.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) if it does not exist.
    pub fn service(&mut self, id: &ServiceId) -> Result<ServiceStatus> {
        let operation = Operation::new("read service", id);
        self.channel.ask(
            &operation,
            &IpvsMessage::GetService(Some(*id)),
            |reply| match reply {
                IpvsMessage::Service(status) => Some(status),
                _ => None,
            },
        )
    }

    /// Reads the destinations of a service in the kernel's order, newest first: the order in which
    /// schedulers walk them.
    ///
    /// A list that is longer than one datagram is read until two dumps contain the same destinations.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) if the service does not exist;
    /// [`is_unsettled`](crate::Error::is_unsettled) if destinations kept being added or deleted:
    /// [`Error::seen`] has those that were read.
    pub fn destinations(&mut self, id: &ServiceId) -> Result<Vec<DestinationStatus>> {
        let list = self.agreed_destinations(id)?;
        if list.is_empty() {
            // The kernel also returns an empty list for a service that does not exist.
            self.service(id)?;
        }
        Ok(list)
    }

    /// Reads one destination of a service.
    ///
    /// The kernel can only be asked for all destinations of a service; they are read once, and only if
    /// this one is not among them until two dumps agree.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such service (`ESRCH`) or destination
    /// (`ENOENT`).
    pub fn destination(
        &mut self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Result<DestinationStatus> {
        let is_this = |status: &DestinationStatus| status.destination.id == *id;
        let (list, _) = self.channel.destinations(service)?;
        if let Some(status) = list.items.into_iter().find(is_this) {
            return Ok(status);
        }
        let list = self.destinations(service)?;
        list.into_iter().find(is_this).ok_or_else(|| {
            let operation = Operation::new("read destination", format!("{id} of {service}"));
            Error::kernel(operation, ENOENT, None)
                .with_hint("the service has no such destination; add it instead")
        })
    }

    /// Adds a service.
    ///
    /// # Errors
    /// [`is_already_exists`](crate::Error::is_already_exists);
    /// [`is_invalid`](crate::Error::is_invalid) by [`Service::check`];
    /// [`is_not_found`](crate::Error::is_not_found) if the kernel has no such scheduler or persistence
    /// engine.
    pub fn add_service(&mut self, service: &Service) -> Result<()> {
        self.change(Command::AddService(service.clone()).checked()?)
    }

    /// Replaces everything but the identity of a service.
    ///
    /// Another scheduler starts from its beginning; the same scheduler keeps its position.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such service, scheduler or engine;
    /// [`is_invalid`](crate::Error::is_invalid) by [`Service::check`].
    pub fn edit_service(&mut self, service: &Service) -> Result<()> {
        self.change(Command::EditService(service.clone()).checked()?)
    }

    /// Deletes a service and its destinations. Its connections remain, but their packets are dropped.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found).
    pub fn delete_service(&mut self, id: &ServiceId) -> Result<()> {
        self.change(Command::DeleteService(*id))
    }

    /// Adds a destination, at the head of the service's list.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) if the service does not exist;
    /// [`is_already_exists`](crate::Error::is_already_exists);
    /// [`is_invalid`](crate::Error::is_invalid) by [`Destination::check`].
    pub fn add_destination(
        &mut self,
        service: &ServiceId,
        destination: &Destination,
    ) -> Result<()> {
        self.change(Command::AddDestination(*service, *destination).checked()?)
    }

    /// Replaces everything but the identity of a destination, which keeps its place in the list.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such service or destination;
    /// [`is_invalid`](crate::Error::is_invalid) by [`Destination::check`].
    pub fn edit_destination(
        &mut self,
        service: &ServiceId,
        destination: &Destination,
    ) -> Result<()> {
        self.change(Command::EditDestination(*service, *destination).checked()?)
    }

    /// Deletes a destination. The kernel remembers it for some 2 minutes: if it is added again within
    /// that time, it has its connections again.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such service or destination.
    pub fn delete_destination(&mut self, service: &ServiceId, id: &DestinationId) -> Result<()> {
        self.change(Command::DeleteDestination(*service, *id))
    }

    /// Zeroes the counters of one service and its destinations; with `None` those of all services, and
    /// the totals.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found).
    pub fn zero(&mut self, service: Option<&ServiceId>) -> Result<()> {
        self.change(Command::Zero(service.copied()))
    }

    /// Deletes every service, if there is any. Timeouts, daemons and totals remain.
    ///
    /// # Errors
    /// [`is_permission`](crate::Error::is_permission).
    pub fn flush(&mut self) -> Result<()> {
        self.change(Command::Flush)
    }

    /// Reads the timeouts of idle connections.
    ///
    /// # Errors
    /// [`is_permission`](crate::Error::is_permission).
    pub fn timeouts(&mut self) -> Result<Timeouts> {
        let operation = Operation::new("read", "timeouts");
        self.channel
            .ask(&operation, &IpvsMessage::GetConfig, |reply| match reply {
                IpvsMessage::SetConfig(timeouts) => Some(timeouts),
                _ => None,
            })
    }

    /// Sets those of the timeouts that are not 0.
    ///
    /// # Errors
    /// `EINVAL` for more seconds than the kernel's clock can count (some 24 days or more).
    pub fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<()> {
        self.change(Command::SetTimeouts(*timeouts))
    }

    /// Reads the synchronisation daemons that are running: none, one, or the master and then the backup.
    ///
    /// # Errors
    /// [`is_permission`](crate::Error::is_permission).
    pub fn daemons(&mut self) -> Result<Vec<Daemon>> {
        let operation = Operation::new("list sync daemons", "");
        let (replies, _) = self
            .channel
            .dump(&operation, &IpvsMessage::GetDaemon, Some)?;
        Ok(replies
            .into_iter()
            .filter_map(|reply| match reply {
                IpvsMessage::NewDaemon(daemon) => Some(daemon),
                _ => None,
            })
            .collect())
    }

    /// Starts a synchronisation daemon.
    ///
    /// # Errors
    /// [`is_already_exists`](crate::Error::is_already_exists) if a daemon of this role is running;
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such interface;
    /// [`is_invalid`](crate::Error::is_invalid) by [`Daemon::check`].
    pub fn start_daemon(&mut self, daemon: &Daemon) -> Result<()> {
        self.change(Command::StartDaemon(daemon.clone()).checked()?)
    }

    /// Stops a synchronisation daemon and waits until its threads have ended.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) if no daemon of this role is running.
    pub fn stop_daemon(&mut self, role: DaemonRole) -> Result<()> {
        self.change(Command::StopDaemon(role))
    }

    /// Executes a command, after [checking](Command::check) that it makes sense.
    ///
    /// # Errors
    /// [`is_invalid`](crate::Error::is_invalid), or the kernel's refusal.
    pub fn execute(&mut self, command: &Command) -> Result<()> {
        self.change(command.clone().checked()?)
    }

    fn change(&mut self, command: Command) -> Result<()> {
        self.batch(&[command])?.into_result()
    }
}
