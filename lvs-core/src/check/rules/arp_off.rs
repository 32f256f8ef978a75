//! Interfaces on which ARP is off, so that neighbours neither find this node nor are found by it.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::NodeScene;
use crate::check::severity::Severity;
use crate::net::Link;

kinds! {
    ARP_OFF = "LVS081", Error, Arp,
    title: "ARP is off on an interface",
    impact: "neighbours do not find the addresses of this interface, and what is sent by it goes to no other host",
    explanation: "\
        With \"arp off\" (IFF_NOARP) an interface answers no ARP request, and sends its packets to its own \
        hardware address instead of asking for that of the neighbour. Clients and routers reach the \
        node only until their entry for it expires, which takes about a minute; then it is gone, while \
        the interface is up and has all its addresses. On a real server the switch belongs to no network \
        interface either: what hides the virtual IP there is arp_ignore. Interfaces that never use ARP \
        (lo, dummy and tunnel devices) are not judged.";
}

/// Kinds of interfaces that have a hardware address, and may do without ARP.
const WITHOUT_ARP: [&str; 4] = ["ipvlan", "ipvtap", "nlmon", "vrf"];

pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    scene
        .own_links()
        .filter(|link| !link.arp && scene.asks_neighbours(link))
        .map(|link| {
            let name = &link.name;
            let finding = scene
                .finding(&ARP_OFF, name, format!("{name} has arp off (NOARP)"))
                .fix(format!("ip link set {} arp on", name.quoted()));
            match scene.facts.is_standby() {
                true => finding.severity(Severity::Warning),
                false => finding,
            }
        })
        .collect()
}

impl<T> NodeScene<'_, T> {
    /// Returns the existing interfaces that the file puts addresses on, and that are up.
    pub(super) fn own_links(&self) -> impl Iterator<Item = &Link> {
        self.desired
            .links
            .keys()
            .filter_map(|name| self.facts.link(name))
            .filter(|link| link.up)
    }

    fn asks_neighbours(&self, link: &Link) -> bool {
        let kind = link.kind.as_deref().unwrap_or_default();
        link.mac.is_some() && self.facts.has_neighbours(&link.name) && !WITHOUT_ARP.contains(&kind)
    }
}
