//! The status of clusters by their controllers where they run, and else by the records and the kernel.

use std::collections::BTreeMap;

use super::{ClusterStatus, DestinationReport, ServiceReport, Status, drains};
use crate::cluster::change::Object;
use crate::cluster::{ClusterName, Draining, Kept, Record, StateDir};
use crate::error::{Error, Operation, Result};
use crate::host::Host;
use crate::ipvs::{ServiceEntryStatus, ServiceId, Weight};

impl StateDir {
    /// Returns the status of the clusters that are applied on this director, or of one of them. Their
    /// controllers are asked; without one only the record and the kernel tell.
    ///
    /// # Errors
    /// A record cannot be read, there is none of the given cluster, or the kernel's table cannot be read.
    pub fn status(&self, cluster: Option<&ClusterName>, host: &mut Host) -> Result<Status> {
        let mut records = self.records()?;
        records.retain(|record| {
            record.is_applied() && cluster.is_none_or(|name| record.cluster() == name)
        });
        let elsewhere = self.controllers_elsewhere(cluster);
        if let (Some(name), true) = (cluster, records.is_empty()) {
            let operation = Operation::new("tell the status of", name);
            let error = Error::invalid(operation, "no such cluster is applied on this node");
            return Err(match elsewhere.first() {
                Some(controller) => error.with_hint(format!(
                    "{controller} keeps it, with another state directory: name that one with --state"
                )),
                None => error.with_hint("without a name every cluster is shown"),
            });
        }
        let clusters = records
            .iter()
            .map(|record| match self.asked(record.cluster())? {
                Some(cluster) => Ok(cluster),
                None => {
                    let mut status = ClusterStatus::recorded(record, &table(host)?);
                    if let Some(left) = self.left(record.cluster()) {
                        status.take_left(&left, host)?;
                    }
                    Ok(status)
                }
            })
            .collect::<Result<_>>()?;
        Ok(Status {
            elsewhere,
            ..Status::new(clusters)
        })
    }

    /// Asks the controller of a cluster for its status; `None` if none runs.
    pub(crate) fn asked(&self, name: &ClusterName) -> Result<Option<ClusterStatus>> {
        let Some(answer) = self.ask(name, "status")? else {
            return Ok(None);
        };
        let status: Status = serde_json::from_str(&answer).map_err(|error| {
            let operation = Operation::new("ask the controller of", name);
            Error::invalid(operation, format!("its answer is not understood: {error}"))
                .with_hint("is it another version? restart it")
        })?;
        Ok(status.clusters.into_iter().next())
    }
}

/// Reads the table with its counters; none where ip_vs is not loaded.
pub(in crate::run) fn table(host: &mut Host) -> Result<Vec<ServiceEntryStatus>> {
    if !host.is_ipvs_loaded() {
        return Ok(Vec::new());
    }
    match host.ipvs()?.snapshot() {
        Err(error) if error.is_unsettled() => Ok(error.seen().cloned().unwrap_or_default()),
        table => table,
    }
}

impl ClusterStatus {
    /// Takes what the controller that ran last has decided, and what is still so.
    fn take_left(&mut self, left: &Kept, host: &mut Host) -> Result<()> {
        let mut withdrawn = left.absent.virtual_ips.clone();
        if !withdrawn.is_empty() {
            for found in host.net().addresses()? {
                withdrawn.remove(&found.id.network.addr());
            }
        }
        self.withdrawn = withdrawn.into_iter().collect();
        for service in &mut self.services {
            for destination in &mut service.destinations {
                let is_by_health = |weight: Weight| {
                    left.is_by_health(service.service, destination.destination, weight)
                };
                if destination.drain.is_none() && destination.weight.is_some_and(is_by_health) {
                    destination.why = Some("by health, when a controller ran last".to_owned());
                }
            }
        }
        Ok(())
    }

    pub(in crate::run) fn recorded(record: &Record, table: &[ServiceEntryStatus]) -> Self {
        let services = record.entries().filter_map(|entry| match entry.after() {
            Some(Object::Service(service)) => Some(service.id),
            _ => None,
        });
        let mut services: Vec<ServiceId> = services
            .filter(|id| !record.probe_services().contains(id))
            .collect();
        services.sort();
        let entries = table.iter().map(|entry| (entry.status.service.id, entry));
        let entries: BTreeMap<_, _> = entries.collect();
        Self {
            cluster: record.cluster().clone(),
            node: record.node().clone(),
            role: record.role(),
            running: false,
            drift: None,
            drains: drains(record.drains()),
            withdrawn: Vec::new(),
            refused: None,
            services: services
                .into_iter()
                .map(|id| {
                    let mut state = ServiceReport::of_kernel(id, entries.get(&id).copied());
                    for destination in &mut state.destinations {
                        destination.drain = drain(record, destination);
                        let address = destination.destination.address;
                        destination.server = record.server(address).cloned();
                    }
                    state
                })
                .collect(),
        }
    }
}

fn drain(record: &Record, state: &DestinationReport) -> Option<Draining> {
    record
        .drains()
        .iter()
        .filter(|(drain, _)| drain.matches(&state.destination))
        .map(|(_, how)| *how)
        .max()
}
