//! The devices and ports by which a real server decapsulates, and how the director encapsulates.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::NodeScene;
use crate::cluster::Observed;
use crate::cluster::change::ObjectId;
use crate::ipvs::{Destination, Family, Forwarding, ServiceId};
use crate::name::IfName;
use crate::net::{GueListener, Tunnel};

kinds! {
    TUNNEL_DEVICE = "LVS050", Error, Routing,
    title: "A real server cannot decapsulate what the director encapsulates",
    impact: "its kernel answers \"protocol unreachable\" or not at all, and clients are refused or wait",
    explanation: "\
        A tunnelled packet is for the virtual IP, inside another one for the real IP. The real server \
        needs the device that decapsulates it: tunl0 for IP in IP and GUE, a gre device for GRE, and \
        their counterparts for IPv6. The kernel's own devices appear when the module is loaded, and all \
        of them are down at first. The symptom on the director is packets out where a tunnel should have \
        none. lvsctl apply adds the device, sets it up and adds the virtual IP to it.";

    TUNNEL_PORT = "LVS051", Error, Routing,
    title: "A real server does not decapsulate the UDP port of the tunnel",
    impact: "the director's packets arrive at a port that is not open, and clients wait until they give up",
    explanation: "\
        With GUE the director sends each packet inside a UDP datagram, and the kernel of the real server \
        decapsulates only datagrams to a port that was opened for this. Where a port was never opened, \
        or the two sides have different numbers, every packet is lost without an error. ip fou show \
        lists the open ports of a node.";

    ENCAPSULATION = "LVS052", Error, Routing,
    title: "The director encapsulates packets in another way than the file says",
    impact: "the real server expects another kind of packet, and drops these",
    explanation: "\
        Both ends of a tunnel have to use the same encapsulation: IP in IP, GUE with its port, or GRE \
        with or without checksum. The file says it once for both, but the kernel's table was changed by \
        hand or by another program, for instance ipvsadm without --tun-type, which means IP in IP. \
        lvsctl apply gives the destination the encapsulation of the file.";
}

/// The kernel loads the module with the first packet that it encapsulates or decapsulates.
const APPLY: &str = "lvsctl apply FILE";

pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    let Some(observed) = &scene.facts.observed else {
        return Vec::new();
    };
    let (desired, mut found) = (&scene.desired, Vec::new());
    for service in &desired.services {
        found.extend(service.destinations.iter().filter_map(|destination| {
            scene.other_encapsulation(service.service.id, &destination.value)
        }));
    }
    found.extend(
        desired
            .tunnels
            .iter()
            .filter_map(|tunnel| scene.unfit_device(observed, &tunnel.value)),
    );
    found.extend(
        desired
            .listeners
            .iter()
            .filter_map(|listener| scene.closed_port(observed, &listener.value)),
    );
    found
}

impl<T> NodeScene<'_, T> {
    /// Returns whether an interface is no tunnel device, or one that exists as the tunnel requires.
    pub(super) fn is_fit(&self, name: &IfName) -> bool {
        self.desired
            .tunnels
            .iter()
            .map(|tunnel| &tunnel.value)
            .find(|tunnel| tunnel.name == *name)
            .zip(self.facts.observed.as_ref())
            .is_none_or(|(tunnel, observed)| self.unfit_device(observed, tunnel).is_none())
    }

    fn unfit_device(&self, observed: &Observed, desired: &Tunnel) -> Option<Finding> {
        let name = &desired.name;
        let finding =
            |seen: String| self.finding(&TUNNEL_DEVICE, ObjectId::Tunnel(name.clone()), seen);
        let Some(link) = self.facts.link(name) else {
            return Some(finding(format!("{name} does not exist")).fix(APPLY));
        };
        if !observed.tunnels.contains(desired) {
            return Some(
                finding(format!("{name} does not decapsulate as the file requires"))
                    .fix(format!("ip link delete {}", name.quoted()))
                    .fix(APPLY),
            );
        }
        // Its routes were deleted with it, and its IPv6 addresses: one command is not enough.
        (!link.up).then(|| finding(format!("{name} is down")).fix(APPLY))
    }

    fn closed_port(&self, observed: &Observed, desired: &GueListener) -> Option<Finding> {
        if observed.listeners.contains(desired) {
            return None;
        }
        let others: Vec<_> = observed.listeners.iter().map(ToString::to_string).collect();
        let seen = match others.as_slice() {
            [] => format!("{desired} is not open"),
            _ => format!("{desired} is not open, only {}", others.join(" and ")),
        };
        let six = match desired.family {
            Family::Ipv4 => "",
            Family::Ipv6 => " -6",
        };
        Some(
            self.finding(&TUNNEL_PORT, desired, seen)
                .fix(format!("ip fou add port {} gue{six}", desired.port)),
        )
    }

    /// Reports a destination that the director's table encapsulates in another way than the file says.
    fn other_encapsulation(&self, service: ServiceId, desired: &Destination) -> Option<Finding> {
        let Forwarding::Tunnel(should) = desired.forwarding else {
            return None;
        };
        let mut found = self
            .index
            .listed(&service)?
            .destinations
            .iter()
            .map(|status| &status.destination);
        let Forwarding::Tunnel(is) = found.find(|found| found.id == desired.id)?.forwarding else {
            return None;
        };
        let seen = format!("packets are encapsulated as {is}, and decapsulated as {should}");
        (is != should).then(|| {
            self.finding(&ENCAPSULATION, (service, desired.id), seen)
                .fix(APPLY)
        })
    }
}
