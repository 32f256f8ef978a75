//! Releasing the addresses of the active one of two directors, with anything else wrong: two directors that carry
//! them are worse than any state of the file, the record or the state directory.

use std::collections::BTreeSet;

use super::lock::{Lock, begin_role};
use super::{Record, StateDir};
use crate::cluster::apply::Job;
use crate::cluster::change::Step;
use crate::cluster::plan::{Phase, PhaseName, Plan, PlanOptions};
use crate::cluster::{ApplyError, ApplyEvent, DesiredState, NodeKind, Observed, ReadScope, Role};
use crate::error::Result;
use crate::host::Host;

const WHY: &str = "the other director may be active";

impl StateDir {
    /// Releases what only an active director carries, of a node that is to be standby: without the lock, and
    /// without the record if it cannot be read. Nothing else is changed. The record then says that this director
    /// is standby, or an empty file beside it does, if it cannot be locked within a second or written.
    ///
    /// # Errors
    /// What failed, and how that left the node: see [`ApplyError`].
    pub fn release(
        &self,
        node: &DesiredState,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<Plan, ApplyError> {
        let file = self.record_file(&node.cluster, &node.name);
        let marked = file.mark_standby();
        let ticket = begin_role(self.directory());
        let nothing = || Record::new(node.cluster.clone(), node.name.clone());
        let record = self.record(node).unwrap_or_else(|_| nothing());
        let plan = |observed: &Observed| {
            Plan::with_record(node, observed, &record, PlanOptions::default()).only_release()
        };
        let done = Job::plain(ReadScope::recorded(node, &record), &plan).run(
            |_, _| Ok(()),
            host,
            events,
        )?;
        let lock = Lock::acquire_late(self.directory(), ticket);
        let recorded = lock.and_then(|_lock| match self.own_record(node)? {
            // Nothing was applied here by its record: a plain apply asks for the role.
            record if record.role.is_none() => Ok(()),
            record => self.write_standby(&record),
        });
        if let (Err(error), Err(_)) = (recorded, marked) {
            events(ApplyEvent::Unrecorded(&error));
        }
        Ok(done)
    }

    fn write_standby(&self, record: &Record) -> Result<()> {
        let standby = Record {
            role: Some(Role::Standby),
            ..record.clone()
        };
        self.record_file(standby.cluster(), standby.node())
            .write(&standby)
    }

    /// Releases what only an active director carries, by the record alone: for a cluster whose file cannot be
    /// read. Without a name it is the only cluster here that has a role. The record then says that this director
    /// is standby, if it can be written.
    ///
    /// Returns `None` if it is not known which cluster is meant, or no record knows its addresses.
    ///
    /// # Errors
    /// What failed, and how that left the node: see [`ApplyError`].
    pub fn release_recorded(
        &self,
        cluster: Option<&str>,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<Option<Plan>, ApplyError> {
        let (records, _) = self.readable();
        let mut records = records.into_iter().filter(|record| {
            record.role().is_some()
                && cluster.is_none_or(|cluster| record.cluster().as_str() == cluster)
        });
        let (Some(record), None) = (records.next(), records.next()) else {
            return Ok(None);
        };
        let file = self.record_file(record.cluster(), record.node());
        let marked = file.mark_standby();
        let ticket = begin_role(self.directory());
        let plan = |observed: &Observed| record.release(observed);
        let done = Job::plain(ReadScope::default(), &plan).run(|_, _| Ok(()), host, events)?;
        let lock = Lock::acquire_late(self.directory(), ticket);
        let recorded = lock.and_then(|_lock| self.write_standby(&record));
        if let (Err(error), Err(_)) = (recorded, marked) {
            events(ApplyEvent::Unrecorded(&error));
        }
        Ok(Some(done))
    }
}

impl Record {
    /// Returns the plan that deletes the addresses that only an active director carries.
    fn release(&self, observed: &Observed) -> Plan {
        let steps: Vec<_> = observed
            .addresses
            .iter()
            .filter(|address| self.floating.contains(&address.id))
            .map(|address| Step::delete(address.clone(), WHY))
            .collect();
        let phase = Phase {
            name: PhaseName::ReleasedAddresses,
            steps,
        };
        Plan {
            cluster: self.cluster.clone(),
            node: self.node.clone(),
            kind: NodeKind::Director,
            role: Some(Role::Standby),
            phases: Some(phase)
                .filter(|phase| !phase.steps.is_empty())
                .into_iter()
                .collect(),
            refusals: Vec::new(),
            unmanaged: Vec::new(),
            notes: Vec::new(),
            of_whole: Vec::new(),
            announcements: BTreeSet::new(),
            nftables: None,
        }
    }
}
