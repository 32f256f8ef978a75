//! What commands do to a configuration, thousands of them in a moment.

use std::collections::HashMap;

use super::{
    Command, Configuration, Daemon, DaemonRole, Destination, DestinationId, Service, ServiceEntry,
    ServiceId, Timeouts,
};
use crate::error::InvalidValue;

const NOT_THERE: &str = "does not exist";
const THERE: &str = "exists already";

/// A configuration under change, which knows where each service stands: looking for it along the list
/// would make a text of many services cost the square of their number.
pub(super) struct Editor<'a> {
    table: &'a mut Configuration,
    places: HashMap<ServiceId, usize>,
}

impl<'a> Editor<'a> {
    pub(super) fn new(table: &'a mut Configuration) -> Self {
        let ids = table.services.iter().map(|entry| entry.service.id);
        // The first one counts, should one stand there twice.
        let places = ids.enumerate().map(|(place, id)| (id, place)).rev();
        Self {
            places: places.collect(),
            table,
        }
    }

    /// See [`Configuration::apply`].
    pub(super) fn apply(&mut self, command: &Command) -> Result<(), InvalidValue> {
        match command {
            Command::AddService(service) => self.add_service(service)?,
            Command::EditService(service) => self.entry(&service.id)?.service = service.clone(),
            Command::DeleteService(id) => self.delete_service(id)?,
            Command::AddDestination(id, destination) => self.add_destination(id, destination)?,
            Command::EditDestination(id, destination) => {
                *find(self.entry(id)?, &destination.id)? = *destination;
            }
            Command::DeleteDestination(id, destination) => {
                let entry = self.entry(id)?;
                find(entry, destination)?;
                entry.destinations.retain(|other| other.id != *destination);
            }
            Command::SetTimeouts(timeouts) => self.set_timeouts(*timeouts),
            Command::StartDaemon(daemon) => self.start_daemon(daemon)?,
            Command::StopDaemon(role) => self.stop_daemon(*role)?,
            Command::Zero(Some(id)) => self.entry(id).map(|_| ())?,
            Command::Zero(None) => {}
            Command::Flush => {
                self.table.services.clear();
                self.places.clear();
            }
        }
        Ok(())
    }

    fn entry(&mut self, id: &ServiceId) -> Result<&mut ServiceEntry, InvalidValue> {
        let place = self.places.get(id);
        place
            .and_then(|place| self.table.services.get_mut(*place))
            .ok_or_else(|| InvalidValue::new("service", id.to_string(), NOT_THERE))
    }

    fn add_service(&mut self, service: &Service) -> Result<(), InvalidValue> {
        if self.places.contains_key(&service.id) {
            return Err(InvalidValue::new("service", service.id.to_string(), THERE));
        }
        self.places.insert(service.id, self.table.services.len());
        self.table.services.push(ServiceEntry {
            service: service.clone(),
            destinations: Vec::new(),
        });
        Ok(())
    }

    /// The last service takes its place, for their order means nothing.
    fn delete_service(&mut self, id: &ServiceId) -> Result<(), InvalidValue> {
        self.entry(id)?;
        if let Some(place) = self.places.remove(id) {
            self.table.services.swap_remove(place);
            let moved = self.table.services.get(place);
            self.places
                .extend(moved.map(|entry| (entry.service.id, place)));
        }
        Ok(())
    }

    fn add_destination(
        &mut self,
        id: &ServiceId,
        destination: &Destination,
    ) -> Result<(), InvalidValue> {
        let entry = self.entry(id)?;
        if find(entry, &destination.id).is_ok() {
            let name = destination.id.to_string();
            return Err(InvalidValue::new("destination", name, THERE));
        }
        entry.destinations.insert(0, *destination);
        Ok(())
    }

    fn set_timeouts(&mut self, new: Timeouts) {
        let timeouts = self.table.timeouts.get_or_insert_default();
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
        let daemons = self.table.daemons.get_or_insert_default();
        if daemons.iter().any(|other| other.role == daemon.role) {
            let role = daemon.role.to_string();
            return Err(InvalidValue::new("sync daemon", role, "is running already"));
        }
        daemons.push(daemon.clone());
        Ok(())
    }

    fn stop_daemon(&mut self, role: DaemonRole) -> Result<(), InvalidValue> {
        let daemons = self.table.daemons.as_mut();
        let running = daemons.and_then(|daemons| {
            let place = daemons.iter().position(|daemon| daemon.role == role)?;
            Some(daemons.remove(place))
        });
        match running {
            Some(_) => Ok(()),
            None => {
                let role = role.to_string();
                Err(InvalidValue::new("sync daemon", role, "is not running"))
            }
        }
    }
}

fn find<'a>(
    entry: &'a mut ServiceEntry,
    id: &DestinationId,
) -> Result<&'a mut Destination, InvalidValue> {
    let mut destinations = entry.destinations.iter_mut();
    destinations
        .find(|destination| destination.id == *id)
        .ok_or_else(|| InvalidValue::new("destination", id.to_string(), NOT_THERE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::ipvsadm::Rules;

    fn ids(table: &Configuration) -> Vec<String> {
        let ids = table.services.iter().map(|entry| entry.service.id);
        ids.map(|id| id.to_string()).collect()
    }

    #[test]
    fn services_are_found_after_others_went() {
        let text = "-A -f 1\n-A -f 2\n-A -f 3\n-D -f 1\n-a -f 3 -r 10.0.0.1 -m\n-D -f 2\n-A -f 1\n\
                    -a -f 1 -r 10.0.0.2 -m\n-a -f 3 -r 10.0.0.3 -m\n-d -f 3 -r 10.0.0.1";
        let table = Rules::parse(text).unwrap().configuration().unwrap();
        assert_eq!(ids(&table), ["fwmark 3 ipv4", "fwmark 1 ipv4"]);
        let real = |place: usize| table.services[place].destinations[0].id.to_string();
        assert_eq!(
            (real(0), real(1)),
            ("10.0.0.3:0".into(), "10.0.0.2:0".into())
        );
        assert_eq!(table.services[0].destinations.len(), 1);
    }

    #[test]
    fn nothing_is_there_after_a_flush() {
        let mut table = Configuration::default();
        let mut editor = Editor::new(&mut table);
        let service: ServiceId = "fwmark 1".parse().unwrap();
        let add = Command::AddService(Service::new(service, crate::ipvs::SchedulerName::RR));
        editor.apply(&add).unwrap();
        let error = editor.apply(&add).unwrap_err().to_string();
        assert_eq!(error, "service \"fwmark 1 ipv4\" exists already");
        editor.apply(&Command::Flush).unwrap();
        let error = editor.apply(&Command::DeleteService(service)).unwrap_err();
        assert_eq!(error.problem(), "does not exist");
        editor.apply(&add).unwrap();
        assert_eq!(ids(&table), ["fwmark 1 ipv4"]);
    }
}
