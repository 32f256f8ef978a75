//! Virtual IPs on real servers that need none.

use std::collections::BTreeSet;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::{is_wide, sharing_network};
use crate::check::scene::RealServerScene;
use crate::check::severity::Severity;
use crate::name::IfName;
use crate::net::Address;

kinds! {
    LEFTOVER_VIP = "LVS079", Error, Arp,
    title: "A masqueraded real server has the virtual IP and answers ARP for it",
    impact: "clients and routers on the link send to this real server instead of the director",
    explanation: "\
        With masquerading only the director has the virtual IP. One that is left over on a real server \
        from direct routing, or was copied with a machine, is answered for on every link unless \
        arp_ignore hides it, and the faster answer gets the clients. It does harm where the link is that of \
        the virtual IP, as with one interface for all. Delete it.";
}

pub(super) fn check(scene: &RealServerScene<'_>) -> Vec<Finding> {
    let needed = scene.received_vips();
    let vips = scene.cluster.virtual_ips();
    scene
        .facts
        .addresses
        .iter()
        .filter(|address| {
            let ip = address.id.network.addr();
            ip.is_ipv4() && vips.contains(&ip) && !needed.contains(&ip)
        })
        .filter_map(|vip| {
            let link = scene
                .answering_links(vip)
                .max_by_key(|link| scene.is_of_clients(vip, link))?;
            Some(scene.leftover(vip, link))
        })
        .collect()
}

impl RealServerScene<'_> {
    /// Returns the links on which the node answers ARP for an address.
    fn answering_links(&self, vip: &Address) -> impl Iterator<Item = &IfName> {
        self.receiving_arp().filter(|link| {
            let level = self.facts.effective().arp_ignore(link).unwrap_or(0);
            match level {
                1 | 2 => vip.id.interface == **link,
                8 => false,
                _ => true,
            }
        })
    }

    /// Returns whether clients of a virtual IP ask on a link of this node: it has a network of the interface on which
    /// the director has the virtual IP.
    fn is_of_clients(&self, vip: &Address, link: &IfName) -> bool {
        let here: Vec<Address> = self
            .facts
            .addresses
            .iter()
            .filter(|address| address.id.interface == *link)
            .cloned()
            .collect();
        self.cluster.directors().iter().any(|director| {
            let carriers: BTreeSet<_> = director
                .address(vip.id.network.addr())
                .map(|address| &address.id.interface)
                .into_iter()
                .collect();
            director
                .addresses
                .iter()
                .filter(|address| carriers.contains(&address.id.interface))
                .filter(|address| is_wide(&address.id.network))
                .any(|address| {
                    sharing_network(&here, address.id.network.addr())
                        .next()
                        .is_some()
                })
        })
    }

    fn leftover(&self, vip: &Address, link: &IfName) -> Finding {
        let (network, interface) = (&vip.id.network, &vip.id.interface);
        let seen = format!("{interface} has {network}, and the node answers for it on {link}");
        let severity = match self.is_of_clients(vip, link) {
            true => Severity::Error,
            false => Severity::Warning,
        };
        self.finding(&LEFTOVER_VIP, &vip.id, seen)
            .severity(severity)
            .fix(format!(
                "ip address del {network} dev {}",
                interface.quoted()
            ))
            .fix(format!(
                "on the router: ip neigh flush to {}",
                network.addr()
            ))
    }
}
