//! What tunnelling demands: real servers that unwrap what the director has wrapped, carry the virtual
//! IP that is inside, and keep quiet about it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Desired, DesiredState, addresses, dr};
use crate::cluster::{Cluster, NodeName};
use crate::ipvs::{Encapsulation, Family, Forwarding, TunnelChecksum};
use crate::name::IfName;
use crate::net::{Listener, Tunnel, TunnelKind};
use crate::sysctl::{Conf, RpFilter, SysctlKey};

/// The largest packet of an Ethernet. A path that takes less is found out as ever; one that takes more
/// loses next to nothing.
const ETHERNET: u32 = 1500;
/// The TCP header without options, which the largest segment does not count.
const TCP_HEADER: u32 = 20;

/// A virtual IP whose packets come wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wrapped {
    vip: IpAddr,
    rip: IpAddr,
    encapsulation: Encapsulation,
}

pub(super) fn real_server(state: &mut DesiredState, cluster: &Cluster, name: &NodeName) {
    let mut seen = BTreeSet::new();
    for wrapped in wrapped(cluster, name) {
        if seen.insert(wrapped) {
            unwrap(state, &wrapped);
        }
    }
}

/// In the order of the file.
fn wrapped<'a>(
    cluster: &'a Cluster,
    name: &'a NodeName,
) -> impl Iterator<Item = Wrapped> + use<'a> {
    cluster
        .served_by(name)
        .filter_map(|(service, destination)| {
            let Forwarding::Tunnel(encapsulation) = destination.forwarding else {
                return None;
            };
            let rip = cluster.real_ip(service, destination)?;
            let vips = service.vips().into_iter();
            Some(vips.map(move |vip| Wrapped {
                vip,
                rip,
                encapsulation,
            }))
        })
        .flatten()
}

fn unwrap(state: &mut DesiredState, wrapped: &Wrapped) {
    let device = device(wrapped);
    let interface = device.name.clone();
    state.link(
        interface.clone(),
        "what the director wraps is unwrapped there",
    );
    if wrapped.vip.is_ipv4() {
        dr::keep_quiet(state);
        state.sysctl(
            SysctlKey::rp_filter(&Conf::Interface(interface.clone())),
            // Loose is right whatever `all` says, for the kernel takes the greater of both.
            RpFilter::Loose,
            "the way back to clients is another than by the tunnel",
        );
    }
    if let Encapsulation::Gue { port, .. } = wrapped.encapsulation {
        let family = wrapped.rip.into();
        state.listener(Listener { port, family }, "packets come wrapped in UDP");
    }
    state.tunnel(
        device,
        format!("packets come wrapped: {}", wrapped.encapsulation),
    );
    carry(state, wrapped.vip, interface);
}

/// One address is enough, wherever it is: with direct routing besides it stands on lo already.
fn carry(state: &mut DesiredState, vip: IpAddr, interface: IfName) {
    let mut carried = state.addresses.iter();
    if carried.any(|wanted| wanted.value.id.network.addr() == vip) {
        return;
    }
    state.addresses.push(Desired::new(
        addresses::virtual_on(interface.clone(), vip),
        "packets have the virtual IP as their destination when they are unwrapped",
    ));
    state.routes.push(Desired::new(
        addresses::host_route(vip, interface),
        "the virtual IP is reached by the tunnel device",
    ));
}

/// The device that unwraps: the kernel's own where it does, otherwise one for packets to the real IP.
///
/// What came in UDP is handed on as if it had come without, so that the device is that of IP in IP.
fn device(wrapped: &Wrapped) -> Tunnel {
    let families = (Family::from(wrapped.vip), Family::from(wrapped.rip));
    let kind = match (wrapped.encapsulation, families) {
        (Encapsulation::Gre { .. }, (_, Family::Ipv4)) => TunnelKind::Gre,
        (Encapsulation::Gre { .. }, (_, Family::Ipv6)) => TunnelKind::Ip6gre,
        (_, (Family::Ipv4, Family::Ipv4)) => TunnelKind::Ipip,
        (_, (Family::Ipv6, Family::Ipv4)) => TunnelKind::Sit,
        (_, (_, Family::Ipv6)) => TunnelKind::Ip6tnl,
    };
    // ip6tnl0 takes IPv6 only.
    let standing = kind
        .standing()
        .filter(|_| families != (Family::Ipv4, Family::Ipv6));
    match standing {
        Some(name) => Tunnel::new(name, kind),
        None => Tunnel {
            local: Some(wrapped.rip),
            checksum: has_gre_checksum(wrapped.encapsulation),
            ..Tunnel::new(kind.made(), kind)
        },
    }
}

const fn has_gre_checksum(encapsulation: Encapsulation) -> bool {
    matches!(
        encapsulation,
        Encapsulation::Gre {
            checksum: TunnelChecksum::Full
        }
    )
}

/// Answers go the ordinary way, but what clients send is wrapped: they are asked for segments that
/// leave room for that, or long requests would hang where ICMP is filtered.
pub(super) fn replies(
    state: &mut DesiredState,
    cluster: &Cluster,
    name: &NodeName,
    gateway: Option<IpAddr>,
) {
    if wrapped(cluster, name).any(|it| it.vip.is_ipv4() && it.rip.is_ipv6()) {
        ipv4_by_ipv6(state, gateway);
    }
    for family in [Family::Ipv4, Family::Ipv6] {
        if let Some(segment) = cluster.segment(name, family) {
            ask_for_less(state, family, segment);
        }
    }
}

impl Cluster {
    /// The largest TCP segment that clients of a family may send to a machine that serves, so that it still fits
    /// into a packet of 1500 bytes when it is wrapped; `None` where nothing is.
    pub(crate) fn segment(&self, name: &NodeName, family: Family) -> Option<u32> {
        let wrapped = wrapped(self, name).filter(|it| Family::from(it.vip) == family);
        wrapped.map(|wrapped| segment(&wrapped)).min()
    }
}

/// A machine without an IPv4 address of its own would ask by ARP in the virtual IP's name, whatever
/// `arp_announce` says, and so draw its traffic. A gateway of the other family is not asked for by ARP.
fn ipv4_by_ipv6(state: &mut DesiredState, gateway: Option<IpAddr>) {
    match gateway {
        Some(gateway) if gateway.is_ipv6() => state.routes.push(Desired::new(
            addresses::default_route_of(Family::Ipv4, gateway),
            "answers are IPv4, and no ARP may be sent in the virtual IP's name",
        )),
        _ => state.notes.push(
            "this machine has no IPv4 address: with a route by an IPv4 gateway it would ask by ARP in \
             the virtual IP's name; name its IPv6 gateway in the file, and IPv4 answers go that way"
                .to_owned(),
        ),
    }
}

fn ask_for_less(state: &mut DesiredState, family: Family, segment: u32) {
    let mut routes = state.routes.iter_mut();
    let default = routes.find(|route| {
        let id = &route.value.id;
        id.is_default() && Family::from(id.destination.addr()) == family
    });
    match default {
        Some(route) => {
            route.value.advmss = Some(segment);
            route.why = format!("{}, with room for the tunnel", route.why);
        }
        None => state.notes.push(format!(
            "answers go back to clients by {family}, by a route that the file does not name: give it \
             advmss {segment}, for what clients send grows in the tunnel"
        )),
    }
}

/// The largest TCP segment that still fits when it is wrapped.
fn segment(wrapped: &Wrapped) -> u32 {
    let inside = ip_header(wrapped.vip.into()) + TCP_HEADER;
    ETHERNET - ip_header(wrapped.rip.into()) - around(wrapped.encapsulation) - inside
}

const fn ip_header(family: Family) -> u32 {
    match family {
        Family::Ipv4 => 20,
        Family::Ipv6 => 40,
    }
}

/// What is between the outer and the inner IP header.
const fn around(encapsulation: Encapsulation) -> u32 {
    match encapsulation {
        // UDP and GUE, and GUE's private flags and option.
        Encapsulation::Gue { checksum, .. } => match checksum {
            TunnelChecksum::Remote => 20,
            TunnelChecksum::None | TunnelChecksum::Full => 12,
        },
        Encapsulation::Gre { checksum } => match checksum {
            TunnelChecksum::Full => 8,
            TunnelChecksum::None | TunnelChecksum::Remote => 4,
        },
        Encapsulation::Ipip | Encapsulation::Other { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(vip: &str, rip: &str, encapsulation: Encapsulation) -> Wrapped {
        Wrapped {
            vip: vip.parse().unwrap(),
            rip: rip.parse().unwrap(),
            encapsulation,
        }
    }

    const GRE: Encapsulation = Encapsulation::Gre {
        checksum: TunnelChecksum::Full,
    };

    #[test]
    fn every_mixture_has_its_device_and_segment() {
        for (vip, rip, encapsulation, device, segment) in [
            ("10.0.0.1", "10.0.0.2", Encapsulation::Ipip, "tunl0", 1440),
            ("::1", "10.0.0.2", Encapsulation::Ipip, "sit0", 1420),
            ("::1", "::2", Encapsulation::Ipip, "ip6tnl0", 1400),
            ("10.0.0.1", "::2", Encapsulation::Ipip, "lvs-ip6tnl", 1420),
            ("10.0.0.1", "10.0.0.2", GRE, "lvs-gre", 1432),
            ("::1", "::2", GRE, "lvs-ip6gre", 1392),
        ] {
            let wrapped = wrapped(vip, rip, encapsulation);
            let tunnel = self::device(&wrapped);
            assert_eq!(tunnel.name.as_str(), device);
            assert_eq!(tunnel.local.is_none(), tunnel.is_standing(), "{device}");
            assert_eq!(self::segment(&wrapped), segment, "{device}");
        }
    }
}
