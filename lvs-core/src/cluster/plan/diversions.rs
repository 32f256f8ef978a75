//! Rules of policy routing by which packets of the cluster take another way than the routes that the plan makes: they
//! are noted, for only their author knows what they are for.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Planner;
use crate::cluster::NodeKind;
use crate::ipvs::Forwarding;
use crate::net::{PolicyAction, PolicyRule, Route, RouteQuery};

/// Packets of the cluster that a node sends: of those that a rule is for, the first are noted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Packets {
    /// Of clients, to this real server.
    Requests(IpAddr),
    /// From this address to clients.
    Answers(IpAddr),
}

impl Planner<'_> {
    /// Returns a note for each rule that diverts any packets of the cluster.
    pub(super) fn diversion_notes(&self) -> Vec<String> {
        if self.observed.rules.is_empty() {
            return Vec::new();
        }
        let packets = self.packets();
        let rules = self.observed.rules.iter();
        rules
            .filter_map(|rule| {
                let routes = self.routes_of(rule);
                let diverted = |packets: &&Packets| packets.are_diverted(rule, &routes, self);
                let (kind, ip) = match packets.iter().find(diverted)? {
                    Packets::Answers(ip) => ("answers from", ip),
                    Packets::Requests(ip) => ("clients' packets to", ip),
                };
                Some(format!(
                    "ip rule {rule} decides on {kind} {ip}, so that the routes of this plan have no effect on them"
                ))
            })
            .collect()
    }

    /// Answers of a director are those that it masquerades; those of a real server have the virtual IP as source, or
    /// behind masquerading an address of its own.
    fn packets(&self) -> BTreeSet<Packets> {
        let node = self.node;
        let own = node
            .addresses
            .iter()
            .map(|desired| desired.value.id.network.addr());
        if node.kind == NodeKind::RealServer {
            return own.map(Packets::Answers).collect();
        }
        let mut packets = BTreeSet::new();
        for desired in node.services.iter().filter(|desired| !desired.is_probe()) {
            for destination in desired.destinations.iter().map(|desired| &desired.value) {
                packets.insert(Packets::Requests(destination.id.address));
                if destination.forwarding == Forwarding::Masquerade {
                    // They are routed as they arrive, and again with the virtual IP as source.
                    packets.insert(Packets::Answers(destination.id.address));
                    packets.extend(node.virtual_ips.iter().copied().map(Packets::Answers));
                }
            }
        }
        packets
    }

    /// Returns the routes of a rule's table, of which a director that speaks BGP has many in others; none of the tables
    /// that every packet is routed by, to which the plan's own routes belong.
    fn routes_of(&self, rule: &PolicyRule) -> Vec<&Route> {
        match rule.action {
            PolicyAction::Lookup(253..=255) => Vec::new(),
            PolicyAction::Lookup(table) => {
                let routes = self.observed.routes.iter();
                routes.filter(|route| route.id.table == table).collect()
            }
            PolicyAction::Refuse(_) | PolicyAction::Other => Vec::new(),
        }
    }

    /// Returns whether a route of another table has the gateway of the plan's default route.
    fn leads_by(&self, route: &Route, to: IpAddr) -> bool {
        let mut routes = self.node.routes.iter().map(|desired| &desired.value);
        route.gateway.is_some()
            && routes.any(|own| own.id.destination.contains(&to) && own.gateway == route.gateway)
    }
}

impl Packets {
    /// Returns whether a rule decides on them otherwise than the plan: one whose table has no route for them leaves them
    /// to the next rule.
    fn are_diverted(self, rule: &PolicyRule, routes: &[&Route], planner: &Planner<'_>) -> bool {
        let query = self.query(rule);
        let to = query.destination;
        let leads_away =
            |route: &&Route| route.id.destination.contains(&to) && !planner.leads_by(route, to);
        rule.is_for(&query)
            && (matches!(rule.action, PolicyAction::Refuse(_)) || routes.iter().any(leads_away))
    }

    /// Returns the packet that fits a rule best: clients are everywhere, and a director receives answers by any
    /// interface.
    fn query(self, rule: &PolicyRule) -> RouteQuery {
        match self {
            Self::Requests(server) => RouteQuery::to(server),
            Self::Answers(source) => RouteQuery {
                input: rule.input.clone(),
                ..RouteQuery::to(a_client(rule, source.is_ipv6())).with_source(source)
            },
        }
    }
}

/// Returns a client for which the rule is, if it is for any: otherwise an address for documentation.
fn a_client(rule: &PolicyRule, is_ipv6: bool) -> IpAddr {
    match rule.to.filter(|_| !rule.inverted) {
        Some(to) => to.addr(),
        None if is_ipv6 => Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 7).into(),
        None => Ipv4Addr::new(203, 0, 113, 7).into(),
    }
}
