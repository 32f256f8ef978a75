//! What a firewall has to mark for a service by firewall mark.

use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::{Cluster, VirtualService};
use crate::error::InvalidValue;
use crate::ipvs::{Family, Protocol, ServiceId};

/// Packets to one address and port, as clients send them: `tcp 172.16.5.11:80`. Port 0 is every port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Match {
    /// The protocol.
    pub protocol: Protocol,
    /// A virtual IP, and the port.
    pub address: SocketAddr,
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.protocol, self.address)
    }
}

impl FromStr for Match {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.parse()? {
            ServiceId::Socket { protocol, address } => Ok(Self { protocol, address }),
            ServiceId::Fwmark { .. } => Err(InvalidValue::new(
                "match",
                text,
                "is not like \"tcp 192.0.2.1:80\"",
            )),
        }
    }
}

impl Match {
    /// `ip daddr 172.16.5.11 tcp dport 80`
    fn expression(&self) -> String {
        let family = match self.address.ip() {
            IpAddr::V4(_) => "ip",
            IpAddr::V6(_) => "ip6",
        };
        let (ip, protocol) = (self.address.ip(), self.protocol);
        match self.address.port() {
            0 => format!("{family} daddr {ip} meta l4proto {protocol}"),
            port => format!("{family} daddr {ip} {protocol} dport {port}"),
        }
    }
}

/// The rules that mark what the file says, as a file of `nft -f` that can be loaded again and again; `None`
/// where nothing is to be marked.
///
/// A table for each family: not every kernel has `inet`.
pub(in crate::cluster) fn nftables(cluster: &Cluster) -> Option<String> {
    let tables = [("ip", Family::Ipv4), ("ip6", Family::Ipv6)].map(|(word, family)| {
        let of_family = |it: &&VirtualService| it.service.id.family() == family;
        let services = cluster.services().iter().filter(of_family);
        table(cluster, word, services.flat_map(rules).collect())
    });
    let text = tables.concat();
    (!text.is_empty()).then_some(text)
}

/// Made if it is not there, so that it can be deleted, and made anew: all in one transaction.
fn table(cluster: &Cluster, family: &str, rules: Vec<String>) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let table = format!("table {family} lvs-{}", cluster.name());
    let mut text = format!("{table}\ndelete {table}\n{table} {{\n  chain prerouting {{\n");
    // -150 is "mangle", a word that not every version of nft knows in every family.
    text.push_str("    type filter hook prerouting priority -150; policy accept;\n");
    for rule in rules {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {rule}");
    }
    text.push_str("  }\n}\n");
    text
}

fn rules(service: &VirtualService) -> Vec<String> {
    let ServiceId::Fwmark { mark, .. } = service.service.id else {
        return Vec::new();
    };
    let matches = service.matches.iter();
    matches
        .map(|it| format!("{} meta mark set {mark}", it.expression()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_is_its_text_and_an_expression() {
        for (text, expression) in [
            ("tcp 172.16.5.11:80", "ip daddr 172.16.5.11 tcp dport 80"),
            ("udp [2001:db8::1]:53", "ip6 daddr 2001:db8::1 udp dport 53"),
            ("tcp 172.16.5.11:0", "ip daddr 172.16.5.11 meta l4proto tcp"),
        ] {
            let it: Match = text.parse().unwrap();
            assert_eq!(it.to_string(), text);
            assert_eq!(it.expression(), expression);
        }
        assert!("fwmark 1 ipv4".parse::<Match>().is_err());
    }
}
