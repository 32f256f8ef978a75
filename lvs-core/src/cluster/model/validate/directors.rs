//! Two directors: what moves from one to the other must be able to, and what stays must not have to.

use std::net::IpAddr;

use crate::cluster::model::{Cluster, Director, DocumentError, NodeName, RealServer};
use crate::ipvs::{Family, Forwarding};
use crate::net::Address;

/// The path of a director in the file.
pub(super) fn path(cluster: &Cluster, i: usize) -> String {
    match cluster.is_paired() {
        true => format!("directors[{i}]"),
        false => "director".to_owned(),
    }
}

/// What the directors are called in a sentence.
pub(super) fn all(cluster: &Cluster) -> &'static str {
    match cluster.is_paired() {
        true => "the directors",
        false => "the director",
    }
}

pub(super) fn check(cluster: &Cluster) -> Result<(), DocumentError> {
    for (i, director) in cluster.directors.iter().enumerate() {
        for ip in &director.floating {
            let mut addresses = director.addresses.iter();
            if !addresses.any(|address| address.id.network.addr() == *ip) {
                let problem = format!("{ip} is none of its addresses");
                return Err(DocumentError::new("floating", problem).within(path(cluster, i)));
            }
        }
        for (k, address) in director.addresses.iter().enumerate() {
            let place = format!("{}.addresses[{k}]", path(cluster, i));
            self::address(cluster, director, address).map_err(|error| error.within(place))?;
        }
    }
    Ok(())
}

fn address(cluster: &Cluster, director: &Director, address: &Address) -> Result<(), DocumentError> {
    match (partner(cluster, director), director.is_floating(address)) {
        (Some(partner), true) => floating(address, partner),
        (Some(partner), false) => staying(cluster, address, partner),
        (None, true) => {
            let ip = address.id.network.addr();
            let problem = format!("{ip} cannot move: there is only one director");
            Err(DocumentError::new("floating", problem)
                .remedy("leave it out, or write two [[directors]]"))
        }
        (None, false) => Ok(()),
    }
}

fn floating(address: &Address, partner: &Director) -> Result<(), DocumentError> {
    let (ip, name) = (address.id.network.addr(), &partner.name);
    let Some(there) = partner.address(ip) else {
        let problem = format!("{name} has no {ip}, so it cannot move there");
        return Err(DocumentError::new("", problem).remedy(format!(
            "add {{ interface = \"{}\", address = \"{}\", floating = true }} to the addresses of {name}",
            address.id.interface, address.id.network
        )));
    };
    let there = there.id.network;
    if there.prefix_len() != address.id.network.prefix_len() {
        return Err(
            DocumentError::new("address", format!("it is {there} on {name}"))
                .remedy("give it the same prefix length on both directors"),
        );
    }
    Ok(())
}

fn staying(cluster: &Cluster, address: &Address, partner: &Director) -> Result<(), DocumentError> {
    let ip = address.id.network.addr();
    let problem = if cluster.virtual_ips().contains(&ip) {
        format!("{ip} is a virtual IP, which only the active director may carry")
    } else if partner.floating.contains(&ip) {
        format!("{ip} floats on {}, but not here", partner.name)
    } else {
        return Ok(());
    };
    Err(DocumentError::new("", problem).remedy("add floating = true to it, on both directors"))
}

/// The other director, if there are two.
fn partner<'a>(cluster: &'a Cluster, director: &Director) -> Option<&'a Director> {
    let mut directors = cluster.directors.iter();
    directors.find(|other| other.name != director.name)
}

/// Whether an address moves from one of two machines to the other.
pub(super) fn floats_between(
    cluster: &Cluster,
    ip: IpAddr,
    one: &NodeName,
    other: &NodeName,
) -> bool {
    [one, other].iter().all(|name| {
        let director = cluster.director(name.as_str());
        director.is_some_and(|director| director.floating.contains(&ip))
    })
}

/// With two directors: whoever is masqueraded answers by whichever is active.
pub(super) fn services(cluster: &Cluster) -> Result<(), DocumentError> {
    if !cluster.is_paired() {
        return Ok(());
    }
    for (i, service) in cluster.services.iter().enumerate() {
        for (k, destination) in service.destinations.iter().enumerate() {
            let is_director = cluster.director(destination.real_server.as_str()).is_some();
            if is_director && destination.forwarding == Forwarding::Masquerade {
                let name = &destination.real_server;
                let problem = format!(
                    "{name} would answer clients past the other director, when that one is active"
                );
                return Err(DocumentError::new("real-server", problem)
                    .remedy("use forwarding = \"dr\", or leave it out")
                    .within(format!("services[{i}].destinations[{k}]")));
            }
        }
    }
    for (i, server) in cluster.real_servers.iter().enumerate() {
        for family in cluster.masqueraded(&server.name) {
            gateway(cluster, server, family)
                .map_err(|error| error.within(format!("real-servers[{i}]")))?;
        }
    }
    Ok(())
}

/// Answers of a masqueraded real server go back through a gateway that moves with the active director.
fn gateway(cluster: &Cluster, server: &RealServer, family: Family) -> Result<(), DocumentError> {
    match server.gateway.filter(|ip| Family::from(*ip) == family) {
        Some(gateway) => {
            let mut directors = cluster.directors.iter();
            let stays =
                |it: &&Director| it.address(gateway).is_some() && !it.floating.contains(&gateway);
            match directors.find(stays) {
                Some(director) => {
                    let problem = format!(
                        "{gateway} stays with {}: answers would be lost while the other director is active",
                        director.name
                    );
                    Err(DocumentError::new("gateway", problem).remedy("name a floating address"))
                }
                None => Ok(()),
            }
        }
        None if cluster.gateways(server, family).is_empty() => Err(DocumentError::new(
            "",
            "answers go back through whichever director is active, but no floating address of \
             theirs is on a network of this machine",
        )
        .remedy("give both directors one there, with floating = true")),
        None => Ok(()),
    }
}
