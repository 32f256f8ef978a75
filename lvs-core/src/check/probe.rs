//! Asking by ARP who has the virtual IPs, from wherever this machine stands.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::ArpAnswers;
use super::view::{around, carrier};
use crate::cluster::{Cluster, Director};
use crate::error::Result;
use crate::name::IfName;
use crate::net::{Address, Link, MacAddress, arp};

/// Asks for each IPv4 virtual IP on the link that this machine shares with the director; those on other
/// links are left out.
pub(super) fn ask(
    addresses: &[Address],
    links: &[Link],
    cluster: &Cluster,
    wait: Duration,
) -> Result<Vec<ArpAnswers>> {
    let mut found = Vec::new();
    for director in cluster.directors() {
        for vip in cluster.virtual_ips() {
            let IpAddr::V4(vip) = vip else { continue };
            if let Some(interface) = interface(addresses, director, vip) {
                let answers = arp::probe(interface, vip, wait)?;
                let known = own(addresses, links, director, interface);
                let director = match known {
                    Some(mac) => Some(mac),
                    None => director_by_arp(addresses, director, interface, wait)?,
                };
                found.push(ArpAnswers {
                    interface: interface.clone(),
                    vip,
                    answers,
                    director,
                });
            }
        }
    }
    Ok(found)
}

/// The director's interface on the director itself; elsewhere the one on a network of the director's
/// interface that carries the virtual IP.
fn interface<'a>(
    addresses: &'a [Address],
    director: &'a Director,
    vip: Ipv4Addr,
) -> Option<&'a IfName> {
    let carrier = &carrier(director, vip.into())?.id.interface;
    if is_director(addresses, director) {
        return Some(carrier);
    }
    let there = director.addresses.iter();
    let there = there.filter(|it| it.id.interface == *carrier && it.id.network.addr().is_ipv4());
    let here = there.filter_map(|it| around(addresses, it.id.network.addr()).next());
    let mut here = here.map(|address| &address.id.interface);
    here.find(|interface| **interface != IfName::LO)
}

/// Real servers carry virtual IPs too, so another address tells: one that is on a network.
fn is_director(addresses: &[Address], director: &Director) -> bool {
    let mut own = director
        .addresses
        .iter()
        .filter(|it| super::view::is_wide(&it.id.network));
    own.any(|it| {
        addresses
            .iter()
            .any(|here| here.id.network.addr() == it.id.network.addr())
    })
}

fn own(
    addresses: &[Address],
    links: &[Link],
    director: &Director,
    interface: &IfName,
) -> Option<MacAddress> {
    let mut links = links.iter().filter(|link| link.name == *interface);
    links.find(|_| is_director(addresses, director))?.mac
}

/// Who answers for an address that only the director has.
fn director_by_arp(
    addresses: &[Address],
    director: &Director,
    interface: &IfName,
    wait: Duration,
) -> Result<Option<MacAddress>> {
    let mut own = director.addresses.iter().filter_map(|address| {
        let near = around(addresses, address.id.network.addr()).next()?;
        match address.id.network.addr() {
            IpAddr::V4(ip) if near.id.interface == *interface => Some(ip),
            _ => None,
        }
    });
    let Some(dip) = own.next() else {
        return Ok(None);
    };
    let answers = arp::probe(interface, dip, wait)?;
    Ok(match answers.as_slice() {
        [only] => Some(*only),
        _ => None,
    })
}
