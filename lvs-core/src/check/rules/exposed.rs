//! Daemons of the director's own that clients can reach at a virtual IP.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::check::facts::ListeningSocket;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::cluster::Match;
use crate::ipvs::Protocol;

kinds! {
    EXPOSED = "LVS058", Note, Upkeep,
    title: "Daemons of the director can be reached by the virtual IP",
    impact: "clients can reach what was meant for administrators",
    explanation: "\
        A daemon that listens on every address listens on the virtual IP, too. Packets to a port that \
        belongs to no service are the director's own as on any other address. Firewalls that were \
        written before the virtual IP often do not name it. Bind such daemons to an address of the \
        director's own, or close the ports.";
}

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    if scene.facts.is_standby() {
        return Vec::new();
    }
    scene
        .cluster
        .virtual_ips()
        .iter()
        .copied()
        .filter_map(|vip| {
            let ports: BTreeSet<u16> = scene
                .facts
                .listeners
                .iter()
                .filter(|listener| scene.is_exposed(listener, vip))
                .map(|listener| listener.address.port())
                .collect();
            let listed: Vec<_> = ports.iter().map(ToString::to_string).collect();
            let seen = format!(
                "the director's own tcp {} can be reached at {vip}",
                listed.join(" ")
            );
            (!ports.is_empty()).then(|| {
                scene
                    .finding(&EXPOSED, vip, seen)
                    .fix("bind them to an address of the director's own")
                    .fix(format!("or close these ports of {vip} with a firewall"))
            })
        })
        .collect()
}

impl DirectorScene<'_> {
    /// Returns whether a socket is reached at a virtual IP, though no service has its port.
    ///
    /// Only TCP is judged: UDP sockets appear and disappear with every request that a host sends.
    fn is_exposed(&self, listener: &ListeningSocket, vip: IpAddr) -> bool {
        let to = Match {
            protocol: Protocol::TCP,
            address: (vip, listener.address.port()).into(),
        };
        let receives = match (listener.address.ip().to_canonical(), vip) {
            (IpAddr::V4(any), IpAddr::V4(_)) if any.is_unspecified() => true,
            (IpAddr::V6(any), _) if any.is_unspecified() => true,
            (ip, vip) => ip == vip,
        };
        // As its own real server the director is meant to listen.
        let is_meant = self
            .cluster
            .served_by(&self.facts.node)
            .any(|(_, destination)| destination.port == Some(to.address.port()));
        listener.protocol == Protocol::TCP
            && receives
            && !is_meant
            && self.cluster.receiver(&to).is_none()
    }
}
