//! The configuration of a whole IPVS as a value, and what a command does to it.

use serde::{Deserialize, Serialize};

use super::editor::Editor;
use super::{Command, Daemon, ServiceEntry, ServiceId, Timeouts};
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
    pub services: Vec<ServiceEntry>,
    /// The timeouts; `None` if they are not looked at, a value of 0 likewise.
    pub timeouts: Option<Timeouts>,
    /// The synchronisation daemons that run, at most one of each role; `None` if they are not looked at.
    pub daemons: Option<Vec<Daemon>>,
}

impl Configuration {
    /// The service of this identity, with its destinations.
    #[must_use]
    pub fn service(&self, id: &ServiceId) -> Option<&ServiceEntry> {
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
        Editor::new(self).apply(command)
    }
}
