//! The effect of commands on a table, in time that grows only with their number.

use std::collections::{HashMap, HashSet};

use super::{
    Command, Daemon, DaemonRole, Destination, DestinationId, Service, ServiceEntry, ServiceId,
    Timeouts,
};
use crate::error::InvalidValue;

/// Tells why a command does not fit a table, as the kernel would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EditError {
    /// The object that is to be added exists already.
    Exists(InvalidValue),
    /// The object that is to be edited or deleted does not exist.
    NotFound(InvalidValue),
}

impl EditError {
    fn exists(what: &'static str, id: impl ToString) -> Self {
        Self::Exists(InvalidValue::new(what, id.to_string(), "exists already"))
    }

    fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::NotFound(InvalidValue::new(what, id.to_string(), "does not exist"))
    }
}

impl From<EditError> for InvalidValue {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Exists(invalid) | EditError::NotFound(invalid) => invalid,
        }
    }
}

/// Applies commands to a configuration.
pub(super) struct Editor<'a> {
    services: ServicesEditor<'a>,
    timeouts: &'a mut Option<Timeouts>,
    daemons: &'a mut Option<Vec<Daemon>>,
}

impl<'a> Editor<'a> {
    pub(super) fn new(
        services: &'a mut Vec<ServiceEntry>,
        timeouts: &'a mut Option<Timeouts>,
        daemons: &'a mut Option<Vec<Daemon>>,
    ) -> Self {
        Self {
            services: ServicesEditor::new(services),
            timeouts,
            daemons,
        }
    }

    /// Applies a command; see [`Configuration::apply`](super::Configuration::apply).
    pub(super) fn apply(&mut self, command: &Command) -> Result<(), EditError> {
        match command {
            Command::SetTimeouts(new) => {
                let timeouts = self.timeouts.get_or_insert_default();
                *timeouts = timeouts.updated_by(*new);
                Ok(())
            }
            Command::StartDaemon(daemon) => self.start_daemon(daemon),
            Command::StopDaemon(role) => self.stop_daemon(*role),
            command => self.services.apply(command),
        }
    }

    fn start_daemon(&mut self, daemon: &Daemon) -> Result<(), EditError> {
        let daemons = self.daemons.get_or_insert_default();
        if daemons.iter().any(|other| other.role == daemon.role) {
            let role = daemon.role.to_string();
            let invalid = InvalidValue::new("sync daemon", role, "is running already");
            return Err(EditError::Exists(invalid));
        }
        daemons.push(daemon.clone());
        Ok(())
    }

    fn stop_daemon(&mut self, role: DaemonRole) -> Result<(), EditError> {
        let daemons = self.daemons.as_mut();
        let stopped = daemons.and_then(|daemons| {
            let place = daemons.iter().position(|daemon| daemon.role == role)?;
            Some(daemons.remove(place))
        });
        match stopped {
            Some(_) => Ok(()),
            None => Err(EditError::NotFound(InvalidValue::new(
                "sync daemon",
                role.to_string(),
                "is not running",
            ))),
        }
    }
}

/// Applies commands to a list of services.
///
/// It knows where each service and destination is: searching the lists would cost the square of their
/// length. The list is complete again when the editor is dropped.
pub(crate) struct ServicesEditor<'a> {
    services: &'a mut Vec<ServiceEntry>,
    places: HashMap<ServiceId, usize>,
    /// The places of deleted services, which are removed at the end so that no place changes.
    deleted: HashSet<usize>,
    /// The destinations of the services at these places, which were changed.
    changed: HashMap<usize, Destinations>,
    /// The place of the service whose destinations were changed last: they come service by service.
    last: Option<usize>,
}

impl<'a> ServicesEditor<'a> {
    pub(crate) fn new(services: &'a mut Vec<ServiceEntry>) -> Self {
        Self {
            places: services
                .iter()
                .enumerate()
                // If a service is there twice, the first one counts.
                .rev()
                .map(|(place, entry)| (entry.service.id, place))
                .collect(),
            services,
            deleted: HashSet::new(),
            changed: HashMap::new(),
            last: None,
        }
    }

    /// Applies a command as the kernel would: a new destination is inserted at the head of its list, and
    /// an edited one keeps its place. Commands that are about no service have no effect.
    pub(crate) fn apply(&mut self, command: &Command) -> Result<(), EditError> {
        match command {
            Command::AddService(service) => self.add_service(service),
            Command::EditService(service) => {
                self.entry(&service.id)?.service = service.clone();
                Ok(())
            }
            Command::DeleteService(id) => self.delete_service(id),
            Command::AddDestination(id, destination) => self.destinations(id)?.add(*destination),
            Command::EditDestination(id, destination) => self.destinations(id)?.edit(*destination),
            Command::DeleteDestination(id, destination) => {
                self.destinations(id)?.delete(destination)
            }
            Command::Zero(Some(id)) => self.entry(id).map(|_| ()),
            Command::Flush => {
                self.services.clear();
                self.places.clear();
                self.deleted.clear();
                self.changed.clear();
                Ok(())
            }
            Command::Zero(None)
            | Command::SetTimeouts(_)
            | Command::StartDaemon(_)
            | Command::StopDaemon(_) => Ok(()),
        }
    }

    fn entry(&mut self, id: &ServiceId) -> Result<&mut ServiceEntry, EditError> {
        self.places
            .get(id)
            .and_then(|place| self.services.get_mut(*place))
            .ok_or_else(|| EditError::not_found("service", id))
    }

    fn destinations(&mut self, id: &ServiceId) -> Result<&mut Destinations, EditError> {
        let not_found = || EditError::not_found("service", id);
        let place = *self.places.get(id).ok_or_else(not_found)?;
        let entry = self.services.get_mut(place).ok_or_else(not_found)?;
        if let Some(left) = self.last.replace(place).filter(|last| *last != place)
            && let Some(destinations) = self.changed.get_mut(&left)
        {
            destinations.leave();
        }
        let changed = self.changed.entry(place);
        Ok(changed.or_insert_with(|| Destinations::new(std::mem::take(&mut entry.destinations))))
    }

    fn add_service(&mut self, service: &Service) -> Result<(), EditError> {
        if self.places.contains_key(&service.id) {
            return Err(EditError::exists("service", service.id));
        }
        self.places.insert(service.id, self.services.len());
        self.services.push(ServiceEntry::new(service.clone()));
        Ok(())
    }

    fn delete_service(&mut self, id: &ServiceId) -> Result<(), EditError> {
        let place = self
            .places
            .remove(id)
            .ok_or_else(|| EditError::not_found("service", id))?;
        self.changed.remove(&place);
        self.deleted.insert(place);
        Ok(())
    }
}

impl Drop for ServicesEditor<'_> {
    fn drop(&mut self) {
        for (place, destinations) in std::mem::take(&mut self.changed) {
            if let Some(entry) = self.services.get_mut(place) {
                entry.destinations = destinations.newest_first();
            }
        }
        let mut places = 0..;
        self.services.retain(|_| {
            places
                .next()
                .is_none_or(|place| !self.deleted.contains(&place))
        });
    }
}

/// Holds the destinations of one service while they are changed.
struct Destinations {
    /// The destinations, oldest first, with `None` in the places of deleted ones: no place changes.
    oldest_first: Vec<Option<Destination>>,
    /// The place of each, once there are more than a [`FEW`](Self::FEW).
    places: Option<HashMap<DestinationId, usize>>,
    /// Whether destinations of another service were changed since.
    was_left: bool,
}

impl Destinations {
    /// So many are searched one by one: there may be tens of thousands of services with one destination.
    const FEW: usize = 8;

    fn new(newest_first: Vec<Destination>) -> Self {
        // Nearly always there is one at least.
        let mut oldest_first = Vec::with_capacity(newest_first.len().max(1));
        oldest_first.extend(newest_first.into_iter().rev().map(Some));
        Self {
            oldest_first,
            places: None,
            was_left: false,
        }
    }

    /// Forgets the places, which for millions of destinations are more than these, unless this service is come back to.
    fn leave(&mut self) {
        if !std::mem::replace(&mut self.was_left, true) {
            self.places = None;
        }
    }

    fn newest_first(self) -> Vec<Destination> {
        let left = self.oldest_first.iter().flatten().count();
        let mut newest_first = Vec::with_capacity(left);
        newest_first.extend(self.oldest_first.into_iter().rev().flatten());
        newest_first
    }

    fn place(&mut self, id: &DestinationId) -> Option<usize> {
        let all = &self.oldest_first;
        let mut ids = all
            .iter()
            .map(|destination| destination.as_ref().map(|destination| destination.id));
        if all.len() <= Self::FEW {
            return ids.rposition(|found| found == Some(*id));
        }
        let indexed = || {
            let places = ids.enumerate();
            places
                .filter_map(|(place, id)| Some((id?, place)))
                .collect()
        };
        let places: &mut HashMap<_, _> = self.places.get_or_insert_with(indexed);
        places.get(id).copied()
    }

    fn add(&mut self, destination: Destination) -> Result<(), EditError> {
        if self.place(&destination.id).is_some() {
            return Err(EditError::exists("destination", destination.id));
        }
        if let Some(places) = &mut self.places {
            places.insert(destination.id, self.oldest_first.len());
        }
        self.oldest_first.push(Some(destination));
        Ok(())
    }

    fn edit(&mut self, destination: Destination) -> Result<(), EditError> {
        *self.found(&destination.id)? = Some(destination);
        Ok(())
    }

    fn delete(&mut self, id: &DestinationId) -> Result<(), EditError> {
        *self.found(id)? = None;
        if let Some(places) = &mut self.places {
            places.remove(id);
        }
        Ok(())
    }

    fn found(&mut self, id: &DestinationId) -> Result<&mut Option<Destination>, EditError> {
        let place = self.place(id);
        place
            .and_then(|place| self.oldest_first.get_mut(place))
            .ok_or_else(|| EditError::not_found("destination", id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::Configuration;
    use crate::ipvs::ipvsadm::Rules;

    fn ids(table: &Configuration) -> Vec<String> {
        table
            .services
            .iter()
            .map(|entry| entry.service.id.to_string())
            .collect()
    }

    #[test]
    fn services_are_found_after_others_were_deleted() {
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
    fn a_flushed_table_is_empty() {
        let mut table = Configuration::default();
        let mut editor = table.editor();
        let service: ServiceId = "fwmark 1".parse().unwrap();
        let add = Command::AddService(Service::new(service, crate::ipvs::SchedulerName::RR));
        editor.apply(&add).unwrap();
        let error = InvalidValue::from(editor.apply(&add).unwrap_err());
        assert_eq!(
            error.to_string(),
            "service \"fwmark 1 ipv4\" exists already"
        );
        editor.apply(&Command::Flush).unwrap();
        let error = editor.apply(&Command::DeleteService(service)).unwrap_err();
        assert!(matches!(error, EditError::NotFound(_)));
        editor.apply(&add).unwrap();
        drop(editor);
        assert_eq!(ids(&table), ["fwmark 1 ipv4"]);
    }

    #[test]
    fn destinations_keep_the_order_of_the_kernel() {
        let text =
            "-A -f 1\n-a -f 1 -r 10.0.0.1 -m\n-a -f 1 -r 10.0.0.2 -m\n-a -f 1 -r 10.0.0.3 -m";
        let mut table = Rules::parse(text).unwrap().configuration().unwrap();
        let change =
            "-e -f 1 -r 10.0.0.1 -m -w 9\n-d -f 1 -r 10.0.0.2\n-a -f 1 -r 10.0.0.2 -m -w 5";
        Rules::parse(change).unwrap().apply_to(&mut table).unwrap();
        let texts: Vec<_> = table.services[0]
            .destinations
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            texts,
            [
                "10.0.0.2:0 nat weight 5",
                "10.0.0.3:0 nat weight 1",
                "10.0.0.1:0 nat weight 9",
            ]
        );
    }

    #[test]
    fn what_fitted_before_an_error_is_kept() {
        let mut table = Configuration::default();
        let rules = Rules::parse("-A -f 1\n-a -f 1 -r 10.0.0.1\n-a -f 1 -r 10.0.0.1").unwrap();
        assert!(rules.apply_to(&mut table).is_err());
        assert_eq!(table.services[0].destinations.len(), 1);
    }
}
