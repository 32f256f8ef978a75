//! Whether anything listens where packets arrive.

use std::net::{IpAddr, SocketAddr};

use crate::check::view::{served, server_here};
use crate::check::{Code, Facts, Finding, Listener};
use crate::cluster::{Cluster, RealServer, VirtualDestination, VirtualService};
use crate::ipvs::{Forwarding, Protocol, ServiceId};

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    let Some(server) = server_here(cluster, facts) else {
        return Vec::new();
    };
    served(cluster, &facts.node)
        .filter_map(|(service, destination)| judge(facts, server, service, destination))
        .collect()
}

fn judge(
    facts: &Facts,
    server: &RealServer,
    service: &VirtualService,
    destination: &VirtualDestination,
) -> Option<Finding> {
    let (protocol, wanted) = arrives(server, service, destination)?;
    if facts.listeners.iter().any(|it| hears(it, protocol, wanted)) {
        return None;
    }
    let others: Vec<_> = facts
        .listeners
        .iter()
        .filter(|it| it.protocol == protocol && it.address.port() == wanted.port())
        .map(|it| it.address.to_string())
        .collect();
    let seen = match others.as_slice() {
        [] => format!("nothing listens on {protocol} {wanted}"),
        _ => format!(
            "nothing listens on {protocol} {wanted}, only on {}",
            others.join(" and ")
        ),
    };
    let finding = Finding::new(Code::NO_LISTENER, format!("{protocol} {wanted}"), seen);
    Some(finding.on(&facts.node).mend(format!(
        "start the server of {}, and bind it to {} or to every address",
        service.service.id,
        wanted.ip()
    )))
}

/// Where packets of a service arrive on the real server. Port 0, every port, cannot be judged; nor can
/// SCTP, whose sockets `/proc` lists elsewhere.
fn arrives(
    server: &RealServer,
    service: &VirtualService,
    destination: &VirtualDestination,
) -> Option<(Protocol, SocketAddr)> {
    let ServiceId::Socket { protocol, address } = service.service.id else {
        return None;
    };
    let known = [Protocol::TCP, Protocol::UDP].contains(&protocol);
    if !known || address.port() == 0 {
        return None;
    }
    let wanted = match destination.forwarding {
        Forwarding::Masquerade => {
            let rip = server.real_ip(service.service.id.family())?;
            SocketAddr::new(rip, destination.port.unwrap_or_else(|| address.port()))
        }
        _ => address,
    };
    Some((protocol, wanted))
}

/// Whether a socket gets the packets. One on `[::]` gets IPv4 too unless it is told not to, which
/// cannot be seen.
fn hears(listener: &Listener, protocol: Protocol, wanted: SocketAddr) -> bool {
    let everywhere = match (listener.address.ip(), wanted.ip()) {
        (IpAddr::V4(any), IpAddr::V4(_)) => any.is_unspecified(),
        (IpAddr::V6(any), _) => any.is_unspecified(),
        (IpAddr::V4(_), IpAddr::V6(_)) => false,
    };
    let exactly = listener.address.ip().to_canonical() == wanted.ip();
    listener.protocol == protocol
        && listener.address.port() == wanted.port()
        && (everywhere || exactly)
}
