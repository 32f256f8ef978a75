//! What the node must be now, and what a running controller does where it is not.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::CheckedService;
use super::runner::RunEvent;
use super::running::{Events, Running};
use crate::cluster::change::ObjectId;
use crate::cluster::{
    Absent, ApplyError, ApplyEvent, DesiredState, Kept, Plan, PlanOptions, Role, Session,
};
use crate::error::Result;

impl Running {
    /// Compares the node with what it must be, and repairs it, or reports.
    pub(super) fn compare(&mut self, events: Events<'_>) {
        let plan = match self.runner.state.plan_alone(
            &self.present(),
            &mut self.host,
            PlanOptions::default(),
        ) {
            Ok(plan) => plan,
            Err(error) => return self.fail(&error, events),
        };
        if plan.is_empty() {
            self.drift = None;
            self.moving.clear();
            return;
        }
        if !self.runner.repairs && !self.moves_virtual_ips(&plan) {
            if self.drift.as_ref() != Some(&plan) {
                events(RunEvent::Drifted(&plan));
            }
            self.drift = Some(plan);
            return;
        }
        self.drift = Some(plan);
        self.repair(events);
    }

    /// Whether a plan removes or adds what the controller withdraws or announces again.
    fn moves_virtual_ips(&self, plan: &Plan) -> bool {
        plan.steps().any(|step| match step.change.id() {
            ObjectId::Address(id) => self.moving.contains(&id.network.addr()),
            _ => false,
        })
    }

    /// Repairs the node, unless another process is changing it: then later.
    fn repair(&mut self, events: Events<'_>) {
        let stop = Arc::clone(&self.runner.handle.stop);
        let Ok(session) = self.runner.state.lock_now("run", stop) else {
            return;
        };
        // What came before the lock counts.
        self.take_record(events);
        match self.apply(&mut session.by_health(), events) {
            Ok(plan) => {
                self.drift = None;
                events(match self.moves_virtual_ips(&plan) {
                    true => RunEvent::Applied(&plan),
                    false => RunEvent::Repaired(&plan),
                });
                self.moving.clear();
            }
            Err(error) => self.fail(&error, events),
        }
    }

    /// Applies what the node must be now.
    pub(super) fn apply(
        &mut self,
        session: &mut Session,
        events: Events<'_>,
    ) -> Result<Plan, ApplyError> {
        let node = self.present();
        let mut unrecorded = None;
        let options = PlanOptions::default();
        let done = session.apply(&node, &mut self.host, options, &mut |event| {
            // Each step that is done is progress.
            self.supervisor.feed();
            if let ApplyEvent::Unrecorded(error) = event {
                unrecorded = Some(error.to_string());
            }
        });
        if let Some(error) = unrecorded {
            self.fail(&error, events);
        }
        done
    }

    /// Returns what the node must be now: without what is absent because of health.
    pub(super) fn present(&self) -> DesiredState {
        self.node.without(&self.absent()).into_owned()
    }

    /// Returns the virtual IPs that are withdrawn, and the destinations that are deleted because they are down.
    fn absent(&self) -> Absent {
        Absent {
            destinations: self.controller.deleted(),
            virtual_ips: self.controller.withdrawn().clone(),
        }
    }

    /// Tells other processes what is kept, where that has changed; what cannot be told is told again later.
    pub(super) fn publish(&mut self, events: Events<'_>) {
        let absent = self.absent();
        if self.published.as_ref() == Some(&absent) {
            return;
        }
        let kept = Kept::new(&self.node, absent.clone());
        match self.runner.state.publish(&self.node.cluster, kept) {
            Ok(()) => self.published = Some(absent),
            Err(error) => self.fail(&error, events),
        }
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
