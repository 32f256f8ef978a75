//! Connections that outlived their destination.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::ipvs::{Connection, ConnectionState, Protocol, ServiceId};

kinds! {
    GONE_DESTINATION = "LVS039", Warning, Traffic,
    title: "Connections to a real server that was removed",
    impact: "their packets are dropped silently until the connection expires, up to 15 minutes",
    explanation: "\
        The kernel keeps connections whose destination was deleted, and drops their packets unless \
        net/ipv4/vs/expire_nodest_conn is 1; then the first packet ends the connection and the client \
        can connect to another server. A client that uses the port of such a connection again is dropped \
        as well. Drain before removing, or set the sysctl.";
}

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let Some(now) = scene.facts.now() else {
        return Vec::new();
    };
    if scene.facts.ipvs_sysctl("expire_nodest_conn") != Some(0) {
        return Vec::new();
    }
    let mut counts: BTreeMap<SocketAddr, (usize, bool)> = BTreeMap::new();
    for connection in &now.connections {
        let (count, is_gone) = counts.entry(connection.destination).or_default();
        *count += 1;
        *is_gone |= scene.is_missed(connection) && scene.is_orphan(connection);
    }
    counts
        .into_iter()
        .filter(|(_, (_, is_gone))| *is_gone)
        .map(|(destination, (count, _))| {
            let seen = format!(
                "{count} connections go to {destination}, which is no longer a destination"
            );
            scene
                .finding(&GONE_DESTINATION, destination, seen)
                .fix("sysctl -w net/ipv4/vs/expire_nodest_conn=1")
        })
        .collect()
}

impl DirectorScene<'_> {
    /// Returns whether a client misses the connection: one that is closing, or was never established, is missed only
    /// where its client asks again.
    fn is_missed(&self, connection: &Connection) -> bool {
        let is_used = matches!(
            connection.state,
            ConnectionState::Established | ConnectionState::CloseWait | ConnectionState::Udp
        );
        let requests = self.facts.requests_at(connection.service);
        !connection.is_template()
            && (is_used
                || requests.is_some_and(|seen| seen.unanswered.contains(&connection.client)))
    }

    /// Returns whether the service of a connection is listed, and does not have its destination.
    pub(super) fn is_orphan(&self, connection: &Connection) -> bool {
        let id = ServiceId::Socket {
            protocol: connection.protocol,
            address: connection.service,
        };
        connection.protocol != Protocol(0)
            && self
                .index
                .other_service(id, connection.destination)
                .is_none()
            && self.index.listed(&id).is_some_and(|listed| {
                listed
                    .destinations
                    .iter()
                    .map(|status| status.destination.id)
                    .all(|id| SocketAddr::new(id.address, id.port) != connection.destination)
            })
    }
}
