//! The services: that somebody carries their address, and that their destinations can serve them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::super::{Cluster, DocumentError, VirtualDestination, VirtualService};
use crate::ipvs::{Forwarding, Protocol, ServiceFlags, ServiceId};

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
    match service.vip() {
        Some(vip) => vip_is_carried(cluster, vip)?,
        None => {
            return Err(DocumentError::new(
                "fwmark",
                "is not supported by this version",
            ));
        }
    }
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
    let addresses = &cluster.director.addresses;
    if addresses
        .iter()
        .any(|address| address.id.network.addr() == vip)
    {
        return Ok(());
    }
    let problem = format!("no interface of the director carries {vip}");
    let interface = addresses
        .first()
        .map_or("eth0", |address| address.id.interface.as_str());
    let prefix = if vip.is_ipv4() { 32 } else { 128 };
    Err(DocumentError::new("address", problem).remedy(format!(
        "add {{ interface = \"{interface}\", address = \"{vip}/{prefix}\" }} to director.addresses"
    )))
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
    if cluster.real_server(name).is_none() && *name != cluster.director.name {
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
    let names = || cluster.node_names().map(super::super::NodeName::as_str);
    let wanted = destination.real_server.as_str();
    let error = DocumentError::new("real-server", format!("there is no real server {wanted:?}"));
    match super::super::nearest::nearest(wanted, names()) {
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
    if needed && cluster.director.ip_forward == Some(false) {
        return Err(DocumentError::new(
            "director.ip-forward",
            "false cannot be with nat: answers would never leave",
        )
        .remedy("leave it out"));
    }
    Ok(())
}
