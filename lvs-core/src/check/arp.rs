//! Asking by ARP or neighbour solicitation which hosts have the virtual IPs, from any host.

use std::net::IpAddr;
use std::time::Duration;

use super::facts::{ArpAnswers, Facts};
use super::network::{is_wide, sharing_network};
use crate::cluster::{Arrival, Cluster, Director};
use crate::error::Result;
use crate::name::IfName;
use crate::net::{AddressId, MacAddress, arp, ndp};

impl Facts {
    /// Asks for each virtual IP on the link that this host shares with the director; virtual IPs on other links are
    /// left out.
    pub(super) fn ask_for_vips(
        &self,
        cluster: &Cluster,
        wait: Duration,
    ) -> Result<Vec<ArpAnswers>> {
        let mut found = Vec::new();
        for vip in cluster.virtual_ips().iter().copied() {
            let Some(interface) = self.interface_towards(cluster.directors(), vip) else {
                continue;
            };
            let answers = owners(interface, vip, wait)?;
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
        Ok(found)
    }

    /// Returns the interface by which to ask. Of two directors this host's own data decide, if it is one of them.
    fn interface_towards<'a>(
        &'a self,
        directors: &'a [Director],
        vip: IpAddr,
    ) -> Option<&'a IfName> {
        let itself = directors.iter().filter(|director| self.are_of(director));
        itself
            .chain(directors)
            .find_map(|director| self.interface_to(director, vip))
    }

    /// Returns the link on which questions for the virtual IP arrive, on the director itself; elsewhere the one on a
    /// network of the interface that carries it.
    fn interface_to<'a>(&'a self, director: &'a Director, vip: IpAddr) -> Option<&'a IfName> {
        let id = &director.address(vip)?.id;
        if self.are_of(director) {
            return self.arrival_link(id);
        }
        let carrier = &id.interface;
        director
            .addresses
            .iter()
            .filter(|address| address.id.interface == *carrier)
            .map(|address| address.id.network.addr())
            .filter(|ip| ip.is_ipv4() == vip.is_ipv4())
            .filter_map(|ip| sharing_network(&self.addresses, ip).next())
            .map(|address| &address.id.interface)
            .find(|interface| **interface != IfName::LO)
    }

    /// Returns the first link of this host on which questions for its address arrive.
    fn arrival_link(&self, id: &AddressId) -> Option<&IfName> {
        let arrival = Arrival {
            links: &self.links,
            addresses: &self.addresses,
            routes: &self.routes,
        };
        let found = arrival.links_of(id);
        let mut names = self.links.iter().map(|link| &link.name);
        names.find(|name| found.contains(*name))
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
