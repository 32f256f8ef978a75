//! Pictures of a cluster: as the text of a diagram, and drawn.

mod canvas;
mod mermaid;
mod svg;

use std::collections::HashSet;

use super::{Cluster, NodeName, VirtualDestination, VirtualService};
use crate::ipvs::Forwarding;

impl Forwarding {
    /// Returns whether answers go to the client without passing the director.
    const fn bypasses(self) -> bool {
        matches!(self, Self::DirectRouting | Self::Tunnel(_))
    }
}

impl Cluster {
    /// Returns how packets reach a destination: the method, a port of its own, and the weight.
    fn arrow_label(&self, destination: &VirtualDestination) -> String {
        let server = self.real_server(&destination.real_server);
        let own = server.map(|server| server.weight).unwrap_or_default();
        let weight = destination.weight.unwrap_or(own);
        let port = destination.port.map(|port| format!(" port {port}"));
        let port = port.unwrap_or_default();
        format!("{}{port} weight {weight}", destination.forwarding)
    }

    /// Returns whether a destination gets no new clients: its node is drained, or waits as the fallback.
    fn is_idle(&self, service: &VirtualService, destination: &VirtualDestination) -> bool {
        let server = self.real_server(&destination.real_server);
        server.is_some_and(|server| server.drain) || service.is_fallback(destination)
    }

    /// Returns the nodes that answer clients themselves, each once, in the order of the file.
    fn bypassing(&self) -> Vec<&NodeName> {
        let mut seen = HashSet::new();
        self.services()
            .iter()
            .flat_map(|service| &service.destinations)
            .filter(|destination| destination.forwarding.bypasses())
            .map(|destination| &destination.real_server)
            .filter(|name| seen.insert(*name))
            .collect()
    }
}
