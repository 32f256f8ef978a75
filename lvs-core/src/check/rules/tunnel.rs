//! The devices and ports of a real server that unwrap what a director has wrapped, and what the director
//! wraps it in.

use crate::check::kind::kinds;
use crate::check::scene::state;
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, DesiredState, Observed};
use crate::ipvs::{Destination, Forwarding, ServiceId};
use crate::name::IfName;
use crate::net::{Listener, Tunnel};

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

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    let (Some(node), Some(observed)) = (state(cluster, facts), &facts.observed) else {
        return Vec::new();
    };
    let mut found = wrapped(facts, &node, observed);
    let tunnels = node.tunnels.iter().map(|wanted| &wanted.value);
    let listeners = node.listeners.iter().map(|wanted| &wanted.value);
    found.extend(tunnels.filter_map(|tunnel| device(facts, observed, tunnel)));
    found.extend(listeners.filter_map(|it| port(facts, observed, it)));
    found
}

/// Whether an interface is none of a tunnel's, or there as the tunnel wants it.
pub(super) fn is_fit(facts: &Facts, node: &DesiredState, name: &IfName) -> bool {
    let mut wanted = node.tunnels.iter().map(|wanted| &wanted.value);
    let tunnel = wanted.find(|it| it.name == *name);
    let observed = facts.observed.as_ref();
    tunnel
        .zip(observed)
        .is_none_or(|(tunnel, observed)| device(facts, observed, tunnel).is_none())
}

/// Whether an interface is there and up.
fn is_in_use(facts: &Facts, name: &IfName) -> bool {
    let mut links = facts.links.iter();
    links.any(|link| link.name == *name && link.up)
}

fn device(facts: &Facts, observed: &Observed, wanted: &Tunnel) -> Option<Finding> {
    let name = &wanted.name;
    let finding = |seen: String| TUNNEL_DEVICE.finding(name, seen).on(&facts.node);
    if !facts.links.iter().any(|link| link.name == *name) {
        return Some(finding(format!("there is no {name}")).fix(APPLY));
    }
    if !observed.tunnels.contains(wanted) {
        let seen = format!("{name} does not unwrap what the file says");
        let finding = finding(seen).fix(format!("ip link delete {name}"));
        return Some(finding.fix(APPLY));
    }
    // Its routes went with it, and addresses of IPv6: one command is not enough.
    let is_up = is_in_use(facts, name);
    (!is_up).then(|| finding(format!("{name} is down")).fix(APPLY))
}

fn port(facts: &Facts, observed: &Observed, wanted: &Listener) -> Option<Finding> {
    if observed.listeners.contains(wanted) {
        return None;
    }
    let others: Vec<_> = observed.listeners.iter().map(ToString::to_string).collect();
    let seen = match others.as_slice() {
        [] => format!("nothing unwraps {wanted}"),
        _ => format!("nothing unwraps {wanted}, only {}", others.join(" and ")),
    };
    let six = match wanted.family {
        crate::ipvs::Family::Ipv4 => "",
        crate::ipvs::Family::Ipv6 => " -6",
    };
    Some(
        TUNNEL_PORT
            .finding(wanted, seen)
            .on(&facts.node)
            .fix(format!("ip fou add port {} gue{six}", wanted.port)),
    )
}

/// Destinations that the director's table wraps in something else than the file says.
fn wrapped(facts: &Facts, node: &DesiredState, observed: &Observed) -> Vec<Finding> {
    let mut found = Vec::new();
    for service in &node.services {
        let id = service.service.id;
        let wanted = service.destinations.iter().map(|it| &it.value);
        found.extend(wanted.filter_map(|it| judge(facts, observed, id, it)));
    }
    found
}

fn judge(
    facts: &Facts,
    observed: &Observed,
    service: ServiceId,
    wanted: &Destination,
) -> Option<Finding> {
    let seen = observed.destination(&service, &wanted.id)?;
    let (Forwarding::Tunnel(should), Forwarding::Tunnel(is)) = (wanted.forwarding, seen.forwarding)
    else {
        return None;
    };
    let object = format!("{} of {service}", wanted.id);
    let seen = format!("packets are wrapped in {is}, and unwrapped as {should}");
    (is != should).then(|| {
        ENCAPSULATION
            .finding(object, seen)
            .on(&facts.node)
            .fix(APPLY)
    })
}
