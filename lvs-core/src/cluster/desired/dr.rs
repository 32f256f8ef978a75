//! What direct routing demands: real servers that carry the virtual IP and keep quiet about it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Desired, DesiredState, addresses};
use crate::cluster::{Cluster, NodeName};
use crate::ipvs::Forwarding;
use crate::name::IfName;
use crate::net::Address;
use crate::sysctl::{ArpAnnounce, ArpIgnore, Conf, SysctlKey};

pub(super) fn real_server(state: &mut DesiredState, cluster: &Cluster, name: &NodeName) {
    let vips = direct_routed(cluster, name);
    if vips.iter().any(IpAddr::is_ipv4) {
        keep_quiet(state);
    }
    if !vips.is_empty() {
        state.link(IfName::LO, "it carries the virtual IP");
    }
    for vip in vips {
        let label = vip.is_ipv4().then(|| place(cluster, vip));
        let address = Address {
            label: label.map(|place| format!("lo:{place}")),
            ..addresses::virtual_on(IfName::LO, vip)
        };
        state.addresses.push(Desired::new(
            address,
            "packets arrive with the virtual IP as their destination",
        ));
        state.routes.push(Desired::new(
            addresses::host_route(vip, IfName::LO),
            "the virtual IP is reached by lo",
        ));
    }
}

/// The virtual IPs whose packets reach a machine unchanged, in the order of the file.
fn direct_routed(cluster: &Cluster, name: &NodeName) -> Vec<IpAddr> {
    let mut seen = BTreeSet::new();
    cluster
        .served_by(name)
        .filter(|(_, destination)| destination.forwarding == Forwarding::DirectRouting)
        .flat_map(|(service, _)| service.vips())
        .filter(|vip| seen.insert(*vip))
        .collect()
}

/// On `lo` and on `all`: the kernel takes the greater of `all` and the interface where a request
/// arrives, so `all` is what silences it; `lo` is the recipe's other half.
pub(super) fn keep_quiet(state: &mut DesiredState) {
    for conf in [Conf::All, Conf::Interface(IfName::LO)] {
        state.sysctl(
            SysctlKey::arp_ignore(&conf),
            ArpIgnore::ReceivingInterface,
            "only the director may answer who has the virtual IP",
        );
        state.sysctl(
            SysctlKey::arp_announce(&conf),
            ArpAnnounce::BestLocal,
            "no request may go out in the virtual IP's name",
        );
    }
}

/// The virtual IP's place among the cluster's IPv4 virtual IPs in the order of the file, from 0: the
/// same on every machine, whichever of them it carries.
fn place(cluster: &Cluster, vip: IpAddr) -> usize {
    let mut seen = Vec::new();
    for ip in cluster
        .services()
        .iter()
        .flat_map(super::VirtualService::vips)
        .filter(IpAddr::is_ipv4)
    {
        if !seen.contains(&ip) {
            seen.push(ip);
        }
    }
    seen.iter().position(|ip| *ip == vip).unwrap_or_default()
}
