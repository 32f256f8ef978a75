//! The way from what a machine looks like to what it must look like, in steps and phases.
//!
//! Pure: the same two values give the same plan, and nothing here touches a machine.

mod addresses;
mod daemons;
mod draft;
mod foreign;
mod links;
mod phase;
mod refusal;
mod removal;
mod revert;
mod routes;
mod services;
mod shell;
mod sysctls;
mod text;
mod tunnels;
mod unnamed;

use serde::Serialize;

pub use phase::{Phase, PhaseName};
pub use refusal::{Obstacle, Refusal};

use super::change::{ObjectId, Step};
use super::{ClusterName, DesiredState, NodeKind, NodeName, Observed, Record, Role};
use draft::{Draft, Planned};

/// What a plan may do besides what the file names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Take away services that are on a virtual IP of the cluster but not in the file, though no
    /// record says that the cluster has been here before. Without this they are a [`Refusal`].
    pub take_over: bool,
}

/// Everything that has to change on one machine, in a safe order.
///
/// Its `Display` is what `lvsctl plan` prints; serialized it is `lvsctl plan --format json`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Plan {
    /// The cluster.
    pub cluster: ClusterName,
    /// The machine.
    pub node: NodeName,
    /// Its part.
    pub kind: NodeKind,
    /// Of two directors: which one it is going to be.
    pub role: Option<Role>,
    /// What to do; empty if the machine is as it must be.
    pub phases: Vec<Phase>,
    /// Why it must not be done: no step is made while there is one.
    pub refusals: Vec<Refusal>,
    /// What was met, belongs to somebody else and is not touched.
    pub foreign: Vec<ObjectId>,
    /// What a person should know besides.
    pub notes: Vec<String>,
    /// The rules by which a firewall has to mark packets, as a file of `nft -f`: shown, never applied.
    pub nftables: Option<String>,
}

impl Plan {
    /// The way to what a machine must look like.
    ///
    /// On a director the virtual IPs come last, after the services and destinations behind them: the
    /// address is the switch. So do the other floating addresses of two directors, and the one that is to
    /// stand by lets go of them first of all. On a real server the ARP switches come before the virtual IP.
    #[must_use]
    pub fn new(node: &DesiredState, observed: &Observed, options: PlanOptions) -> Self {
        let nobody = Record::new(node.cluster.clone(), node.name.clone());
        Self::with_record(node, observed, &nobody, options)
    }

    /// The same where it is known what was made here before: that is taken away where the file no
    /// longer names it, and who is drained stays so.
    #[must_use]
    pub fn with_record(
        node: &DesiredState,
        observed: &Observed,
        record: &Record,
        options: PlanOptions,
    ) -> Self {
        let node = record.honoured(node);
        let options = PlanOptions {
            take_over: options.take_over || record.is_applied(),
        };
        let node = &*node;
        let wanted = DesiredPhases {
            node,
            record,
            options,
        };
        let mut draft = Draft::new(node, observed);
        draft.phases(&wanted, &DesiredPhases::PHASES);
        unnamed::phases(&mut draft, node, observed, record);
        draft.finish(record, foreign::refusals(node, observed, record, options))
    }

    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.phases.is_empty()
    }

    /// All steps in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.phases.iter().flat_map(|phase| &phase.steps)
    }

    /// The beginning, which must be done whatever becomes of the rest, as room is made for an active
    /// director; and the rest.
    pub(super) fn released_first(&self) -> (Self, Self) {
        let of_release = |phase: &&Phase| phase.name.is_release();
        let count = self.phases.iter().take_while(of_release).count();
        let (release, rest) = self.phases.split_at(count);
        let part = |phases: &[Phase]| Self {
            phases: phases.to_vec(),
            ..self.clone()
        };
        (part(release), part(rest))
    }

    /// What the machine looks like when all steps are done.
    #[must_use]
    pub fn outcome(&self, observed: &Observed) -> Observed {
        let mut outcome = observed.clone();
        outcome.apply(self.steps().map(|step| &step.change));
        outcome
    }
}

/// What a plan goes by.
struct DesiredPhases<'a> {
    node: &'a DesiredState,
    record: &'a Record,
    options: PlanOptions,
}

impl DesiredPhases<'_> {
    /// The order is half of what a plan is worth.
    const PHASES: [Planned<Self>; 19] = [
        (PhaseName::ReleasedRoutes, |it, seen| {
            routes::released(it.node, seen)
        }),
        (PhaseName::ReleasedAddresses, |it, seen| {
            addresses::released(it.node, seen)
        }),
        // First, for what they carry, their state and their switches are there only when they are.
        (PhaseName::Tunnels, |it, seen| {
            let mut steps = tunnels::made(it.node, seen);
            steps.extend(tunnels::listening(it.node, seen));
            steps
        }),
        // `ip_forward` before all switches that it changes.
        (PhaseName::LinksAndForwarding, |it, seen| {
            let mut steps = links::up(it.node, seen);
            steps.extend(sysctls::ip_forward(it.node, seen));
            steps
        }),
        (PhaseName::Sysctls, |it, seen| {
            sysctls::others(it.node, seen)
        }),
        (PhaseName::Addresses, |it, seen| {
            addresses::own(it.node, seen)
        }),
        (PhaseName::Routes, |it, seen| routes::own(it.node, seen)),
        (PhaseName::StoppedSyncDaemons, |it, seen| {
            daemons::stopped(it.node, seen, it.record)
        }),
        (PhaseName::Timeouts, |it, seen| {
            services::timeouts(it.node, seen)
        }),
        (PhaseName::Services, |it, seen| {
            services::services(it.node, seen)
        }),
        // Their module, which has them, may come with the first service.
        (PhaseName::IpvsSysctls, |it, seen| {
            sysctls::of_ipvs(it.node, seen)
        }),
        (PhaseName::Destinations, |it, seen| {
            services::destinations_added(it.node, seen)
        }),
        (PhaseName::ChangedDestinations, |it, seen| {
            services::destinations_edited(it.node, seen, it.record)
        }),
        // Clients come with them: something must be behind them by now.
        (PhaseName::VirtualIps, |it, seen| match it.node.role {
            None => addresses::attracting_traffic(it.node, seen),
            Some(_) => Vec::new(),
        }),
        (PhaseName::FloatingAddresses, |it, seen| {
            match it.node.role {
                Some(_) => addresses::attracting_traffic(it.node, seen),
                None => Vec::new(),
            }
        }),
        (PhaseName::LastRoutes, |it, seen| {
            routes::by_virtual_ips(it.node, seen)
        }),
        (PhaseName::DeletedDestinations, |it, seen| {
            services::destinations_deleted(it.node, seen, it.record, it.options)
        }),
        (PhaseName::DeletedServices, |it, seen| {
            services::services_deleted(it.node, seen, it.record, it.options)
        }),
        (PhaseName::SyncDaemons, |it, seen| {
            daemons::running(it.node, seen)
        }),
    ];
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
        plan.serialize_field("foreign", &self.foreign)?;
        plan.serialize_field("notes", &self.notes)?;
        plan.serialize_field("nftables", &self.nftables)?;
        plan.end()
    }
}
