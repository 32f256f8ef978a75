//! What tunnels require: real servers that decapsulate what the director encapsulates, carry the virtual IP
//! that is inside, and do not answer ARP for it.

use std::net::IpAddr;

use super::addresses;
use super::state::{Desired, DesiredState};
use crate::cluster::model::{Cluster, Gateway, Role, Tunnelled};
use crate::ipvs::{Encapsulation, Family, TunnelChecksum};
use crate::name::IfName;
use crate::net::{GueListener, Tunnel, TunnelKind};
use crate::sysctl::{Conf, RpFilter, SysctlKey};

impl DesiredState {
    /// Lets the node receive what a director sends it through a tunnel.
    pub(super) fn receive_by_tunnel(&mut self, cluster: &Cluster) {
        for tunnelled in cluster.tunnelled(&self.name) {
            self.decapsulate(&tunnelled);
        }
    }

    fn decapsulate(&mut self, tunnelled: &Tunnelled) {
        let device = tunnelled.device();
        let interface = device.name.clone();
        self.link(
            interface.clone(),
            "it decapsulates what the director encapsulates",
        );
        if tunnelled.vip.is_ipv4() {
            self.suppress_arp();
            self.sysctl(
                SysctlKey::rp_filter(&Conf::Interface(interface.clone())),
                // Loose has an effect with any value of `all`, because the kernel takes the greater of both.
                RpFilter::Loose,
                "answers to clients do not leave through the tunnel",
            );
        }
        if let Encapsulation::Gue { port, .. } = tunnelled.encapsulation {
            let family = tunnelled.rip.into();
            self.listener(
                GueListener { port, family },
                "packets arrive encapsulated in UDP",
            );
        }
        self.tunnel(
            device,
            format!("packets arrive encapsulated: {}", tunnelled.encapsulation),
        );
        self.carry_inside(tunnelled.vip, &interface);
    }

    /// Adds the virtual IP that is inside, to the device that decapsulates.
    fn carry_inside(&mut self, vip: IpAddr, device: &IfName) {
        let ids = self.addresses.iter().map(|desired| &desired.value.id);
        let mut carriers = ids.filter(|id| id.network.addr() == vip).peekable();
        if carriers.peek().is_none() {
            return self.virtual_ip(
                vip,
                device,
                None,
                "decapsulated packets have the virtual IP as destination address",
                "the virtual IP is reached through the tunnel device",
            );
        }
        // With direct routing, too, or by another tunnel, it is on another interface already. One without an IPv4
        // address drops, with any rp_filter but 0, all packets whose answers leave elsewhere:
        // https://github.com/torvalds/linux/blob/v6.1/net/ipv4/fib_frontend.c (__fib_validate_source)
        let is_served_elsewhere = self.role == Some(Role::Active);
        if vip.is_ipv4() && !is_served_elsewhere && carriers.all(|id| id.interface != *device) {
            self.addresses.push(Desired::new(
                addresses::virtual_on(device.clone(), vip),
                "without an address the device would drop packets whose answers leave elsewhere",
            ));
        }
    }

    /// Prepares the way of answers, which do not pass the tunnel. What clients send does: they are asked for
    /// segments that leave room for encapsulation, or long requests would hang where ICMP is filtered.
    pub(super) fn answer_beside_the_tunnel(
        &mut self,
        cluster: &Cluster,
        gateway: Option<&Gateway>,
    ) {
        let tunnelled = cluster.tunnelled(&self.name);
        if tunnelled
            .iter()
            .any(|tunnelled| tunnelled.vip.is_ipv4() && tunnelled.rip.is_ipv6())
        {
            self.answer_ipv4_by_ipv6(gateway);
        }
        for family in [Family::Ipv4, Family::Ipv6] {
            if let Some(segment) = cluster.segment(&self.name, family) {
                self.limit_segments(family, segment);
            }
        }
    }

    /// Routes IPv4 answers of a node without an own IPv4 address through its IPv6 gateway, which is not
    /// resolved by ARP: an ARP request would have the virtual IP as source address, with any value of
    /// `arp_announce`, and attract its traffic.
    fn answer_ipv4_by_ipv6(&mut self, gateway: Option<&Gateway>) {
        match gateway {
            Some(gateway) if gateway.is_of(Family::Ipv6) => self.routes.push(Desired::new(
                addresses::default_route_of(Family::Ipv4, gateway),
                "answers are IPv4, and ARP requests must not have a virtual IP as source address",
            )),
            _ => self.notes.push(
                "this node has no IPv4 address: with a route through an IPv4 gateway it would send ARP \
                 requests with the virtual IP as source address; name its IPv6 gateway in the file, and \
                 IPv4 answers take that route"
                    .to_owned(),
            ),
        }
    }

    fn limit_segments(&mut self, family: Family, segment: u32) {
        match self.default_route_of(family) {
            Some(route) => {
                route.value.advmss = Some(segment);
                route.why = format!("{}, with room for the tunnel", route.why).into();
            }
            None => self.notes.push(format!(
                "answers return to clients by {family}, through a route that the file does not name: give \
                 it advmss {segment}, because packets of clients grow in the tunnel"
            )),
        }
    }
}

impl Tunnelled {
    /// Returns the device that decapsulates: the kernel's own where that is possible, otherwise one for
    /// packets to the real IP.
    ///
    /// Packets that arrive in UDP are passed on as if they had arrived without, so that their device is that
    /// of IP in IP.
    fn device(&self) -> Tunnel {
        let families = (Family::from(self.vip), Family::from(self.rip));
        let kind = match (self.encapsulation, families) {
            (Encapsulation::Gre { .. }, (_, Family::Ipv4)) => TunnelKind::Gre,
            (Encapsulation::Gre { .. }, (_, Family::Ipv6)) => TunnelKind::Ip6gre,
            (_, (Family::Ipv4, Family::Ipv4)) => TunnelKind::Ipip,
            (_, (Family::Ipv6, Family::Ipv4)) => TunnelKind::Sit,
            (_, (_, Family::Ipv6)) => TunnelKind::Ip6tnl,
        };
        // ip6tnl0 accepts IPv6 only.
        let standing = kind
            .fallback_device()
            .filter(|_| families != (Family::Ipv4, Family::Ipv6));
        match standing {
            Some(name) => Tunnel::new(name, kind),
            None => Tunnel {
                local: Some(self.rip),
                checksum: self.encapsulation
                    == Encapsulation::Gre {
                        checksum: TunnelChecksum::Full,
                    },
                ..Tunnel::new(kind.device_name(), kind)
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mixture_has_its_device() {
        let gre = Encapsulation::Gre {
            checksum: TunnelChecksum::Full,
        };
        for (vip, rip, encapsulation, device) in [
            ("10.0.0.1", "10.0.0.2", Encapsulation::Ipip, "tunl0"),
            ("::1", "10.0.0.2", Encapsulation::Ipip, "sit0"),
            ("::1", "::2", Encapsulation::Ipip, "ip6tnl0"),
            ("10.0.0.1", "::2", Encapsulation::Ipip, "lvs-ip6tnl"),
            ("10.0.0.1", "10.0.0.2", gre, "lvs-gre"),
            ("::1", "::2", gre, "lvs-ip6gre"),
        ] {
            let tunnelled = Tunnelled {
                vip: vip.parse().unwrap(),
                rip: rip.parse().unwrap(),
                encapsulation,
            };
            let tunnel = tunnelled.device();
            assert_eq!(tunnel.name.as_str(), device);
            assert_eq!(tunnel.local.is_none(), tunnel.is_fallback(), "{device}");
        }
    }
}
