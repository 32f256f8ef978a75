//! The configuration of a whole IPVS as a value, and what a command does to it.

use serde::{Deserialize, Serialize};

use super::{
    Command, Daemon, DaemonRole, Destination, DestinationId, DestinationStatus, Service, ServiceId,
    ServiceStatus, Timeouts,
};
use crate::error::InvalidValue;

/// What IPVS is configured to do in one network namespace, without counters and connections.
///
/// ```
/// use lvs_core::ipvs::{Command, SchedulerName, Service, Configuration};
/// let service = Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::RR);
/// let mut wanted = Configuration::default();
/// wanted.apply(&Command::AddService(service.clone()))?;
/// assert!(wanted.apply(&Command::AddService(service)).is_err(), "it is there already");
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Configuration {
    /// The services, in an order that means nothing.
    pub services: Vec<ConfiguredService>,
    /// The timeouts; `None` if they are not looked at, a value of 0 likewise.
    pub timeouts: Option<Timeouts>,
    /// The synchronisation daemons that run, at most one of each role; `None` if they are not looked at.
    pub daemons: Option<Vec<Daemon>>,
}

/// A service with its destinations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConfiguredService {
    /// The service.
    pub service: Service,
    /// Its destinations, newest first: the order in which schedulers walk them.
    pub destinations: Vec<Destination>,
}

impl From<(ServiceStatus, Vec<DestinationStatus>)> for ConfiguredService {
    fn from((status, destinations): (ServiceStatus, Vec<DestinationStatus>)) -> Self {
        Self {
            service: status.service,
            destinations: destinations
                .into_iter()
                .map(|status| status.destination)
                .collect(),
        }
    }
}

impl ConfiguredService {
    fn destination_mut(&mut self, id: &DestinationId) -> Result<&mut Destination, InvalidValue> {
        self.destinations
            .iter_mut()
            .find(|destination| destination.id == *id)
            .ok_or_else(|| InvalidValue::new("destination", id.to_string(), NOT_THERE))
    }
}

const NOT_THERE: &str = "does not exist";
const THERE: &str = "exists already";

impl Configuration {
    /// The service of this identity, with its destinations.
    #[must_use]
    pub fn service(&self, id: &ServiceId) -> Option<&ConfiguredService> {
        self.services.iter().find(|entry| entry.service.id == *id)
    }

    /// Does what the kernel would do at this command: a destination comes to the head of its list,
    /// an edited one keeps its place, timeouts of 0 are kept. Counters are not part of it, so
    /// [`Command::Zero`] only looks whether the service exists.
    ///
    /// # Errors
    /// What is to be added exists, or what is to be edited or deleted does not. It is
    /// unchanged then. What the kernel refuses for other reasons (an unknown scheduler) is not
    /// known here.
    pub fn apply(&mut self, command: &Command) -> Result<(), InvalidValue> {
        match command {
            Command::AddService(service) => self.add_service(service)?,
            Command::EditService(service) => self.entry_mut(&service.id)?.service = service.clone(),
            Command::DeleteService(id) => {
                self.entry_mut(id)?;
                self.services.retain(|entry| entry.service.id != *id);
            }
            Command::AddDestination(id, destination) => self.add_destination(id, destination)?,
            Command::EditDestination(id, destination) => {
                *self.entry_mut(id)?.destination_mut(&destination.id)? = *destination;
            }
            Command::DeleteDestination(id, destination) => {
                let entry = self.entry_mut(id)?;
                entry.destination_mut(destination)?;
                entry.destinations.retain(|other| other.id != *destination);
            }
            Command::SetTimeouts(timeouts) => self.set_timeouts(*timeouts),
            Command::StartDaemon(daemon) => self.start_daemon(daemon)?,
            Command::StopDaemon(role) => self.stop_daemon(*role)?,
            Command::Zero(Some(id)) => self.entry_mut(id).map(|_| ())?,
            Command::Zero(None) => {}
            Command::Flush => self.services.clear(),
        }
        Ok(())
    }

    fn entry_mut(&mut self, id: &ServiceId) -> Result<&mut ConfiguredService, InvalidValue> {
        // From the end: in a text a destination follows its service.
        self.services
            .iter_mut()
            .rev()
            .find(|entry| entry.service.id == *id)
            .ok_or_else(|| InvalidValue::new("service", id.to_string(), NOT_THERE))
    }

    fn add_service(&mut self, service: &Service) -> Result<(), InvalidValue> {
        if self.service(&service.id).is_some() {
            return Err(InvalidValue::new("service", service.id.to_string(), THERE));
        }
        self.services.push(ConfiguredService {
            service: service.clone(),
            destinations: Vec::new(),
        });
        Ok(())
    }

    fn add_destination(
        &mut self,
        id: &ServiceId,
        destination: &Destination,
    ) -> Result<(), InvalidValue> {
        let entry = self.entry_mut(id)?;
        if entry.destination_mut(&destination.id).is_ok() {
            let name = destination.id.to_string();
            return Err(InvalidValue::new("destination", name, THERE));
        }
        entry.destinations.insert(0, *destination);
        Ok(())
    }

    fn set_timeouts(&mut self, new: Timeouts) {
        let timeouts = self.timeouts.get_or_insert_default();
        for (kept, new) in [
            (&mut timeouts.tcp, new.tcp),
            (&mut timeouts.tcp_fin, new.tcp_fin),
            (&mut timeouts.udp, new.udp),
        ] {
            if new.0 != 0 {
                *kept = new;
            }
        }
    }

    fn start_daemon(&mut self, daemon: &Daemon) -> Result<(), InvalidValue> {
        let daemons = self.daemons.get_or_insert_default();
        if daemons.iter().any(|other| other.role == daemon.role) {
            let role = daemon.role.to_string();
            return Err(InvalidValue::new("sync daemon", role, "is running already"));
        }
        daemons.push(daemon.clone());
        Ok(())
    }

    fn stop_daemon(&mut self, role: DaemonRole) -> Result<(), InvalidValue> {
        let daemons = self.daemons.iter_mut().flatten();
        if !daemons.map(|daemon| daemon.role).any(|other| other == role) {
            let role = role.to_string();
            return Err(InvalidValue::new("sync daemon", role, "is not running"));
        }
        if let Some(daemons) = &mut self.daemons {
            daemons.retain(|daemon| daemon.role != role);
        }
        Ok(())
    }
}
