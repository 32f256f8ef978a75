//! Daemons of the director's own that a virtual IP makes reachable.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::check::kind::kinds;
use crate::check::scene::{director_here, served, taker};
use crate::check::{Facts, Finding, ListeningSocket};
use crate::cluster::{Cluster, Match};
use crate::ipvs::Protocol;

kinds! {
    EXPOSED = "LVS058", Note, Upkeep,
    title: "Daemons of the director can be reached by the virtual IP",
    impact: "what was meant for administrators is open to clients",
    explanation: "A daemon that listens on every address listens on the virtual IP, too. Packets to a port that belongs to no service are the director's own as on any other address. \
        Firewalls that were written before the virtual IP often do not name it. Bind such daemons to an address of the director's own, or close the ports.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) =
        facts.filter(|facts| !facts.is_standby() && director_here(cluster, facts).is_some())
    else {
        return Vec::new();
    };
    let found = cluster.virtual_ips().into_iter().filter_map(|vip| {
        let listeners = facts.listeners.iter();
        let open = listeners.filter(|it| is_open(cluster, facts, it, vip));
        let ports: BTreeSet<u16> = open.map(|it| it.address.port()).collect();
        let told: Vec<_> = ports.iter().map(ToString::to_string).collect();
        let seen = format!(
            "the director's own tcp {} can be reached by {vip}",
            told.join(" ")
        );
        let finding = EXPOSED.finding(vip, seen).on(&facts.node);
        (!ports.is_empty()).then(|| {
            finding
                .fix("bind them to an address of the director's own")
                .fix(format!("or close these ports of {vip} by a firewall"))
        })
    });
    found.collect()
}

/// Datagram sockets come and go with every question that a machine asks: only TCP is looked at.
fn is_open(cluster: &Cluster, facts: &Facts, listener: &ListeningSocket, vip: IpAddr) -> bool {
    let port = listener.address.port();
    let to = Match {
        protocol: Protocol::TCP,
        address: (vip, port).into(),
    };
    let hears = match (listener.address.ip().to_canonical(), vip) {
        (IpAddr::V4(any), IpAddr::V4(_)) if any.is_unspecified() => true,
        (IpAddr::V6(any), _) if any.is_unspecified() => true,
        (ip, vip) => ip == vip,
    };
    // As its own real server the director is meant to listen.
    let mut own = served(cluster, &facts.node);
    let is_meant = own.any(|(_, destination)| destination.port == Some(port));
    listener.protocol == Protocol::TCP && hears && !is_meant && taker(cluster, &to).is_none()
}
