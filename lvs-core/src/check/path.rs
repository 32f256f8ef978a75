//! The routes that packets of the cluster would take on a node.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::cluster::change::{Change, Object};
use crate::net::{PolicyRule, RefusingRoute, Route, RouteDecision, RouteQuery, Verdict};

/// Holds the route that one packet of the cluster would take on a node, as the kernel decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PathFact {
    /// The packet: an answer to a client, or one of the director's to a real server.
    pub query: RouteQuery,
    /// Whether there was a client with this address when the facts were gathered. Others are examples.
    pub seen: bool,
    /// What becomes of the packet.
    pub decision: RouteDecision,
    /// The route that decides, as its table has it; `None` where it is no unicast route.
    pub route: Option<Route>,
    /// The rule of policy routing that leads to it, unless every host has it.
    pub rule: Option<PolicyRule>,
    /// The route that refuses the packet, where it is not sent and no rule says so.
    #[serde(default)]
    pub refused_by: Option<RefusingRoute>,
}

impl PathFact {
    /// Returns the next hop of the packet: the gateway, or its destination.
    #[must_use]
    pub fn next_hop(&self) -> IpAddr {
        self.decision.gateway.unwrap_or(self.query.destination)
    }

    /// Returns whether the packet is sent.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.decision.verdict == Verdict::Unicast
    }

    /// Returns the command that deletes the rule or the route by which the packet is refused; `None` where there is
    /// none, because no route exists at all.
    #[must_use]
    pub fn permission(&self) -> Option<String> {
        let ip = ip(self.query.destination.is_ipv6());
        let rule = self.rule.as_ref().filter(|_| self.refused_by.is_none());
        match (rule, self.refused_by) {
            _ if self.is_sent() => None,
            (Some(rule), _) => Some(format!("{ip} rule delete priority {}", rule.priority)),
            (None, Some(route)) => Some(format!("{ip} route delete {route}")),
            (None, None) => None,
        }
    }

    /// Returns what decides, as `ip` prints it: `default via 192.168.1.254 dev eth0`, and the rule that leads there.
    #[must_use]
    pub fn decided_by(&self) -> String {
        let route = self.route.as_ref().map(as_ip_prints);
        let rule = self.rule.as_ref().map(|rule| format!("ip rule {rule}"));
        let route = route.or_else(|| self.refused_by.map(|route| route.to_string()));
        match (route, rule) {
            (Some(route), Some(rule)) => format!("{route} ({rule})"),
            (Some(decider), None) | (None, Some(decider)) => decider,
            (None, None) => "no route".to_owned(),
        }
    }
}

/// Returns the command of `ip` for a family.
const fn ip(is_ipv6: bool) -> &'static str {
    if is_ipv6 { "ip -6" } else { "ip" }
}

/// Returns a route without the program that added it, which is not what makes it win.
pub(super) fn as_ip_prints(route: &Route) -> String {
    let shown = Route {
        protocol: 0,
        ..route.clone()
    };
    let line = Change::Delete(Object::from(shown)).to_shell();
    match line.split_once(" route delete ") {
        Some((_, route)) => route.to_owned(),
        None => route.to_string(),
    }
}
