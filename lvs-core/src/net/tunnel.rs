//! Devices that decapsulate what a director has encapsulated.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::ipvs::Family;
use crate::name::IfName;

/// Tells what a tunnel device decapsulates; the text is the kernel's word for such a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TunnelKind {
    /// IPv4 in IPv4.
    Ipip,
    /// IPv6 in IPv4.
    #[doc(alias = "6in4")]
    Sit,
    /// IPv6 or IPv4 in IPv6.
    Ip6tnl,
    /// IPv4 or IPv6 in GRE in IPv4.
    Gre,
    /// IPv4 or IPv6 in GRE in IPv6.
    Ip6gre,
}

impl TunnelKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Ipip, Self::Sit, Self::Ip6tnl, Self::Gre, Self::Ip6gre];

    /// Returns the kernel's word for the kind, as in `ip link add type ipip`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ipip => "ipip",
            Self::Sit => "sit",
            Self::Ip6tnl => "ip6tnl",
            Self::Gre => "gre",
            Self::Ip6gre => "ip6gre",
        }
    }

    /// Returns the name of the kernel module for the kind.
    #[must_use]
    pub const fn module(self) -> &'static str {
        match self {
            Self::Ipip => "ipip",
            Self::Sit => "sit",
            Self::Ip6tnl => "ip6_tunnel",
            Self::Gre => "ip_gre",
            Self::Ip6gre => "ip6_gre",
        }
    }

    /// Returns the fallback device, which the kernel makes in every network namespace when the module is loaded,
    /// and which receives packets from every sender; `None` for GRE, where checksums cannot be configured on
    /// that device. `ip6tnl0` decapsulates IPv6 only.
    #[must_use]
    pub const fn fallback_device(self) -> Option<IfName> {
        match self {
            Self::Ipip => Some(IfName::fixed("tunl0")),
            Self::Sit => Some(IfName::fixed("sit0")),
            Self::Ip6tnl => Some(IfName::fixed("ip6tnl0")),
            Self::Gre | Self::Ip6gre => None,
        }
    }

    /// Returns the name of a device of this kind that lvs-core makes: `lvs-gre`.
    #[must_use]
    pub const fn device_name(self) -> IfName {
        IfName::fixed(match self {
            Self::Ipip => "lvs-ipip",
            Self::Sit => "lvs-sit",
            Self::Ip6tnl => "lvs-ip6tnl",
            Self::Gre => "lvs-gre",
            Self::Ip6gre => "lvs-ip6gre",
        })
    }

    /// Returns the family of the outer packet.
    #[must_use]
    pub const fn outer(self) -> Family {
        match self {
            Self::Ipip | Self::Sit | Self::Gre => Family::Ipv4,
            Self::Ip6tnl | Self::Ip6gre => Family::Ipv6,
        }
    }

    /// Returns the kind with this word of the kernel's.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for TunnelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Describes a device that decapsulates packets from any sender to this host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tunnel {
    /// The interface.
    pub name: IfName,
    /// What it decapsulates.
    pub kind: TunnelKind,
    /// The address of this host to which packets are sent; `None` is any.
    pub local: Option<IpAddr>,
    /// Whether packets must carry a checksum, GRE only. With it the device drops packets without a checksum,
    /// and without it those with one.
    pub checksum: bool,
}

impl Tunnel {
    /// Returns a device for packets to any address, without checksum.
    #[must_use]
    pub const fn new(name: IfName, kind: TunnelKind) -> Self {
        Self {
            name,
            kind,
            local: None,
            checksum: false,
        }
    }

    /// Returns whether this is the kernel's fallback device, which cannot be deleted: `tunl0`.
    #[must_use]
    pub fn is_fallback(&self) -> bool {
        self.kind.fallback_device().as_ref() == Some(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_kernels_and_serdes() {
        for kind in TunnelKind::ALL {
            assert_eq!(TunnelKind::of(kind.as_str()), Some(kind));
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
            assert!(IfName::new(kind.device_name().as_str()).is_ok());
        }
        assert_eq!(TunnelKind::of("vxlan"), None);
    }

    #[test]
    fn the_fallback_device_is_known_by_kind_and_name() {
        let tunl0: IfName = "tunl0".parse().unwrap();
        assert!(Tunnel::new(tunl0.clone(), TunnelKind::Ipip).is_fallback());
        assert!(!Tunnel::new(tunl0, TunnelKind::Gre).is_fallback());
    }
}
