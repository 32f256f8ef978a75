//! What a running controller takes from the record: drains, and the role of one of two directors.

use super::runner::{RunError, RunEvent, Runner};
use super::running::{Events, Running};
use super::{Event, Notice};
use crate::cluster::{Cluster, DesiredState, Role};

impl Running {
    /// Takes drains and the role from the record, and returns whether it has changed.
    pub(super) fn take_record(&mut self, events: Events<'_>) -> bool {
        let stamp = self.runner.state.record_stamp(&self.node);
        if stamp == self.stamp {
            return false;
        }
        let record = match self.runner.state.record(&self.node) {
            Ok(record) => record,
            Err(error) => {
                self.fail(&error, events);
                return false;
            }
        };
        self.stamp = stamp;
        let before = std::mem::replace(&mut self.drains, record.drains().clone());
        let ended = before
            .keys()
            .filter(|drain| !record.drains().contains_key(drain))
            .map(|drain| Event::Undrain(*drain));
        let begun = record
            .drains()
            .iter()
            .filter(|(drain, how)| before.get(drain) != Some(how))
            .map(|(drain, how)| Event::Drain(*drain, *how));
        self.step_all(ended.chain(begun).collect(), events);
        if self.node.role.is_some() && record.role().is_some() && record.role() != self.node.role {
            self.take_role(events);
        }
        true
    }

    /// Goes on in another role, which another process has applied.
    fn take_role(&mut self, events: Events<'_>) {
        match self.runner.desired(&self.runner.cluster) {
            Ok(node) => {
                self.node = node;
                if let Some(role) = self.node.role {
                    events(RunEvent::Role(&self.node.name, role));
                }
                // The services are probed in another way, and are the same.
                self.load(&mut |event| match event {
                    RunEvent::Notice(Notice::Changed(_)) => {}
                    event => events(event),
                });
            }
            Err(error) => self.fail(&error, events),
        }
    }
}

impl Runner {
    /// Returns what the node must be: one of two directors in the role on record, or else standby.
    pub(super) fn desired(&self, cluster: &Cluster) -> Result<DesiredState, RunError> {
        let name = self.node.as_str();
        let missing = || RunError::NoNode(self.node.clone(), cluster.name().clone());
        let node = cluster.node(name).ok_or_else(missing)?;
        if node.role.is_none() {
            return Ok(node);
        }
        let role = self.state.record(&node)?.role().unwrap_or(Role::Standby);
        cluster.node_as(name, role).ok_or_else(missing)
    }
}
