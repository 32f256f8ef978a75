//! Methods that read first: an entry that is right already is not written, and other entries are kept.

use nix::libc::{EEXIST, ENOENT, ESRCH};

use super::{Destination, DestinationId, DestinationStatus, Ipvs, Service, ServiceId};
use crate::error::Result;

/// How often an attempt is made that other programs may foil by changing the same entry.
const ATTEMPTS: usize = 32;

impl Ipvs {
    /// Ensures that a service exists as given, and returns whether anything was changed.
    ///
    /// The service is added, or edited if it differs; its destinations are neither read nor changed.
    /// Nothing is sent for a service that is right already, because even an edit that changes nothing
    /// makes some schedulers start from their beginning. If another program adds or deletes it at the
    /// same time, it is read again.
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
        retry([EEXIST, ESRCH], || {
            match unless([ESRCH], self.service(&service.id))? {
                None => self.add_service(service)?,
                Some(status) if status.service == *service => return Ok(false),
                Some(_) => self.edit_service(service)?,
            }
            Ok(true)
        })
    }

    /// Ensures that a service has a destination as given, and returns whether anything was changed.
    ///
    /// The destination is added, or edited if it differs.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) if the service does not exist; otherwise as
    /// [`add_destination`](Self::add_destination).
    pub fn ensure_destination(
        &mut self,
        service: &ServiceId,
        destination: &Destination,
    ) -> Result<bool> {
        retry([EEXIST, ENOENT], || {
            match unless([ENOENT], self.destination(service, &destination.id))? {
                None => self.add_destination(service, destination)?,
                Some(status) if status.destination == *destination => return Ok(false),
                Some(_) => self.edit_destination(service, destination)?,
            }
            Ok(true)
        })
    }

    /// Ensures that a service does not exist, and returns whether it was deleted.
    ///
    /// # Errors
    /// [`is_permission`](crate::Error::is_permission).
    pub fn ensure_no_service(&mut self, id: &ServiceId) -> Result<bool> {
        Ok(unless([ESRCH], self.delete_service(id))?.is_some())
    }

    /// Ensures that a service does not have a destination, and returns whether it was deleted.
    ///
    /// It is no error if the service itself does not exist.
    ///
    /// # Errors
    /// [`is_permission`](crate::Error::is_permission).
    pub fn ensure_no_destination(
        &mut self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Result<bool> {
        Ok(unless([ESRCH, ENOENT], self.delete_destination(service, id))?.is_some())
    }

    /// Edits parts of a service, and returns whether anything was changed.
    ///
    /// Everything that `edit` does not change (persistence, engine, flags) is read and kept. The
    /// identity cannot be changed.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found); otherwise as [`edit_service`](Self::edit_service).
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
    /// [`is_not_found`](crate::Error::is_not_found); otherwise as
    /// [`edit_destination`](Self::edit_destination).
    pub fn edit_destination_with(
        &mut self,
        service: &ServiceId,
        id: &DestinationId,
        edit: impl FnOnce(&mut Destination),
    ) -> Result<bool> {
        let DestinationStatus {
            destination: before,
            ..
        } = self.destination(service, id)?;
        let mut after = before;
        edit(&mut after);
        after.id = *id;
        if after != before {
            self.edit_destination(service, &after)?;
        }
        Ok(after != before)
    }
}

/// Calls `attempt` until it is not foiled by another program, which these errnos indicate: the entry was
/// added or deleted after it had been read.
fn retry<T>(foiled: [i32; 2], mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let is_foiled = |errno| foiled.contains(&errno);
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(error) if error.errno().is_some_and(is_foiled) => {}
            result => return result,
        }
    }
    attempt()
}

/// Turns an error with one of these errnos, which say that the object does not exist, into `None`.
fn unless<T, const N: usize>(missing: [i32; N], result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if error.errno().is_some_and(|errno| missing.contains(&errno)) => Ok(None),
        result => result.map(Some),
    }
}
