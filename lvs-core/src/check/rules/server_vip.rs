//! The virtual IP on a real server: on an interface where no host asks for it, as a single address.

use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::NodeScene;
use crate::cluster::change::{Change, Object};
use crate::net::Address;
use crate::sysctl::SysctlKey;

kinds! {
    VIP_ON_NIC = "LVS004", Error, Arp,
    title: "A real server has the virtual IP on a network interface",
    impact: "arp_ignore=1 hides only addresses of other interfaces; the node answers for this one",
    explanation: "\
        With arp_ignore=1 an interface answers for its own addresses. The virtual IP of a real server \
        belongs on lo (or a dummy device), where no request ever arrives. IPv6 has no arp_ignore, so \
        there the interface is the only protection: on a network interface the real server advertises \
        the address or finds a duplicate. Delete it there and add it to lo.";

    VIP_MISSING_ON_SERVER = "LVS005", Error, Addresses,
    title: "A real server lacks the virtual IP",
    impact: "packets arrive with the virtual IP as destination address, and the node drops them or forwards them as another host's",
    explanation: "\
        Direct routing changes only the MAC address of a packet, and a tunnel leaves the packet inside \
        it as it is: the real server must have the virtual IP itself, as /32 on lo or on the tunnel \
        device. Without it, connections to this server stay in SYN_RECV on the director and clients wait \
        until they give up, while a health check of the real IP succeeds. Set the ARP sysctls first, \
        then add the address.";
}

pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    let mut found = Vec::new();
    let vips = scene.received_vips();
    for desired in scene.desired.addresses.iter().map(|desired| &desired.value) {
        let vip = desired.id.network.addr();
        if !vips.contains(&vip) {
            continue;
        }
        // A device that does not exist, or is down, has a finding of its own.
        if scene.index.carrying(vip).is_empty() && scene.is_fit(&desired.id.interface) {
            found.push(scene.missing_vip(desired));
        }
        found.extend(
            scene
                .index
                .carrying(vip)
                .iter()
                .filter_map(|address| scene.exposed_vip(address, desired)),
        );
    }
    found
}

impl<T> NodeScene<'_, T> {
    fn missing_vip(&self, desired: &Address) -> Finding {
        let vip = desired.id.network.addr();
        let finding = self.finding(
            &VIP_MISSING_ON_SERVER,
            &desired.id,
            format!("no interface has {vip}"),
        );
        let finding = match vip {
            IpAddr::V4(_) => finding
                .fix("sysctl -w net/ipv4/conf/all/arp_ignore=1 net/ipv4/conf/all/arp_announce=2"),
            IpAddr::V6(_) => finding,
        };
        // The routes of a device are deleted with its last address.
        let route = self
            .desired
            .routes
            .iter()
            .map(|route| &route.value)
            .find(|route| route.id.destination == desired.id.network)
            .filter(|route| !self.facts.routes.iter().any(|found| found.id == route.id));
        let finding = self.adding(finding, desired);
        match route {
            Some(route) => finding.fix(Change::Add(Object::from(route.clone())).to_shell()),
            None => finding,
        }
    }

    /// Reports a virtual IP on an interface with neighbours, which can ask for it.
    fn exposed_vip(&self, address: &Address, desired: &Address) -> Option<Finding> {
        let (interface, network) = (&address.id.interface, &address.id.network);
        let ip = network.addr();
        if !self.facts.has_neighbours(interface) {
            return None;
        }
        let seen = match self.facts.duplicates.contains(&ip) {
            true => {
                format!("{interface} has {network}, but does not use it: another host has it")
            }
            false => format!("{interface} has {network}, and the node answers for it"),
        };
        let delete = format!("ip address del {network} dev {}", interface.quoted());
        let is_elsewhere = self
            .index
            .carrying(ip)
            .iter()
            .any(|other| !self.facts.has_neighbours(&other.id.interface));
        let finding = self.finding(&VIP_ON_NIC, &address.id, seen);
        let finding = match is_elsewhere {
            true => finding,
            false => self.adding(finding, desired),
        };
        Some(finding.fix(delete))
    }

    /// Adds the command that adds an address as the plan does, after one that turns IPv6 on where it needs that.
    pub(super) fn adding(&self, finding: Finding, address: &Address) -> Finding {
        let interface = &address.id.interface;
        let key = SysctlKey::new(format!("net/ipv6/conf/{interface}/disable_ipv6")).ok();
        let disabled = key
            .filter(|_| address.id.network.addr().is_ipv6())
            .filter(|key| self.facts.sysctl(key) == Some(1));
        let finding = match disabled {
            Some(key) => finding.fix(format!("sysctl -w {}=0", key.quoted())),
            None => finding,
        };
        finding.fix(Change::Add(Object::from(address.clone())).to_shell())
    }
}
