//! Answers that leave a real server and do not arrive.

use std::net::{IpAddr, SocketAddr};

use super::gateway::exception;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::paper::bypasses;
use crate::check::path::PathFact;
use crate::check::scene::RealServerScene;
use crate::cluster::change::{Change, Object};
use crate::ipvs::Family;
use crate::net::Route;

kinds! {
    ASTRAY = "LVS086", Error, Routing,
    title: "Answers leave a real server and do not arrive",
    impact: "clients ask again and again, although this node answers, until they give up",
    explanation: "\
        Clients repeat their requests although this real server receives and answers them. Either the \
        answers take another way than the default route of the file (a rule of a VPN, a bridge of \
        containers whose network clients have too, a static route to the wrong host), or they are lost \
        beyond this node: anti-spoofing of a cloud or switch, which drops packets with the virtual IP as \
        source address, or a firewall that has seen only one direction. Of masqueraded answers the \
        director tells what becomes of them.";
}

/// One client alone may have a bad line.
const SEVERAL: usize = 2;

pub(super) fn check(scene: &RealServerScene<'_>) -> Vec<Finding> {
    let node = &scene.facts.node;
    scene
        .cluster
        .served_by(node)
        .filter(|(_, destination)| bypasses(destination.forwarding))
        .flat_map(|(service, destination)| scene.arriving(service, destination))
        .filter_map(|wanted| scene.astray(wanted.address))
        .collect()
}

impl RealServerScene<'_> {
    /// Reports a socket at which most clients ask in vain.
    fn astray(&self, address: SocketAddr) -> Option<Finding> {
        let requests = self.facts.requests_at(address)?;
        let waiting = || requests.unanswered.iter().chain(&requests.lost);
        let count = waiting().count();
        if count < SEVERAL || count * 2 < requests.answered {
            return None;
        }
        let right = self.default_of_file(Family::from(address.ip()));
        let is_of_waiting = |path: &&PathFact| {
            path.seen
                && path.query.source == Some(address.ip())
                && waiting().any(|client| client.ip() == path.query.destination)
        };
        let mut paths = self.facts.paths.iter().filter(is_of_waiting);
        let stray =
            paths.find(|path| path.is_sent() && right.is_some_and(|right| strays(path, right)));
        let object = format!("tcp {address}");
        match stray {
            Some(path) => Some(self.on_another_way(address, path, count)),
            None if requests.lost.len() >= SEVERAL => {
                let seen = format!("{count} clients asked again and again, although answers left");
                Some(
                    self.finding(&ASTRAY, &object, seen)
                        .fix(format!(
                            "first, look where they are lost: tcpdump -ni any tcp port {}",
                            address.port()
                        ))
                        .fix(format!(
                            "or allow {} as source address on the way to the clients",
                            address.ip()
                        )),
                )
            }
            None => None,
        }
    }

    fn on_another_way(&self, address: SocketAddr, path: &PathFact, count: usize) -> Finding {
        let seen = format!(
            "{count} clients asked again and again; answers to {} leave by another way than the file names: {}",
            path.query.destination,
            path.decided_by()
        );
        self.finding(&ASTRAY, format!("tcp {address}"), seen)
            .fix(self.detour_ends(address.ip(), path))
    }

    /// Returns the default route that the file gives this node.
    fn default_of_file(&self, family: Family) -> Option<&Route> {
        self.desired
            .routes
            .iter()
            .map(|desired| &desired.value)
            .find(|route| {
                route.id.is_default() && Family::from(route.id.destination.addr()) == family
            })
    }

    /// Returns the command that ends a detour: it deletes the address that makes a network a neighbour, or the route;
    /// of a rule of policy routing it makes an exception.
    fn detour_ends(&self, source: IpAddr, path: &PathFact) -> String {
        let client = path.query.destination;
        let neighbour = self.facts.addresses.iter().find(|address| {
            let id = &address.id;
            path.decision.gateway.is_none()
                && Some(&id.interface) == path.decision.interface.as_ref()
                && id.network.contains(&client)
        });
        match (neighbour, &path.rule, &path.route) {
            (Some(own), None, _) => format!(
                "ip address del {} dev {}",
                own.id.network,
                own.id.interface.quoted()
            ),
            (_, Some(rule), _) => exception(source, rule),
            (None, None, Some(route)) => Change::Delete(Object::from(route.clone())).to_shell(),
            (None, None, None) => "lvsctl apply FILE".to_owned(),
        }
    }
}

/// Returns whether an answer takes another way than by the default route.
fn strays(path: &PathFact, right: &Route) -> bool {
    let has_other_link = match (&right.interface, &path.decision.interface) {
        (Some(right), Some(taken)) => right != taken,
        _ => false,
    };
    has_other_link || path.decision.gateway != right.gateway
}
