//! A plan while it is being made: each phase is planned on what the phases before it will leave.

use super::{Phase, PhaseName, Plan, Refusal, addresses, daemons, foreign};
use crate::cluster::change::{Change, Object, ObjectId, Step};
use crate::cluster::observed::{IpvsState, Observed};
use crate::cluster::{DesiredState, NodeKind, Record};
use crate::net::{Address, Route};

pub(super) struct Draft<'a> {
    node: &'a DesiredState,
    observed: &'a Observed,
    seen: Observed,
    phases: Vec<Phase>,
}

/// A phase's name, and its plan by what is known (`C`) and what the machine will look like by then.
pub(super) type Planned<C> = (PhaseName, fn(&C, &Observed) -> Vec<Step>);

impl<'a> Draft<'a> {
    pub(super) fn new(node: &'a DesiredState, observed: &'a Observed) -> Self {
        Self {
            node,
            observed,
            seen: observed.clone(),
            phases: Vec::new(),
        }
    }

    /// Plans one phase after the other; one without steps is none.
    pub(super) fn phases<C>(&mut self, context: &C, phases: &[Planned<C>]) {
        for (name, plan) in phases {
            self.phase(*name, plan(context, &self.seen));
        }
    }

    fn phase(&mut self, name: PhaseName, steps: Vec<Step>) {
        self.seen.apply(steps.iter().map(|step| &step.change));
        if !steps.is_empty() {
            self.phases.push(Phase { name, steps });
            self.put_back(PhaseName::RestoredAddresses, Self::gone_addresses);
            self.put_back(PhaseName::RestoredRoutes, Self::gone_routes);
        }
    }

    /// What the kernel took along with what this plan takes away comes back at once, if it can.
    fn put_back(&mut self, name: PhaseName, gone: fn(&Self) -> Vec<Object>) {
        let steps: Vec<_> = gone(self)
            .into_iter()
            .map(|object| Step::add(object, "it went along"))
            .collect();
        self.seen.apply(steps.iter().map(|step| &step.change));
        if !steps.is_empty() {
            self.phases.push(Phase { name, steps });
        }
    }

    /// An IPv4 network's first address takes the later ones along.
    fn gone_addresses(&self) -> Vec<Object> {
        let added = self.steps().filter_map(|step| match &step.change {
            Change::Add(Object::Address(address)) => Some(address),
            _ => None,
        });
        let mut gone: Vec<&Address> = Vec::new();
        for it in self.observed.addresses.iter().chain(added) {
            let is_new = gone.iter().all(|known| known.id != it.id);
            if is_new && self.seen.address(&it.id).is_none() && !self.deletes(it) {
                gone.push(it);
            }
        }
        gone.into_iter().cloned().map(Object::Address).collect()
    }

    /// An interface's last IPv4 address takes the routes along; where another one was put back, they
    /// can be too.
    fn gone_routes(&self) -> Vec<Object> {
        let has_address = |route: &Route| {
            let mut ids = self.seen.addresses.iter().map(|address| &address.id);
            ids.any(|id| {
                Some(&id.interface) == route.interface.as_ref() && id.network.addr().is_ipv4()
            })
        };
        let has_source = |route: &Route| {
            let mut own = self.seen.addresses.iter().map(|it| it.id.network.addr());
            route.source.is_none_or(|source| own.any(|ip| ip == source))
        };
        let routes = self.observed.routes.iter();
        routes
            .filter(|it| self.seen.route(&it.id).is_none() && !self.deletes_route(it))
            .filter(|it| has_address(it) && has_source(it))
            .cloned()
            .map(Object::Route)
            .collect()
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.phases.iter().flat_map(|phase| &phase.steps)
    }

    fn deletes(&self, address: &Address) -> bool {
        self.steps().any(|step| {
            matches!(&step.change, Change::Delete(Object::Address(deleted)) if deleted.id == address.id)
        })
    }

    pub(super) fn finish(self, record: &Record, refusals: Vec<Refusal>) -> Plan {
        let mut notes = self.node.notes.clone();
        notes.extend(addresses::notes(self.node, self.observed));
        notes.extend(daemons::notes(self.node, self.observed, record));
        notes.extend(self.loading());
        notes.extend(self.lost_routes());
        let foreign = foreign::foreign(self.node, self.observed, record);
        self.plan(refusals, foreign, notes)
    }

    pub(super) fn plan(
        self,
        refusals: Vec<Refusal>,
        foreign: Vec<ObjectId>,
        notes: Vec<String>,
    ) -> Plan {
        Plan {
            cluster: self.node.cluster.clone(),
            node: self.node.name.clone(),
            kind: self.node.kind,
            role: self.node.role,
            phases: self.phases,
            refusals,
            foreign,
            notes,
            nftables: self.node.nftables.clone(),
        }
    }

    fn deletes_route(&self, route: &Route) -> bool {
        self.steps().any(|step| {
            matches!(step.change.before(), Some(Object::Route(changed)) if changed.id == route.id)
        })
    }

    /// Routes that no step deletes, but that the kernel takes along with an interface's last address.
    pub(super) fn lost_routes(&self) -> Vec<String> {
        let lost = self
            .observed
            .routes
            .iter()
            .filter(|route| self.seen.route(&route.id).is_none());
        lost.filter(|route| !self.deletes_route(route))
            .map(|route| {
                format!(
                    "the route {} goes with the last address of its interface",
                    route.id
                )
            })
            .collect()
    }

    /// Only a changing verb may make the kernel load a module, and it says so.
    fn loading(&self) -> Option<String> {
        let absent = matches!(self.observed.ipvs, IpvsState::NotLoaded);
        (absent && self.node.kind == NodeKind::Director).then(|| {
            "ip_vs is not loaded yet: the first step that needs it makes the kernel load it"
                .to_owned()
        })
    }
}
