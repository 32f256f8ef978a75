//! Programs that listen where packets of a service arrive.

use std::net::{IpAddr, SocketAddr};

use crate::check::facts::ListeningSocket;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::NodeScene;
use crate::cluster::{VirtualDestination, VirtualService};
use crate::ipvs::{Forwarding, Protocol};

kinds! {
    NO_LISTENER = "LVS033", Error, Services,
    title: "No program on a real server listens where packets arrive",
    impact: "the real server refuses the connections that the director sends it",
    explanation: "\
        With direct routing packets arrive for the virtual IP and the service's port: a daemon bound to \
        the real IP alone refuses them, while a health check of the real IP succeeds. With masquerading \
        they arrive for the real IP and the destination's port. Bind the daemon to that address, or to \
        every address.";
}

/// Judges a director too: it may be a real server.
pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    scene
        .arrivals()
        .filter_map(|(service, wanted)| scene.not_listening(service, wanted))
        .collect()
}

impl<T> NodeScene<'_, T> {
    fn not_listening(&self, service: &VirtualService, wanted: ListeningSocket) -> Option<Finding> {
        let listeners = &self.facts.listeners;
        if listeners.iter().any(|listener| listener.receives(wanted)) {
            return None;
        }
        let ListeningSocket { protocol, address } = wanted;
        let others: Vec<_> = listeners
            .iter()
            .filter(|listener| {
                listener.protocol == protocol && listener.address.port() == address.port()
            })
            .map(|listener| listener.address.to_string())
            .collect();
        let seen = match others.as_slice() {
            [] => format!("no program listens on {protocol} {address}"),
            _ => format!(
                "no program listens on {protocol} {address}, only on {}",
                others.join(" and ")
            ),
        };
        Some(
            self.finding(&NO_LISTENER, format!("{protocol} {address}"), seen)
                .fix(format!(
                    "start the server of {}, and bind it to {} or to every address",
                    service.service.id,
                    address.ip()
                )),
        )
    }

    /// Returns the sockets for which packets of services arrive on this node.
    ///
    /// Port 0, every port, cannot be judged; nor can SCTP, whose sockets `/proc` lists elsewhere.
    pub(super) fn arrivals(&self) -> impl Iterator<Item = (&VirtualService, ListeningSocket)> {
        self.cluster
            .served_by(&self.facts.node)
            .flat_map(|(service, destination)| {
                self.arriving(service, destination)
                    .into_iter()
                    .map(move |socket| (service, socket))
            })
    }

    /// Returns those of one destination.
    pub(super) fn arriving(
        &self,
        service: &VirtualService,
        destination: &VirtualDestination,
    ) -> Vec<ListeningSocket> {
        service
            .sockets()
            .into_iter()
            .filter(|socket| [Protocol::TCP, Protocol::UDP].contains(&socket.protocol))
            .filter(|socket| socket.address.port() != 0)
            .filter_map(|socket| {
                let address = match destination.forwarding {
                    Forwarding::Masquerade => SocketAddr::new(
                        self.cluster.real_ip(service, destination)?,
                        destination.port.unwrap_or_else(|| socket.address.port()),
                    ),
                    _ => socket.address,
                };
                let protocol = socket.protocol;
                Some(ListeningSocket { protocol, address })
            })
            .collect()
    }
}

impl ListeningSocket {
    /// Returns whether a socket gets the packets for another one. A socket on `[::]` gets IPv4 too unless it is
    /// told not to, which cannot be seen.
    pub(super) fn receives(&self, wanted: Self) -> bool {
        let (own, wanted_ip) = (self.address.ip(), wanted.address.ip());
        let is_everywhere = match (own, wanted_ip) {
            (IpAddr::V4(any), IpAddr::V4(_)) => any.is_unspecified(),
            (IpAddr::V6(any), _) => any.is_unspecified(),
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        };
        self.protocol == wanted.protocol
            && self.address.port() == wanted.address.port()
            && (is_everywhere || own.to_canonical() == wanted_ip)
    }
}
