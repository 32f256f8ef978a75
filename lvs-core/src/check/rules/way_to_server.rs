//! The way of a director's packets to real servers.

use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::sharing_network;
use crate::check::path::PathFact;
use crate::check::scene::DirectorScene;
use crate::cluster::change::{Change, Object};

kinds! {
    NO_WAY_TO_SERVER = "LVS074", Error, Routing,
    title: "The director's packets do not go to a real server",
    impact: "clients that are sent to this real server get no answer",
    explanation: "\
        The director routes what it forwards like packets of its own, by all tables and the rules of \
        policy routing. A route of type blackhole, unreachable or prohibit, or such a rule, refuses them; \
        a narrow route by a gateway takes packets for a neighbour to another host. The latter may be \
        meant, and is reported only while clients of this real server wait for an answer. The real server \
        cannot see it, and its own check is sound.";
}

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let paths = scene.facts.paths.iter();
    paths
        .filter(|path| path.query.source.is_none())
        .filter_map(|path| scene.refused(path).or_else(|| scene.diverted(path)))
        .collect()
}

impl DirectorScene<'_> {
    fn refused(&self, path: &PathFact) -> Option<Finding> {
        let fix = path.permission()?;
        let ip = path.query.destination;
        let seen = format!(
            "packets to {} are not sent ({}): {}",
            self.described(ip),
            path.decision.verdict,
            path.decided_by()
        );
        Some(self.finding(&NO_WAY_TO_SERVER, ip, seen).fix(fix))
    }

    /// Reports packets for a neighbour that another host gets, while their clients wait.
    fn diverted(&self, path: &PathFact) -> Option<Finding> {
        let ip = path.query.destination;
        let gateway = path.decision.gateway?;
        let route = path.route.as_ref()?;
        sharing_network(&self.facts.addresses, ip).next()?;
        if !self.waits_for(ip) {
            return None;
        }
        let seen = format!(
            "packets to {}, a neighbour, go to {gateway}: {}",
            self.described(ip),
            path.decided_by()
        );
        let delete = Change::Delete(Object::Route(route.clone())).to_shell();
        Some(self.finding(&NO_WAY_TO_SERVER, ip, seen).fix(delete))
    }

    fn waits_for(&self, real_ip: IpAddr) -> bool {
        self.cluster
            .services()
            .iter()
            .flat_map(|service| self.half_open(service))
            .any(|connection| connection.destination.ip() == real_ip)
    }
}
