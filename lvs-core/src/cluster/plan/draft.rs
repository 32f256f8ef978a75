//! A plan while it is being made: each phase is planned on what the phases before it will leave.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Action, Change, Kind, Phase, Plan, Refusal, Step, addresses, foreign};
use crate::cluster::observed::{IpvsState, Observed};
use crate::cluster::{NodeState, Record, Role};
use crate::net::{Address, AddressId, Route};

const WHY_AGAIN: &str = "the kernel takes it along with the first address of its network";

pub(super) struct Draft<'a> {
    node: &'a NodeState,
    observed: &'a Observed,
    seen: Observed,
    phases: Vec<Phase>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(node: &'a NodeState, observed: &'a Observed) -> Self {
        Self {
            node,
            observed,
            seen: observed.clone(),
            phases: Vec::new(),
        }
    }

    /// Plans a phase on what the machine will look like by then; one without steps is none.
    pub(super) fn phase(&mut self, name: &'static str, plan: impl FnOnce(&Observed) -> Vec<Step>) {
        let mut steps = plan(&self.seen);
        steps.sort_by_key(|step| deletion(step, &self.seen));
        for step in &steps {
            step.action.effect(&mut self.seen);
        }
        if !steps.is_empty() {
            self.phases.push(Phase { name, steps });
        }
    }

    pub(super) fn finish(self, record: &Record, refusals: Vec<Refusal>) -> Plan {
        let mut notes = self.node.notes.clone();
        notes.extend(addresses::notes(self.node, self.observed));
        notes.extend(self.loading());
        notes.extend(self.lost_routes());
        let foreign = foreign::foreign(self.node, self.observed, record);
        self.plan(refusals, foreign, notes)
    }

    pub(super) fn plan(
        self,
        refusals: Vec<Refusal>,
        foreign: Vec<foreign::Foreign>,
        notes: Vec<String>,
    ) -> Plan {
        Plan {
            cluster: self.node.cluster.clone(),
            node: self.node.name.clone(),
            role: self.node.role,
            phases: self.phases,
            refusals,
            foreign,
            notes,
        }
    }

    /// Puts back what the kernel takes along with the first address of a network: the others of it, be
    /// they ours or not.
    pub(super) fn restore_addresses(&mut self) {
        let mut kept: BTreeMap<AddressId, Address> = BTreeMap::new();
        let found = self.observed.addresses.iter();
        kept.extend(found.map(|it| (it.id.clone(), it.clone())));
        for step in self.phases.iter().flat_map(|phase| &phase.steps) {
            match &step.action {
                Action::Address(change) if change.kind() == Kind::Delete => {
                    kept.retain(|id, _| change.newest().is_none_or(|it| it.id != *id));
                }
                Action::Address(change) => {
                    kept.extend(change.after().map(|it| (it.id.clone(), it.clone())));
                }
                _ => {}
            }
        }
        self.phase("addresses that go along", |seen| {
            let lost = kept
                .into_values()
                .filter(|it| seen.address(&it.id).is_none());
            lost.map(|it| Step::new(Action::Address(Change::add(it)), WHY_AGAIN))
                .collect()
        });
        self.restore_routes();
    }

    /// Puts back the routes that went with an interface's last IPv4 address, where it has one again.
    fn restore_routes(&mut self) {
        let routes = self.observed.routes.iter();
        let lost: Vec<_> = routes
            .filter(|it| self.seen.route(&it.id).is_none() && !self.deletes(it))
            .filter(|it| can_return(it, &self.seen))
            .cloned()
            .collect();
        self.phase("routes that go along", |_| {
            let lost = lost.into_iter().map(Change::add).map(Action::Route);
            lost.map(|action| Step::new(action, "it went with an address"))
                .collect()
        });
    }

    fn deletes(&self, route: &Route) -> bool {
        let steps = self.phases.iter().flat_map(|phase| &phase.steps);
        let mut changes = steps.filter_map(|step| match &step.action {
            Action::Route(change) => change.before(),
            _ => None,
        });
        changes.any(|before| before.id == route.id)
    }

    /// Routes that no step deletes, but that the kernel takes along with an interface's last address.
    pub(super) fn lost_routes(&self) -> Vec<String> {
        let lost = self
            .observed
            .routes
            .iter()
            .filter(|route| self.seen.route(&route.id).is_none());
        lost.filter(|route| !self.deletes(route))
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
        (absent && self.node.role == Role::Director).then(|| {
            "ip_vs is not loaded yet: the first step that needs it makes the kernel load it"
                .to_owned()
        })
    }
}

/// A network's later addresses are deleted before its first one, which would take them along.
fn deletion(step: &Step, seen: &Observed) -> Option<Reverse<usize>> {
    let Action::Address(change) = &step.action else {
        return None;
    };
    let gone = change.before().filter(|_| change.after().is_none())?;
    let place = seen.addresses.iter().position(|it| it.id == gone.id);
    place.map(Reverse)
}

/// Whether the interface of a route, and its source, have an address.
fn can_return(route: &Route, seen: &Observed) -> bool {
    let ids = || seen.addresses.iter().map(|address| &address.id);
    let is_ipv4 = |id: &&AddressId| id.network.addr().is_ipv4();
    let source = route.source;
    ids()
        .filter(is_ipv4)
        .any(|id| Some(&id.interface) == route.interface.as_ref())
        && source.is_none_or(|ip| ids().any(|id| id.network.addr() == ip))
}
