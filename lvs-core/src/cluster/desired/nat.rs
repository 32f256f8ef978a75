//! What masquerading requires: answers that return through the director, which must forward them.

use std::collections::BTreeSet;

use super::state::DesiredState;
use crate::cluster::model::{Cluster, Director, Gateway, RealServer, VirtualService};
use crate::ipvs::{Family, ServiceFlags};
use crate::sysctl::{Conf, SysctlKey};

/// `accept_ra` 1, the kernel's default, means: only while the node does not forward.
const ADVERTISEMENTS: &str = "a node that forwards IPv6 ignores router advertisements: if its IPv6 \
    default route comes from them, set accept_ra of that interface to 2, or name the gateway in the file";

/// Either of `all` and the interface switches redirects on, and a real server that believes one keeps it for minutes.
const REDIRECTED: &str = "redirects send the answers of real servers past the director";

const FORWARDED: &str = "answers of real servers are not forwarded without it";

impl DesiredState {
    /// Lets the director forward the answers of masqueraded real servers.
    pub(super) fn forward_answers(&mut self, cluster: &Cluster, director: &Director) {
        let families = cluster.masqueraded_families();
        self.note_unanswered(cluster);
        self.note_unrouted(&families, director.gateway.as_ref());
        let forward = director
            .ip_forward
            .or_else(|| families.contains(&Family::Ipv4).then_some(true));
        if let Some(forward) = forward {
            let why = match families.is_empty() {
                true => "named in the file",
                false => FORWARDED,
            };
            self.sysctl(SysctlKey::IP_FORWARD, u8::from(forward), why);
        }
        if families.contains(&Family::Ipv4) {
            for interface in cluster.interfaces_facing_masqueraded(director, Family::Ipv4) {
                let key = SysctlKey::forwarding(&Conf::Interface(interface.clone()));
                self.sysctl(key, 1, "answers of real servers arrive here");
                if cluster.is_one_armed(director, interface) {
                    for conf in [Conf::All, Conf::Interface(interface.clone())] {
                        self.sysctl(SysctlKey::send_redirects(&conf), 0, REDIRECTED);
                    }
                }
            }
        }
        if families.contains(&Family::Ipv6) {
            self.sysctl(SysctlKey::IPV6_FORWARDING, 1, FORWARDED);
            let gateway = director.gateway.as_ref();
            if !gateway.is_some_and(|gateway| gateway.is_of(Family::Ipv6)) {
                self.notes.push(ADVERTISEMENTS.to_owned());
            }
        }
    }

    /// Notes services whose answers are not masqueraded: a one-packet connection no longer exists when the
    /// answer arrives.
    fn note_unanswered(&mut self, cluster: &Cluster) {
        let one_packet = cluster.services().iter().filter(|service| {
            service.service.flags.contains(ServiceFlags::ONE_PACKET) && service.is_masqueraded()
        });
        self.notes.extend(one_packet.map(|service| {
            format!(
                "{} is one-packet and nat: answers have the real server's address as source, so clients \
                 that expect one need dr or tunnel",
                service.service.id
            )
        }));
    }

    /// Makes the director the default gateway of a masqueraded real server, unless the file names another.
    pub(super) fn answer_through_the_director(&mut self, cluster: &Cluster, server: &RealServer) {
        for family in cluster.masqueraded(&server.name) {
            if self.default_route_of(family).is_some() {
                continue;
            }
            let gateways = cluster.gateways(server, family);
            if let [gateway] = gateways.as_slice() {
                self.default_route(
                    family,
                    &Gateway::Near(*gateway),
                    "answers must return through the director",
                );
                continue;
            }
            let has = match gateways.len() {
                0 => format!("no {family} address"),
                count => format!("{count} {family} addresses"),
            };
            self.notes.push(format!(
                "the default route stays as it is: the director has {has} on a network of {}; answers \
                 must return through the director, so name the gateway in the file",
                server.name
            ));
        }
    }
}

impl Cluster {
    /// Returns the families in which any destination is masqueraded.
    fn masqueraded_families(&self) -> BTreeSet<Family> {
        self.services()
            .iter()
            .filter(|service| VirtualService::is_masqueraded(service))
            .map(|service| service.service.id.family())
            .collect()
    }
}
