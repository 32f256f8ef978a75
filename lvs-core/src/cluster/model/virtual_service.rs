//! Virtual services: what the cluster offers, and which of its nodes serve it.

use std::net::IpAddr;

use super::fwmark::Match;
use super::name::NodeName;
use crate::cluster::SharedList;
use crate::cluster::checks::{Check, Policy};
use crate::ipvs::{Forwarding, Service, ServiceId, Thresholds, Weight};

/// Describes a service of the cluster: the kernel's service, and its destinations by the names of nodes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualService {
    /// The kernel's service: what clients connect to, and how it is scheduled.
    pub service: Service,
    /// The packets that a firewall marks for a service by firewall mark; empty for any other service.
    pub matches: Vec<Match>,
    /// Whether weights apply only when a destination is added. Another program, such as a health checker,
    /// sets them afterwards, and a different weight is never a difference.
    pub keep_weight: bool,
    /// The destinations in the order in which they are added. (The kernel inserts each new one at the head
    /// of its list: a scheduler visits the last one added first.)
    ///
    /// Thousands of services with the same ones share them if this is a clone, as those of a file do.
    pub destinations: SharedList<VirtualDestination>,
    /// The checks of each destination that does not opt out, all of which must hold; without any, weights do not follow
    /// health.
    pub checks: Vec<Check>,
    /// What follows from the health of the destinations.
    pub policy: Policy,
    /// The node among the destinations that has weight 0 until fewer than the minimum are healthy.
    pub fallback: Option<NodeName>,
}

impl VirtualService {
    /// Creates a service without destinations.
    #[must_use]
    pub fn new(service: Service) -> Self {
        Self {
            service,
            matches: Vec::new(),
            keep_weight: false,
            destinations: SharedList::default(),
            checks: Vec::new(),
            policy: Policy::DEFAULT,
            fallback: None,
        }
    }

    /// Returns whether a destination is the fallback.
    pub(crate) fn is_fallback(&self, destination: &VirtualDestination) -> bool {
        self.fallback.as_ref() == Some(&destination.real_server)
    }

    /// Returns the checks of a destination; without any it counts as up.
    pub(crate) fn checks_of(&self, destination: &VirtualDestination) -> &[Check] {
        match destination.check {
            DestinationCheck::OfService => &self.checks,
            DestinationCheck::Never => &[],
        }
    }

    /// Returns the service's virtual IP; `None` for a service by firewall mark.
    #[doc(alias = "VIP")]
    #[must_use]
    pub fn vip(&self) -> Option<IpAddr> {
        match self.service.id {
            ServiceId::Socket { address, .. } => Some(address.ip()),
            ServiceId::Fwmark { .. } => None,
        }
    }

    /// Returns the addresses to which clients connect: the virtual IP, or the addresses of the matches, each
    /// once in the order of the file.
    #[must_use]
    pub fn vips(&self) -> Vec<IpAddr> {
        let mut vips = Vec::new();
        let marked = self.matches.iter().map(|packets| packets.address.ip());
        for vip in self.vip().into_iter().chain(marked) {
            if !vips.contains(&vip) {
                vips.push(vip);
            }
        }
        vips
    }

    /// Returns what clients connect to: the service's own socket, or those that a firewall marks for it.
    pub(crate) fn sockets(&self) -> Vec<Match> {
        match self.service.id {
            ServiceId::Socket { protocol, address } => vec![Match { protocol, address }],
            ServiceId::Fwmark { .. } => self.matches.clone(),
        }
    }

    /// Returns the service's port; 0, which is every port, for a service by firewall mark.
    pub(crate) fn port(&self) -> u16 {
        match self.service.id {
            ServiceId::Socket { address, .. } => address.port(),
            ServiceId::Fwmark { .. } => 0,
        }
    }

    /// Returns whether any destination is masqueraded, so that its answers pass the director.
    pub(crate) fn is_masqueraded(&self) -> bool {
        self.destinations
            .iter()
            .any(|destination| destination.forwarding == Forwarding::Masquerade)
    }
}

/// Describes a destination by the name of its node, from which its address follows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualDestination {
    /// The name of a real server, or of the director itself (a local node).
    pub real_server: NodeName,
    /// The forwarding method by which packets reach it.
    pub forwarding: Forwarding,
    /// A port that differs from the service's, which only masquerading can rewrite.
    pub port: Option<u16>,
    /// A weight that differs from the real server's.
    pub weight: Option<Weight>,
    /// The numbers of connections at which it counts as full, and as free again.
    pub thresholds: Thresholds,
    /// Whether the checks of the service test it; has no effect without any.
    pub check: DestinationCheck,
}

/// Says whether the checks of a service test one of its destinations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DestinationCheck {
    /// All of them do.
    #[default]
    OfService,
    /// None does: it is taken as up.
    Never,
}

impl VirtualDestination {
    /// Creates a destination with the service's port, the real server's weight and no thresholds.
    #[must_use]
    pub const fn new(real_server: NodeName, forwarding: Forwarding) -> Self {
        Self {
            real_server,
            forwarding,
            port: None,
            weight: None,
            thresholds: Thresholds::OFF,
            check: DestinationCheck::OfService,
        }
    }
}
