//! The default route of a real server: to the director with masquerading, past it with direct routing.

use std::net::IpAddr;

use super::way_back::{Right, WayBack, default};
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::sharing_network;
use crate::check::paper::bypasses;
use crate::check::path::PathFact;
use crate::check::scene::RealServerScene;
use crate::check::severity::Severity;
use crate::cluster::change::{Change, Object};
use crate::cluster::{Cluster, Gateway};
use crate::ipvs::Family;
use crate::name::IfName;
use crate::net::{Address, AddressId, PolicyRule, RefusingRoute, RouteId, Verdict};

kinds! {
    NAT_GATEWAY = "LVS013", Error, Routing,
    title: "Answers of a masqueraded real server bypass the director",
    impact: "clients get answers from an address to which they sent no packet, and drop them",
    explanation: "\
        With NAT the director rewrites requests and must rewrite the answers back, so they have to pass \
        through it: the default gateway of the real server is an address of the director on its network. \
        Otherwise connections stay in SYN_RECV, and the service counts packets in and none out. Set the \
        gateway to the director's address.";

    DR_GATEWAY = "LVS014", Error, Routing,
    title: "A real server answers through the director, which it should bypass",
    impact: "the director drops packets that have its own virtual IP as source address",
    explanation: "\
        With direct routing and tunnels, answers have the virtual IP as source address and go straight \
        to the client. Sent through the director, they arrive there with a source that is its own \
        address, which the kernel takes for a forgery. Use the router as the real server's gateway.";

    NO_DEFAULT_ROUTE = "LVS016", Warning, Routing,
    title: "A real server has no default route",
    impact: "clients outside its own networks get no answer",
    explanation: "\
        A real server answers clients itself, by its own routing table. Without a default route it \
        reaches only clients on its own networks, and the connections of all others are never \
        established. With NAT the gateway is the director, with direct routing the router.";
}

/// Judges the gateways of the file. (A gateway of the other family does not concern this one.)
pub(super) fn of_file(cluster: &Cluster) -> Vec<Finding> {
    cluster
        .real_servers()
        .iter()
        .map(|server| WayBack { cluster, server })
        .flat_map(|way| {
            let masqueraded = cluster
                .masqueraded(&way.server.name)
                .into_iter()
                .filter_map(move |family| match way.named(family) {
                    Some(gateway) => way.past_director(gateway.address()?, family),
                    None => way.undecided(family),
                });
            let direct = way
                .server
                .gateway
                .as_ref()
                .and_then(|gateway| way.through_director(gateway.address()?));
            masqueraded.chain(direct)
        })
        .collect()
}

/// Judges the way of answers that the kernel would take; where no look-up was made, the default routes of the node.
pub(super) fn of_node(scene: &RealServerScene<'_>) -> Vec<Finding> {
    let (cluster, server) = (scene.cluster, scene.node);
    let way = WayBack { cluster, server };
    let mut found = Vec::new();
    for family in cluster.families_served_by(&server.name, bypasses) {
        let vips = cluster.carried_vips(&server.name);
        let answers = scene.answers(family, |source| vips.contains(&source));
        found.extend(match answers.as_slice() {
            [] => match scene.facts.default_route(family) {
                None => Some(scene.missing(way, family)),
                Some(route) => route
                    .gateway
                    .and_then(|gateway| way.through_director(gateway)),
            },
            _ => answers
                .iter()
                .find_map(|path| scene.not_past_director(way, path, family)),
        });
    }
    for family in cluster.masqueraded(&server.name) {
        let answers = scene.answers(family, |source| server.real_ip(family) == Some(source));
        found.extend(match answers.as_slice() {
            [] => match scene.facts.default_route(family) {
                None => Some(scene.missing(way, family)),
                Some(route) => route
                    .gateway
                    .and_then(|gateway| way.past_director(gateway, family)),
            },
            _ => answers
                .iter()
                .find_map(|path| scene.not_by_director(way, path, family)),
        });
    }
    found
}

impl RealServerScene<'_> {
    /// Returns the looked-up answers of a family with such a source address; of clients that were seen first.
    fn answers(&self, family: Family, is_source: impl Fn(IpAddr) -> bool) -> Vec<&PathFact> {
        let (seen, others): (Vec<_>, Vec<_>) = self
            .facts
            .paths
            .iter()
            .filter(|path| path.query.source.is_some_and(&is_source))
            .filter(|path| Family::from(path.query.destination) == family)
            .filter(|path| path.decision.verdict != Verdict::Local)
            .partition(|path| path.seen);
        [seen, others].concat()
    }

    /// Judges an answer that has to pass the director. (A client on a network of the real server is another mistake.)
    fn not_by_director(
        &self,
        way: WayBack<'_>,
        path: &PathFact,
        family: Family,
    ) -> Option<Finding> {
        if !path.is_sent() {
            return Some(self.refused(way, path, family));
        }
        let client = path.query.destination;
        let beside = sharing_network(&self.facts.addresses, client).next();
        // The other end of the link that the file names may be the director.
        let is_named = |link: &IfName| matches!(&way.server.gateway, Some(Gateway::Through(named)) if named == link);
        let way_out = match (path.decision.gateway, beside) {
            (Some(gateway), _) => format!("to {gateway}, which {}", way.foreign_gateway(gateway)?),
            (None, _) if path.decision.interface.as_ref().is_some_and(is_named) => return None,
            (None, Some(own)) => return self.beside_client(client, own),
            (None, None) => "straight to the link, past the director".to_owned(),
        };
        let seen = format!("answers to {client} go {way_out}: {}", path.decided_by());
        let finding = self.finding(&NAT_GATEWAY, object(path, family), seen);
        Some(self.rerouted(finding, path, &way.director(family)))
    }

    /// Reports an address that the file does not give to this node, and that makes a client its neighbour.
    fn beside_client(&self, client: IpAddr, own: &Address) -> Option<Finding> {
        let AddressId { interface, network } = &own.id;
        let mut of_file = self.node.addresses.iter();
        if of_file.any(|address| address.id.network.trunc() == network.trunc()) {
            return None;
        }
        let seen = format!(
            "answers to {client} go straight to the link, past the director: {interface} has {network}, which the file does not name"
        );
        let finding = self.finding(&NAT_GATEWAY, &own.id, seen);
        Some(finding.fix(format!(
            "ip address del {network} dev {}",
            interface.quoted()
        )))
    }

    /// Judges an answer that must not pass the director.
    fn not_past_director(
        &self,
        way: WayBack<'_>,
        path: &PathFact,
        family: Family,
    ) -> Option<Finding> {
        if !path.is_sent() {
            return Some(self.refused(way, path, family));
        }
        let gateway = path.decision.gateway?;
        if !way.cluster.is_of_director(gateway) {
            return None;
        }
        let seen = format!(
            "answers to {} go to {gateway}, the director: {}",
            path.query.destination,
            path.decided_by()
        );
        let finding = self.finding(&DR_GATEWAY, object(path, family), seen);
        Some(self.rerouted(finding, path, &way.router(family)))
    }

    /// Reports that there is no default route; where the gateway's network is missing, too, no command adds the route.
    fn missing(&self, way: WayBack<'_>, family: Family) -> Finding {
        let is_reached = |gateway| {
            sharing_network(&self.facts.addresses, gateway)
                .next()
                .is_some()
        };
        match way.right(family).gateway.as_ref() {
            Some(Gateway::Near(gateway)) if !is_reached(*gateway) => {
                way.without_route(family).fix("lvsctl apply FILE")
            }
            _ => way.missing(family),
        }
    }

    /// Returns whether no default route, or one that refuses, decides about a packet that is not sent.
    fn has_no_default(&self, path: &PathFact, family: Family) -> bool {
        let refuses = |route: &RefusingRoute| !route.id.is_default();
        self.facts.default_route(family).is_none()
            && !path.refused_by.as_ref().is_some_and(refuses)
            && path.rule.is_none()
    }

    /// Reports that an answer is not sent at all.
    fn refused(&self, way: WayBack<'_>, path: &PathFact, family: Family) -> Finding {
        let finding = match path.permission() {
            // A default route that refuses is a missing one; another one takes its place.
            _ if self.has_no_default(path, family) => self.missing(way, family),
            permission => {
                let seen = format!(
                    "answers to {} are not sent ({}): {}",
                    path.query.destination,
                    path.decision.verdict,
                    path.decided_by()
                );
                self.finding(&NO_DEFAULT_ROUTE, object(path, family), seen)
                    .severity(Severity::Error)
                    .fix(permission.unwrap_or_else(|| way.right(family).command(RouteId::MAIN)))
            }
        };
        match path.seen {
            true => finding.severity(Severity::Error),
            false => finding,
        }
    }

    /// Adds the commands by which answers take the way of the file instead of the route that decides: a default route
    /// gets the right gateway, and a narrower one is deleted.
    fn rerouted(&self, finding: Finding, path: &PathFact, right: &Right) -> Finding {
        let Some(route) = &path.route else {
            return finding.fix(right.command(RouteId::MAIN));
        };
        let delete = Change::Delete(Object::from(route.clone())).to_shell();
        if route.id.destination.prefix_len() != 0 {
            return finding.fix(delete);
        }
        // A rule leads to a device, as that of a VPN does: its table is for other packets.
        if let (Some(source), Some(rule), None) =
            (path.query.source, &path.rule, path.decision.gateway)
        {
            return finding.fix(exception(source, rule));
        }
        // IPv6 compares metrics, and preferences of routers: the plan gives its own route one that wins.
        let is_main = route.id.table == RouteId::MAIN;
        let is_planned = self.desired.routes.iter().any(|desired| {
            let desired = &desired.value;
            desired.id.is_default()
                && desired.gateway.is_some()
                && desired.gateway == right.address()
        });
        let is_ipv6 = path.query.destination.is_ipv6();
        let finding = match is_main && is_ipv6 && is_planned {
            true => finding.fix("lvsctl apply FILE"),
            false => finding.fix(right.command(route.id.table)),
        };
        match self
            .node
            .gateway
            .as_ref()
            .is_none_or(|named| Some(named) == right.gateway.as_ref())
        {
            true => finding,
            false => finding.fix(right.in_file()),
        }
    }
}

/// Returns the command by which packets with a source address are routed by the main table before a rule counts.
pub(super) fn exception(source: IpAddr, rule: &PolicyRule) -> String {
    let ip = if source.is_ipv6() { "ip -6" } else { "ip" };
    let priority = rule.priority.saturating_sub(1);
    format!("{ip} rule add from {source} lookup main priority {priority}")
}

/// Returns what a finding about an answer is about: the default route, or the narrower one that decides.
fn object(path: &PathFact, family: Family) -> RouteId {
    let route = path.route.as_ref().map(|route| route.id);
    match route.or_else(|| path.refused_by.map(|route| route.id)) {
        Some(id) if id.destination.prefix_len() != 0 => id,
        _ => default(family),
    }
}
