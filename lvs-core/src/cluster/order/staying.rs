//! Real servers that both clusters have.

use std::collections::HashMap;

use super::transition::Transition;
use super::{BEFORE_CLIENTS, RolloutAction, RolloutStep};
use crate::cluster::change::{Change, Kind, Object, Step};
use crate::cluster::{Desired, DesiredState, NodeName, Observed, Plan, PlanOptions, RealServer};
use crate::ipvs::Family;

/// What a staying real server gets and what it loses.
pub(super) struct Staying<'a> {
    pub(super) name: &'a NodeName,
    /// Whether it needs more than it has.
    gains: bool,
    /// Whether something that it has is removed or replaced.
    pub(super) loses: bool,
    /// Whether its default route gets an address of the director as another gateway.
    pub(super) reroutes: bool,
    /// Whether the old director sends clients to an address that it loses.
    moves: bool,
}

impl<'a> Transition<'a> {
    /// Returns the real servers that both clusters have and that change.
    pub(super) fn staying(self) -> impl Iterator<Item = Staying<'a>> {
        self.new
            .real_servers()
            .iter()
            .map(|server| &server.name)
            .filter(move |name| self.changes(name))
            .filter_map(move |name| self.stays(name))
    }

    fn stays(self, name: &'a NodeName) -> Option<Staying<'a>> {
        let Self { old, new } = self;
        let former = new.former_name(name, old)?;
        let (was, is) = (old.active_node(former)?, new.active_node(name)?);
        let way = Plan::new(&is, &was.fulfilled(), PlanOptions::default());
        let back = Plan::new(&was, &is.fulfilled(), PlanOptions::default());
        let grown = way.growing();
        let replaces = grown.steps().count() != way.steps().count();
        let gains = !grown.is_empty();
        let is_lost = |step: &Step| !matches!(step.change, Change::Edit(_));
        Some(Staying {
            name,
            gains,
            loses: replaces || back.steps().any(is_lost) || !gains,
            reroutes: way.steps().any(|step| self.is_reroute(&step.change)),
            moves: self.loses_destination(former, name),
        })
    }

    /// Returns whether a default route gets an address of a director as another gateway.
    fn is_reroute(self, change: &Change<Object>) -> bool {
        let (Kind::Edit, Object::Route(route)) = (change.kind(), change.newest()) else {
            return false;
        };
        route.gateway.is_some_and(|gateway| {
            self.new
                .directors()
                .iter()
                .any(|director| director.address(gateway).is_some())
        })
    }

    fn loses_destination(self, former: &NodeName, name: &NodeName) -> bool {
        let (was, is) = (self.old.real_server(former), self.new.real_server(name));
        let (Some(was), Some(is)) = (was, is) else {
            return false;
        };
        [Family::Ipv4, Family::Ipv6].into_iter().any(|family| {
            let ip = was.real_ip(family);
            ip.is_some() && ip != is.real_ip(family)
        })
    }

    /// Returns the steps of real servers that get something: those that lose nothing are done with it.
    pub(super) fn ready_servers(self, staying: &[Staying<'_>]) -> Vec<RolloutStep> {
        let staying: HashMap<_, _> = staying.iter().map(|server| (server.name, server)).collect();
        let step = |server: &RealServer| {
            let name = &server.name;
            let action = match staying.get(name) {
                None => RolloutAction::Apply,
                Some(staying) if !staying.gains => return None,
                Some(staying) if staying.loses => RolloutAction::Grow,
                Some(_) => RolloutAction::Apply,
            };
            Some(RolloutStep::new(action, name, BEFORE_CLIENTS))
        };
        self.new
            .real_servers()
            .iter()
            .filter(|server| self.changes(&server.name))
            .filter_map(step)
            .collect()
    }
}

impl Staying<'_> {
    pub(super) fn change_over(&self, why: &'static str) -> RolloutStep {
        let outage = self.moves.then(|| {
            format!(
                "clients are sent to the old address of {} until the director has changed, because its gateway changes, too",
                self.name
            )
        });
        RolloutStep {
            outage,
            ..RolloutStep::new(RolloutAction::Apply, self.name, why)
        }
    }
}

impl DesiredState {
    /// Returns a node that has what is desired and nothing else.
    fn fulfilled(&self) -> Observed {
        let links = self.links.keys();
        let devices = self.tunnels.iter().map(|desired| &desired.value.name);
        Observed {
            links: links
                .chain(devices)
                .map(|name| (name.clone(), true))
                .collect(),
            tunnels: values(&self.tunnels).collect(),
            listeners: values(&self.listeners).collect(),
            addresses: values(&self.addresses).collect(),
            routes: values(&self.routes).collect(),
            sysctls: self
                .sysctls
                .iter()
                .map(|(key, desired)| (key.clone(), desired.value.clone()))
                .collect(),
            ..Observed::default()
        }
    }
}

fn values<T: Clone>(desired: &[Desired<T>]) -> impl Iterator<Item = T> {
    desired.iter().map(|desired| desired.value.clone())
}
