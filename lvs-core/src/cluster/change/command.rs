//! The commands of IPVS that make a change.

use super::{Change, Kind, Object};
use crate::ipvs::{Command, Service};

impl Change<Object> {
    /// Returns the commands that make the change, in order; none for an object that is not of IPVS.
    ///
    /// It is one command, except for a daemon that is edited: the kernel cannot change one that runs.
    pub(in crate::cluster) fn commands(&self) -> impl Iterator<Item = Command> + use<> {
        let (first, second) = match (self.newest(), self.kind()) {
            (Object::Timeouts(timeouts), Kind::Add | Kind::Edit) => {
                (Some(Command::SetTimeouts(*timeouts)), None)
            }
            (Object::Daemon(daemon), Kind::Add) => {
                (Some(Command::StartDaemon(daemon.clone())), None)
            }
            (Object::Daemon(daemon), Kind::Edit) => (
                Some(Command::StopDaemon(daemon.role)),
                Some(Command::StartDaemon(daemon.clone())),
            ),
            (Object::Daemon(daemon), Kind::Delete) => {
                (Some(Command::StopDaemon(daemon.role)), None)
            }
            (Object::Service(service), kind) => {
                let command = match kind {
                    Kind::Add => Command::AddService(Service::clone(service)),
                    Kind::Edit => Command::EditService(Service::clone(service)),
                    Kind::Delete => Command::DeleteService(service.id),
                };
                (Some(command), None)
            }
            (Object::Destination(bound), kind) => {
                let (service, destination) = (bound.service, bound.destination);
                let command = match kind {
                    Kind::Add => Command::AddDestination(service, destination),
                    Kind::Edit => Command::EditDestination(service, destination),
                    Kind::Delete => Command::DeleteDestination(service, destination.id),
                };
                (Some(command), None)
            }
            _ => (None, None),
        };
        first.into_iter().chain(second)
    }
}
