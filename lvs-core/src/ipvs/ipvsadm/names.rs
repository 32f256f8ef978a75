//! Names of hosts and services in a text, which ipvsadm resolves when it reads the text.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};

use crate::ipvs::Protocol;

/// Gives names their meaning, for [`Rules::parse_with`](super::Rules::parse_with).
pub trait Names: Debug {
    /// Returns the port of a service as getservbyname(3) does: `http` is 80.
    fn port(&self, name: &str, protocol: Protocol) -> Option<u16>;

    /// Returns the first IPv4 address of a host. ipvsadm looks for no other.
    fn address(&self, name: &str) -> Option<Ipv4Addr>;
}

/// Resolves names as this host does: services by `/etc/services`, hosts by the system's resolver, which may
/// ask a DNS server and wait for it. Each name is resolved once.
#[derive(Debug, Default)]
pub struct SystemNames {
    ports: HashMap<(String, String), u16>,
    addresses: RefCell<HashMap<String, Option<Ipv4Addr>>>,
}

impl SystemNames {
    /// Reads `/etc/services`; without the file no service has a name.
    #[must_use]
    pub fn read() -> Self {
        let text = fs::read("/etc/services").unwrap_or_default();
        Self::from_services(&String::from_utf8_lossy(&text))
    }

    /// Reads lines of `NAME PORT/PROTOCOL ALIASES…`; the first meaning of a name counts.
    fn from_services(text: &str) -> Self {
        let mut names = Self::default();
        for line in text.lines() {
            let mut words = line
                .split('#')
                .next()
                .unwrap_or_default()
                .split_ascii_whitespace();
            let (Some(name), Some(port)) = (words.next(), words.next()) else {
                continue;
            };
            let Some((port, protocol)) = port.split_once('/') else {
                continue;
            };
            let Ok(port) = port.parse() else { continue };
            for name in std::iter::once(name).chain(words) {
                names
                    .ports
                    .entry((name.to_owned(), protocol.to_owned()))
                    .or_insert(port);
            }
        }
        names
    }
}

impl Names for SystemNames {
    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        let protocol = match protocol {
            Protocol::UDP => "udp",
            Protocol::SCTP => "sctp",
            _ => "tcp",
        };
        self.ports
            .get(&(name.to_owned(), protocol.to_owned()))
            .copied()
    }

    fn address(&self, name: &str) -> Option<Ipv4Addr> {
        if let Some(known) = self.addresses.borrow().get(name) {
            return *known;
        }
        let found = (name, 0)
            .to_socket_addrs()
            .ok()
            .and_then(|mut addresses| addresses.find_map(|address| ipv4(address.ip())));
        self.addresses.borrow_mut().insert(name.to_owned(), found);
        found
    }
}

const fn ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// Returns whether a word can be the name of a host. `10.1`, `010.0.0.1` and `0x7f.1` cannot: resolvers
/// take them for addresses, each in its own way.
pub(super) fn is_host_name(word: &str) -> bool {
    let last = word.trim_end_matches('.').rsplit('.').next();
    let is_number = |label: &str| {
        label.starts_with("0x") || label.chars().all(|character| character.is_ascii_digit())
    };
    let is_allowed =
        |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    last.is_some_and(|label| !is_number(label)) && word.chars().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_read_with_their_aliases_by_protocol() {
        let names = SystemNames::from_services(
            "# comment\nhttp\t\t80/tcp\t\twww # WorldWideWeb\ndomain 53/tcp\ndomain 53/udp\n\
             syslog 514/udp\nbroken\nworse x/tcp\nhttp 8080/tcp\n",
        );
        assert_eq!(names.port("http", Protocol::TCP), Some(80));
        assert_eq!(names.port("www", Protocol::TCP), Some(80));
        assert_eq!(names.port("domain", Protocol::UDP), Some(53));
        assert_eq!(names.port("syslog", Protocol::TCP), None);
        assert_eq!(names.port("worse", Protocol::TCP), None);
    }

    #[test]
    fn what_looks_like_an_address_is_no_name() {
        for word in ["web1", "web1.example.com", "a.b-c_d", "10web"] {
            assert!(is_host_name(word), "{word}");
        }
        for word in [
            "",
            "10.1",
            "010.0.0.1",
            "192.168.001.012",
            "0x7f.0x1",
            "a b",
            "web;1",
        ] {
            assert!(!is_host_name(word), "{word}");
        }
    }

    #[test]
    fn this_host_knows_itself() {
        assert_eq!(
            SystemNames::default().address("localhost"),
            Some(Ipv4Addr::LOCALHOST)
        );
    }
}
