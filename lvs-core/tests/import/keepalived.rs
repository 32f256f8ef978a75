//! keepalived.conf.
use crate::{keepalived, sound};
use lvs_core::import::Fate;

fn table(text: &str) -> Vec<String> {
    let import = keepalived(text).unwrap();
    let cluster = sound(&import, text);
    let node = cluster.node("director").unwrap();
    let mut lines = Vec::new();
    for service in &node.services {
        let id = service.service.id;
        lines.push(format!("{id} {}", service.service.scheduler));
        let destinations = service
            .destinations
            .iter()
            .map(|destination| &destination.value);
        lines.extend(destinations.map(|destination| {
            format!(
                "  {} {} {}",
                destination.id, destination.forwarding, destination.weight
            )
        }));
    }
    lines
}
