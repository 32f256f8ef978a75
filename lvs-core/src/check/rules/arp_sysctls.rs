//! The ARP sysctls of a real server, which keep it from answering and asking for the virtual IP.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::arp_hidden::excluded;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::sharing_network;
use crate::check::scene::NodeScene;
use crate::check::severity::Severity;
use crate::name::IfName;
use crate::net::Address;
use crate::sysctl::{Conf, SysctlKey};

kinds! {
    ARP_IGNORE = "LVS001", Error, Arp,
    title: "A real server answers ARP for the virtual IP",
    impact: "the router may learn this node's MAC address for the virtual IP; then every client is sent here, past the director",
    explanation: "\
        In direct routing every real server carries the virtual IP, and only arp_ignore keeps it from \
        answering ARP requests for it. The kernel takes the greater value of conf/all and the interface \
        where the request arrives: a value on lo alone has no effect, conf/default has none on an \
        interface that already has an address, and 3 in either place exposes again what 1 had hidden. \
        The symptom is one real server that gets all connections while the director counts none. Set \
        arp_ignore=1 on all before the virtual IP is added.";

    ARP_ANNOUNCE = "LVS002", Error, Arp,
    title: "A real server sends ARP requests with the virtual IP as source address",
    impact: "its own ARP requests tell the router that the virtual IP is at its MAC address, and the router believes it",
    explanation: "\
        A real server answers clients from the virtual IP. To find its gateway's MAC address it sends an \
        ARP request, and with arp_announce 0 or 1 the request may have the virtual IP as source address; \
        every host that receives it updates its neighbour table. arp_ignore=1 alone therefore works \
        until the first such request. The greater value of conf/all and the sending interface counts. \
        Set arp_announce=2 on all.";
}

pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    let vips = scene.received_vips();
    // A virtual IP that the node does not carry yet cannot be answered for.
    if !vips
        .iter()
        .any(|vip| vip.is_ipv4() && !scene.index.carrying(*vip).is_empty())
    {
        return Vec::new();
    }
    scene
        .receiving_arp()
        .flat_map(|interface| {
            let severity = scene.arp_severity(interface);
            [
                scene.arp_ignore(&vips, interface),
                scene.arp_announce(&vips, interface),
            ]
            .into_iter()
            .flatten()
            .map(move |finding| finding.severity(severity))
        })
        .collect()
}

impl<T> NodeScene<'_, T> {
    /// Returns the interfaces on which ARP requests can arrive: those with a hardware address that are up and
    /// not part of a bridge or bond, which answers for them.
    pub(super) fn receiving_arp(&self) -> impl Iterator<Item = &IfName> {
        self.facts
            .links
            .iter()
            .filter(|link| link.up && link.controller.is_none() && link.mac.is_some())
            .filter(|link| link.name != IfName::LO && link.kind.as_deref() != Some("dummy"))
            .map(|link| &link.name)
    }

    /// Returns an error on the director's link, and a warning elsewhere: a node behind a tunnel, for instance, is
    /// not asked for the virtual IP today.
    fn arp_severity(&self, interface: &IfName) -> Severity {
        let here: Vec<Address> = self
            .facts
            .addresses
            .iter()
            .filter(|address| address.id.interface == *interface)
            .cloned()
            .collect();
        let is_beside_director = self
            .cluster
            .directors()
            .iter()
            .flat_map(|director| &director.addresses)
            .any(|address| {
                sharing_network(&here, address.id.network.addr())
                    .next()
                    .is_some()
            });
        match is_beside_director {
            true => Severity::Error,
            false => Severity::Warning,
        }
    }

    /// Reports every level but 1 and 2, which hide the virtual IP: 3 does not, and 8 hides the real server too.
    fn arp_ignore(&self, vips: &BTreeSet<IpAddr>, interface: &IfName) -> Option<Finding> {
        let level = self.facts.effective().arp_ignore(interface)?;
        let problem = match level {
            1 | 2 => return None,
            3 => {
                "the node answers ARP for all addresses except those of scope host, for the virtual IP on lo too"
            }
            8 => "the node answers ARP for no address at all, not even for its own",
            _ => "the node answers ARP for all of its addresses, for the virtual IP on lo too",
        };
        let seen = format!("arp_ignore is {level} (the greater of all and {interface}): {problem}");
        let key = SysctlKey::arp_ignore(&Conf::All);
        if let Some(other) = self.facts.excluding(&key, "1") {
            let seen = excluded(&seen, other);
            let remove = format!("remove the other cluster: lvsctl remove {other}");
            return Some(self.finding(&ARP_IGNORE, interface, seen).fix(remove));
        }
        let finding = self.finding(&ARP_IGNORE, interface, seen);
        // A greater number on the interface would outweigh the one on all.
        let finding = match level {
            0 => finding,
            _ => finding.fix(format!(
                "sysctl -w net/ipv4/conf/{}/arp_ignore=0",
                interface.quoted()
            )),
        };
        Some(
            finding
                .fix(on_all_and_lo("arp_ignore", 1))
                .fix(forget(vips)),
        )
    }

    fn arp_announce(&self, vips: &BTreeSet<IpAddr>, interface: &IfName) -> Option<Finding> {
        let level = self.facts.effective().arp_announce(interface)?;
        let seen = format!(
            "arp_announce is {level} (the greater of all and {interface}): \
             ARP requests sent there may have the virtual IP as source address"
        );
        (level < 2).then(|| {
            self.finding(&ARP_ANNOUNCE, interface, seen)
                .fix(on_all_and_lo("arp_announce", 2))
                .fix(forget(vips))
        })
    }
}

/// Returns the command for all and lo: every recipe, and so the plan, sets lo too, though all alone decides.
fn on_all_and_lo(name: &str, level: u8) -> String {
    format!("sysctl -w net/ipv4/conf/all/{name}={level} net/ipv4/conf/lo/{name}={level}")
}

/// Returns the command that deletes the entries of a router, which would keep them for minutes.
fn forget(vips: &BTreeSet<IpAddr>) -> String {
    let commands: Vec<_> = vips
        .iter()
        .filter(|vip| vip.is_ipv4())
        .map(|vip| format!("ip neigh flush to {vip}"))
        .collect();
    format!("on the router: {}", commands.join(" && "))
}
