//! What direct routing requires: real servers that carry the virtual IP and do not answer ARP for it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::state::DesiredState;
use crate::cluster::model::{Cluster, NodeName};
use crate::ipvs::Forwarding;
use crate::name::IfName;
use crate::sysctl::{ArpAnnounce, ArpIgnore, Conf, SysctlKey};

impl DesiredState {
    /// Lets the node receive what a director sends it by direct routing.
    pub(super) fn receive_by_direct_routing(&mut self, cluster: &Cluster) {
        let vips = cluster.direct_routed(&self.name);
        if vips.iter().any(IpAddr::is_ipv4) {
            self.suppress_arp();
        }
        if !vips.is_empty() {
            self.link(IfName::LO, "it carries the virtual IP");
        }
        for vip in vips {
            self.virtual_ip(
                vip,
                &IfName::LO,
                vip.is_ipv4()
                    .then(|| format!("lo:{}", cluster.label_number(vip))),
                "packets arrive with the virtual IP as destination address",
                "the virtual IP is reached through lo",
            );
        }
    }

    /// Suppresses ARP for virtual IPs on `lo` and on `all`: the kernel takes the greater value of `all` and
    /// the interface where a request arrives, so `all` is what has the effect; `lo` is the other half of the
    /// traditional recipe.
    pub(super) fn suppress_arp(&mut self) {
        for conf in [Conf::All, Conf::Interface(IfName::LO)] {
            self.sysctl(
                SysctlKey::arp_ignore(&conf),
                ArpIgnore::ReceivingInterface,
                "only the director answers ARP for the virtual IPs",
            );
            self.sysctl(
                SysctlKey::arp_announce(&conf),
                ArpAnnounce::BestLocal,
                "ARP requests must not have a virtual IP as source address",
            );
        }
    }
}

impl Cluster {
    /// Returns the virtual IPs whose packets reach a node by direct routing, each once in the order of the
    /// file.
    fn direct_routed(&self, name: &NodeName) -> Vec<IpAddr> {
        let mut seen = BTreeSet::new();
        self.served_by(name)
            .filter(|(_, destination)| destination.forwarding == Forwarding::DirectRouting)
            .flat_map(|(service, _)| service.vips())
            .filter(|vip| seen.insert(*vip))
            .collect()
    }

    /// Returns the number of a virtual IP in labels, `lo:0`: its index among the cluster's IPv4 virtual IPs in
    /// the order of the file, and so the same on every node, whichever of them the node carries.
    fn label_number(&self, vip: IpAddr) -> usize {
        self.label_numbers().get(&vip).copied().unwrap_or_default()
    }
}
