//! Methods that read first: an entry that is right already is not written, and other entries are kept.

use super::{Destination, DestinationId, Ipvs, Service, ServiceId};
use crate::error::{Error, Operation, Result};

impl Ipvs {
    /// Ensures that a service exists as given, and returns whether anything was changed.
    ///
    /// The service is added, or edited if it differs; its destinations are neither read nor changed.
    /// Nothing is sent for a service that is right already, because even an edit that changes nothing
    /// makes some schedulers start from their beginning.
    ///
    /// ```no_run
    /// use lvs_core::ipvs::{Ipvs, SchedulerName, Service};
    /// let service = Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::WRR);
    /// let mut ipvs = Ipvs::open()?;
    /// ipvs.ensure_service(&service)?;
    /// assert!(!ipvs.ensure_service(&service)?, "the second time there is nothing to do");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`add_service`](Self::add_service) and [`edit_service`](Self::edit_service).
    pub fn ensure_service(&mut self, service: &Service) -> Result<bool> {
        match if_found(self.service(&service.id))? {
            None => self.add_service(service)?,
            Some(status) if status.service == *service => return Ok(false),
            Some(_) => self.edit_service(service)?,
        }
        Ok(true)
    }

    /// Ensures that a service has a destination as given, and returns whether anything was changed.
    ///
    /// The destination is added, or edited if it differs.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) if the service does not exist; otherwise as
    /// [`add_destination`](Self::add_destination).
    pub fn ensure_destination(
        &mut self,
        service: &ServiceId,
        destination: &Destination,
    ) -> Result<bool> {
        match self.find_destination(service, &destination.id)? {
            None => self.add_destination(service, destination)?,
            Some(found) if found == *destination => return Ok(false),
            Some(_) => self.edit_destination(service, destination)?,
        }
        Ok(true)
    }

    /// Ensures that a service does not exist, and returns whether it was deleted.
    ///
    /// # Errors
    /// [`is_permission`](Error::is_permission).
    pub fn ensure_no_service(&mut self, id: &ServiceId) -> Result<bool> {
        Ok(if_found(self.delete_service(id))?.is_some())
    }

    /// Ensures that a service does not have a destination, and returns whether it was deleted.
    ///
    /// It is no error if the service itself does not exist.
    ///
    /// # Errors
    /// [`is_permission`](Error::is_permission).
    pub fn ensure_no_destination(
        &mut self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Result<bool> {
        Ok(if_found(self.delete_destination(service, id))?.is_some())
    }

    /// Edits parts of a service, and returns whether anything was changed.
    ///
    /// Everything that `edit` does not change (persistence, engine, flags) is read and kept. The
    /// identity cannot be changed.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found); otherwise as [`edit_service`](Self::edit_service).
    pub fn edit_service_with(
        &mut self,
        id: &ServiceId,
        edit: impl FnOnce(&mut Service),
    ) -> Result<bool> {
        let before = self.service(id)?.service;
        let mut after = before.clone();
        edit(&mut after);
        after.id = *id;
        if after != before {
            self.edit_service(&after)?;
        }
        Ok(after != before)
    }

    /// Edits parts of a destination, and returns whether anything was changed.
    ///
    /// Everything that `edit` does not change (forwarding, tunnel, thresholds) is read and kept. The
    /// identity cannot be changed.
    ///
    /// ```no_run
    /// use lvs_core::ipvs::{Ipvs, Weight};
    /// let (service, server) = ("tcp 172.16.5.11:80".parse()?, "192.168.1.12:80".parse()?);
    /// Ipvs::open()?.edit_destination_with(&service, &server, |destination| {
    ///     destination.weight = Weight::DRAIN;
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found); otherwise as
    /// [`edit_destination`](Self::edit_destination).
    pub fn edit_destination_with(
        &mut self,
        service: &ServiceId,
        id: &DestinationId,
        edit: impl FnOnce(&mut Destination),
    ) -> Result<bool> {
        let before = self.find_destination(service, id)?.ok_or_else(|| {
            let operation = Operation::new("edit destination", format!("{id} of {service}"));
            Error::kernel(operation, nix::libc::ENOENT, None)
                .with_hint("the service has no such destination; add it instead")
        })?;
        let mut after = before;
        edit(&mut after);
        after.id = *id;
        if after != before {
            self.edit_destination(service, &after)?;
        }
        Ok(after != before)
    }

    /// Reads one destination. The kernel can only be asked for all destinations of a service.
    fn find_destination(
        &mut self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Result<Option<Destination>> {
        Ok(self
            .destinations(service)?
            .into_iter()
            .map(|status| status.destination)
            .find(|destination| destination.id == *id))
    }
}

/// Turns the error of an object that does not exist into `None`.
fn if_found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if error.is_not_found() => Ok(None),
        other => other.map(Some),
    }
}
