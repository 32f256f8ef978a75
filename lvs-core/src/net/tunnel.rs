//! Devices that unwrap what a director has wrapped.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::ipvs::Family;
use crate::name::IfName;

/// What a tunnel device unwraps; the text is the kernel's word for such a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TunnelKind {
    /// IPv4 in IPv4.
    Ipip,
    /// IPv6 in IPv4.
    #[doc(alias = "6in4")]
    Sit,
    /// IPv6 or IPv4 in IPv6.
    Ip6tnl,
    /// Either in GRE in IPv4.
    Gre,
    /// Either in GRE in IPv6.
    Ip6gre,
}

impl TunnelKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ipip, Self::Sit, Self::Ip6tnl, Self::Gre, Self::Ip6gre];

    /// The kernel's word for it, as in `ip link add type ipip`.
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

    /// The kernel module that has it.
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

    /// The device that appears in every network namespace when the module is loaded, and that takes
    /// packets from everybody; `None` for GRE, where that device could not be told of checksums.
    /// `ip6tnl0` takes IPv6 only.
    #[must_use]
    pub const fn standing(self) -> Option<IfName> {
        match self {
            Self::Ipip => Some(IfName::fixed("tunl0")),
            Self::Sit => Some(IfName::fixed("sit0")),
            Self::Ip6tnl => Some(IfName::fixed("ip6tnl0")),
            Self::Gre | Self::Ip6gre => None,
        }
    }

    /// The name of a device of this kind that is made by lvs-core: `lvs-gre`.
    #[must_use]
    pub const fn made(self) -> IfName {
        IfName::fixed(match self {
            Self::Ipip => "lvs-ipip",
            Self::Sit => "lvs-sit",
            Self::Ip6tnl => "lvs-ip6tnl",
            Self::Gre => "lvs-gre",
            Self::Ip6gre => "lvs-ip6gre",
        })
    }

    /// The family of the outer packet.
    #[must_use]
    pub const fn outer(self) -> Family {
        match self {
            Self::Ipip | Self::Sit | Self::Gre => Family::Ipv4,
            Self::Ip6tnl | Self::Ip6gre => Family::Ipv6,
        }
    }

    /// By the kernel's word for it.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for TunnelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A device that unwraps packets from whoever sends them to this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tunnel {
    /// The interface.
    pub name: IfName,
    /// What it unwraps.
    pub kind: TunnelKind,
    /// The address of this machine to which packets come; `None` is any.
    pub local: Option<IpAddr>,
    /// GRE only: whether packets must carry a checksum. One that has it drops packets without, and one
    /// that has it not drops packets with it.
    pub checksum: bool,
}

impl Tunnel {
    /// A device for packets to any address, without checksum.
    #[must_use]
    pub const fn new(name: IfName, kind: TunnelKind) -> Self {
        Self {
            name,
            kind,
            local: None,
            checksum: false,
        }
    }

    /// Whether it is the one that the kernel makes by itself and that cannot be deleted: `tunl0`.
    #[must_use]
    pub fn is_standing(&self) -> bool {
        self.kind.standing().as_ref() == Some(&self.name)
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
            assert!(IfName::new(kind.made().as_str()).is_ok());
        }
        assert_eq!(TunnelKind::of("vxlan"), None);
    }

    #[test]
    fn the_kernels_own_device_is_known_by_kind_and_name() {
        let tunl0: IfName = "tunl0".parse().unwrap();
        assert!(Tunnel::new(tunl0.clone(), TunnelKind::Ipip).is_standing());
        assert!(!Tunnel::new(tunl0, TunnelKind::Gre).is_standing());
    }
}
