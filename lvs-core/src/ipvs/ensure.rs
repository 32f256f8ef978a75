//! Verbs that ask first: what is right already is not written again, what is not named is kept.

use super::{Destination, DestinationId, Ipvs, Service, ServiceId};
use crate::error::{Error, Operation, Result};

impl Ipvs {
    /// Makes sure that there is a service like this: adds it, or edits it where it differs. Tells
    /// whether anything was changed. Its destinations are not looked at.
    ///
    /// Nothing is sent for a service that is right already: an edit that changes nothing would still
    /// send some schedulers back to their beginning.
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
        match found(self.service(&service.id))? {
            None => self.add_service(service)?,
            Some(status) if status.service == *service => return Ok(false),
            Some(_) => self.edit_service(service)?,
        }
        Ok(true)
    }

    /// Makes sure that a service has a destination like this: adds it, or edits it where it differs.
    /// Tells whether anything was changed.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) if there is no such service; otherwise as
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

    /// Makes sure that there is no such service; tells whether there was one.
    ///
    /// # Errors
    /// [`is_permission`](Error::is_permission).
    pub fn ensure_no_service(&mut self, id: &ServiceId) -> Result<bool> {
        Ok(found(self.delete_service(id))?.is_some())
    }

    /// Makes sure that there is no such destination; tells whether there was one. No such service is
    /// as good.
    ///
    /// # Errors
    /// [`is_permission`](Error::is_permission).
    pub fn ensure_no_destination(
        &mut self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Result<bool> {
        Ok(found(self.delete_destination(service, id))?.is_some())
    }

    /// Edits a service by what is to be different; all else (persistence, engine, flags) is read and
    /// kept. The identity cannot be changed. Tells whether anything was.
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

    /// Edits a destination by what is to be different; all else (forwarding, tunnel, thresholds) is
    /// read and kept. The identity cannot be changed. Tells whether anything was.
    ///
    /// ```no_run
    /// use lvs_core::ipvs::{Ipvs, Weight};
    /// let (service, server) = ("tcp 172.16.5.11:80".parse()?, "192.168.1.12:80".parse()?);
    /// Ipvs::open()?.edit_destination_with(&service, &server, |it| it.weight = Weight::DRAIN)?;
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
                .advise("the service has no such destination; add it instead")
        })?;
        let mut after = before;
        edit(&mut after);
        after.id = *id;
        if after != before {
            self.edit_destination(service, &after)?;
        }
        Ok(after != before)
    }

    /// A destination by its identity; the kernel can only be asked for all of a service.
    fn find_destination(
        &mut self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Result<Option<Destination>> {
        let destinations = self.destinations(service)?.into_iter();
        let mut configured = destinations.map(|status| status.destination);
        Ok(configured.find(|destination| destination.id == *id))
    }
}

/// What is there, if it is.
fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if error.is_not_found() => Ok(None),
        other => other.map(Some),
    }
}
