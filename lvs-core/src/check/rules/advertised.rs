//! A default route from IPv6 router advertisements, on a node that routes.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::ipvs::Family;
use crate::sysctl::SysctlKey;

kinds! {
    ADVERTISED_ROUTE = "LVS064", Warning, Routing,
    title: "The director's IPv6 default route is not renewed",
    impact: "the kernel deletes it when its lifetime ends or forwarding is turned on, and then distant clients get no answer",
    explanation: "\
        With accept_ra=1 the kernel follows router advertisements only while the node does not route \
        itself, and masquerading of IPv6 makes it route. The default route that exists already stays \
        until its lifetime, usually half an hour, is over; then clients beyond the router get no answer. \
        Set accept_ra=2 on that interface, or name the gateway in the file. With 0 another program such \
        as systemd-networkd receives the advertisements, and continues to do so.";
}

/// The kernel's number for routes from router advertisements (`RTPROT_RA`).
const ADVERTISED: u8 = 9;
/// The value of accept_ra by which the kernel takes advertisements, but not on a router. (With 0 another program
/// may take them.)
const UNLESS_ROUTING: i64 = 1;

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    Vec::from_iter(find(scene))
}

fn find(scene: &DirectorScene<'_>) -> Option<Finding> {
    // Answers of masqueraded real servers have to be routed.
    let routes = scene.cluster.real_servers().iter().any(|server| {
        scene
            .cluster
            .masqueraded(&server.name)
            .contains(&Family::Ipv6)
    });
    let route = scene
        .facts
        .default_route(Family::Ipv6)
        .filter(|route| routes && route.protocol == ADVERTISED)?;
    let interface = route.interface.as_ref()?;
    let key = SysctlKey::new(format!("net/ipv6/conf/{interface}/accept_ra")).ok()?;
    let seen = "it is 1, and the default route comes from router advertisements on this interface";
    (scene.facts.sysctl(&key)? == UNLESS_ROUTING).then(|| {
        scene
            .finding(&ADVERTISED_ROUTE, &key, seen)
            .fix(format!("sysctl -w {}=2", key.quoted()))
            .fix("or in the file: name the gateway of the director")
    })
}
