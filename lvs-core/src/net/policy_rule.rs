//! The rules of policy routing, which choose the table that routes a packet.

use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::lookup::{RouteQuery, Verdict};
use super::route::RouteId;
use crate::name::IfName;

/// Describes a rule of policy routing (`ip rule`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PolicyRule {
    /// Its place: the lowest comes first.
    pub priority: u32,
    /// Whether it is one of IPv6.
    pub is_ipv6: bool,
    /// Whether it is for the packets that its conditions do not match.
    pub inverted: bool,
    /// The network of the source address; `None` is any.
    pub from: Option<IpNet>,
    /// The network of the destination address; `None` is any.
    pub to: Option<IpNet>,
    /// The interface by which the packet arrived; `lo` for packets of this host.
    pub input: Option<IfName>,
    /// The interface that the packet's socket is bound to.
    pub output: Option<IfName>,
    /// The firewall mark and the bits of it that count.
    pub mark: Option<(u32, u32)>,
    /// What it does with a packet.
    pub action: PolicyAction,
}

/// Says what a [`PolicyRule`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PolicyAction {
    /// The table of this number routes the packet, if it has a route.
    Lookup(u32),
    /// The packet is not sent, in the way of the verdict.
    Refuse(Verdict),
    /// The kernel continues with another rule.
    Other,
}

impl PolicyRule {
    /// Returns whether the rule is for the packet of a look-up, as far as addresses, interfaces and mark tell.
    #[must_use]
    pub fn is_for(&self, query: &RouteQuery) -> bool {
        let is_in = |network: &IpNet, ip| network.contains(&ip);
        let own = IfName::LO;
        let input = query.input.as_ref().unwrap_or(&own);
        let matches = self
            .to
            .as_ref()
            .is_none_or(|to| is_in(to, query.destination))
            && self
                .from
                .as_ref()
                .is_none_or(|from| query.source.is_some_and(|source| is_in(from, source)))
            && self.input.as_ref().is_none_or(|name| name == input)
            && (self.output.is_none() || self.output == query.output)
            && self
                .mark
                .is_none_or(|(mark, mask)| query.mark & mask == mark & mask);
        self.is_ipv6 == query.destination.is_ipv6() && matches != self.inverted
    }

    /// Returns whether a packet whose look-up has this result was decided here.
    #[must_use]
    pub fn leads_to(&self, verdict: Verdict, table: Option<u32>) -> bool {
        match self.action {
            PolicyAction::Lookup(number) => table == Some(number),
            PolicyAction::Refuse(refusal) => table.is_none() && refusal == verdict,
            PolicyAction::Other => false,
        }
    }

    /// Returns whether it is one of the rules that every host has.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        let is_general = self.from.is_none()
            && self.to.is_none()
            && self.input.is_none()
            && self.output.is_none()
            && self.mark.is_none();
        is_general && matches!(self.action, PolicyAction::Lookup(253..=255))
    }
}

/// Writes it as `ip rule` does: `100: from 192.168.1.12 lookup 100`.
impl fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.inverted { "not " } else { "" };
        write!(f, "{}: {not}from {}", self.priority, network(self.from))?;
        if let Some(to) = self.to {
            write!(f, " to {}", network(Some(to)))?;
        }
        match self.mark {
            Some((mark, u32::MAX)) => write!(f, " fwmark {mark:#x}")?,
            Some((mark, mask)) => write!(f, " fwmark {mark:#x}/{mask:#x}")?,
            None => {}
        }
        if let Some(input) = &self.input {
            write!(f, " iif {input}")?;
        }
        if let Some(output) = &self.output {
            write!(f, " oif {output}")?;
        }
        match self.action {
            PolicyAction::Lookup(RouteId::MAIN) => f.write_str(" lookup main"),
            PolicyAction::Lookup(table) => write!(f, " lookup {table}"),
            PolicyAction::Refuse(Verdict::Unreachable) => f.write_str(" unreachable"),
            PolicyAction::Refuse(Verdict::Prohibited) => f.write_str(" prohibit"),
            PolicyAction::Refuse(_) => f.write_str(" blackhole"),
            PolicyAction::Other => Ok(()),
        }
    }
}

/// Returns a network as `ip` prints it: a single address without its prefix length.
fn network(network: Option<IpNet>) -> String {
    match network {
        None => "all".to_owned(),
        Some(single) if single.prefix_len() == single.max_prefix_len() => single.addr().to_string(),
        Some(wide) => wide.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(from: &str) -> PolicyRule {
        PolicyRule {
            priority: 100,
            is_ipv6: false,
            inverted: false,
            from: Some(from.parse().unwrap()),
            to: None,
            input: None,
            output: None,
            mark: None,
            action: PolicyAction::Lookup(100),
        }
    }

    #[test]
    fn a_rule_is_written_as_ip_writes_it() {
        let mut one = rule("192.168.1.12/32");
        assert_eq!(one.to_string(), "100: from 192.168.1.12 lookup 100");
        one.inverted = true;
        one.mark = Some((1, u32::MAX));
        one.to = Some("10.0.0.0/8".parse().unwrap());
        one.action = PolicyAction::Refuse(Verdict::Prohibited);
        let text = "100: not from 192.168.1.12 to 10.0.0.0/8 fwmark 0x1 prohibit";
        assert_eq!(one.to_string(), text);
    }

    #[test]
    fn conditions_decide() {
        let packet = RouteQuery::to([203, 0, 113, 7].into());
        let from = |source: [u8; 4]| packet.clone().with_source(source.into());
        let mut one = rule("192.168.1.0/24");
        assert!(one.is_for(&from([192, 168, 1, 12])));
        assert!(!one.is_for(&from([192, 168, 2, 12])));
        assert!(!one.is_for(&packet), "a packet without a source yet");
        one.input = Some(IfName::LO);
        assert!(one.is_for(&from([192, 168, 1, 12])), "this host's own");
        one.mark = Some((1, u32::MAX));
        assert!(!one.is_for(&from([192, 168, 1, 12])));
        one.inverted = true;
        assert!(one.is_for(&from([192, 168, 1, 12])));
        one.is_ipv6 = true;
        assert!(!one.is_for(&from([192, 168, 1, 12])));
    }
}
