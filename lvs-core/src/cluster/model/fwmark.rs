//! Firewall marks of services: the packets that a firewall marks for a service by firewall mark.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::error::InvalidValue;
use crate::ipvs::{Protocol, ServiceId};

/// Matches packets to one address and port, as clients send them: `tcp 172.16.5.11:80`. Port 0 is every port.
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
    /// Returns the expression of nftables: `ip daddr 172.16.5.11 tcp dport 80`.
    pub(super) fn expression(&self) -> String {
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
            let packets: Match = text.parse().unwrap();
            assert_eq!(packets.to_string(), text);
            assert_eq!(packets.expression(), expression);
        }
        assert!("fwmark 1 ipv4".parse::<Match>().is_err());
    }
}
