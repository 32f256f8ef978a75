//! A plan while it is being made: each phase is planned on what the phases before it will leave.

use super::{Phase, PhaseName, Plan, Refusal};
use crate::cluster::change::{Change, Object, ObjectId, Step};
use crate::cluster::{DesiredState, IpvsState, NodeKind, Observed};
use crate::net::{AddressId, Route, RouteId};

/// A phase's name, and the function that plans it by what is known (`C`) and how the node will look by then.
pub(super) type Planned<C> = (PhaseName, fn(&C, &Observed) -> Vec<Step>);

pub(super) struct Draft<'a> {
    node: &'a DesiredState,
    observed: &'a Observed,
    seen: Observed,
    phases: Vec<Phase>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(node: &'a DesiredState, observed: &'a Observed) -> Self {
        Self {
            node,
            observed,
            seen: observed.clone(),
            phases: Vec::new(),
        }
    }

    /// Plans one phase after the other. What the kernel removes together with the objects of a phase is
    /// restored at once, if it can be.
    pub(super) fn phases<C>(&mut self, context: &C, phases: &[Planned<C>]) {
        for (name, plan) in phases {
            if self.push(*name, plan(context, &self.seen)) {
                self.push(PhaseName::RestoredAddresses, self.lost_addresses());
                self.push(PhaseName::RestoredRoutes, self.restorable_routes());
            }
        }
    }

    /// Appends a phase; without steps it is none.
    fn push(&mut self, name: PhaseName, steps: Vec<Step>) -> bool {
        if steps.is_empty() {
            return false;
        }
        self.seen.apply(steps.iter().map(|step| &step.change));
        self.phases.push(Phase { name, steps });
        true
    }

    /// The kernel removes the later addresses of an IPv4 network together with its first one.
    fn lost_addresses(&self) -> Vec<Step> {
        let added = self.steps().filter_map(|step| match &step.change {
            Change::Add(Object::Address(address)) => Some(address),
            _ => None,
        });
        let mut lost: Vec<Step> = Vec::new();
        for address in self.observed.addresses.iter().chain(added) {
            let step = restored(address.clone());
            let is_lost =
                self.seen.address(&address.id).is_none() && !self.deletes_address(&address.id);
            if is_lost
                && lost
                    .iter()
                    .all(|known| known.change.id() != step.change.id())
            {
                lost.push(step);
            }
        }
        lost
    }

    /// The kernel removes routes together with the last IPv4 address of their interface. Where another one
    /// was restored, they can be, too.
    fn restorable_routes(&self) -> Vec<Step> {
        let has_address = |route: &Route| {
            let mut ids = self.seen.addresses.iter().map(|address| &address.id);
            ids.any(|id| {
                Some(&id.interface) == route.interface.as_ref() && id.network.addr().is_ipv4()
            })
        };
        let has_source = |route: &Route| {
            let ips = self.seen.addresses.iter().map(|own| own.id.network.addr());
            route
                .source
                .is_none_or(|source| { ips }.any(|ip| ip == source))
        };
        self.lost_routes()
            .filter(|route| has_address(route) && has_source(route))
            .map(|route| restored(route.clone()))
            .collect()
    }

    /// Routes that no step deletes, and that do not exist any more all the same.
    fn lost_routes(&self) -> impl Iterator<Item = &Route> {
        self.observed
            .routes
            .iter()
            .filter(|route| self.seen.route(&route.id).is_none() && !self.changes_route(&route.id))
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.phases.iter().flat_map(|phase| &phase.steps)
    }

    fn deletes_address(&self, id: &AddressId) -> bool {
        self.steps()
            .any(|step| matches!(&step.change, Change::Delete(Object::Address(it)) if it.id == *id))
    }

    fn changes_route(&self, id: &RouteId) -> bool {
        self.steps().any(
            |step| matches!(step.change.before(), Some(Object::Route(route)) if route.id == *id),
        )
    }

    /// What the steps do besides.
    pub(super) fn notes(&self) -> Vec<String> {
        // Only a changing verb may make the kernel load a module, and it notes that.
        let loading = matches!(self.observed.ipvs, IpvsState::NotLoaded)
            && self.node.kind == NodeKind::Director;
        let loading = loading.then(|| {
            "ip_vs is not loaded yet: the first step that needs it makes the kernel load it"
                .to_owned()
        });
        loading.into_iter().chain(self.route_notes()).collect()
    }

    pub(super) fn route_notes(&self) -> impl Iterator<Item = String> {
        self.lost_routes().map(|route| {
            format!(
                "the kernel removes the route {} together with the last address of its interface",
                route.id
            )
        })
    }

    pub(super) fn plan(
        self,
        refusals: Vec<Refusal>,
        unmanaged: Vec<ObjectId>,
        notes: Vec<String>,
    ) -> Plan {
        Plan {
            cluster: self.node.cluster.clone(),
            node: self.node.name.clone(),
            kind: self.node.kind,
            role: self.node.role,
            phases: self.phases,
            refusals,
            unmanaged,
            notes,
            nftables: self.node.nftables.clone(),
        }
    }
}

fn restored(object: impl Into<Object>) -> Step {
    Step::add(
        object,
        "removed by the kernel together with the address above",
    )
}
