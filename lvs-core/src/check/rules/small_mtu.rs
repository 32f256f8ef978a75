//! Interfaces whose largest packet is smaller than the Internet expects.

use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::NodeScene;
use crate::check::severity::Severity;
use crate::ipvs::Family;
use crate::net::Link;

kinds! {
    SMALL_MTU = "LVS082", Error, Routing,
    title: "The MTU of an interface is too small",
    impact: "longer packets are dropped or cut into many pieces; below 1280 bytes the interface loses IPv6 altogether",
    explanation: "\
        Every host must take packets of 576 bytes over IPv4 (RFC 791), and every link packets of 1280 \
        bytes over IPv6 (RFC 8200): on an interface with a smaller MTU the kernel deletes the IPv6 \
        addresses and routes, and with less than 68 bytes IPv4 as well. Connections are often still \
        established, because their first packets are short, and hang with the first long one. Ethernet \
        has 1500 bytes.";
}

/// The smallest MTU that a host may rely on (RFC 791, RFC 8200).
const fn least(family: Family) -> u32 {
    match family {
        Family::Ipv4 => 576,
        Family::Ipv6 => 1280,
    }
}

pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    scene
        .own_links()
        .filter(|link| scene.facts.has_neighbours(&link.name))
        .filter_map(|link| scene.small_mtu(link))
        .collect()
}

impl<T> NodeScene<'_, T> {
    fn small_mtu(&self, link: &Link) -> Option<Finding> {
        let (name, mtu) = (&link.name, link.mtu);
        let least = self
            .desired
            .addresses
            .iter()
            .map(|desired| &desired.value.id)
            .filter(|id| id.interface == *name)
            .map(|id| least(Family::from(id.network.addr())))
            .max()?;
        if mtu >= least {
            return None;
        }
        let finding = self
            .finding(
                &SMALL_MTU,
                name,
                format!("{name} has an MTU of {mtu}; its addresses need {least} at least"),
            )
            .fix(format!("ip link set {} mtu 1500", name.quoted()));
        // The kernel has deleted them.
        let finding = match self.has_lost_addresses(link) {
            true => finding.fix("lvsctl apply FILE"),
            false => finding,
        };
        Some(match self.facts.is_standby() {
            true => finding.severity(Severity::Warning),
            false => finding,
        })
    }

    fn has_lost_addresses(&self, link: &Link) -> bool {
        self.desired
            .addresses
            .iter()
            .map(|desired| &desired.value.id)
            .filter(|id| id.interface == link.name)
            .any(|id| {
                let ip: IpAddr = id.network.addr();
                self.index.carrying(ip).is_empty()
            })
    }
}
