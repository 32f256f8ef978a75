//! The text of a diagram in the language of Mermaid.

use std::fmt::Write;

use crate::cluster::{Cluster, NodeName, VirtualDestination, VirtualService};
use crate::net::Address;

/// Names the clients in a diagram.
const CLIENTS: &str = "clients";

impl Cluster {
    /// Returns a diagram of the cluster in the language of Mermaid, which many viewers of Markdown draw.
    ///
    /// It has the nodes with their addresses, an arrow from the clients to a director for each service, one from the
    /// director to each destination, and, where answers bypass the director, one from there to the clients. What leads
    /// to a standby director, or to a real server that gets no clients, is dotted.
    ///
    /// ```
    /// # #[cfg(feature = "toml")] {
    /// # let text = include_str!("../../../../examples/nat.toml");
    /// let cluster = lvs_core::Cluster::from_toml(text).unwrap();
    /// assert!(cluster.to_mermaid().contains("clients -->|\"tcp 172.16.5.11:80 rr\"| n0"));
    /// # }
    /// ```
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut diagram = "flowchart LR\n".to_owned();
        let mut line = |text: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(diagram, "    {text}");
        };
        line(format!("{CLIENTS}(({CLIENTS}))"));
        for (id, name) in self.node_names().enumerate() {
            line(format!(
                "n{id}[\"{name}{}\"]",
                self.address_lines(name.as_str())
            ));
        }
        for (place, director) in self.directors().iter().enumerate() {
            let arrow = if place == 0 { "-->" } else { "-.->" };
            for service in self.services() {
                let (id, scheduler) = (service.service.id, &service.service.scheduler);
                let node = self.diagram_id(&director.name);
                line(format!("{CLIENTS} {arrow}|\"{id} {scheduler}\"| {node}"));
                for destination in &service.destinations {
                    line(self.destination_line(&node, arrow, service, destination));
                }
            }
        }
        for name in self.bypassing() {
            let node = self.diagram_id(name);
            line(format!("{node} -->|answers| {CLIENTS}"));
        }
        diagram
    }

    /// Returns what identifies a node in the diagram; its name may be a word of Mermaid.
    fn diagram_id(&self, name: &NodeName) -> String {
        let place = self.node_names().position(|node| node == name);
        format!("n{}", place.unwrap_or_default())
    }

    fn address_lines(&self, name: &str) -> String {
        let directors = self.directors().iter();
        let servers = self.real_servers().iter();
        directors
            .map(|node| (&node.name, &node.addresses))
            .chain(servers.map(|node| (&node.name, &node.addresses)))
            .filter(|(node, _)| node.as_str() == name)
            .flat_map(|(_, addresses)| addresses)
            .map(|address: &Address| format!("<br>{} {}", address.id.interface, address.id.network))
            .collect()
    }

    fn destination_line(
        &self,
        director: &str,
        arrow: &str,
        service: &VirtualService,
        destination: &VirtualDestination,
    ) -> String {
        let arrow = match self.is_idle(service, destination) {
            true => "-.->",
            false => arrow,
        };
        format!(
            "{director} {arrow}|\"{}\"| {}",
            self.arrow_label(destination),
            self.diagram_id(&destination.real_server),
        )
    }
}
