//! The services: that somebody carries their address, and that their destinations can serve them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::directors;
use crate::cluster::model::{Cluster, DocumentError, Match, VirtualDestination, VirtualService};
use crate::ipvs::{Family, Forwarding, Protocol, ServiceFlags, ServiceId};

pub(super) fn each(cluster: &Cluster) -> Result<(), DocumentError> {
    if cluster.services.is_empty() {
        return Err(DocumentError::new("services", "there are none").remedy("add [[services]]"));
    }
    let mut seen = BTreeSet::new();
    for (i, service) in cluster.services.iter().enumerate() {
        let place = |error: DocumentError| error.within(format_args!("services[{i}]"));
        if !seen.insert(service.service.id) {
            let problem = format!("{} is there already", service.service.id);
            return Err(place(DocumentError::new("address", problem)));
        }
        check(cluster, service).map_err(place)?;
    }
    ip_forward(cluster)
}

fn check(cluster: &Cluster, service: &VirtualService) -> Result<(), DocumentError> {
    if let Some(vip) = service.vip() {
        vip_is_carried(cluster, vip).map_err(|error| error.within("address"))?;
    }
    matches(cluster, service)?;
    sense(service)?;
    let mut seen = BTreeSet::new();
    for (i, destination) in service.destinations.iter().enumerate() {
        let place = |error: DocumentError| error.within(format_args!("destinations[{i}]"));
        self::destination(cluster, service, destination).map_err(place)?;
        if !seen.insert((
            &destination.real_server,
            destination.port.unwrap_or_else(|| service.port()),
        )) {
            let problem = format!("{} on this port is there already", destination.real_server);
            return Err(place(DocumentError::new("real-server", problem)));
        }
    }
    Ok(())
}

/// Without an interface nobody would know where the address goes, nor with which prefix length.
fn vip_is_carried(cluster: &Cluster, vip: IpAddr) -> Result<(), DocumentError> {
    let addresses = || cluster.directors.iter().flat_map(|it| &it.addresses);
    if addresses().any(|address| address.id.network.addr() == vip) {
        return Ok(());
    }
    let problem = format!("no interface of {} carries {vip}", directors::all(cluster));
    let interface = addresses()
        .next()
        .map_or("eth0", |address| address.id.interface.as_str());
    let prefix = if vip.is_ipv4() { 32 } else { 128 };
    let entry = format!("interface = \"{interface}\", address = \"{vip}/{prefix}\"");
    Err(
        DocumentError::new("", problem).remedy(match cluster.is_paired() {
            false => format!("add {{ {entry} }} to director.addresses"),
            true => {
                format!("add {{ {entry}, floating = true }} to the addresses of both directors")
            }
        }),
    )
}

/// A service by firewall mark without any is marked by rules of others.
fn matches(cluster: &Cluster, service: &VirtualService) -> Result<(), DocumentError> {
    for (i, it) in service.matches.iter().enumerate() {
        let place = |error: DocumentError| error.within(format_args!("match[{i}]"));
        vip_is_carried(cluster, it.address.ip()).map_err(place)?;
        if Family::from(it.address.ip()) != service.service.id.family() {
            let family = service.service.id.family();
            return Err(place(
                DocumentError::new("", format!("{it} is not {family}"))
                    .remedy("give the other family a service of its own, with the same mark"),
            ));
        }
        marked_once(cluster, it).map_err(place)?;
    }
    Ok(())
}

/// A mark comes before an address, and the last rule that matches before any other.
fn marked_once(cluster: &Cluster, it: &Match) -> Result<(), DocumentError> {
    let same = |service: &&VirtualService| {
        let socket = ServiceId::Socket {
            protocol: it.protocol,
            address: it.address,
        };
        service.service.id == socket || service.matches.contains(it)
    };
    match cluster.services.iter().filter(same).count() {
        0 | 1 => Ok(()),
        _ => Err(
            DocumentError::new("", format!("{it} belongs to another service too"))
                .remedy("a packet has one service"),
        ),
    }
}

/// What the kernel would take and then never do.
fn sense(service: &VirtualService) -> Result<(), DocumentError> {
    let kernel = &service.service;
    let ServiceId::Socket { protocol, address } = kernel.id else {
        return Ok(());
    };
    let one_packet = kernel.flags.contains(ServiceFlags::ONE_PACKET);
    if address.port() == 0 && kernel.persistence.is_none() {
        return Err(DocumentError::new(
            "address",
            "port 0 means every port, which only works with persistence",
        )
        .remedy("name a port or add persistence"));
    }
    if one_packet && protocol != Protocol::UDP {
        return Err(DocumentError::new(
            "one-packet",
            format!("means nothing to {protocol}, only to udp"),
        ));
    }
    if one_packet && kernel.persistence.is_some() {
        return Err(
            DocumentError::new("one-packet", "does not go with persistence")
                .remedy("leave one of them out"),
        );
    }
    Ok(kernel.check()?)
}

fn destination(
    cluster: &Cluster,
    service: &VirtualService,
    destination: &VirtualDestination,
) -> Result<(), DocumentError> {
    forwarding(destination)?;
    port(service, destination)?;
    let name = &destination.real_server;
    if cluster.real_server(name).is_none() && cluster.director(name.as_str()).is_none() {
        return Err(unknown(cluster, destination));
    }
    let family = service.service.id.family();
    if cluster.real_ip(service, destination).is_none() {
        let problem = format!(
            "{name} has no {family} address, which {} needs",
            service.service.id
        );
        return Err(
            DocumentError::new("real-server", problem).remedy("give it one in its addresses")
        );
    }
    Ok(())
}

fn unknown(cluster: &Cluster, destination: &VirtualDestination) -> DocumentError {
    let names = || {
        cluster
            .node_names()
            .map(crate::cluster::model::NodeName::as_str)
    };
    let wanted = destination.real_server.as_str();
    let error = DocumentError::new("real-server", format!("there is no real server {wanted:?}"));
    match crate::suggest::nearest(wanted, names()) {
        Some(near) => error.remedy(format!("did you mean {near:?}?")),
        None => error.remedy(format!(
            "there are {}",
            names().collect::<Vec<_>>().join(" ")
        )),
    }
}

fn forwarding(destination: &VirtualDestination) -> Result<(), DocumentError> {
    match destination.forwarding {
        Forwarding::Masquerade | Forwarding::DirectRouting | Forwarding::Tunnel(_) => Ok(()),
        other => Err(DocumentError::new(
            "forwarding",
            format!("{other} is not a method of a cluster"),
        )
        .remedy("the methods are nat, dr and tunnel")),
    }
}

/// Only masquerading rewrites packets; with direct routing another port would be a name without effect.
fn port(service: &VirtualService, destination: &VirtualDestination) -> Result<(), DocumentError> {
    let Some(port) = destination.port else {
        return Ok(());
    };
    if destination.forwarding != Forwarding::Masquerade {
        let (method, kept) = (destination.forwarding, service.port());
        let problem = format!("{port} cannot be: {method} leaves the port as it is, {kept}");
        return Err(
            DocumentError::new("port", problem).remedy("leave it out, or use forwarding = \"nat\"")
        );
    }
    if port == 0 {
        return Err(DocumentError::new("port", "0 is no port"));
    }
    Ok(())
}

/// Masquerading needs the director to route: answers of real servers go through it.
fn ip_forward(cluster: &Cluster) -> Result<(), DocumentError> {
    let masquerades = || {
        cluster
            .services
            .iter()
            .flat_map(|service| &service.destinations)
    };
    let needed = masquerades().any(|destination| destination.forwarding == Forwarding::Masquerade);
    let mut directors = cluster.directors.iter();
    let off = directors.position(|director| director.ip_forward == Some(false));
    match off.filter(|_| needed) {
        Some(i) => Err(DocumentError::new(
            format!("{}.ip-forward", directors::path(cluster, i)),
            "false cannot be with nat: answers would never leave",
        )
        .remedy("leave it out")),
        None => Ok(()),
    }
}
