//! The phases of a plan by name.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::cluster::change::Step;

/// Steps none of which depends on the success of another: the unit of sending, of failure and of
/// progress. The next phase begins when every step of this one is done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub struct Phase {
    /// What its steps have in common.
    pub name: PhaseName,
    /// At least one.
    pub steps: Vec<Step>,
}

/// Names a phase. Its text is the title that plans show.
///
/// In a plan that rolls another one back, a phase has the name of the phase it undoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PhaseName {
    // What is desired, in the order of the table in `plan/mod.rs`.
    /// Routes that need addresses which the other director is to carry.
    ReleasedRoutes,
    /// Addresses that the other director is to carry.
    ReleasedAddresses,
    /// Tunnel devices and listeners.
    Tunnels,
    /// Links set up, and `ip_forward`, which changes other sysctls.
    LinksAndForwarding,
    /// The other sysctls, those of IPVS excepted.
    Sysctls,
    /// Virtual IPs that have to be behind the node's own address.
    DisplacedVirtualIps,
    /// Addresses that do not attract traffic.
    Addresses,
    /// Routes that do not need a virtual IP.
    Routes,
    /// Sync daemons that are no longer desired: destinations may have to wait for that.
    StoppedSyncDaemons,
    /// The timeouts of connections.
    Timeouts,
    /// Services added and changed.
    Services,
    /// The sysctls of IPVS.
    IpvsSysctls,
    /// Destinations added.
    Destinations,
    /// Destinations changed.
    ChangedDestinations,
    /// The virtual IPs of a lone director, or of a real server.
    VirtualIps,
    /// The addresses of one of two directors that move with the active one; they are announced.
    FloatingAddresses,
    /// Destinations whose packets IPVS must not send with a virtual IP as source address any more.
    RenewedDestinations,
    /// Routes that need a virtual IP.
    LastRoutes,
    /// Sync daemons that must run: after the cleanup, as a destination may have to be deleted first.
    SyncDaemons,

    // What is no longer desired, in the order of the table in `plan/cleanup.rs`.
    /// Sync daemons that are no longer desired.
    FormerSyncDaemons,
    /// Routes that are no longer desired.
    FormerRoutes,
    /// Virtual IPs that are no longer desired.
    FormerVirtualIps,
    /// Destinations that are not desired.
    DeletedDestinations,
    /// Services that are not desired.
    DeletedServices,
    /// Services that were there before the cluster.
    RestoredServices,
    /// Routes to destinations that become directly routed again while connections of another method live on.
    NeighbourRoutes,
    /// Destinations that were there before the cluster.
    RestoredDestinations,
    /// The timeouts of connections.
    RestoredTimeouts,
    /// Other addresses that are no longer desired.
    FormerAddresses,
    /// The sysctls that change others.
    RestoredForwarding,
    /// The other sysctls.
    RestoredSysctls,
    /// Links that were down.
    RestoredLinks,
    /// Tunnel devices and listeners that are no longer desired.
    FormerTunnels,

    // What the kernel removes together with something else, restored at once.
    /// Addresses that an address of the same network took along.
    RestoredAddresses,
    /// Routes that an address took along.
    RestoredRoutes,

    // What a rollback restores that no step of the plan named.
    /// Addresses that an interface lost when it was set down.
    LostAddresses,
    /// Routes that were lost with an address or an interface.
    LostRoutes,
    /// Sysctls that followed others.
    LostSysctls,

    // Draining.
    /// Destinations whose weight becomes 0.
    DrainedDestinations,
    /// Destinations that a drain deletes.
    RemovedDestinations,
}

impl PhaseName {
    /// Returns whether the phase adds or activates: what it does is needed before traffic is sent to it.
    ///
    /// The others are shrinking: they delete, deactivate or restore, and must wait until no traffic is
    /// sent to what they take. What the kernel removes together with a deleted object is restored, too,
    /// only after a shrinking phase.
    #[must_use]
    pub const fn is_growing(self) -> bool {
        matches!(
            self,
            Self::Tunnels
                | Self::LinksAndForwarding
                | Self::Sysctls
                | Self::Addresses
                | Self::Routes
                | Self::Timeouts
                | Self::Services
                | Self::IpvsSysctls
                | Self::Destinations
                | Self::ChangedDestinations
                | Self::VirtualIps
                | Self::FloatingAddresses
                | Self::RenewedDestinations
                | Self::LastRoutes
                | Self::SyncDaemons
        )
    }

    /// Returns whether the phase makes room for an active director, so that it has to be done whatever
    /// becomes of the rest of the plan.
    pub(in crate::cluster) const fn is_release(self) -> bool {
        matches!(
            self,
            Self::ReleasedRoutes
                | Self::ReleasedAddresses
                | Self::RestoredAddresses
                | Self::RestoredRoutes
        )
    }
}

impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ReleasedRoutes => "released routes",
            Self::ReleasedAddresses => "released addresses",
            Self::Tunnels => "tunnels",
            Self::LinksAndForwarding => "links and forwarding",
            Self::Sysctls => "sysctls",
            Self::Addresses => "addresses",
            Self::Routes => "routes",
            Self::StoppedSyncDaemons => "stopped sync daemons",
            Self::Timeouts => "timeouts",
            Self::Services => "services",
            Self::IpvsSysctls => "sysctls of IPVS",
            Self::Destinations => "destinations",
            Self::ChangedDestinations => "changed destinations",
            Self::DisplacedVirtualIps => "displaced virtual IPs",
            Self::VirtualIps => "virtual IPs",
            Self::FloatingAddresses => "floating addresses",
            Self::RenewedDestinations => "renewed destinations",
            Self::LastRoutes => "last routes",
            Self::SyncDaemons => "sync daemons",
            Self::FormerSyncDaemons => "former sync daemons",
            Self::FormerRoutes => "former routes",
            Self::FormerVirtualIps => "former virtual IPs",
            Self::DeletedDestinations => "deleted destinations",
            Self::DeletedServices => "deleted services",
            Self::RestoredServices => "restored services",
            Self::NeighbourRoutes => "routes to neighbours",
            Self::RestoredDestinations => "restored destinations",
            Self::RestoredTimeouts => "restored timeouts",
            Self::FormerAddresses => "former addresses",
            Self::RestoredForwarding => "restored forwarding",
            Self::RestoredSysctls | Self::LostSysctls => "restored sysctls",
            Self::RestoredLinks => "restored links",
            Self::FormerTunnels => "former tunnels",
            Self::RestoredAddresses => "restored addresses",
            Self::RestoredRoutes => "restored routes",
            Self::LostAddresses => "lost addresses",
            Self::LostRoutes => "lost routes",
            Self::DrainedDestinations => "drained destinations",
            Self::RemovedDestinations => "removed destinations",
        })
    }
}

impl Serialize for PhaseName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
