//! What the node must be now, and what a running controller does where it is not.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::CheckedService;
use super::runner::RunEvent;
use super::running::{Events, Running};
use crate::cluster::{DesiredState, Plan, PlanOptions, Role, Session};
use crate::error::Result;
use crate::ipvs::{DestinationId, ServiceId};

impl Running {
    /// Compares the node with what it must be, and repairs it, or reports.
    pub(super) fn compare(&mut self, events: Events<'_>) {
        let plan =
            match self
                .runner
                .state
                .plan(&self.present(), &mut self.host, PlanOptions::default())
            {
                Ok(plan) => plan,
                Err(error) => return events(RunEvent::Failed(error.to_string())),
            };
        if plan.is_empty() {
            self.drift = None;
            return;
        }
        if !self.runner.repairs && !self.moves_virtual_ips(&plan) {
            if self.drift.as_ref() != Some(&plan) {
                events(RunEvent::Drifted(&plan));
            }
            self.drift = Some(plan);
            return;
        }
        let is_news = self.drift.as_ref() != Some(&plan);
        self.drift = Some(plan);
        self.repair(is_news, events);
    }

    /// Whether a plan removes or adds what the controller has withdrawn.
    fn moves_virtual_ips(&self, plan: &Plan) -> bool {
        use crate::cluster::change::ObjectId;
        let withdrawn = self.controller.withdrawn();
        plan.steps().any(|step| match step.change.id() {
            ObjectId::Address(id) => {
                withdrawn.contains(&id.network.addr()) || self.node.is_virtual(&id)
            }
            _ => false,
        })
    }

    /// Repairs the node, unless another process is changing it: then later.
    fn repair(&mut self, is_news: bool, events: Events<'_>) {
        let stop = Arc::clone(&self.runner.handle.stop);
        let Ok(session) = self.runner.state.lock_now("run", stop) else {
            return;
        };
        // What came before the lock counts.
        self.take_record(events);
        match self.apply(&mut session.by_health()) {
            Ok(plan) => {
                self.drift = None;
                events(match self.moves_virtual_ips(&plan) {
                    true => RunEvent::Applied(&plan),
                    false => RunEvent::Repaired(&plan),
                });
            }
            Err(error) if is_news => events(RunEvent::Failed(error.to_string())),
            Err(_) => {}
        }
    }

    /// Applies what the node must be now.
    pub(super) fn apply(
        &mut self,
        session: &mut Session,
    ) -> Result<Plan, crate::cluster::ApplyError> {
        let node = self.present();
        session.apply(&node, &mut self.host, PlanOptions::default(), &mut |_| ())
    }

    /// Returns what the node must be now: without virtual IPs that are withdrawn, and without destinations that
    /// are deleted because they are down.
    pub(super) fn present(&self) -> DesiredState {
        let mut node = self.node.clone();
        node.withdraw(self.controller.withdrawn());
        let views = self.controller.services();
        let deleted: BTreeSet<(ServiceId, DestinationId)> = views
            .iter()
            .flat_map(|service| {
                let destinations = service.destinations.iter();
                let deleted = destinations
                    .filter(|view| view.desired.is_some_and(|desired| desired.weight.is_none()));
                deleted.map(|view| (service.id, view.id))
            })
            .collect();
        node.services.update(|desired| {
            let id = desired.service.id;
            desired
                .destinations
                .retain(|destination| !deleted.contains(&(id, destination.value.id)));
        });
        node
    }

    /// Returns the virtual IPs that services withdraw, and that the node lacks: it was below their minimum, or
    /// comes from a reboot.
    pub(super) fn absent_virtual_ips(&mut self) -> Result<BTreeSet<IpAddr>> {
        let role = self.node.role.unwrap_or(Role::Active);
        let services = CheckedService::of(&self.runner.cluster, self.node.name.as_str(), role);
        let desired = self.node.addresses.iter();
        let desired: BTreeSet<IpAddr> = desired
            .map(|desired| desired.value.id.network.addr())
            .collect();
        let mut absent: BTreeSet<IpAddr> = services
            .into_iter()
            .flat_map(|service| service.virtual_ips)
            .filter(|ip| desired.contains(ip))
            .collect();
        if !absent.is_empty() {
            for found in self.host.net().addresses()? {
                absent.remove(&found.id.network.addr());
            }
        }
        Ok(absent)
    }
}

impl DesiredState {
    /// Moves virtual IPs to the addresses that must be absent.
    fn withdraw(&mut self, withdrawn: &BTreeSet<IpAddr>) {
        let addresses = Vec::from(std::mem::take(&mut self.addresses));
        let (absent, present): (Vec<_>, Vec<_>) = addresses
            .into_iter()
            .partition(|desired| withdrawn.contains(&desired.value.id.network.addr()));
        self.addresses = present.into();
        self.absent.extend(absent);
    }
}
