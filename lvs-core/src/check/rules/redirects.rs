//! ICMP redirects, with masquerading over a single interface.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::ipvs::Family;
use crate::name::IfName;

kinds! {
    REDIRECTS = "LVS017", Error, Routing,
    title: "Masquerading over a single interface with redirects on",
    impact: "the director tells real servers of a shorter way to clients; those that believe it answer past the director, and their clients get nothing for minutes",
    explanation: "\
        When a packet leaves by the interface by which it came in, a router sends an ICMP redirect. With \
        NAT on one interface this redirect does harm: the service works until a real server believes it, \
        which a long connection makes certain. The sysctl is on if either conf/all or the interface is on, so \
        both have to be 0, and apply sets them. What a real server has learnt lasts for five minutes: \
        ip route flush cache forgets it there. Two interfaces, one for clients and one for real servers, \
        avoid the problem altogether.";
}

/// Only IPv4 has the sysctl.
pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let (cluster, effective) = (scene.cluster, scene.facts.effective());
    cluster
        .interfaces_facing_masqueraded(scene.node, Family::Ipv4)
        .into_iter()
        .filter(|interface| cluster.is_one_armed(scene.node, interface))
        .filter(|interface| {
            let redirects = effective.send_redirects(interface);
            redirects.is_some_and(|redirects| redirects != 0)
        })
        .map(|interface| scene.redirecting(interface))
        .collect()
}

impl DirectorScene<'_> {
    fn redirecting(&self, interface: &IfName) -> Finding {
        let seen = format!(
            "answers of real servers arrive and leave by {interface}, and the director sends redirects"
        );
        self.finding(&REDIRECTS, interface, seen)
            .fix(format!(
                "sysctl -w net/ipv4/conf/all/send_redirects=0 net/ipv4/conf/{}/send_redirects=0",
                interface.quoted()
            ))
            .fix("on the real servers: ip route flush cache")
    }
}
