//! Looking up the routes of packets: as the kernel decides, with the rule and the route that decide.

use std::cmp::Reverse;

use super::packets::Packet;
use super::path::PathFact;
use crate::error::Result;
use crate::net::message::Names;
use crate::net::{Net, PolicyRule, RefusingRoute, RouteDecision, RouteQuery};

/// Asks the kernel about packets, and holds what may decide of them, which is read once.
pub(super) struct LookUps<'a> {
    net: &'a mut Net,
    names: Names,
    rules: Vec<PolicyRule>,
    refusing: Vec<RefusingRoute>,
}

impl<'a> LookUps<'a> {
    pub(super) fn new(net: &'a mut Net) -> Result<Self> {
        Ok(Self {
            rules: net.policy_rules()?,
            refusing: net.refusing_routes()?,
            names: net.names()?,
            net,
        })
    }

    /// Returns the rules of policy routing.
    pub(super) fn rules(&self) -> &[PolicyRule] {
        &self.rules
    }

    pub(super) fn into_rules(self) -> Vec<PolicyRule> {
        self.rules
    }

    /// Returns what becomes of packets; those without an answer, as in a kernel without IPv6, are left out.
    pub(super) fn paths(&mut self, packets: Vec<Packet>) -> Vec<PathFact> {
        packets
            .into_iter()
            .filter_map(|packet| self.path(packet).ok())
            .collect()
    }

    fn path(&mut self, packet: Packet) -> Result<PathFact> {
        let Packet { query, seen } = packet;
        let decision = self.net.lookup_by(&query, &self.names)?;
        let route = self.net.deciding_route_by(&query, &self.names)?;
        let (rule, refused_by) = self.decider(&query, &decision);
        Ok(PathFact {
            rule: rule.filter(|rule| !rule.is_usual()).cloned(),
            refused_by,
            query,
            seen,
            decision,
            route,
        })
    }

    /// Returns the rule that decides of a packet, and the route that refuses it, if one does.
    ///
    /// It is the rule that refuses the packet itself, or leads to the table whose route does. A narrower route of
    /// another kind would have won.
    fn decider(
        &self,
        query: &RouteQuery,
        decision: &RouteDecision,
    ) -> (Option<&PolicyRule>, Option<RefusingRoute>) {
        let verdict = decision.verdict;
        let mut of_packet = self.rules.iter().filter(|rule| rule.is_for(query));
        if !verdict.refuses() {
            let rule = of_packet.find(|rule| rule.leads_to(verdict, decision.table));
            return (rule, None);
        }
        for rule in of_packet {
            if rule.leads_to(verdict, None) {
                return (Some(rule), None);
            }
            let narrowest = self
                .refusing
                .iter()
                .filter(|route| rule.leads_to(verdict, Some(route.id.table)))
                .filter(|route| route.verdict == verdict && route.is_for(query))
                .max_by_key(|route| (route.id.destination.prefix_len(), Reverse(route.id.metric)));
            if let Some(route) = narrowest {
                return (Some(rule), Some(*route));
            }
        }
        (None, None)
    }
}
