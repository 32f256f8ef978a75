//! The configuration of a whole IPVS as a value.

use serde::{Deserialize, Serialize};

use super::editor::Editor;
use super::{Command, Daemon, ServiceEntry, ServiceId, Timeouts};
use crate::error::InvalidValue;

/// Holds what IPVS is configured to do in one network namespace, without counters and connections.
///
/// ```
/// use lvs_core::ipvs::{Command, Configuration, SchedulerName, Service};
/// let service = Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::RR);
/// let mut wanted = Configuration::default();
/// wanted.apply(&Command::AddService(service.clone()))?;
/// assert!(wanted.apply(&Command::AddService(service)).is_err(), "it exists already");
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Configuration {
    /// The services, in an order that has no meaning.
    pub services: Vec<ServiceEntry>,
    /// The timeouts; `None` if they are not part of the configuration, as is a single value of 0.
    pub timeouts: Option<Timeouts>,
    /// The synchronisation daemons that run, at most one of each role; `None` if they are not part of
    /// the configuration.
    pub daemons: Option<Vec<Daemon>>,
}

impl Configuration {
    /// Returns the service with the given identity, together with its destinations.
    #[must_use]
    pub fn service(&self, id: &ServiceId) -> Option<&ServiceEntry> {
        self.services.iter().find(|entry| entry.service.id == *id)
    }

    /// Applies a command as the kernel would execute it.
    ///
    /// A new destination is inserted at the head of its list, an edited one keeps its place, and timeouts
    /// of 0 are kept. Counters are not part of a configuration: [`Command::Zero`] only requires that the
    /// service exists.
    ///
    /// # Errors
    /// The object to add exists already, or the object to edit or delete does not exist. The
    /// configuration is then unchanged. Other reasons for which the kernel may refuse a command (an
    /// unknown scheduler) are not known here.
    pub fn apply(&mut self, command: &Command) -> Result<(), InvalidValue> {
        Ok(self.editor().apply(command)?)
    }

    /// Returns an editor, for many commands.
    pub(super) fn editor(&mut self) -> Editor<'_> {
        Editor::new(&mut self.services, &mut self.timeouts, &mut self.daemons)
    }
}
