//! What the cluster offers, and which of its machines serve it.

use std::net::IpAddr;

use super::{Match, NodeName};
use crate::ipvs::{Forwarding, Service, ServiceId, Thresholds, Weight};

/// A service of the cluster: the kernel's service, and its destinations by the names of machines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualService {
    /// What clients connect to, and how it is scheduled.
    pub service: Service,
    /// What a firewall marks for a service by firewall mark; empty for any other.
    pub matches: Vec<Match>,
    /// Weights are used when a destination is added and are then somebody else's, a health
    /// checker's say: never a difference.
    pub keep_weight: bool,
    /// Who serves it, in the order in which they are added. (The kernel puts each new one at the
    /// head of its list: the last one added is asked first.)
    pub destinations: Vec<VirtualDestination>,
}

impl VirtualService {
    /// A service that nobody serves yet.
    #[must_use]
    pub const fn new(service: Service) -> Self {
        Self {
            service,
            matches: Vec::new(),
            keep_weight: false,
            destinations: Vec::new(),
        }
    }

    /// Its virtual IP; none for a firewall mark.
    #[doc(alias = "VIP")]
    #[must_use]
    pub fn vip(&self) -> Option<IpAddr> {
        match self.service.id {
            ServiceId::Socket { address, .. } => Some(address.ip()),
            ServiceId::Fwmark { .. } => None,
        }
    }

    /// The addresses to which clients connect: its virtual IP, or those of its matches, each once in the
    /// order of the file.
    #[must_use]
    pub fn vips(&self) -> Vec<IpAddr> {
        let mut vips = Vec::new();
        let matches = self.matches.iter().map(|it| it.address.ip());
        for vip in self.vip().into_iter().chain(matches) {
            if !vips.contains(&vip) {
                vips.push(vip);
            }
        }
        vips
    }

    pub(in crate::cluster) fn port(&self) -> u16 {
        match self.service.id {
            ServiceId::Socket { address, .. } => address.port(),
            ServiceId::Fwmark { .. } => 0,
        }
    }
}

/// A destination by its machine's name; its address follows from the machine's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualDestination {
    /// A real server, or the director itself (a local node).
    pub real_server: NodeName,
    /// How packets reach it.
    pub forwarding: Forwarding,
    /// Another port than the service's; only masquerading can change it.
    pub port: Option<u16>,
    /// Another weight than the real server's.
    pub weight: Option<Weight>,
    /// When it counts as full.
    pub thresholds: Thresholds,
}

impl VirtualDestination {
    /// On the service's port, with the real server's weight and without thresholds.
    #[must_use]
    pub const fn new(real_server: NodeName, forwarding: Forwarding) -> Self {
        Self {
            real_server,
            forwarding,
            port: None,
            weight: None,
            thresholds: Thresholds::OFF,
        }
    }
}
