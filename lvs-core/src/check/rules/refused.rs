//! Connections that masqueraded real servers refuse.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::cluster::VirtualService;
use crate::ipvs::{DestinationId, Protocol};

kinds! {
    REFUSED = "LVS090", Error, Traffic,
    title: "A real server refuses connections",
    impact: "its clients see a refused connection at once",
    explanation: "\
        While check watched, each request that IPVS sent to this real server came back with a reset: no \
        program listens on its port, or a firewall rejects. The director sees it with masquerading only, \
        where answers pass it. Run check on the real server, start the program there, or drain it.";
}

/// From this number on it is no accident.
const SEVERAL: usize = 2;

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    scene
        .cluster
        .services()
        .iter()
        .filter(|service| service.is_masqueraded())
        .flat_map(|service| scene.refused_by_servers(service))
        .collect()
}

impl DirectorScene<'_> {
    fn refused_by_servers(&self, service: &VirtualService) -> Vec<Finding> {
        let mut refused: BTreeMap<SocketAddr, (usize, usize)> = BTreeMap::new();
        let connections = self.index.connections(&service.service.id).iter();
        for seen in connections.filter(|seen| seen.now.protocol == Protocol::TCP) {
            let connection = seen.now;
            let (count, others) = refused.entry(connection.destination).or_default();
            let requests = self.facts.requests_at(connection.service);
            match requests.is_some_and(|seen| seen.rejected.contains(&connection.client)) {
                true => *count += 1,
                false => *others += usize::from(seen.is_established_now()),
            }
        }
        refused
            .into_iter()
            .filter(|(_, (count, others))| *count >= SEVERAL && *others == 0)
            // What the director keeps for itself is another mistake.
            .filter(|(destination, _)| self.index.carrying(destination.ip()).is_empty())
            .map(|(destination, (count, _))| self.refusing(service, destination, count))
            .collect()
    }

    fn refusing(&self, service: &VirtualService, destination: SocketAddr, count: usize) -> Finding {
        let server = self.server(service, destination);
        let id = DestinationId::new(destination.ip(), destination.port());
        let seen = format!("{server} refused {count} connections with a reset, and took none");
        self.finding(&REFUSED, (service.service.id, id), seen)
            .fix(format!(
                "lvsctl check FILE --node {server}  # on {server}, then start the program"
            ))
            .fix(format!("or until then: lvsctl drain {}", destination.ip()))
    }
}
