//! The commands of IPVS that make a change.

use super::{Change, Kind, Object};
use crate::ipvs::Command;

impl Change<Object> {
    /// Returns the commands that make the change, in order; none for an object that is not of IPVS.
    ///
    /// It is one command, except for a daemon that is edited: the kernel cannot change one that runs.
    pub(in crate::cluster) fn commands(&self) -> Vec<Command> {
        match (self.newest(), self.kind()) {
            (Object::Timeouts(timeouts), Kind::Add | Kind::Edit) => {
                vec![Command::SetTimeouts(*timeouts)]
            }
            (Object::Daemon(daemon), Kind::Add) => vec![Command::StartDaemon(daemon.clone())],
            (Object::Daemon(daemon), Kind::Edit) => vec![
                Command::StopDaemon(daemon.role),
                Command::StartDaemon(daemon.clone()),
            ],
            (Object::Daemon(daemon), Kind::Delete) => vec![Command::StopDaemon(daemon.role)],
            (Object::Service(service), Kind::Add) => vec![Command::AddService(service.clone())],
            (Object::Service(service), Kind::Edit) => vec![Command::EditService(service.clone())],
            (Object::Service(service), Kind::Delete) => vec![Command::DeleteService(service.id)],
            (Object::Destination(bound), kind) => {
                let (service, destination) = (bound.service, bound.destination);
                vec![match kind {
                    Kind::Add => Command::AddDestination(service, destination),
                    Kind::Edit => Command::EditDestination(service, destination),
                    Kind::Delete => Command::DeleteDestination(service, destination.id),
                }]
            }
            _ => Vec::new(),
        }
    }
}
