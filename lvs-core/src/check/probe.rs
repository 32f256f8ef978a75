//! Asking who has the virtual IPs, by ARP or neighbour solicitation, from wherever this machine stands.

use std::net::IpAddr;
use std::time::Duration;

use super::facts::ArpAnswers;
use super::network::{is_wide, sharing_network};
use crate::cluster::{Cluster, Director};
use crate::error::Result;
use crate::name::IfName;
use crate::net::{Address, Link, MacAddress, arp, ndp};

/// Asks for each virtual IP on the link that this machine shares with the director; those on other
/// links are left out.
pub(super) fn ask(
    addresses: &[Address],
    links: &[Link],
    cluster: &Cluster,
    wait: Duration,
) -> Result<Vec<ArpAnswers>> {
    let mut found = Vec::new();
    for vip in cluster.virtual_ips() {
        let mut directors = cluster.directors().iter();
        // The machine's own interface, if it is one of two directors.
        let own = directors.clone().filter(|it| is_director(addresses, it));
        let mut places = own.chain(directors.clone());
        let Some(interface) = places.find_map(|it| interface(addresses, it, vip)) else {
            continue;
        };
        let answers = owners(interface, vip, wait)?;
        let mac = |director: Option<&Director>| match director {
            Some(director) => known(addresses, links, director, (interface, vip), wait),
            None => Ok(None),
        };
        found.push(ArpAnswers {
            interface: interface.clone(),
            vip,
            answers,
            director: mac(directors.next())?,
            partner: mac(directors.next())?,
        });
    }
    Ok(found)
}

fn known(
    addresses: &[Address],
    links: &[Link],
    director: &Director,
    (interface, vip): (&IfName, IpAddr),
    wait: Duration,
) -> Result<Option<MacAddress>> {
    match own(addresses, links, director, interface) {
        Some(mac) => Ok(Some(mac)),
        None => director_by_asking(addresses, director, (interface, vip), wait),
    }
}

/// The director's interface on the director itself; elsewhere the one on a network of the director's
/// interface that carries the virtual IP.
fn interface<'a>(
    addresses: &'a [Address],
    director: &'a Director,
    vip: IpAddr,
) -> Option<&'a IfName> {
    let carrier = &director.address(vip)?.id.interface;
    if is_director(addresses, director) {
        return Some(carrier);
    }
    let there = director.addresses.iter();
    let there = there.filter(|it| {
        it.id.interface == *carrier && it.id.network.addr().is_ipv4() == vip.is_ipv4()
    });
    let here = there.filter_map(|it| sharing_network(addresses, it.id.network.addr()).next());
    let mut here = here.map(|address| &address.id.interface);
    here.find(|interface| **interface != IfName::LO)
}

/// Real servers carry virtual IPs too, and both of two directors floating ones, so another address tells:
/// one that is on a network and stays.
fn is_director(addresses: &[Address], director: &Director) -> bool {
    let mut own = director
        .addresses
        .iter()
        .filter(|it| is_wide(&it.id.network) && !director.is_floating(it));
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

/// Who answers for an address of the virtual IP's family that only the director has.
fn director_by_asking(
    addresses: &[Address],
    director: &Director,
    (interface, vip): (&IfName, IpAddr),
    wait: Duration,
) -> Result<Option<MacAddress>> {
    let own = director.addresses.iter();
    let own = own.filter(|it| !director.is_floating(it));
    let own = own.map(|it| it.id.network.addr());
    let mut own = own.filter(|ip| ip.is_ipv4() == vip.is_ipv4()).filter(|ip| {
        let near = sharing_network(addresses, *ip).next();
        near.is_some_and(|near| near.id.interface == *interface)
    });
    let Some(dip) = own.next() else {
        return Ok(None);
    };
    Ok(match owners(interface, dip, wait)?.as_slice() {
        [only] => Some(*only),
        _ => None,
    })
}

fn owners(interface: &IfName, ip: IpAddr, wait: Duration) -> Result<Vec<MacAddress>> {
    match ip {
        IpAddr::V4(ip) => arp::probe(interface, ip, wait),
        IpAddr::V6(ip) => ndp::probe(interface, ip, wait),
    }
}
