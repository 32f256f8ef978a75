//! Nodes that do not answer ARP for their own addresses: a director for virtual IPs, a real server for its real IP.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::is_wide;
use crate::check::scene::{DirectorScene, NodeScene, RealServerScene};
use crate::cluster::ClusterName;
use crate::ipvs::Family;
use crate::name::IfName;
use crate::net::{Address, AddressId};
use crate::sysctl::{Conf, SysctlKey};

kinds! {
    ARP_HIDDEN = "LVS077", Error, Arp,
    title: "A node does not answer ARP for an address that others ask for",
    impact: "routers, clients, real servers or the director do not find the node, and no packet arrives",
    explanation: "\
        arp_ignore on an active director hides what clients ask for, or the gateway of real servers: 8 hides every address of the \
        interface, 1 those of other interfaces such as lo or a dummy, and 2 also those that share no \
        network with who asks. The greater value of conf/all and the interface counts. It belongs on real \
        servers of direct routing: 1 there, for 8 hides even the real IP from the director. Set it to 0 \
        elsewhere, or give the virtual IP to the interface.";
}

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let mut links = scene.facts.links.iter();
    let hides = |level| matches!(level, 1 | 2 | ALL);
    let is_any = links.any(|link| {
        let level = scene.facts.effective().arp_ignore(&link.name);
        level.is_some_and(hides)
    });
    if scene.facts.is_standby() || !is_any {
        return Vec::new();
    }
    let gateways: BTreeSet<_> = scene
        .cluster
        .real_servers()
        .iter()
        .flat_map(|server| scene.cluster.gateways(server, Family::Ipv4))
        .collect();
    let vips = scene.cluster.virtual_ips();
    let carried = scene.facts.addresses.iter().filter(|address| {
        let ip = address.id.network.addr();
        ip.is_ipv4() && (vips.contains(&ip) || gateways.contains(&ip))
    });
    let mut judged = BTreeSet::new();
    carried
        .flat_map(|vip| {
            let links = scene.facts.arrival_links(&vip.id);
            links.into_iter().map(move |link| (vip, link))
        })
        .filter_map(|(vip, link)| Some((vip, link, scene.facts.effective().arp_ignore(link)?)))
        .filter(|(vip, link, level)| scene.is_hidden(vip, link, *level))
        .filter(|(_, link, _)| judged.insert(*link))
        .map(|(vip, link, level)| scene.hidden(&vip.id, link, level))
        .collect()
}

/// Returns what was seen beside another cluster that would suffer from the fix.
pub(super) fn excluded(seen: &str, other: &ClusterName) -> String {
    format!("{seen}; the cluster {other} on this node needs that: the two exclude each other")
}

/// Judges a real server's own addresses, which the director asks for. (By direct routing this level is one of the
/// wrong ones, with a finding of its own.)
pub(super) fn of_real_server(scene: &RealServerScene<'_>) -> Vec<Finding> {
    if scene.received_vips().iter().any(IpAddr::is_ipv4) {
        return Vec::new();
    }
    scene
        .node
        .addresses
        .iter()
        .map(|address| &address.id)
        .filter(|id| id.network.addr().is_ipv4() && scene.facts.has_neighbours(&id.interface))
        .filter(|id| scene.facts.effective().arp_ignore(&id.interface) == Some(ALL))
        .map(|id| scene.hidden(id, &id.interface, ALL))
        .collect()
}

/// The value of arp_ignore that hides every address.
const ALL: i64 = 8;

impl<T> NodeScene<'_, T> {
    fn hidden(&self, id: &AddressId, link: &IfName, level: i64) -> Finding {
        let seen = format!(
            "arp_ignore is {level} (the greater of all and {link}), which hides {} on {}",
            id.network.addr(),
            id.interface
        );
        let of_link = SysctlKey::arp_ignore(&Conf::Interface(link.clone()));
        // No cluster needs that every address is hidden.
        let all = SysctlKey::arp_ignore(&Conf::All);
        match self.facts.excluding(&all, "0").filter(|_| level != ALL) {
            Some(other) => self.finding(&ARP_HIDDEN, link, excluded(&seen, other)).fix(format!(
                "in the file: the virtual IP on {link}; or remove the other cluster: lvsctl remove {other}"
            )),
            None => self.finding(&ARP_HIDDEN, link, seen).fix(format!(
                "sysctl -w net/ipv4/conf/all/arp_ignore=0 {}=0",
                of_link.quoted()
            )),
        }
    }
}

impl DirectorScene<'_> {
    /// Returns whether a virtual IP that is asked for on a link is not answered for. Where no network of the link has
    /// it, routers know it by a next hop and do not ask; level 8 hides that, too.
    fn is_hidden(&self, vip: &Address, link: &IfName, level: i64) -> bool {
        let ip = vip.id.network.addr();
        let is_here = vip.id.interface == *link;
        let is_in_network = || {
            self.facts.addresses.iter().any(|address| {
                let network = &address.id.network;
                address.id.interface == *link && is_wide(network) && network.contains(&ip)
            })
        };
        match level {
            ALL => true,
            1 | 2 => !is_here && is_in_network(),
            _ => false,
        }
    }
}
