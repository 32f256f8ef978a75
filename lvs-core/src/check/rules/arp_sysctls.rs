//! The ARP sysctls of a real server, which keep it quiet about the virtual IP.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::sharing_network;
use crate::check::scene::NodeScene;
use crate::check::severity::Severity;
use crate::name::IfName;
use crate::net::Address;

kinds! {
    ARP_IGNORE = "LVS001", Error, Arp,
    title: "A real server answers ARP for the virtual IP",
    impact: "the router may learn this machine's MAC for the virtual IP; then every client lands here, past the director",
    explanation: "In direct routing every real server carries the virtual IP, and only arp_ignore keeps it quiet about it. \
        The kernel takes the greater of conf/all and the interface where the question arrives; a value on lo alone does nothing, \
        conf/default changes nothing for an interface that has an address, and 3 in either place re-opens what 1 had hidden. \
        It shows as one server that gets everything while the director counts no connection. Set arp_ignore=1 on all, before the virtual IP is added.";

    ARP_ANNOUNCE = "LVS002", Error, Arp,
    title: "A real server asks by ARP in the virtual IP's name",
    impact: "its own questions tell the router that the virtual IP is at its MAC, and the router believes it",
    explanation: "A real server answers clients from the virtual IP. To find its gateway's MAC it asks by ARP, and with arp_announce 0 or 1 it may name \
        the virtual IP as the asker; whoever hears it updates its neighbour table. arp_ignore=1 alone therefore works until the first such question. \
        The greater of conf/all and the sending interface counts. Set arp_announce=2 on all.";
}

pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    let vips = scene.received_vips();
    // A virtual IP that the node does not carry yet cannot be answered for.
    if !vips
        .iter()
        .any(|vip| vip.is_ipv4() && scene.facts.carries(*vip))
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
    fn receiving_arp(&self) -> impl Iterator<Item = &IfName> {
        self.facts
            .links
            .iter()
            .filter(|link| link.up && link.controller.is_none() && link.mac.is_some())
            .filter(|link| link.name != IfName::LO && link.kind.as_deref() != Some("dummy"))
            .map(|link| &link.name)
    }

    /// A node elsewhere, behind a tunnel for instance, is not asked for the virtual IP today.
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

    /// 1 and 2 hide the virtual IP; 3 does not, and 8 hides the real server too.
    fn arp_ignore(&self, vips: &BTreeSet<IpAddr>, interface: &IfName) -> Option<Finding> {
        let level = self.facts.effective().arp_ignore(interface)?;
        let problem = match level {
            1 | 2 => return None,
            3 => {
                "it answers ARP for all but addresses of scope host, the virtual IP on lo included"
            }
            8 => "it answers ARP for no address at all, not even its own",
            _ => "it answers ARP for every address of this machine, the virtual IP on lo included",
        };
        let finding = self.finding(
            &ARP_IGNORE,
            interface,
            format!("arp_ignore is {level} (the greater of all and {interface}): {problem}"),
        );
        // A greater number on the interface would outweigh the one on all.
        let finding = match level {
            0 => finding,
            _ => finding.fix(format!("sysctl -w net/ipv4/conf/{interface}/arp_ignore=0")),
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
             questions sent there may name the virtual IP as the asker"
        );
        (level < 2).then(|| {
            self.finding(&ARP_ANNOUNCE, interface, seen)
                .fix(on_all_and_lo("arp_announce", 2))
                .fix(forget(vips))
        })
    }
}

/// On lo too, as every recipe and so the plan has it; all alone decides.
fn on_all_and_lo(name: &str, level: u8) -> String {
    format!("sysctl -w net/ipv4/conf/all/{name}={level} net/ipv4/conf/lo/{name}={level}")
}

/// A router keeps for minutes what it has learnt.
fn forget(vips: &BTreeSet<IpAddr>) -> String {
    let commands: Vec<_> = vips
        .iter()
        .filter(|vip| vip.is_ipv4())
        .map(|vip| format!("ip neigh flush to {vip}"))
        .collect();
    format!("on the router: {}", commands.join(" && "))
}
