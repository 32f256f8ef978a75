//! Packets that reach a node through a tunnel, what encapsulation adds to them, and the largest TCP segment
//! (MSS) that still fits.

use std::net::IpAddr;

use super::cluster::Cluster;
use super::name::NodeName;
use crate::ipvs::{Encapsulation, Family, Forwarding, TunnelChecksum};

/// The TCP header without options, in bytes; the MSS does not count it.
const TCP_HEADER: u32 = 20;

/// Describes packets to a virtual IP that arrive encapsulated at a real IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cluster) struct Tunnelled {
    pub(in crate::cluster) vip: IpAddr,
    pub(in crate::cluster) rip: IpAddr,
    pub(in crate::cluster) encapsulation: Encapsulation,
}

impl Tunnelled {
    /// Returns the number of bytes that encapsulation adds to a packet.
    const fn overhead(&self) -> u32 {
        let between = match self.encapsulation {
            // UDP (8) and GUE (4), and for remote checksums GUE's private flags and option (8).
            Encapsulation::Gue { checksum, .. } => match checksum {
                TunnelChecksum::Remote => 20,
                TunnelChecksum::None | TunnelChecksum::Full => 12,
            },
            Encapsulation::Gre { checksum } => match checksum {
                TunnelChecksum::Full => 8,
                TunnelChecksum::None | TunnelChecksum::Remote => 4,
            },
            Encapsulation::Ipip | Encapsulation::Other { .. } => 0,
        };
        let outer = match self.rip {
            IpAddr::V4(_) => Family::Ipv4,
            IpAddr::V6(_) => Family::Ipv6,
        };
        ip_header(outer) + between
    }
}

/// Returns the length of an IP header without options, in bytes.
const fn ip_header(family: Family) -> u32 {
    match family {
        Family::Ipv4 => 20,
        Family::Ipv6 => 40,
    }
}

impl Cluster {
    /// The largest packet of Ethernet, in bytes, and the largest that clients are assumed to send.
    ///
    /// A path that takes less is found by path MTU discovery as usual; one that takes more loses next to
    /// nothing by a smaller segment.
    pub(crate) const ETHERNET_MTU: u32 = 1500;

    /// Returns the packets that reach a node through a tunnel, each kind once in the order of the file.
    pub(in crate::cluster) fn tunnelled(&self, name: &NodeName) -> Vec<Tunnelled> {
        let mut all = Vec::new();
        for (service, destination) in self.served_by(name) {
            let Forwarding::Tunnel(encapsulation) = destination.forwarding else {
                continue;
            };
            let Some(rip) = self.real_ip(service, destination) else {
                continue;
            };
            for vip in service.vips() {
                let tunnelled = Tunnelled {
                    vip,
                    rip,
                    encapsulation,
                };
                if !all.contains(&tunnelled) {
                    all.push(tunnelled);
                }
            }
        }
        all
    }

    /// Returns the number of bytes that encapsulation adds at most to packets of a family on their way to a
    /// node; `None` where no tunnel leads there.
    pub(crate) fn tunnel_overhead(&self, name: &NodeName, family: Family) -> Option<u32> {
        self.tunnelled(name)
            .iter()
            .filter(|tunnelled| Family::from(tunnelled.vip) == family)
            .map(Tunnelled::overhead)
            .max()
    }

    /// Returns the largest TCP segment (MSS, `advmss` of a route) that clients of a family may send to a node
    /// so that it fits into a packet of [`ETHERNET_MTU`](Self::ETHERNET_MTU) when encapsulated; `None` where
    /// no tunnel leads there.
    pub(crate) fn segment(&self, name: &NodeName, family: Family) -> Option<u32> {
        let overhead = self.tunnel_overhead(name, family)?;
        Some(segment(family, overhead))
    }
}

const fn segment(family: Family, overhead: u32) -> u32 {
    Cluster::ETHERNET_MTU - overhead - ip_header(family) - TCP_HEADER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encapsulation_has_its_overhead_and_segment() {
        let gue = |checksum| Encapsulation::Gue {
            port: 5555.try_into().unwrap(),
            checksum,
        };
        let gre = |checksum| Encapsulation::Gre { checksum };
        for (vip, rip, encapsulation, overhead, expected) in [
            ("10.0.0.1", "10.0.0.2", Encapsulation::Ipip, 20, 1440),
            ("::1", "10.0.0.2", Encapsulation::Ipip, 20, 1420),
            ("::1", "::2", Encapsulation::Ipip, 40, 1400),
            ("10.0.0.1", "::2", Encapsulation::Ipip, 40, 1420),
            ("10.0.0.1", "10.0.0.2", gre(TunnelChecksum::None), 24, 1436),
            ("10.0.0.1", "10.0.0.2", gre(TunnelChecksum::Full), 28, 1432),
            ("::1", "::2", gre(TunnelChecksum::Full), 48, 1392),
            ("10.0.0.1", "10.0.0.2", gue(TunnelChecksum::Full), 32, 1428),
            (
                "10.0.0.1",
                "10.0.0.2",
                gue(TunnelChecksum::Remote),
                40,
                1420,
            ),
        ] {
            let tunnelled = Tunnelled {
                vip: vip.parse().unwrap(),
                rip: rip.parse().unwrap(),
                encapsulation,
            };
            let found = tunnelled.overhead();
            assert_eq!(found, overhead, "{encapsulation} to {rip}");
            assert_eq!(segment(tunnelled.vip.into(), found), expected);
        }
    }
}
