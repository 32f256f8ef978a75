//! Requests that reach a node and get no answer, although a program listens for them or IPVS should balance them.

use std::net::SocketAddr;

use crate::check::facts::{IpvsReading, ListeningSocket};
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::requests::RequestsFact;
use crate::check::scene::{DirectorScene, RealServerScene};
use crate::cluster::Match;
use crate::ipvs::Protocol;

kinds! {
    UNANSWERED = "LVS083", Error, Routing,
    title: "Requests arrive, and this node answers none",
    impact: "clients wait until they give up, or are refused",
    explanation: "\
        Requests for a service reach this node, clients repeat them, and nothing leaves it; or each is \
        refused although a program listens. On a real server a firewall drops the request or the answer \
        (nft list ruleset and iptables -S show its rules), or a filter of traffic control does (tc -s \
        filter show). On a director the same keeps requests from IPVS: they arrive, and its table has \
        no connection of these clients. Allow the service's port in both directions.";
}

pub(super) fn on_real_server(scene: &RealServerScene<'_>) -> Vec<Finding> {
    scene
        .cluster
        .served_by(&scene.facts.node)
        .flat_map(|(service, destination)| scene.arriving(service, destination))
        .filter(|wanted| wanted.protocol == Protocol::TCP && scene.is_heard(*wanted))
        .filter_map(|wanted| scene.unanswered(wanted.address))
        .collect()
}

pub(super) fn on_director(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let Some(table) = scene
        .facts
        .now()
        .filter(|table| table.connections.len() < IpvsReading::MOST_CONNECTIONS)
    else {
        return Vec::new();
    };
    let requests = scene.facts.requests.iter();
    requests
        .filter_map(|requests| scene.not_balanced(requests, table))
        .collect()
}

impl RealServerScene<'_> {
    fn is_heard(&self, wanted: ListeningSocket) -> bool {
        let mut listeners = self.facts.listeners.iter();
        listeners.any(|listener| listener.receives(wanted))
    }

    /// Reports a socket at which each request remains without an answer, or is refused. Where others are answered, a
    /// firewall may be meant to keep these out.
    fn unanswered(&self, address: SocketAddr) -> Option<Finding> {
        let requests = self
            .facts
            .requests
            .iter()
            .find(|requests| requests.address == address && requests.answered == 0)?;
        let seen = match (requests.unanswered.len(), requests.refused) {
            (0, 0) => return None,
            (0, count) => format!("{count} requests arrived, and each was refused with a reset"),
            (count, _) => format!("{count} clients asked again and again, and no answer left"),
        };
        let object = format!("tcp {address}");
        Some(
            self.finding(&UNANSWERED, &object, seen)
                .fix(RULES)
                .fix(format!("or allow {object} and its answers in the firewall")),
        )
    }
}

impl DirectorScene<'_> {
    /// Reports requests of clients that wait and have no connection in the table.
    fn not_balanced(&self, requests: &RequestsFact, table: &IpvsReading) -> Option<Finding> {
        let own = requests.address;
        let is_known = |client: &SocketAddr| {
            let mut connections = table.connections.iter();
            connections.any(|known| {
                known.protocol == Protocol::TCP && known.service == own && known.client == *client
            })
        };
        let waiting = requests.unanswered.iter();
        let lost = waiting.filter(|client| !is_known(client)).count();
        let service = self.cluster.receiver(&Match {
            protocol: Protocol::TCP,
            address: own,
        })?;
        let seen = format!("{lost} clients asked {own} again and again, and IPVS got no packet");
        (lost > 0).then(|| {
            self.finding(&UNANSWERED, service.service.id, seen)
                .fix(RULES)
                .fix(format!("or allow tcp {own} in the firewall"))
        })
    }
}

const RULES: &str =
    "first, look for the rule that drops them: nft list ruleset; iptables -S; tc -s filter show";
