//! The devices and ports of a real server that unwrap what a director has wrapped, and what the director
//! wraps it in.

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
    title: "A real server cannot unwrap what the director wraps",
    impact: "its kernel answers \"protocol unreachable\" or nothing at all, and clients are refused or wait",
    explanation: "A tunnelled packet is for the virtual IP, inside another one for the real IP. The real server needs the device that unwraps it: tunl0 for IP in IP and GUE, \
        a gre device for GRE, their like for IPv6. The kernel's own appear when the module is loaded, and all of them are down at first. \
        It shows on the director as packets out where a tunnel should have none. lvsctl apply makes the device, sets it up and puts the virtual IP on it.";

    TUNNEL_PORT = "LVS051", Error, Routing,
    title: "Nothing on a real server unwraps the UDP port of the tunnel",
    impact: "the director's packets arrive at a port where nobody listens, and clients wait until they give up",
    explanation: "With GUE the director sends each packet inside a UDP datagram, and the kernel of the real server unwraps only what comes to a port that it was told of. \
        A port that was never opened, or another number on one of the two sides, loses everything without a word. \
        The listeners of a machine are shown by ip fou show.";

    ENCAPSULATION = "LVS052", Error, Routing,
    title: "The director wraps packets in something else than the file says",
    impact: "the real server waits for another kind of packet, and drops these",
    explanation: "Both ends of a tunnel have to agree on how packets are wrapped: IP in IP, GUE with its port, or GRE with or without checksum. The file says it once for both, \
        but the kernel's table was changed by hand or by another program, ipvsadm without --tun-type for instance, which means IP in IP. \
        lvsctl apply gives the destination the encapsulation of the file.";
}

/// The module comes with the first packet that the kernel is to wrap or unwrap.
const APPLY: &str = "lvsctl apply FILE";

pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    let Some(observed) = &scene.facts.observed else {
        return Vec::new();
    };
    let (desired, mut found) = (&scene.desired, Vec::new());
    for service in &desired.services {
        found.extend(service.destinations.iter().filter_map(|destination| {
            scene.other_encapsulation(observed, service.service.id, &destination.value)
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
        let tunnel = self
            .desired
            .tunnels
            .iter()
            .map(|tunnel| &tunnel.value)
            .find(|tunnel| tunnel.name == *name);
        tunnel
            .zip(self.facts.observed.as_ref())
            .is_none_or(|(tunnel, observed)| self.unfit_device(observed, tunnel).is_none())
    }

    fn unfit_device(&self, observed: &Observed, desired: &Tunnel) -> Option<Finding> {
        let name = &desired.name;
        let finding =
            |seen: String| self.finding(&TUNNEL_DEVICE, ObjectId::Tunnel(name.clone()), seen);
        let Some(link) = self.facts.link(name) else {
            return Some(finding(format!("there is no {name}")).fix(APPLY));
        };
        if !observed.tunnels.contains(desired) {
            return Some(
                finding(format!("{name} does not unwrap what the file says"))
                    .fix(format!("ip link delete {name}"))
                    .fix(APPLY),
            );
        }
        // Its routes were deleted with it, and addresses of IPv6: one command is not enough.
        (!link.up).then(|| finding(format!("{name} is down")).fix(APPLY))
    }

    fn closed_port(&self, observed: &Observed, desired: &GueListener) -> Option<Finding> {
        if observed.listeners.contains(desired) {
            return None;
        }
        let others: Vec<_> = observed.listeners.iter().map(ToString::to_string).collect();
        let seen = match others.as_slice() {
            [] => format!("nothing unwraps {desired}"),
            _ => format!("nothing unwraps {desired}, only {}", others.join(" and ")),
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

    /// The director's table may encapsulate in another way than the file says.
    fn other_encapsulation(
        &self,
        observed: &Observed,
        service: ServiceId,
        desired: &Destination,
    ) -> Option<Finding> {
        let listed = observed.destination(&service, &desired.id)?;
        let (Forwarding::Tunnel(should), Forwarding::Tunnel(is)) =
            (desired.forwarding, listed.forwarding)
        else {
            return None;
        };
        let seen = format!("packets are wrapped in {is}, and unwrapped as {should}");
        (is != should).then(|| {
            self.finding(&ENCAPSULATION, (service, desired.id), seen)
                .fix(APPLY)
        })
    }
}
