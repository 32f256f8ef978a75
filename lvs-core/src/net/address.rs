//! IP addresses on interfaces.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

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

/// Describes an IP address on an interface, whole: what the kernel reports of it and takes when it is added
/// again.
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
    /// The address at the other end of a point-to-point link, in whose network the prefix length is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// The seconds until the kernel deletes it; `None` is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<u32>,
    /// The seconds until it is deprecated, which means no longer chosen as a source address; `None` is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred: Option<u32>,
    /// The metric of the route to its network that the kernel adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// The other flags that were set when it was added (`IFA_F_*`): [`NO_PREFIX_ROUTE`](Self::NO_PREFIX_ROUTE),
    /// `home`, `mngtmpaddr`, `autojoin`, `optimistic`; and [`TEMPORARY`](Self::TEMPORARY).
    #[serde(default, skip_serializing_if = "is_none_set")]
    pub flags: u32,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_none_set(flags: &u32) -> bool {
    *flags == 0
}

impl Address {
    /// The protocol number that marks the addresses and routes of lvs-core.
    pub const PROTOCOL: u8 = 76;
    /// The flag of an address whose network the kernel adds no route to (`IFA_F_NOPREFIXROUTE`).
    pub const NO_PREFIX_ROUTE: u32 = 0x200;
    /// The flag of an IPv6 address that the kernel made for privacy and replaces by itself (`IFA_F_TEMPORARY`).
    pub const TEMPORARY: u32 = 0x01;

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
            peer: None,
            valid: None,
            preferred: None,
            metric: None,
            flags: 0,
        }
    }

    /// Returns the network that it makes reachable on its link, which is that of the peer where it has one.
    #[must_use]
    pub fn subnet(&self) -> IpNet {
        let network = self.id.network;
        self.peer
            .and_then(|peer| IpNet::new(peer, network.prefix_len()).ok())
            .unwrap_or(network)
            .trunc()
    }

    /// Returns whether the kernel added a route to its network.
    #[must_use]
    pub const fn has_prefix_route(&self) -> bool {
        self.flags & Self::NO_PREFIX_ROUTE == 0
    }

    /// Returns whether it is an IPv6 address that the kernel chooses as a source only where there is no other.
    #[must_use]
    pub fn is_deprecated(&self) -> bool {
        self.id.network.addr().is_ipv6() && self.preferred == Some(0)
    }

    /// Returns whether adding it again makes the same address: netlink cannot make one for privacy.
    #[must_use]
    pub fn can_be_restored(&self) -> bool {
        self.id.network.addr().is_ipv4() || self.flags & Self::TEMPORARY == 0
    }

    /// Returns the address without the times that are left to it: two readings of one address agree in this.
    #[must_use]
    pub fn timeless(mut self) -> Self {
        self.valid = self.valid.map(|_| 0);
        self.preferred = self.preferred.map(|_| 0);
        self
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
