//! IPv6 virtual IPs that an interface carries on which no neighbour asks for them.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::{Place, Scene};
use crate::cluster::Director;
use crate::net::{Address, AddressId};

kinds! {
    VIP_UNSOLICITED = "LVS089", Error, Addresses,
    title: "No neighbour finds an IPv6 virtual IP",
    impact: "clients and routers on the network of the virtual IP see no route to host",
    explanation: "\
        The virtual IP is in the network of one interface and carried by another one, such as lo or a dummy. \
        For IPv4 the kernel answers ARP requests for any address of the host, but a neighbour \
        solicitation of IPv6 only for the addresses of the interface where it arrives. Carry the virtual IP as /128 on \
        the interface whose network contains it, or choose one outside of it, to which the routers have a \
        route by an address of the director.";
}

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .cluster
        .directors()
        .iter()
        .filter(|director| {
            matches!(scene.place, Place::Paper) || scene.director(&director.name).is_some()
        })
        .flat_map(|director| scene.unsolicited(director))
        .collect()
}

impl Scene<'_> {
    fn unsolicited(&self, director: &Director) -> Vec<Finding> {
        let facts = self.director(&director.name).map(|scene| scene.facts);
        let present = || facts.iter().flat_map(|facts| &facts.addresses);
        let beside = || {
            let usable = present().filter(|address| {
                let name = &address.id.interface;
                facts.is_none_or(|facts| facts.has_neighbours(name))
            });
            director
                .addresses
                .iter()
                .chain(usable)
                .map(|address| &address.id)
        };
        let is_virtual = |address: &&Address| {
            let ip = address.id.network.addr();
            ip.is_ipv6() && self.cluster.virtual_ips().contains(&ip)
        };
        let judge = |address: &Address| {
            let asked = address.id.asked_beside(beside())?;
            let ip = address.id.network.addr();
            let carries = |id: &AddressId| id.network.addr() == ip && id.interface == *asked;
            let seen = format!(
                "{ip} is on {}, and in the network of {asked}",
                address.id.interface
            );
            (!beside().any(carries)).then(|| {
                VIP_UNSOLICITED
                    .finding(&address.id, seen)
                    .on(&director.name)
                    .fix(format!(
                        "in the file: {{ interface = \"{asked}\", address = \"{ip}/128\" }}, then lvsctl apply FILE"
                    ))
            })
        };
        director
            .addresses
            .iter()
            .filter(is_virtual)
            .filter_map(judge)
            .collect()
    }
}
