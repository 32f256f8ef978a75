//! The way from one cluster to another, node by node.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::handover::{Handover, Parts, add_outage};
use super::outage::{ChangedServer, in_one};
use super::{RolloutAction, RolloutStep, steps};
use crate::cluster::{Cluster, DesiredState, NodeKind, NodeName, Role};

impl Cluster {
    /// Returns the node of each address that exactly one node has for good: neither virtual nor floating.
    fn address_holders(&self) -> HashMap<IpAddr, &NodeName> {
        let mut holders: HashMap<IpAddr, Option<&NodeName>> = HashMap::new();
        for name in self.node_names() {
            for address in self.addresses_of(name) {
                match holders.entry(address.id.network.addr()) {
                    Entry::Vacant(entry) => drop(entry.insert(Some(name))),
                    Entry::Occupied(mut entry) => drop(entry.insert(None)),
                }
            }
        }
        holders
            .into_iter()
            .filter(|(ip, _)| !self.virtual_ips().contains(ip) && !self.is_taken_over(ip))
            .filter_map(|(ip, holder)| Some((ip, holder?)))
            .collect()
    }

    /// Returns whether only the active one of two directors carries an address.
    fn is_taken_over(&self, ip: &IpAddr) -> bool {
        self.directors()
            .iter()
            .any(|director| director.floating.contains(ip))
    }
}

/// The way from one cluster to another.
#[derive(Clone, Copy)]
pub(super) struct Transition<'a> {
    pub(super) old: &'a Cluster,
    pub(super) new: &'a Cluster,
}

impl<'a> Transition<'a> {
    pub(super) fn steps(self) -> Vec<RolloutStep> {
        self.steps_with(in_one(self.unserved()), self.changed_servers())
    }

    /// Returns the steps; the first one at which clients feel a change of the directors has this outage, and the first
    /// one of a director or the real server that of each changed real server.
    pub(super) fn steps_with(
        self,
        unserved: Option<String>,
        changed: Vec<ChangedServer<'a>>,
    ) -> Vec<RolloutStep> {
        let former = self.former();
        let (old_directors, leaving): (Vec<_>, Vec<_>) = self
            .old
            .node_names()
            .filter(|name| !former.contains(name))
            .partition(|name| self.old.kind_of(name) == NodeKind::Director);
        let staying: Vec<_> = self.staying().collect();
        let (over, losing): (Vec<_>, Vec<_>) = staying
            .iter()
            .filter(|server| server.loses || server.reroutes)
            .partition(|server| server.reroutes);
        let directors = self.changing_directors();
        let growing = match over.is_empty() {
            true => Vec::new(),
            false => self.growing(&directors),
        };
        let handover = match (self.makes_first(), growing.is_empty()) {
            (true, _) => Handover::MakeBeforeBreak,
            (false, false) => Handover::Growing,
            (false, true) if old_directors.is_empty() => Handover::InPlace,
            (false, true) => Handover::BreakBeforeMake,
        };
        let mut parts = Parts {
            ready: self.ready_servers(&staying),
            growing,
            over: over
                .into_iter()
                .map(|server| server.change_over(handover.why_over()))
                .collect(),
            directors,
            removed: self.removed_directors(&old_directors),
            losing: steps(
                RolloutAction::Apply,
                losing.into_iter().map(|server| server.name),
                "no client needs what this step deletes",
            ),
            leaving: steps(
                RolloutAction::Remove,
                leaving,
                "no client is sent to it any more",
            ),
        };
        if handover != Handover::MakeBeforeBreak {
            add_outage([&mut parts.directors], self.balanced_twice());
        }
        parts.add_outage(handover, unserved);
        parts.add_method_changes(handover, changed);
        let mut steps = parts.in_order(handover);
        self.hint_at_readdressed(&mut steps);
        self.name_held_addresses(&mut steps);
        steps
    }

    /// Returns the names under which the old cluster knows nodes of the new one.
    fn former(self) -> BTreeSet<&'a NodeName> {
        let Self { old, new } = self;
        new.node_names()
            .filter_map(|name| new.former_name(name, old))
            .collect()
    }

    fn changing_directors(self) -> Vec<RolloutStep> {
        let changing = self
            .new
            .directors()
            .iter()
            .filter(|director| self.changes(&director.name));
        let mut directors = self.new.director_steps(changing, Some(self.old));
        for director in &mut directors {
            let hints = self.unmarked().into_iter();
            let hints = hints.chain(self.cut_connections(&director.node));
            director.hint = hints.reduce(|first, second| format!("{first}; {second}"));
        }
        directors
    }

    /// Returns the steps by which directors that stay get their new gateway addresses beside the old ones.
    fn growing(self, directors: &[RolloutStep]) -> Vec<RolloutStep> {
        directors
            .iter()
            .filter(|step| step.role != Some(Role::Standby))
            .filter(|step| self.new.former_name(&step.node, self.old).is_some())
            .map(RolloutStep::growing)
            .collect()
    }

    /// Names in each step the address that the node gets and that another node loses later: the step is refused
    /// until then.
    fn name_held_addresses(self, steps: &mut [RolloutStep]) {
        let Self { old, new } = self;
        let holders = old.address_holders();
        let mut released: HashSet<NodeName> = HashSet::new();
        for step in steps {
            let former = new.former_name(&step.node, old);
            let is_held = |ip: &IpAddr| {
                let holder = holders.get(ip).copied()?;
                (Some(holder) != former && !released.contains(holder)).then_some(holder)
            };
            let held = new
                .addresses_of(&step.node)
                .map(|address| address.id.network.addr())
                .filter(|_| step.action != RolloutAction::Remove)
                // A standby does not add it, and an active director takes it over.
                .filter(|ip| !new.is_taken_over(ip))
                .find_map(|ip| Some((ip, is_held(&ip)?)))
                .map(|(ip, holder)| {
                    format!(
                        "{ip} is still an address of {holder}, and the step is refused while that answers for it: \
                         first apply a file without it there"
                    )
                });
            if let Some(held) = held {
                step.add_outage(held);
            }
            match step.action {
                RolloutAction::Grow => {}
                RolloutAction::Apply => released.extend(former.cloned()),
                RolloutAction::Remove => drop(released.insert(step.node.clone())),
            }
        }
    }

    /// Names the steps of a real server that may be the same host under another name and with another address: the
    /// files do not tell.
    fn hint_at_readdressed(self, steps: &mut [RolloutStep]) {
        let Self { old, new } = self;
        let is_new = |name: &&NodeName| new.former_name(name, old).is_none();
        let joining: Vec<_> = new
            .real_servers()
            .iter()
            .map(|server| &server.name)
            .filter(is_new)
            .collect();
        let former = self.former();
        let leaving: Vec<_> = old
            .real_servers()
            .iter()
            .map(|server| &server.name)
            .filter(|name| !former.contains(name))
            .collect();
        let ([joining], [leaving]) = (joining.as_slice(), leaving.as_slice()) else {
            return;
        };
        for step in steps {
            step.hint = match step.action {
                RolloutAction::Apply if step.node == **joining => Some(format!(
                    "if the host of {leaving} becomes {joining}, add --grow here, and apply once more without it in \
                     place of the removal"
                )),
                RolloutAction::Remove if step.node == **leaving => Some(format!(
                    "if this host is {joining} by now, apply there without --grow in place of this step"
                )),
                _ => step.hint.take(),
            };
        }
    }

    /// Returns whether a node has to look different than under the old cluster.
    pub(super) fn changes(self, name: &NodeName) -> bool {
        let Self { old, new } = self;
        let was = new
            .former_name(name, old)
            .and_then(|former| old.active_node(former));
        // The names of others are no part of its looks.
        let alike = |state: DesiredState| DesiredState {
            nodes: Arc::default(),
            other_directors: BTreeSet::new(),
            ..state
        };
        was.map(alike) != new.active_node(name).map(alike)
    }
}
