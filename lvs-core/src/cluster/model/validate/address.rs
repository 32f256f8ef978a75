//! A single address of a node.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::cluster::model::error::{DocumentError, DocumentErrorKind};
use crate::name::IfName;
use crate::net::Address;

pub(super) fn check(address: &Address) -> Result<(), DocumentError> {
    host(&address.id.network)?;
    match (address.id.network, &address.label, address.broadcast) {
        (IpNet::V4(network), label, broadcast) => {
            label
                .iter()
                .try_for_each(|label| self::label(label, &address.id.interface))?;
            broadcast
                .iter()
                .try_for_each(|broadcast| self::broadcast(*broadcast, network))
        }
        (IpNet::V6(_), Some(_), _) => Err(ipv4_only("label")),
        (IpNet::V6(_), _, Some(_)) => Err(ipv4_only("broadcast")),
        (IpNet::V6(_), None, None) => Ok(()),
    }
}

fn ipv4_only(key: &str) -> DocumentError {
    let problem = format!("an IPv6 address has no {key}");
    DocumentError::new(DocumentErrorKind::Conflict, key, problem).with_hint("leave it out")
}

/// Refuses what is not the address of a single node.
fn host(network: &IpNet) -> Result<(), DocumentError> {
    let address = network.addr();
    let problem = if network.prefix_len() == 0 {
        "has prefix length 0, which covers every address"
    } else if address.is_unspecified()
        || address.is_multicast()
        || address == IpAddr::V4(Ipv4Addr::BROADCAST)
    {
        "is not the address of a node"
    } else if is_network_itself(network) {
        "is the address of its network itself"
    } else if is_broadcast(network) {
        "is the broadcast address of its network"
    } else {
        return Ok(());
    };
    Err(DocumentError::new(
        DocumentErrorKind::InvalidValue,
        "address",
        format!("{network} {problem}"),
    ))
}

fn is_network_itself(network: &IpNet) -> bool {
    matches!(network, IpNet::V4(v4) if v4.prefix_len() <= 30 && v4.addr() == v4.network())
}

fn is_broadcast(network: &IpNet) -> bool {
    matches!(network, IpNet::V4(v4) if v4.prefix_len() <= 30 && v4.addr() == v4.broadcast())
}

/// Refuses labels other than the interface's name and a suffix: the kernel accepts any label, `ip` and
/// `ifconfig` only these.
fn label(label: &str, interface: &IfName) -> Result<(), DocumentError> {
    let suffix = label.strip_prefix(interface.as_str());
    let fits = match suffix.map(|suffix| suffix.strip_prefix(':').unwrap_or(suffix)) {
        Some("") => !label.ends_with(':'),
        Some(rest) => suffix != Some(rest) && rest.chars().all(|c| c.is_ascii_alphanumeric()),
        None => false,
    };
    if fits && label.len() <= IfName::MAX_LENGTH {
        return Ok(());
    }
    Err(DocumentError::new(
        DocumentErrorKind::InvalidValue,
        "label",
        format!("{label:?} is not a label of {interface}"),
    )
    .with_hint(format!(
        "a label is \"{interface}\" or \"{interface}:1\", at most {} characters",
        IfName::MAX_LENGTH
    )))
}

fn broadcast(broadcast: Ipv4Addr, network: Ipv4Net) -> Result<(), DocumentError> {
    if broadcast == network.addr()
        || network.contains(&broadcast)
        || broadcast == Ipv4Addr::BROADCAST
    {
        return Ok(());
    }
    Err(DocumentError::new(
        DocumentErrorKind::Conflict,
        "broadcast",
        format!("{broadcast} is not in the network of {network}"),
    )
    .with_hint(format!(
        "leave it out: the default is {}",
        network.broadcast()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(network: &str) -> Address {
        Address::new("eth0".parse().unwrap(), network.parse().unwrap())
    }

    #[test]
    fn addresses_of_nodes_are_accepted() {
        for good in [
            "172.16.5.11/16",
            "172.16.5.11/32",
            "10.0.0.0/31",
            "2001:db8::1/64",
        ] {
            assert_eq!(check(&address(good)), Ok(()), "{good}");
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for bad in [
            "10.0.0.0/24",
            "10.0.0.255/24",
            "10.0.0.1/0",
            "0.0.0.0/8",
            "224.0.0.1/32",
            "::/128",
        ] {
            let error = check(&address(bad)).unwrap_err();
            assert_eq!(error.path(), "address", "{bad}");
        }
    }

    #[test]
    fn labels_belong_to_their_interface() {
        let labelled = |label: &str| {
            check(&Address {
                label: Some(label.to_owned()),
                ..address("10.0.0.1/24")
            })
        };
        assert!(labelled("eth0").is_ok());
        assert!(labelled("eth0:1").is_ok());
        assert!(labelled("eth0:web").is_ok());
        for bad in [
            "",
            "eth0:",
            "eth1:1",
            "eth00",
            "eth0:a b",
            "eth0:12345678901",
        ] {
            assert_eq!(labelled(bad).unwrap_err().path(), "label", "{bad}");
        }
    }

    #[test]
    fn broadcasts_belong_to_their_network() {
        let sent = |text: &str, network| {
            check(&Address {
                broadcast: Some(text.parse().unwrap()),
                ..address(network)
            })
        };
        assert!(sent("10.0.0.255", "10.0.0.1/24").is_ok());
        assert!(sent("10.0.0.1", "10.0.0.1/32").is_ok());
        assert_eq!(
            sent("10.0.1.255", "10.0.0.1/24").unwrap_err().path(),
            "broadcast"
        );
    }
}
