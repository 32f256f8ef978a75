//! Answers that leave a real server and do not arrive.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::gateway::exception;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::{around, sharing_network};
use crate::check::paper::bypasses;
use crate::check::path::{PathFact, as_ip_prints};
use crate::check::requests::RequestsFact;
use crate::check::scene::RealServerScene;
use crate::check::severity::Severity;
use crate::check::words::counted;
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
        source address, or a firewall that has seen only one direction. Where other clients of the same \
        network are served by that way it is meant; where none was seen check does not call routing \
        sound. Of masqueraded answers the director tells what becomes of them.";
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
        self.on_another_way(address)
            .or_else(|| self.lost_beyond(self.facts.requests_at(address)?))
    }

    /// Reports clients that wait while their answers take another way than the file names. A way by which
    /// no client of a network is served is wrong for that network, although others are served.
    fn on_another_way(&self, address: SocketAddr) -> Option<Finding> {
        let requests = self.facts.requests_at(address)?;
        let (path, count) = self
            .strays()
            .filter(|path| path.seen && path.query.source == Some(address.ip()))
            .filter(|path| !requests.are_served_around(path.query.destination))
            .map(|path| (path, requests.in_vain_around(path.query.destination)))
            .find(|(_, count)| *count > 0)?;
        let seen = format!(
            "{} in vain; answers to {} leave by another way than the file names: {}",
            counted(count, "client asked", "clients asked"),
            path.query.destination,
            path.decided_by()
        );
        let finding = self
            .finding(&ASTRAY, format!("tcp {address}"), seen)
            .fix(self.detour_ends(address.ip(), path));
        Some(match count < SEVERAL {
            true => finding.severity(Severity::Warning),
            false => finding,
        })
    }

    /// Reports that most clients ask again although they were answered.
    fn lost_beyond(&self, requests: &RequestsFact) -> Option<Finding> {
        let count = requests.unanswered.len() + requests.lost.len();
        let went_on = requests.answered.saturating_sub(requests.silent.len());
        if requests.lost.len() < SEVERAL || count < went_on {
            return None;
        }
        let address = requests.address;
        let seen = format!("{count} clients asked again and again, although answers left");
        Some(
            self.finding(&ASTRAY, format!("tcp {address}"), seen)
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

    /// Returns the looked-up answers from virtual IPs that take another way than the file names.
    fn strays(&self) -> impl Iterator<Item = &PathFact> {
        let vips = self.received_vips();
        let [four, six] = [Family::Ipv4, Family::Ipv6].map(|family| self.default_of_file(family));
        self.facts.paths.iter().filter(move |path| {
            let right = if path.query.destination.is_ipv4() {
                four
            } else {
                six
            };
            path.query
                .source
                .is_some_and(|source| vips.contains(&source))
                && path.is_sent()
                && !self.is_of_own_network(path)
                && right.is_some_and(|right| strays(path, right))
        })
    }

    /// Returns whether an answer goes to a neighbour on a network that the file gives this node.
    fn is_of_own_network(&self, path: &PathFact) -> bool {
        path.decision.gateway.is_none()
            && sharing_network(&self.node.addresses, path.query.destination)
                .any(|own| Some(&own.id.interface) == path.decision.interface.as_ref())
    }

    /// Returns why the ways of answers cannot be called right: one is not that of the file, and nothing shows whether
    /// answers arrive by it. Where they certainly do not, the finding says so.
    pub(in crate::check) fn unproven_way(&self) -> Option<String> {
        if !check(self).is_empty() {
            return None;
        }
        let unproven = self.strays().find(|path| !self.is_proven(path));
        let (what, decider) = match unproven {
            Some(path) => (path.query.destination.to_string(), path.decided_by()),
            None => {
                let route = self
                    .cluster
                    .families_served_by(&self.node.name, bypasses)
                    .into_iter()
                    .filter(|family| !self.is_any_served(*family))
                    .find_map(|family| self.detour(family))?;
                (route.id.destination.to_string(), as_ip_prints(route))
            }
        };
        Some(format!(
            "answers to {what} leave by another way than the file names, and no client there was seen to be served: {decider}"
        ))
    }

    /// Returns whether clients were served by the route that decides about an answer.
    fn is_proven(&self, path: &PathFact) -> bool {
        let is_served = |client: IpAddr| {
            self.facts.requests.iter().any(|requests| {
                Some(requests.address.ip()) == path.query.source
                    && requests.are_served_around(client)
            })
        };
        self.facts.paths.iter().any(|other| {
            (&other.route, &other.rule) == (&path.route, &path.rule)
                && other.query.source == path.query.source
                && is_served(other.query.destination)
        })
    }

    /// Returns whether a client of a family was answered, and went on.
    fn is_any_served(&self, family: Family) -> bool {
        self.facts
            .requests
            .iter()
            .flat_map(|seen| &seen.served)
            .any(|client| Family::from(*client) == family)
    }

    /// Returns a route of this node, but not of the file, by which answers to a part of the Internet leave by another
    /// gateway, or to a bridge or device of this host.
    fn detour(&self, family: Family) -> Option<&Route> {
        let right = self.default_of_file(family)?;
        let is_of_file = |route: &Route| {
            self.desired
                .routes
                .iter()
                .any(|desired| desired.value.id == route.id)
        };
        let leads_away = |route: &&Route| match route.gateway {
            Some(gateway) => Some(gateway) != right.gateway,
            None => self.is_inside(route),
        };
        self.facts.routes.iter().find(|route| {
            Family::from(route.id.destination.addr()) == family
                && !route.id.is_default()
                && !is_link_local(route.id.destination.addr())
                && !is_of_file(route)
                && leads_away(route)
        })
    }

    /// Returns whether a route leads to an interface that the file does not name, and behind which only this host's
    /// own guests and tunnels are.
    fn is_inside(&self, route: &Route) -> bool {
        let link = route.interface.as_ref().and_then(|name| {
            let is_of_file = self
                .node
                .addresses
                .iter()
                .any(|address| address.id.interface == *name);
            self.facts.link(name).filter(|_| !is_of_file)
        });
        let kind = link.and_then(|link| link.kind.as_deref());
        matches!(kind, Some("bridge" | "dummy" | "tun" | "wireguard"))
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

impl RequestsFact {
    /// Returns the number of clients around an address that wait for an answer, or were not heard of since.
    fn in_vain_around(&self, client: IpAddr) -> usize {
        let waiting: BTreeSet<_> = [&self.unanswered, &self.lost, &self.unheard]
            .into_iter()
            .flatten()
            .filter(|waiting| around(waiting.ip()) == around(client))
            .collect();
        waiting.len()
    }

    /// Returns whether a client around an address was answered, and went on.
    fn are_served_around(&self, client: IpAddr) -> bool {
        self.served
            .iter()
            .any(|served| around(*served) == around(client))
    }
}

/// Returns whether an address is one of a link alone, or of multicast.
const fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_multicast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_multicast(),
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
