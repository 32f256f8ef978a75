//! IP addresses on interfaces.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::name::IfName;

/// Identifies an address: the interface, the address and the prefix length.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AddressId {
    /// The interface that carries it.
    pub interface: IfName,
    /// The address with its prefix length, host bits kept: `192.168.1.11/24`.
    pub network: IpNet,
}

impl fmt::Display for AddressId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.network, self.interface)
    }
}

/// Tells how far an address or a route is valid, as the kernel's `rt_scope`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Scope(pub u8);

impl Scope {
    /// Valid everywhere.
    pub const GLOBAL: Self = Self(0);
    /// Valid on this link.
    pub const LINK: Self = Self(253);
    /// Valid in this host.
    pub const HOST: Self = Self(254);
}

/// Describes an IP address on an interface.
///
/// Label and broadcast can only be given when the address is added: the kernel cannot change them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// Interface, address and prefix length.
    pub id: AddressId,
    /// The label, IPv4 only: the interface's name, a colon and more (`eth0:1`), 15 bytes at most. The plain
    /// interface's name is the kernel's default and is read as `None`.
    pub label: Option<String>,
    /// The broadcast address, IPv4 only; none unless given.
    pub broadcast: Option<Ipv4Addr>,
    /// How far the address is valid. For IPv6 the kernel derives it from the address itself.
    pub scope: Scope,
    /// What added it (`IFA_PROTO`, from kernel 5.18): [`Address::PROTOCOL`] for lvs-core, 0 where it is not
    /// known.
    pub protocol: u8,
    /// Whether it was added without duplicate address detection, IPv6 only.
    pub no_dad: bool,
}

impl Address {
    /// The protocol number that marks the addresses and routes of lvs-core.
    pub const PROTOCOL: u8 = 76;

    /// Returns an address of global scope without label or broadcast.
    #[must_use]
    pub const fn new(interface: IfName, network: IpNet) -> Self {
        Self {
            id: AddressId { interface, network },
            label: None,
            broadcast: None,
            scope: Scope::GLOBAL,
            protocol: 0,
            no_dad: false,
        }
    }

    /// Returns why no kernel would accept this address, before anything is sent.
    pub(super) fn problem(&self) -> Option<String> {
        let is_ipv6 = self.id.network.addr().is_ipv6();
        if is_ipv6 && (self.label.is_some() || self.broadcast.is_some()) {
            return Some("IPv6 addresses have neither label nor broadcast".to_owned());
        }
        let label = self.label.as_ref()?;
        let most = IfName::MAX_LENGTH;
        let fits = (1..=most).contains(&label.len());
        let printable = label.chars().all(|c| c.is_ascii_graphic());
        (!fits || !printable).then(|| {
            format!("the label {label:?} is not 1 to {most} printable characters, like eth0:1")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_no_kernel_takes_are_refused() {
        let mut address = Address::new(IfName::LO, "172.16.5.11/32".parse().unwrap());
        for bad in ["", "sixteen-chars-xx", "lo 0", "lo:\0"] {
            address.label = Some(bad.to_owned());
            assert!(address.problem().is_some(), "{bad:?}");
        }
        address.label = Some("lo:0".to_owned());
        assert_eq!(address.problem(), None);
        address.id.network = "2001:db8::1/128".parse().unwrap();
        assert!(address.problem().unwrap().contains("IPv6"));
    }
}
