//! Requests that reach a node and get no answer, although a program listens for them or IPVS should balance them.

use std::net::SocketAddr;

use crate::check::facts::{IpvsReading, ListeningSocket};
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::requests::RequestsFact;
use crate::check::scene::{DirectorScene, RealServerScene};
use crate::cluster::{Match, VirtualService};
use crate::ipvs::{Connection, Encapsulation, Forwarding, Protocol};

kinds! {
    UNANSWERED = "LVS083", Error, Routing,
    title: "Requests arrive, and this node answers none",
    impact: "clients wait until they give up, or are refused",
    explanation: "\
        Requests for a service reach this node, clients repeat them, and nothing leaves it; or each is \
        refused although a program listens. On a real server a firewall drops the request or the answer \
        (nft list ruleset and iptables -S show its rules), or a filter of traffic control does (tc -s \
        filter show). On a director the same loses requests before IPVS gets them, after it has chosen a \
        real server (OUTPUT), or masqueraded answers on their way back (FORWARD; Docker sets its policy \
        to DROP). Allow the service's port in both directions.";
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
        .filter_map(|requests| scene.lost_here(requests, table))
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
        let requests = self.facts.requests_at(address)?;
        if requests.answered > 0 {
            return None;
        }
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
    /// Reports requests that this director loses itself: before IPVS, behind it, or on the way back.
    fn lost_here(&self, requests: &RequestsFact, table: &IpvsReading) -> Option<Finding> {
        let own = requests.address;
        let service = self.cluster.receiver(&Match {
            protocol: Protocol::TCP,
            address: own,
        })?;
        let mut lost = Lost::default();
        for client in &requests.unanswered {
            let known = table.connections.iter().find(|known| {
                known.protocol == Protocol::TCP && known.service == own && known.client == *client
            });
            match known {
                None => lost.before += 1,
                Some(known) if self.is_orphan(known) => {}
                Some(known) if !self.index.carrying(known.destination.ip()).is_empty() => {
                    lost.here += 1;
                }
                Some(known) if !self.is_sent_on(service, known) => {}
                Some(_) if !requests.forwarded.contains(client) => lost.behind += 1,
                Some(_) if requests.returned.contains(client) => lost.back += 1,
                Some(_) => {}
            }
        }
        // Where others are balanced, a firewall may be meant to keep these out.
        let mut connections = self.index.connections(&service.service.id).iter();
        let is_balanced = connections.any(|seen| seen.before.is_none());
        let seen = lost.seen(own, is_balanced)?;
        Some(
            self.finding(&UNANSWERED, service.service.id, seen)
                .fix(RULES)
                .fix(format!(
                    "or allow tcp {own}, and its answers, in the firewall"
                )),
        )
    }

    /// Returns whether packets of a connection leave the director as they are, with another destination address, or
    /// encapsulated so that they can be read.
    fn is_sent_on(&self, service: &VirtualService, known: &Connection) -> bool {
        let ip = known.destination.ip();
        let mut destinations = service.destinations.iter();
        destinations.any(|destination| {
            self.cluster.real_ip(service, destination) == Some(ip)
                && matches!(
                    destination.forwarding,
                    Forwarding::Masquerade
                        | Forwarding::DirectRouting
                        | Forwarding::Tunnel(Encapsulation::Ipip)
                )
        })
    }
}

/// Counts requests by the place where a director loses them.
#[derive(Default)]
struct Lost {
    before: usize,
    behind: usize,
    here: usize,
    back: usize,
}

impl Lost {
    fn seen(&self, own: SocketAddr, is_balanced: bool) -> Option<String> {
        match self {
            Self {
                behind: count @ 1..,
                ..
            } => Some(format!(
                "{count} clients asked {own} again and again: IPVS has chosen a real server, and no packet left for it"
            )),
            Self {
                here: count @ 1.., ..
            } => Some(format!(
                "{count} clients asked {own} again and again: IPVS has chosen this director as real server, and no answer left"
            )),
            Self {
                back: count @ 1.., ..
            } => Some(format!(
                "{count} clients asked {own} again and again: real servers answer, and no answer left this director"
            )),
            Self {
                before: count @ 1..,
                ..
            } if !is_balanced => Some(format!(
                "{count} clients asked {own} again and again, and IPVS got no packet"
            )),
            _ => None,
        }
    }
}

const RULES: &str =
    "first, look for the rule that drops them: nft list ruleset; iptables -S; tc -s filter show";
