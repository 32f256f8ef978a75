//! The kernel's table of a running controller: read by polling, and changed in batches.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use super::runner::RunEvent;
use super::running::{Events, Running};
use super::{KernelWeights, WeightChange, WeightVerb};
use crate::error::Result;
use crate::ipvs::{Command, Destination, DestinationId, ServiceId, Weight};
use crate::proc::{ListedChange, ListedId, Listing};

impl Running {
    /// Sets weights in one batch. What fails is decided again when the table is read next.
    pub(super) fn set_weights(&mut self, changes: &[WeightChange], events: Events<'_>) {
        if changes.is_empty() {
            return;
        }
        let (changes, commands): (Vec<_>, Vec<_>) = changes
            .iter()
            .filter_map(|change| Some((change, self.command(change)?)))
            .unzip();
        let results = match self.host.ipvs().and_then(|ipvs| ipvs.batch(&commands)) {
            Ok(results) => results,
            Err(error) => return self.fail(&error, events),
        };
        for (change, result) in changes.into_iter().zip(results) {
            match result {
                Ok(()) => events(RunEvent::Weight(change)),
                // The plan was faster: it is added already, or deleted.
                Err(error) if error.is_already_exists() || error.is_not_found() => {}
                Err(error) => self.fail(&error, events),
            }
        }
    }

    fn command(&self, change: &WeightChange) -> Option<Command> {
        let destination = |weight| {
            let found = self.desired(&change.service, &change.destination)?;
            Some(Destination { weight, ..found })
        };
        let service = change.service;
        Some(match change.verb {
            WeightVerb::Add(weight) => Command::AddDestination(service, destination(weight)?),
            WeightVerb::Edit(weight) => Command::EditDestination(service, destination(weight)?),
            WeightVerb::Delete => Command::DeleteDestination(service, change.destination),
        })
    }

    fn desired(&self, service: &ServiceId, id: &DestinationId) -> Option<Destination> {
        let desired = self.node.services.find(service)?;
        desired
            .destinations
            .iter()
            .map(|desired| desired.value)
            .find(|destination| destination.id == *id)
    }

    /// Reads the table and then the record: a drain is on record before it is in the table. What the record says
    /// anew changes weights, so that the table is read again.
    pub(super) fn read_settled(&mut self, events: Events<'_>) -> Result<KernelWeights> {
        loop {
            let weights = self.read_table()?;
            if !self.take_record(events) {
                return Ok(weights);
            }
        }
    }

    fn read_table(&mut self) -> Result<KernelWeights> {
        let listing = match self.host.is_ipvs_loaded() {
            true => self.host.proc().listing()?,
            false => Listing::default(),
        };
        let changes = listing.changes_since(&self.listing);
        let is_weight =
            |change: &ListedChange| matches!(change, ListedChange::DestinationEdited(..));
        if !changes.iter().all(is_weight) {
            self.next_compare = Instant::now();
        }
        self.listing = listing;
        Ok(weights(&self.listing, self.controller.ids()))
    }
}

/// Returns the weights of services that a listing has; it does not tell the family of a mark.
fn weights<'a>(listing: &Listing, ids: impl Iterator<Item = &'a ServiceId>) -> KernelWeights {
    let mut listed: HashMap<ListedId, BTreeMap<DestinationId, Weight>> = HashMap::new();
    for service in &listing.services {
        let weights = service
            .destinations
            .iter()
            .map(|destination| (destination.id, destination.weight));
        listed.entry(service.id).or_default().extend(weights);
    }
    ids.filter_map(|id| Some((*id, listed.get(&ListedId::from(*id))?.clone())))
        .collect()
}
