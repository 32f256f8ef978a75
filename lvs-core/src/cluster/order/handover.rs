//! How the directors of a cluster give way to those of the next one.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::outage::{ChangedServer, in_one};
use super::transition::Transition;
use super::{RolloutAction, RolloutStep, steps};
use crate::cluster::{Cluster, NodeName};

/// Says how the directors give way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Handover {
    /// New hosts with other addresses serve before the old ones end.
    MakeBeforeBreak,
    /// The director has the old and the new gateway address while real servers change over.
    Growing,
    /// An old host is removed before another one carries its addresses.
    BreakBeforeMake,
    /// The same hosts change.
    InPlace,
}

impl Handover {
    /// Returns why real servers change over to another gateway when they do.
    pub(super) const fn why_over(self) -> &'static str {
        match self {
            Self::Growing => "the director has both the new and the old gateway address",
            Self::MakeBeforeBreak => "its new gateway is ready",
            Self::BreakBeforeMake | Self::InPlace => "before the new director sends clients to it",
        }
    }
}

/// The steps of a change by their parts.
pub(super) struct Parts {
    pub(super) ready: Vec<RolloutStep>,
    pub(super) growing: Vec<RolloutStep>,
    /// Real servers change over to another gateway.
    pub(super) over: Vec<RolloutStep>,
    pub(super) directors: Vec<RolloutStep>,
    /// Directors are removed.
    pub(super) removed: Vec<RolloutStep>,
    /// Real servers lose what no client needs any more.
    pub(super) losing: Vec<RolloutStep>,
    pub(super) leaving: Vec<RolloutStep>,
}

impl Parts {
    /// Adds what clients feel of the directors to the step at which they begin to.
    pub(super) fn add_outage(&mut self, handover: Handover, outage: Option<String>) {
        let Self {
            over,
            directors,
            removed,
            losing,
            ..
        } = self;
        match handover {
            Handover::MakeBeforeBreak => add_outage([over, removed, losing, directors], outage),
            Handover::Growing => add_outage([directors], outage),
            Handover::BreakBeforeMake => add_outage([removed], outage),
            Handover::InPlace => {
                let until = directors.last().map(unanswered_until);
                add_outage([over], until);
                add_outage([over, directors], outage);
            }
        }
    }

    /// Adds what clients feel of changed forwarding methods to the first step of either side: of each real server, or of
    /// the directors for all that are left.
    pub(super) fn add_method_changes(
        &mut self,
        handover: Handover,
        changed: Vec<ChangedServer<'_>>,
    ) {
        let names = changed.iter().map(|server| server.first.real_server);
        let places: HashMap<_, _> = names.zip(0..).collect();
        let is_one = changed.len() == 1;
        let mut left: Vec<_> = changed.iter().map(Some).collect();
        for (steps, is_director) in self.by_time(handover) {
            for step in steps {
                let felt = match is_director {
                    true => left.as_mut_slice(),
                    false => places
                        .get(&step.node)
                        .and_then(|place| left.get_mut(*place..=*place))
                        .unwrap_or_default(),
                };
                // A real server has one of these steps: one that is felt no more was felt by a director's.
                if !is_director && !felt.is_empty() && felt.iter().all(Option::is_none) {
                    step.why = "ends the outage that the director's step begins";
                }
                let felt = felt.iter_mut().filter_map(Option::take);
                if let Some(outage) = in_one(felt.map(|server| server.outage(is_one))) {
                    step.add_outage(outage);
                }
            }
        }
    }

    /// Returns the parts at which clients can feel a change in the order of their steps, each with whether its steps are
    /// of directors.
    fn by_time(&mut self, handover: Handover) -> [(&mut Vec<RolloutStep>, bool); 4] {
        let (over, losing) = ((&mut self.over, false), (&mut self.losing, false));
        let (directors, removed) = ((&mut self.directors, true), (&mut self.removed, true));
        match handover {
            Handover::MakeBeforeBreak => [over, removed, losing, directors],
            Handover::BreakBeforeMake => [removed, over, directors, losing],
            Handover::Growing | Handover::InPlace => [over, directors, losing, removed],
        }
    }

    /// Returns the steps in their order.
    pub(super) fn in_order(self, handover: Handover) -> Vec<RolloutStep> {
        let Self {
            ready,
            growing,
            over,
            directors,
            removed,
            losing,
            leaving,
        } = self;
        match handover {
            Handover::MakeBeforeBreak => {
                [ready, directors, over, removed, losing, leaving].concat()
            }
            _ => [ready, removed, growing, over, directors, losing, leaving].concat(),
        }
    }
}

/// Adds what clients feel to the first step of the first of these parts that has any.
pub(super) fn add_outage<const N: usize>(
    parts: [&mut Vec<RolloutStep>; N],
    outage: Option<String>,
) {
    let first = parts.into_iter().find_map(|steps| steps.first_mut());
    if let (Some(step), Some(outage)) = (first, outage) {
        step.add_outage(outage);
    }
}

/// Returns what clients feel while the real servers have a gateway that comes later.
fn unanswered_until(director: &RolloutStep) -> String {
    format!(
        "clients are not answered from here until the apply on {}, which is the new gateway",
        director.node
    )
}

impl Transition<'_> {
    /// Returns whether the new directors are other hosts with other addresses, so that they can serve before the old
    /// ones end.
    pub(super) fn makes_first(self) -> bool {
        let Self { old, new } = self;
        let addresses = |cluster: &Cluster| -> BTreeSet<IpAddr> {
            cluster
                .directors()
                .iter()
                .flat_map(|director| &director.addresses)
                .map(|address| address.id.network.addr())
                .chain(cluster.virtual_ips().iter().copied())
                .collect()
        };
        let is_new = |name: &NodeName| new.former_name(name, old).is_none();
        new.directors()
            .iter()
            .all(|director| is_new(&director.name))
            && addresses(old).is_disjoint(&addresses(new))
    }

    /// Returns the removals of directors that are no nodes of the new cluster.
    pub(super) fn removed_directors(self, names: &[&NodeName]) -> Vec<RolloutStep> {
        let until = self.new.directors().first().map(|director| &director.name);
        let is_shared = !self.old.virtual_ips().is_disjoint(self.new.virtual_ips());
        let outage = |name: &NodeName| match (self.old.is_paired(), until) {
            (false, Some(until)) if is_shared => format!(
                "no director has the virtual IPs from the removal of {name} until the apply on {until}: only one host may carry them"
            ),
            (false, Some(until)) => format!(
                "clients are not served from the removal of {name} until the apply on {until}, which gets an address of it"
            ),
            _ => format!(
                "if {name} is the active director, clients are not served until the other one is active: make it active first"
            ),
        };
        let makes_first = self.makes_first();
        let why = match makes_first {
            true => "no client needs its addresses any more",
            false => "before another director carries its virtual IPs",
        };
        let mut removed = steps(RolloutAction::Remove, names.iter().copied(), why);
        for step in removed.iter_mut().filter(|_| !makes_first) {
            step.outage = Some(outage(&step.node));
        }
        removed
    }

    /// Returns what clients feel where a director becomes a real server of the same virtual IPs: it balances until it
    /// is applied itself.
    pub(super) fn balanced_twice(self) -> Option<String> {
        let Self { old, new } = self;
        let is_shared = !old.virtual_ips().is_disjoint(new.virtual_ips());
        let name = old
            .directors()
            .iter()
            .map(|director| &director.name)
            .find(|name| is_shared && new.real_server(name).is_some())?;
        Some(format!(
            "{name} still balances until it is applied itself, also what the new director sends to it: some clients are \
             not served"
        ))
    }
}
