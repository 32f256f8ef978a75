//! The virtual IP on the director.

use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::{DirectorScene, NodeScene};
use crate::net::AddressId;

kinds! {
    VIP_MISSING_ON_DIRECTOR = "LVS006", Error, Addresses,
    title: "The director lacks the virtual IP",
    impact: "the director does not answer ARP for it, and packets that arrive nevertheless are not delivered to IPVS",
    explanation: "\
        IPVS sees packets on their way to a local socket; a packet for a virtual IP that is no address \
        of the director never gets that far. Clients see \"no route to host\" and the service counts no \
        packets. The address was deleted by hand, or by the kernel together with another address of its \
        network. Add it with the prefix length of the file.";

    FLOATING_ON_STANDBY = "LVS060", Error, Arp,
    title: "A standby director carries an address of the active one",
    impact: "both directors answer for it, and neighbours send to the one whose answer came last",
    explanation: "\
        Of two directors only the active one may carry the floating addresses: virtual IPs, and the \
        gateway of masqueraded real servers. A standby that has one as well was never told that it is \
        standby, or the address was added by hand. Delete it there, or make this director active and the \
        other one standby. A VRRP daemon such as keepalived decides which director is active.";
}

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    if scene.facts.is_standby() {
        return scene.floating_on_standby();
    }
    let places = scene.node.addresses_by_ip();
    scene
        .cluster
        .virtual_ips()
        .union(&scene.node.floating)
        .filter_map(|ip| places.get(ip).map(|place| &place.id))
        .filter(|id| !scene.is_carried(id))
        .filter_map(|id| scene.missing(id))
        .collect()
}

impl DirectorScene<'_> {
    /// Returns whether an address is on its interface: one of two directors also has a virtual IP of direct routing
    /// on lo, where it attracts no traffic.
    fn is_carried(&self, id: &AddressId) -> bool {
        self.index
            .carrying(id.network.addr())
            .iter()
            .any(|address| !self.cluster.is_paired() || address.id.interface == id.interface)
    }

    /// Reports addresses that only the active director may carry.
    fn floating_on_standby(&self) -> Vec<Finding> {
        self.node
            .addresses
            .iter()
            .filter(|address| self.node.is_floating(address))
            .map(|address| &address.id)
            .filter(|id| self.facts.addresses.iter().any(|found| found.id == **id))
            .map(|id| {
                let seen = format!("{} has it, but this director is not active", id.interface);
                self.finding(&FLOATING_ON_STANDBY, id, seen)
                    .fix(format!(
                        "ip address del {} dev {}",
                        id.network,
                        id.interface.quoted()
                    ))
                    .fix("or lvsctl apply FILE --role active, if this director should take over")
            })
            .collect()
    }

    fn missing(&self, id: &AddressId) -> Option<Finding> {
        let desired = self
            .desired
            .addresses
            .iter()
            .map(|desired| &desired.value)
            .find(|desired| desired.id == *id)?;
        let ip = id.network.addr();
        let seen = format!("no interface has {ip}");
        if self.facts.left_withdrawn.contains(&ip) {
            let seen = format!(
                "{seen}: the controller that ran last has withdrawn it, for its services were below their minimum"
            );
            let finding = self.finding(&VIP_MISSING_ON_DIRECTOR, id, seen);
            return Some(finding.fix("lvsctl run FILE"));
        }
        let finding = self.finding(&VIP_MISSING_ON_DIRECTOR, id, seen);
        // It was another host's a moment ago: neighbours must be told.
        if self.cluster.is_paired() && self.node.is_floating(desired) {
            return Some(finding.fix("lvsctl apply FILE"));
        }
        let finding = self.adding(finding, desired);
        Some(match self.lost_gateway(id) {
            Some(gateway) => finding.fix(format!("ip route replace default via {gateway}")),
            None => finding,
        })
    }
}

impl<T> NodeScene<'_, T> {
    /// Returns the gateway of the default route that was deleted together with an address: the gateway is on the
    /// network of that address.
    pub(super) fn lost_gateway(&self, id: &AddressId) -> Option<IpAddr> {
        let family = id.network.addr().into();
        self.desired
            .routes
            .iter()
            .chain(&self.desired.absent_routes)
            .filter(|route| route.value.id.is_default())
            .filter_map(|route| route.value.gateway)
            .find(|gateway| id.network.contains(gateway))
            .filter(|_| self.facts.default_route(family).is_none())
    }
}
