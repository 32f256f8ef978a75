//! The way from how a node looks to how it must look, in phases of steps.
//!
//! Pure: the same two values give the same plan, and nothing here touches a node.
//!
//! [`Plan::with_record`] goes through two tables: the one below is what is desired, the one of `cleanup.rs`
//! is what is no longer desired.

mod addresses;
mod between;
mod cleanup;
mod daemons;
mod display;
mod diversions;
mod draft;
mod drains;
mod links;
mod neighbours;
mod phase;
mod refusal;
mod refused;
mod removal;
mod rollback;
mod routes;
mod services;
mod shell;
mod solicited;
mod sources;
mod sysctls;
mod tunnels;
mod unmanaged;

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use serde::Serialize;

pub use display::Brief;
pub use phase::{Phase, PhaseName};
pub use refusal::{Obstacle, Refusal};

use super::change::{Change, Kind, Object, ObjectId, Step};
use super::{ClusterName, DesiredState, NodeKind, NodeName, Observed, Record, Role};
use crate::name::IfName;
use cleanup::{Cleanup, Extent};
use draft::{Draft, Planned};

/// Says what a plan may do beyond what the file names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Whether services on a virtual IP of the cluster that the file does not name are deleted although no
    /// record says that the cluster has been applied before. Without this they are a [`Refusal`]. Once the cluster has been
    /// applied, its virtual IPs are its own with all their services.
    pub take_over: bool,
}

/// Holds everything that has to change on one node, in a safe order.
///
/// Its `Display` is what `lvsctl plan` prints; serialized it is `lvsctl plan --format json`.
///
/// ```
/// use lvs_core::Cluster;
/// use lvs_core::cluster::{
///     Director, Observed, Plan, PlanOptions, RealServer, VirtualDestination, VirtualService,
/// };
/// use lvs_core::ipvs::{Forwarding, SchedulerName, Service};
/// use lvs_core::net::Address;
///
/// let mut director = Director::new("director".parse()?);
/// director.addresses = vec![
///     Address::new("eth0".parse()?, "172.16.5.11/16".parse()?),
///     Address::new("eth1".parse()?, "192.168.1.11/24".parse()?),
/// ];
/// let mut server = RealServer::new("realserver1".parse()?);
/// server.addresses = vec![Address::new("eth0".parse()?, "192.168.1.12/24".parse()?)];
/// let mut web = VirtualService::new(Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::RR));
/// web.destinations.push(VirtualDestination::new(server.name.clone(), Forwarding::Masquerade));
/// let cluster = Cluster::new("web".parse()?, director, vec![server], vec![web])?;
///
/// let node = cluster.node("director").ok_or("no such node")?;
/// let mut observed = Observed::default();
/// observed.links = [("eth0".parse()?, true), ("eth1".parse()?, true)].into();
/// let plan = Plan::new(&node, &observed, PlanOptions::default());
///
/// let last = plan.steps().last().ok_or("nothing to do")?;
/// assert_eq!(last.change.id().to_string(), "172.16.5.11/16 on eth0", "clients come with it");
/// let after = plan.outcome(&observed);
/// assert!(Plan::new(&node, &after, PlanOptions::default()).is_empty());
/// assert!(plan.revert(&observed, &after).outcome(&after).services().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Plan {
    /// The cluster.
    pub cluster: ClusterName,
    /// The node.
    pub node: NodeName,
    /// The node kind.
    pub kind: NodeKind,
    /// The role that one of two directors is going to have.
    pub role: Option<Role>,
    /// What to do; empty if the node is as it must be.
    pub phases: Vec<Phase>,
    /// Why the plan must not be carried out: no step is made while there is a refusal.
    pub refusals: Vec<Refusal>,
    /// Objects that do not belong to the cluster and are left unchanged.
    pub unmanaged: Vec<ObjectId>,
    /// What an operator should know besides.
    pub notes: Vec<String>,
    /// Those of the notes that hold only where all steps are done.
    pub(in crate::cluster) of_whole: Vec<String>,
    /// The links on which an active director announces floating addresses that the plan adds.
    pub announcements: BTreeSet<(IfName, IpAddr)>,
    /// The rules by which a firewall has to mark packets, as a file of `nft -f`: shown, never applied.
    pub nftables: Option<String>,
}

impl Plan {
    /// Returns the way to how a node must look.
    ///
    /// On a director the virtual IPs come last, after the services and destinations behind them, because
    /// the address attracts the traffic. The same holds for the other floating addresses of two directors;
    /// the standby releases them first of all. On a real server the ARP sysctls come before the virtual IP.
    #[must_use]
    pub fn new(node: &DesiredState, observed: &Observed, options: PlanOptions) -> Self {
        let unknown = Record::new(node.cluster.clone(), node.name.clone());
        Self::with_record(node, observed, &unknown, options)
    }

    /// Returns the way to how a node must look where a record knows what was made there before: what the
    /// file no longer names returns to its original configuration, and drained destinations stay drained.
    #[must_use]
    pub fn with_record(
        node: &DesiredState,
        observed: &Observed,
        record: &Record,
        options: PlanOptions,
    ) -> Self {
        Self::with_records(node, observed, record, &[], options)
    }

    /// Returns the way to how a node must look where other clusters are on it, too: what they need is neither
    /// removed nor restored, even if the file no longer names it.
    #[must_use]
    pub fn with_records(
        node: &DesiredState,
        observed: &Observed,
        record: &Record,
        others: &[Record],
        options: PlanOptions,
    ) -> Self {
        let node = &*record.with_drains(node);
        let planner = Planner {
            node,
            observed,
            record,
            options: PlanOptions {
                take_over: options.take_over || record.is_applied(),
            },
        };
        let cleanup = Cleanup {
            node,
            observed,
            record,
            others,
            extent: Extent::Unnamed(planner.options),
        };
        let mut draft = Draft::new(node, observed);
        draft.phases(&planner, &Planner::PHASES);
        draft.phases(&cleanup, &Cleanup::PHASES);
        draft.phases(&planner, &Planner::LAST);
        let of_whole = planner.refused_notes(draft.after());
        let notes = [
            node.notes.clone(),
            planner.address_notes(&draft),
            planner.daemon_notes(),
            planner.diversion_notes(),
            planner.routed_notes(),
            planner.drain_notes(),
            draft.notes(),
            of_whole.clone(),
        ];
        let unmanaged = unmanaged::objects(node, observed, record);
        Self {
            of_whole,
            ..draft.plan(planner.refusals(), unmanaged, notes.concat())
        }
    }

    /// Returns the part that only adds: make before break. It has none of the phases that remove, and no step
    /// that replaces what is in use: a route, a service, a destination or a sync daemon. It is refused where a
    /// standby director has floating addresses to release: it would be standby only by name.
    #[must_use]
    pub fn growing(&self) -> Self {
        let replaces = |change: &Change<Object>| {
            use Object::{Daemon, Destination, Route, Service};
            match change {
                Change::Edit(edit) => match edit.before {
                    Route(_) | Service(_) | Destination(_) | Daemon(_) => edit.before != edit.after,
                    _ => false,
                },
                Change::Add(_) | Change::Delete(_) => false,
            }
        };
        let mut phases = self.phases.clone();
        phases.retain(|phase| phase.name.is_growing() && phase.name != PhaseName::SyncDaemons);
        // What is deleted to be added anew stays, too.
        let deleted: HashSet<_> = self
            .steps()
            .filter(|step| step.change.kind() == Kind::Delete)
            .map(|step| step.change.id())
            .collect();
        for phase in &mut phases {
            phase
                .steps
                .retain(|step| !replaces(&step.change) && !deleted.contains(&step.change.id()));
        }
        phases.retain(|phase| !phase.steps.is_empty());
        let mut grown = Self {
            phases,
            ..self.clone()
        };
        // Otherwise "nothing to do" would be read as "done".
        if let Some(left) = self.left_by(&grown) {
            grown.notes.retain(|note| !self.of_whole.contains(note));
            grown.notes.push(left);
        }
        let (release, _) = self.released_first();
        let released = release.iter().flat_map(|phase| &phase.steps).next();
        grown.refusals.extend(released.map(|step| {
            Refusal::of(
                step.change.id(),
                "has to be released by a standby, and growing deletes nothing",
                "apply without --grow, or with the other role",
            )
        }));
        grown
    }

    fn left_by(&self, grown: &Self) -> Option<String> {
        match self.steps().count() - grown.steps().count() {
            0 => None,
            1 => Some(
                "1 change that deletes or replaces waits for an apply without --grow".to_owned(),
            ),
            left => Some(format!(
                "{left} changes that delete or replace wait for an apply without --grow"
            )),
        }
    }

    /// Returns whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.phases.is_empty()
    }

    /// Returns all steps in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.phases.iter().flat_map(|phase| &phase.steps)
    }

    /// Splits off the beginning that makes room for an active director, which must be done whatever becomes
    /// of the rest.
    pub(super) fn released_first(&self) -> (&[Phase], &[Phase]) {
        let of_release = |phase: &&Phase| phase.name.is_release();
        let count = self.phases.iter().take_while(of_release).count();
        self.phases.split_at(count)
    }

    /// Returns the part that makes room for an active director, which nothing prevents.
    pub(in crate::cluster) fn only_release(&self) -> Self {
        let (release, _) = self.released_first();
        Self {
            phases: release.to_vec(),
            refusals: Vec::new(),
            notes: Vec::new(),
            of_whole: Vec::new(),
            nftables: None,
            ..self.clone()
        }
    }

    /// Returns how the node looks when all steps are done.
    #[must_use]
    pub fn outcome(&self, observed: &Observed) -> Observed {
        Self::outcome_of(&self.phases, observed)
    }

    /// Returns how the node looks when the steps of some phases are done.
    pub(super) fn outcome_of(phases: &[Phase], observed: &Observed) -> Observed {
        let mut outcome = observed.clone();
        let steps = phases.iter().flat_map(|phase| &phase.steps);
        outcome.apply(steps.map(|step| &step.change));
        outcome
    }
}

/// What a plan of what is desired is made from.
struct Planner<'a> {
    node: &'a DesiredState,
    observed: &'a Observed,
    record: &'a Record,
    options: PlanOptions,
}

impl Planner<'_> {
    /// What is desired. The order is half of what a plan is worth.
    const PHASES: [Planned<Self>; 18] = [
        (PhaseName::ReleasedRoutes, Self::released_routes),
        (PhaseName::ReleasedAddresses, Self::released_addresses),
        // Before what they carry, their state and their sysctls, which exist only with them.
        (PhaseName::Tunnels, Self::tunnels),
        // `ip_forward` before all sysctls that it changes.
        (PhaseName::LinksAndForwarding, |planner, seen| {
            [planner.links_up(seen), planner.ip_forward(seen)].concat()
        }),
        (PhaseName::Sysctls, Self::other_sysctls),
        // Clients are not served until they are added again.
        (PhaseName::DisplacedVirtualIps, Self::displaced_virtual_ips),
        (PhaseName::Addresses, Self::own_addresses),
        (PhaseName::Routes, |planner, seen| {
            [planner.own_routes(seen), planner.neighbour_routes(seen)].concat()
        }),
        (PhaseName::StoppedSyncDaemons, Self::stopped_daemons),
        (PhaseName::Timeouts, Self::timeouts),
        (PhaseName::Services, Self::services),
        // They exist once the first service has loaded their module.
        (PhaseName::IpvsSysctls, Self::ipvs_sysctls),
        (PhaseName::Destinations, Self::added_destinations),
        (PhaseName::ChangedDestinations, Self::changed_destinations),
        // Clients come with them: everything behind them must be ready.
        (PhaseName::VirtualIps, Self::virtual_ips),
        (PhaseName::FloatingAddresses, Self::floating_addresses),
        (PhaseName::RenewedDestinations, Self::renewed_destinations),
        (PhaseName::LastRoutes, Self::last_routes),
    ];

    /// What is desired and must wait for the cleanup: the kernel starts no sync daemon beside a destination
    /// of another family than its service.
    const LAST: [Planned<Self>; 1] = [(PhaseName::SyncDaemons, Self::daemons)];
}

/// `{cluster, node, role, changed, phases, refusals, foreign, notes, nftables}`.
impl Serialize for Plan {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut plan = serializer.serialize_struct("Plan", 9)?;
        plan.serialize_field("cluster", &self.cluster)?;
        plan.serialize_field("node", &self.node)?;
        plan.serialize_field("role", &self.role)?;
        plan.serialize_field("changed", &!self.is_empty())?;
        plan.serialize_field("phases", &self.phases)?;
        plan.serialize_field("refusals", &self.refusals)?;
        plan.serialize_field("foreign", &self.unmanaged)?;
        plan.serialize_field("notes", &self.notes)?;
        plan.serialize_field("nftables", &self.nftables)?;
        plan.end()
    }
}
