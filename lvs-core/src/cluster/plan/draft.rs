//! A plan while it is being made: each phase is planned on what the phases before it will leave.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use super::{Phase, PhaseName, Plan, Refusal};
use crate::cluster::change::{Change, Object, ObjectId, Step};
use crate::cluster::{Arrival, DesiredState, IpvsState, NodeKind, Observed};
use crate::name::IfName;
use crate::net::{AddressId, Route};

/// A phase's name, and the function that plans it by what is known (`C`) and how the node will look by then.
pub(super) type Planned<C> = (PhaseName, fn(&C, &Observed) -> Vec<Step>);

pub(super) struct Draft<'a> {
    node: &'a DesiredState,
    observed: &'a Observed,
    /// How the node will look; until something changes, as it does.
    seen: Cow<'a, Observed>,
    phases: Vec<Phase>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(node: &'a DesiredState, observed: &'a Observed) -> Self {
        Self {
            node,
            observed,
            seen: Cow::Borrowed(observed),
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
        let seen = self.seen.to_mut();
        seen.apply(steps.iter().map(|step| &step.change));
        self.phases.push(Phase { name, steps });
        true
    }

    /// The kernel removes the later addresses of an IPv4 network together with its first one.
    fn lost_addresses(&self) -> Vec<Step> {
        let added = self.steps().filter_map(|step| match &step.change {
            Change::Add(Object::Address(address)) => Some(&**address),
            _ => None,
        });
        let seen: HashSet<_> = self.seen.addresses.iter().map(|found| &found.id).collect();
        let deleted: HashSet<_> = self
            .steps()
            .filter_map(|step| match &step.change {
                Change::Delete(Object::Address(address)) => Some(&address.id),
                _ => None,
            })
            .collect();
        let mut known = HashSet::new();
        let mut lost: Vec<_> = self
            .observed
            .addresses
            .iter()
            .chain(added)
            .filter(|address| !seen.contains(&address.id) && !deleted.contains(&address.id))
            .filter(|address| address.can_be_restored() && known.insert(&address.id))
            .collect();
        // Only for the first address of a network the kernel adds the route to it.
        lost.sort_by_key(|address| !address.has_prefix_route());
        lost.into_iter()
            .map(|address| restored(address.clone()))
            .collect()
    }

    /// The kernel removes routes together with the last IPv4 address of their interface. Where another one
    /// was restored, they can be, too.
    fn restorable_routes(&self) -> Vec<Step> {
        let carriers: HashSet<_> = self
            .seen
            .addresses
            .iter()
            .filter(|address| address.id.network.addr().is_ipv4())
            .map(|address| &address.id.interface)
            .collect();
        let ips: HashSet<_> = self
            .seen
            .addresses
            .iter()
            .map(|address| address.id.network.addr())
            .collect();
        let mut reached: HashMap<IpAddr, bool> = HashMap::new();
        let mut reaches = |gateway: &IpAddr| {
            *reached
                .entry(*gateway)
                .or_insert_with(|| self.seen.reaches(*gateway))
        };
        self.lost_routes()
            .filter(|route| route.can_be_restored())
            .filter(|route| route.neighbours().all(&mut reaches))
            .filter(|route| route.interfaces().all(|name| carriers.contains(name)))
            .filter(|route| route.interfaces().next().is_some())
            .filter(|route| route.source.is_none_or(|source| ips.contains(&source)))
            .map(|route| restored(route.clone()))
            .collect()
    }

    /// Routes that no step deletes, and that do not exist any more all the same.
    fn lost_routes(&self) -> impl Iterator<Item = &Route> {
        let seen: HashSet<_> = self
            .seen
            .routes
            .iter()
            .map(|found| found.id.trunc())
            .collect();
        let changed: HashSet<_> = self
            .steps()
            .filter_map(|step| match step.change.before() {
                Some(Object::Route(route)) => Some(route.id.trunc()),
                _ => None,
            })
            .collect();
        self.observed.routes.iter().filter(move |route| {
            let id = route.id.trunc();
            !seen.contains(&id) && !changed.contains(&id)
        })
    }

    /// Returns whether a step deletes an address.
    pub(super) fn deletes(&self, id: &AddressId) -> bool {
        self.steps().any(|step| {
            matches!(&step.change, Change::Delete(Object::Address(address)) if address.id == *id)
        })
    }

    pub(super) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.phases.iter().flat_map(|phase| &phase.steps)
    }

    /// Returns how the node looks when all steps so far are done.
    pub(super) fn after(&self) -> &Observed {
        &self.seen
    }

    /// Returns what the steps do besides.
    pub(super) fn notes(&self) -> Vec<String> {
        // Only a changing verb may make the kernel load a module, and it notes that.
        let loading = matches!(self.observed.ipvs, IpvsState::NotLoaded)
            && self.node.kind == NodeKind::Director;
        let loading = loading.then(|| {
            "ip_vs is not loaded yet: the first step that needs it makes the kernel load it"
                .to_owned()
        });
        loading
            .into_iter()
            .chain(self.route_notes())
            .chain(self.unrouted_note())
            .collect()
    }

    pub(super) fn route_notes(&self) -> impl Iterator<Item = String> {
        self.lost_routes().map(|route| {
            format!(
                "the kernel removes the route {} together with the last address of its interface",
                route.id
            )
        })
    }

    /// The floating addresses that are added, each with the links on which others ask for it.
    fn announcements(&self) -> BTreeSet<(IfName, IpAddr)> {
        let phases = self.phases.iter();
        let added: Vec<_> = phases
            .filter(|phase| phase.name == PhaseName::FloatingAddresses)
            .flat_map(|phase| &phase.steps)
            .filter_map(|step| match &step.change {
                Change::Add(Object::Address(address)) if self.node.announces(address) => {
                    Some(&address.id)
                }
                _ => None,
            })
            .collect();
        if added.is_empty() {
            return BTreeSet::new();
        }
        let links = self.seen.links_with_neighbours();
        let arrival = Arrival {
            links: &links,
            addresses: &self.seen.addresses,
            routes: &self.seen.routes,
        };
        let on = |id: &AddressId| {
            let ip = id.network.addr();
            let links = arrival.answering_links_of(id).into_iter();
            links.map(move |link| (link, ip))
        };
        added.into_iter().flat_map(on).collect()
    }

    pub(super) fn plan(
        self,
        refusals: Vec<Refusal>,
        unmanaged: Vec<ObjectId>,
        notes: Vec<String>,
    ) -> Plan {
        let announcements = self.announcements();
        Plan {
            announcements,
            cluster: self.node.cluster.clone(),
            node: self.node.name.clone(),
            kind: self.node.kind,
            role: self.node.role,
            phases: self.phases,
            refusals,
            unmanaged,
            notes,
            of_whole: Vec::new(),
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
