//! Addresses and default routes that lines of a script add or delete.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::cluster::Gateway;
use crate::import::shell::is;
use crate::name::IfName;

/// An address that a line adds or deletes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) network: IpNet,
    pub(super) interface: Option<IfName>,
    pub(super) label: Option<String>,
    pub(super) is_deleted: bool,
}

/// Returns the words of a command without what changes nothing here.
fn words(text: &str) -> Vec<&str> {
    let words = text.split_whitespace();
    let words = words.take_while(|word| !word.starts_with(['>', '|', '#']) && *word != "&");
    words
        .filter(|word| !matches!(*word, "sudo" | "-4" | "-6" | "2>/dev/null"))
        .map(|word| word.trim_matches(['"', '\'']))
        .collect()
}

impl Added {
    pub(super) fn of(text: &str) -> Option<Self> {
        let added = match *words(text).as_slice() {
            [ip, "addr" | "address" | "a", verb, ref rest @ ..] if is(ip, "ip") => match verb {
                "add" | "a" | "replace" | "change" => Self::by_ip(rest, false),
                "del" | "delete" | "d" => Self::by_ip(rest, true),
                _ => None,
            },
            [program, device, ref rest @ ..] if is(program, "ifconfig") => {
                Self::by_ifconfig(device, rest)
            }
            _ => None,
        };
        added.filter(|added| !added.network.addr().is_loopback())
    }

    /// `ip addr add ADDRESS/PREFIX dev INTERFACE [label LABEL]`, in any order.
    fn by_ip(rest: &[&str], is_deleted: bool) -> Option<Self> {
        let (mut network, mut interface, mut label) = (None, None, None);
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            match *word {
                "dev" => interface = rest.next().and_then(|name| self::interface(name)),
                "label" => label = rest.next().map(|label| (*label).to_owned()),
                "local" => network = rest.next().and_then(|text| self::network(text)),
                "brd" | "broadcast" | "scope" | "peer" | "metric" | "valid_lft"
                | "preferred_lft" => drop(rest.next()),
                word => network = network.or_else(|| self::network(word)),
            }
        }
        Some(Self {
            network: network?,
            interface,
            label,
            is_deleted,
        })
    }

    /// `ifconfig INTERFACE[:N] [add] ADDRESS [netmask MASK] …`; without a mask the class of the address gives it.
    fn by_ifconfig(device: &str, rest: &[&str]) -> Option<Self> {
        let mut words = rest
            .iter()
            .skip_while(|word| matches!(**word, "inet" | "inet6" | "add"));
        let address = words.next()?;
        let mask = after(rest, "netmask").and_then(mask);
        let network = match (address.parse::<Ipv4Addr>(), mask) {
            (Ok(ip), Some(mask)) => Ipv4Net::with_netmask(ip, mask).ok()?.into(),
            (Ok(ip), None) => Ipv4Net::new(ip, class(ip)).ok()?.into(),
            _ => network(address)?,
        };
        Some(Self {
            network,
            interface: interface(device),
            label: device.contains(':').then(|| device.to_owned()),
            is_deleted: false,
        })
    }
}

/// Returns the gateway of a default route that a line adds: `ip route add default via ROUTER [dev INTERFACE]`,
/// `route add default gw ROUTER`.
pub(super) fn gateway(text: &str) -> Option<Gateway> {
    let words = words(text);
    let has = |names: &[&str]| words.iter().any(|word| names.contains(word));
    let key = match *words.as_slice() {
        [
            ip,
            "route" | "r" | "ro",
            "add" | "replace" | "change" | "a",
            ..,
        ] if is(ip, "ip") => "via",
        [route, ref rest @ ..] if is(route, "route") && rest.contains(&"add") => "gw",
        _ => return None,
    };
    let is_default = has(&["default", "0.0.0.0/0", "::/0"])
        || (key == "gw" && after(&words, "-net") == Some("0.0.0.0"));
    // A route of another table, or one of several, is another one.
    if !is_default || has(&["table", "nexthop"]) {
        return None;
    }
    let address = after(&words, key)?.parse().ok()?;
    let device = after(&words, "dev").and_then(interface);
    Some(match device {
        Some(interface) => Gateway::On {
            address,
            interface,
            on_link: has(&["onlink"]),
        },
        None => Gateway::Near(address),
    })
}

/// Returns the interface of a name, which may be a label: `eth0:0`.
fn interface(name: &str) -> Option<IfName> {
    let name = name.split(':').next().unwrap_or(name);
    let is_known = !name.contains(['$', '`', '(', ')']);
    is_known
        .then(|| IfName::new(name.to_owned()).ok())
        .flatten()
}

fn network(text: &str) -> Option<IpNet> {
    let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(alone)
}

fn after<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    let mut words = words.iter().skip_while(|word| **word != key);
    words.nth(1).copied()
}

/// `255.255.255.0` or `0xffffff00`
fn mask(text: &str) -> Option<Ipv4Addr> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok().map(Ipv4Addr::from),
        None => text.parse().ok(),
    }
}

/// The kernel gives an address without a mask that of its class.
const fn class(ip: Ipv4Addr) -> u8 {
    match ip.octets()[0] {
        0..=127 => 8,
        128..=191 => 16,
        192..=223 => 24,
        _ => 32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_added_by_two_programs() {
        let added = |text| {
            let added = Added::of(text).unwrap();
            let interface = added.interface.map(|name| name.to_string());
            let label = added.label.unwrap_or_default();
            format!(
                "{} {} {label}",
                added.network,
                interface.unwrap_or_default()
            )
        };
        for (text, expected) in [
            (
                "/sbin/ifconfig eth0:0 10.0.0.1 broadcast 10.0.0.1 netmask 255.255.255.255 up",
                "10.0.0.1/32 eth0 eth0:0",
            ),
            ("ifconfig eth0 10.0.0.1 up", "10.0.0.1/8 eth0 "),
            ("ifconfig eth0 192.168.0.1", "192.168.0.1/24 eth0 "),
            (
                "ifconfig eth0 172.16.0.1 netmask 0xffffff00",
                "172.16.0.1/24 eth0 ",
            ),
            (
                "ifconfig eth0 inet6 add 2001:db8::1/64",
                "2001:db8::1/64 eth0 ",
            ),
            (
                "sudo ip a add 10.0.0.1/24 dev eth0 label eth0:1",
                "10.0.0.1/24 eth0 eth0:1",
            ),
            (
                "ip addr add dev eth0 10.0.0.1/24 brd + label eth0:1",
                "10.0.0.1/24 eth0 eth0:1",
            ),
            (
                "ip -4 addr add brd 10.0.0.255 local 10.0.0.1/24 dev eth0",
                "10.0.0.1/24 eth0 ",
            ),
            ("ip a a 10.0.0.1/24 dev $IFACE", "10.0.0.1/24  "),
        ] {
            assert_eq!(added(text), expected, "{text}");
        }
        assert_eq!(Added::of("ifconfig eth0 up"), None);
        assert!(
            Added::of("ip addr del 10.0.0.1/24 dev eth0")
                .unwrap()
                .is_deleted
        );
    }

    #[test]
    fn default_routes_have_a_gateway() {
        let found = |text| gateway(text).map(|gateway| gateway.to_string());
        for (text, expected) in [
            (
                "route add default gw 10.0.0.254 netmask 0.0.0.0 metric 1",
                Some("via 10.0.0.254"),
            ),
            (
                "route add -net 0.0.0.0 netmask 0.0.0.0 gw 10.0.0.254",
                Some("via 10.0.0.254"),
            ),
            (
                "ip route replace default via 10.0.0.254 dev eth2",
                Some("via 10.0.0.254 dev eth2"),
            ),
            ("ip route add 10.0.0.0/8 via 10.0.0.254", None),
            ("ip route add default via 10.0.0.254 table 7", None),
            ("route add -host 10.0.0.1 dev eth0:0", None),
        ] {
            assert_eq!(found(text).as_deref(), expected, "{text}");
        }
    }
}
