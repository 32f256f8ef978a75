//! Routing on the director, where answers of masqueraded real servers arrive.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::ipvs::Family;
use crate::sysctl::{Conf, SysctlKey};

kinds! {
    FORWARDING = "LVS019", Error, Routing,
    title: "The director does not route where answers arrive",
    impact: "answers of the real servers are dropped on the director",
    explanation: "\
        IPVS forwards masqueraded requests by itself, but answers are routed like any packet: the \
        interface where they arrive needs forwarding=1, which is a sysctl of each interface. ip_forward \
        sets it everywhere, but only when its value changes, so ip_forward=1 does not prove it. Direct \
        routing needs none of this. The symptom is packets in and none out.";
}

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let facing = |family| {
        scene
            .cluster
            .interfaces_facing_masqueraded(scene.node, family)
    };
    let is_off = |key: &SysctlKey| scene.facts.sysctl(key) == Some(0);
    let ipv4 = facing(Family::Ipv4)
        .into_iter()
        .map(|interface| SysctlKey::forwarding(&Conf::Interface(interface.clone())))
        .filter(is_off)
        .map(|key| {
            // ip_forward sets all interfaces, but only when its value changes.
            let fix = match is_off(&SysctlKey::IP_FORWARD) {
                true => SysctlKey::IP_FORWARD,
                false => key.clone(),
            };
            scene.off(&key, &fix)
        });
    // For IPv6 all interfaces follow the sysctl of all.
    let ipv6 = Some(SysctlKey::IPV6_FORWARDING)
        .filter(|key| !facing(Family::Ipv6).is_empty() && is_off(key))
        .map(|key| scene.off(&key, &key));
    ipv4.chain(ipv6).collect()
}

impl DirectorScene<'_> {
    fn off(&self, key: &SysctlKey, fix: &SysctlKey) -> Finding {
        self.finding(
            &FORWARDING,
            key,
            "it is 0, and answers of masqueraded real servers arrive on this interface",
        )
        .fix(format!("sysctl -w {}=1", fix.quoted()))
    }
}
