//! Whether anything listens where packets arrive.

use std::net::{IpAddr, SocketAddr};

use crate::check::kind::kinds;
use crate::check::scene::{director_here, served, server_here, sockets};
use crate::check::{Facts, Finding, ListeningSocket};
use crate::cluster::{Cluster, VirtualDestination, VirtualService};
use crate::ipvs::{Forwarding, Protocol};

kinds! {
    NO_LISTENER = "LVS033", Error, Services,
    title: "Nothing on a real server listens where packets arrive",
    impact: "the real server refuses the connections that the director sends it",
    explanation: "In direct routing packets arrive for the virtual IP and the service's port: a daemon bound to the real IP alone refuses them, while a health check of the real IP is green. \
        With masquerading they arrive for the real IP and the destination's port. \
        Bind the daemon to that address, or to every address.";
}

/// A director can be a real server of its own, too.
pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    if server_here(cluster, facts).is_none() && director_here(cluster, facts).is_none() {
        return Vec::new();
    }
    served(cluster, &facts.node)
        .flat_map(|(service, destination)| {
            let arriving = arriving(cluster, service, destination).into_iter();
            arriving.filter_map(|it| judge(facts, service, it))
        })
        .collect()
}

fn judge(
    facts: &Facts,
    service: &VirtualService,
    (protocol, wanted): (Protocol, SocketAddr),
) -> Option<Finding> {
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
    let finding = NO_LISTENER.finding(format!("{protocol} {wanted}"), seen);
    Some(finding.on(&facts.node).fix(format!(
        "start the server of {}, and bind it to {} or to every address",
        service.service.id,
        wanted.ip()
    )))
}

/// Where packets of a service arrive on the real server. Port 0, every port, cannot be judged; nor can
/// SCTP, whose sockets `/proc` lists elsewhere.
fn arriving(
    cluster: &Cluster,
    service: &VirtualService,
    destination: &VirtualDestination,
) -> Vec<(Protocol, SocketAddr)> {
    let sockets = sockets(service).into_iter();
    let known = sockets.filter(|it| [Protocol::TCP, Protocol::UDP].contains(&it.protocol));
    let one_port = known.filter(|it| it.address.port() != 0);
    let arriving = one_port.filter_map(|it| {
        let wanted = match destination.forwarding {
            Forwarding::Masquerade => {
                let rip = cluster.real_ip(service, destination)?;
                SocketAddr::new(rip, destination.port.unwrap_or_else(|| it.address.port()))
            }
            _ => it.address,
        };
        Some((it.protocol, wanted))
    });
    arriving.collect()
}

/// Whether a socket gets the packets. One on `[::]` gets IPv4 too unless it is told not to, which
/// cannot be seen.
fn hears(listener: &ListeningSocket, protocol: Protocol, wanted: SocketAddr) -> bool {
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
