//! What masquerading demands: answers come back through the director, which must route them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::DesiredState;
use crate::cluster::{Cluster, Director, NodeName, RealServer, VirtualService};
use crate::ipvs::{Family, Forwarding, ServiceFlags};
use crate::name::IfName;
use crate::sysctl::{Conf, SysctlKey};

pub(super) fn director(state: &mut DesiredState, cluster: &Cluster, director: &Director) {
    let families = families(cluster);
    unanswered(state, cluster);
    let forward = director
        .ip_forward
        .or_else(|| families.contains(&Family::Ipv4).then_some(true));
    if let Some(forward) = forward {
        let why = if families.is_empty() {
            "named in the file"
        } else {
            "answers never leave without it"
        };
        state.sysctl(SysctlKey::IP_FORWARD, u8::from(forward), why);
    }
    if families.contains(&Family::Ipv4) {
        for interface in facing_real_servers(cluster, director) {
            let key = SysctlKey::forwarding(&Conf::Interface(interface));
            state.sysctl(key, 1, "answers of real servers arrive here");
        }
    }
    if families.contains(&Family::Ipv6) {
        state.sysctl(
            SysctlKey::IPV6_FORWARDING,
            1,
            "answers never leave without it",
        );
        if !director.gateway.is_some_and(|gateway| gateway.is_ipv6()) {
            state.notes.push(ADVERTISEMENTS.to_owned());
        }
    }
}

/// A connection that is over with its first packet is not there any more for the answer.
fn unanswered(state: &mut DesiredState, cluster: &Cluster) {
    let one_packet = cluster.services().iter().filter(|service| {
        let flags = service.service.flags;
        flags.contains(ServiceFlags::ONE_PACKET) && is_masqueraded(service)
    });
    let notes = one_packet.map(|service| {
        format!(
            "{} is one-packet and nat: answers leave with the real server's address, so clients that \
             await one need dr or tunnel",
            service.service.id
        )
    });
    state.notes.extend(notes);
}

fn is_masqueraded(service: &VirtualService) -> bool {
    let mut destinations = service.destinations.iter();
    destinations.any(|destination| destination.forwarding == Forwarding::Masquerade)
}

/// `accept_ra` 1, the kernel's default, means: only while the machine does not route.
const ADVERTISEMENTS: &str = "a machine that routes IPv6 takes no router advertisements any more: \
    if its IPv6 default route comes from them, set accept_ra of that interface to 2, or name the \
    gateway in the file";

/// The families in which anything is masqueraded.
fn families(cluster: &Cluster) -> BTreeSet<Family> {
    let masqueraded = cluster
        .services()
        .iter()
        .filter(|service| is_masqueraded(service));
    masqueraded
        .map(|service| service.service.id.family())
        .collect()
}

/// The director's interfaces on a network of a real server that is masqueraded.
fn facing_real_servers(cluster: &Cluster, director: &Director) -> BTreeSet<IfName> {
    let rips: Vec<IpAddr> = cluster
        .real_servers()
        .iter()
        .filter(|server| cluster.masqueraded(&server.name).contains(&Family::Ipv4))
        .filter_map(|server| server.real_ip(Family::Ipv4))
        .collect();
    let faces = |network: &ipnet::IpNet| rips.iter().any(|rip| network.contains(rip));
    let addresses = director.addresses.iter();
    addresses
        .filter(|address| faces(&address.id.network))
        .map(|address| address.id.interface.clone())
        .collect()
}

/// The default gateway of a masqueraded real server is the director, unless the file names another.
pub(super) fn real_server(state: &mut DesiredState, cluster: &Cluster, server: &RealServer) {
    for family in cluster.masqueraded(&server.name) {
        if state.has_default_route(family) {
            continue;
        }
        match cluster.gateways(server, family).as_slice() {
            [gateway] => {
                state.default_route(*gateway, "answers must go back through the director");
            }
            several => state.notes.push(format!(
                "the default route stays as it is: the director has {} on a network of {}; \
                 answers must go back through the director, so name the gateway in the file",
                match several.len() {
                    0 => format!("no {family} address"),
                    count => format!("{count} {family} addresses"),
                },
                server.name
            )),
        }
    }
}

impl Cluster {
    /// The families in which a machine is masqueraded.
    pub(crate) fn masqueraded(&self, name: &NodeName) -> BTreeSet<Family> {
        self.served_by(name)
            .filter(|(_, destination)| destination.forwarding == Forwarding::Masquerade)
            .map(|(service, _)| service.service.id.family())
            .collect()
    }

    /// What may be a masqueraded real server's gateway: the director's own (not virtual) addresses on its
    /// networks; of two directors those that move with the active one.
    pub(crate) fn gateways(&self, server: &RealServer, family: Family) -> Vec<IpAddr> {
        let networks = || server.addresses.iter().map(|address| &address.id.network);
        let vips = self.virtual_ips();
        let addresses = self.directors().iter().flat_map(|director| {
            let addresses = director.addresses.iter();
            addresses.filter(|address| !self.is_paired() || director.is_floating(address))
        });
        let ips: BTreeSet<IpAddr> = addresses
            .map(|address| address.id.network.addr())
            .filter(|ip| !vips.contains(ip) && Family::from(*ip) == family)
            .filter(|ip| networks().any(|network| network.contains(ip)))
            .collect();
        ips.into_iter().collect()
    }
}
