//! Asking by ARP or neighbour solicitation which hosts have the virtual IPs, from any host.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::facts::{ArpAnswers, Facts};
use super::network::{is_wide, sharing_network};
use crate::cluster::{Arrival, Cluster, Director};
use crate::error::Result;
use crate::name::IfName;
use crate::net::{Address, AddressId, MacAddress, arp, ndp};

impl Facts {
    /// Asks for virtual IPs, at most so many, on the links that this host shares with the director; those on other links are
    /// left out.
    pub(super) fn ask_for_vips(
        &self,
        cluster: &Cluster,
        wait: Duration,
        most: usize,
    ) -> Result<Vec<ArpAnswers>> {
        let mut found = Vec::new();
        for vip in cluster.virtual_ips().iter().copied() {
            if found.len() >= most {
                break;
            }
            for interface in self.interfaces_towards(cluster.directors(), vip) {
                let answers = self.without_own(owners(interface, vip, wait)?);
                let mut directors = cluster.directors().iter();
                let mut next_mac = || match directors.next() {
                    Some(director) => self.mac_of(director, interface, vip, wait),
                    None => Ok(None),
                };
                found.push(ArpAnswers {
                    interface: interface.clone(),
                    vip,
                    answers,
                    director: next_mac()?,
                    partner: next_mac()?,
                });
            }
        }
        Ok(found)
    }

    /// Returns the interfaces by which to ask. Of two directors this host's own data decide, if it is one of them.
    fn interfaces_towards<'a>(&'a self, directors: &'a [Director], vip: IpAddr) -> Vec<&'a IfName> {
        let itself = directors.iter().find(|director| self.are_of(director));
        match itself.and_then(|director| director.address(vip)) {
            Some(address) => self.answering_links(&address.id),
            None => directors
                .iter()
                .find_map(|director| self.interface_to(director, vip))
                .into_iter()
                .collect(),
        }
    }

    /// Returns the interface of this host on the link where the director is asked for a virtual IP: on a network of the
    /// interface that carries it; where that has none, as `lo` or a dummy, on the director's network that contains the
    /// virtual IP, or any of them.
    fn interface_to<'a>(&'a self, director: &'a Director, vip: IpAddr) -> Option<&'a IfName> {
        let carrier = &director.address(vip)?.id.interface;
        let own = || {
            director
                .addresses
                .iter()
                .filter(|address| is_wide(&address.id.network))
                .filter(|address| address.id.network.addr().is_ipv4() == vip.is_ipv4())
        };
        let has_network = own().any(|address| address.id.interface == *carrier);
        // Elsewhere no neighbour answers for an IPv6 address of lo or a dummy, and routers know the way.
        let is_near = |address: &Address| vip.is_ipv4() || address.id.network.contains(&vip);
        let mut asked: Vec<_> = own()
            .filter(|address| match has_network {
                true => address.id.interface == *carrier,
                false => is_near(address),
            })
            .collect();
        asked.sort_by_key(|address| !address.id.network.contains(&vip));
        asked
            .into_iter()
            .filter_map(|address| {
                sharing_network(&self.addresses, address.id.network.addr()).next()
            })
            .map(|address| &address.id.interface)
            .find(|interface| **interface != IfName::LO)
    }

    /// Returns the links of this host on which questions for its address arrive.
    pub(super) fn arrival_links(&self, id: &AddressId) -> Vec<&IfName> {
        self.own_links(&self.arrival().links_of(id))
    }

    /// Returns those of them on which the kernel answers.
    fn answering_links(&self, id: &AddressId) -> Vec<&IfName> {
        self.own_links(&self.arrival().answering_links_of(id))
    }

    fn own_links(&self, found: &BTreeSet<IfName>) -> Vec<&IfName> {
        self.links
            .iter()
            .map(|link| &link.name)
            .filter(|name| found.contains(*name))
            .collect()
    }

    fn arrival(&self) -> Arrival<'_> {
        Arrival {
            links: &self.links,
            addresses: &self.addresses,
            routes: &self.routes,
        }
    }

    /// Returns whether the facts are of a director.
    ///
    /// Real servers carry virtual IPs too, and each of two directors floating addresses, so another address decides:
    /// one that is on a network and stays.
    fn are_of(&self, director: &Director) -> bool {
        director
            .addresses
            .iter()
            .filter(|own| is_wide(&own.id.network) && !director.is_floating(own))
            .any(|own| self.carries(own.id.network.addr()))
    }

    fn mac_of(
        &self,
        director: &Director,
        interface: &IfName,
        vip: IpAddr,
        wait: Duration,
    ) -> Result<Option<MacAddress>> {
        let own = self
            .link(interface)
            .filter(|_| self.are_of(director))
            .and_then(|link| link.mac);
        match own {
            Some(mac) => Ok(Some(mac)),
            None => self.ask_for_director(director, interface, vip, wait),
        }
    }

    /// Asks for an address of the virtual IP's family that only the director has.
    fn ask_for_director(
        &self,
        director: &Director,
        interface: &IfName,
        vip: IpAddr,
        wait: Duration,
    ) -> Result<Option<MacAddress>> {
        let own = director
            .addresses
            .iter()
            .filter(|address| !director.is_floating(address))
            .map(|address| address.id.network.addr())
            .filter(|ip| ip.is_ipv4() == vip.is_ipv4())
            .find(|ip| {
                sharing_network(&self.addresses, *ip)
                    .next()
                    .is_some_and(|here| here.id.interface == *interface)
            });
        let Some(own) = own else {
            return Ok(None);
        };
        Ok(match owners(interface, own, wait)?.as_slice() {
            [only] => Some(*only),
            _ => None,
        })
    }
}

fn owners(interface: &IfName, ip: IpAddr, wait: Duration) -> Result<Vec<MacAddress>> {
    match ip {
        IpAddr::V4(ip) => arp::probe(interface, ip, wait),
        IpAddr::V6(ip) => ndp::probe(interface, ip, wait),
    }
}
