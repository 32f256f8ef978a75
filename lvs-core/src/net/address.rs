//! IP addresses on interfaces.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::name::IfName;

/// What makes two addresses the same one: interface, address and prefix length.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AddressId {
    /// The interface that carries it.
    pub interface: IfName,
    /// The address with its prefix length: `192.168.1.11/24`, host bits kept.
    pub network: IpNet,
}

impl fmt::Display for AddressId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.network, self.interface)
    }
}

/// How far an address is valid, the kernel's `rt_scope`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Scope(pub u8);

impl Scope {
    /// Everywhere.
    pub const GLOBAL: Self = Self(0);
    /// On this link.
    pub const LINK: Self = Self(253);
    /// In this host.
    pub const HOST: Self = Self(254);
}

/// An IP address on an interface.
///
/// Label and broadcast can only be given when the address is added: the kernel cannot change them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// Interface, address and prefix length.
    pub id: AddressId,
    /// IPv4 only: the interface's name, a colon and more (`eth0:1`), 15 bytes at most. The plain
    /// interface's name is the kernel's default and is read as `None`.
    pub label: Option<String>,
    /// IPv4 only; none unless given.
    pub broadcast: Option<Ipv4Addr>,
    /// How far it is valid. For IPv6 the kernel derives it from the address itself.
    pub scope: Scope,
    /// Who added it (`IFA_PROTO`, from kernel 5.18); ours is [`Address::PROTOCOL`]. 0 is nobody in particular.
    pub protocol: u8,
    /// IPv6 only: added without duplicate address detection.
    pub no_dad: bool,
}

impl Address {
    /// The number by which addresses and routes of ours are told from others.
    pub const PROTOCOL: u8 = 76;

    /// An address of global scope without label or broadcast.
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
}
