//! The way of a director's packets to real servers.

use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::sharing_network;
use crate::check::path::PathFact;
use crate::check::scene::DirectorScene;
use crate::cluster::RealServer;
use crate::cluster::change::{Change, Object};
use crate::ipvs::Family;
use crate::name::IfName;
use crate::net::{AddressId, RouteId};

kinds! {
    NO_WAY_TO_SERVER = "LVS074", Error, Routing,
    title: "The director's packets do not go to a real server",
    impact: "clients that are sent to this real server get no answer",
    explanation: "\
        The director routes what it forwards like packets of its own, by all tables and the rules of \
        policy routing. A route of type blackhole, unreachable or prohibit, or such a rule, refuses them; \
        a route by a gateway takes packets for a neighbour to another host, which may be meant and is \
        reported only while clients of this real server wait for an answer; and a director that has the \
        real server's address keeps them. The real server cannot see it, and its own check is sound.";
}

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let on_the_way = scene
        .facts
        .paths
        .iter()
        .filter(|path| path.query.source.is_none())
        .filter(|path| scene.index.carrying(path.query.destination).is_empty())
        .filter_map(|path| {
            scene
                .refused(path)
                .or_else(|| scene.looped(path))
                .or_else(|| scene.diverted(path))
        });
    let kept = scene
        .cluster
        .real_servers()
        .iter()
        .flat_map(|server| scene.kept(server));
    on_the_way.chain(kept).collect()
}

impl DirectorScene<'_> {
    /// Reports that the director itself has the address to which it should send.
    fn kept(&self, server: &RealServer) -> Vec<Finding> {
        [Family::Ipv4, Family::Ipv6]
            .into_iter()
            .filter_map(|family| server.real_ip(family))
            .flat_map(|rip| self.index.carrying(rip))
            .map(|address| {
                let AddressId { interface, network } = &address.id;
                let seen = format!(
                    "packets to {} stay on the director: {interface} has {network}",
                    server.name
                );
                self.finding(&NO_WAY_TO_SERVER, &address.id, seen)
                    .fix(format!(
                        "ip address del {network} dev {}",
                        interface.quoted()
                    ))
            })
            .collect()
    }

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

    /// Reports packets that a route sends to the director itself.
    fn looped(&self, path: &PathFact) -> Option<Finding> {
        let route = path.route.as_ref()?;
        let is_looped = path.is_sent() && path.decision.interface.as_ref() == Some(&IfName::LO);
        let ip = path.query.destination;
        let seen = format!(
            "packets to {} come back to the director: {}",
            self.described(ip),
            path.decided_by()
        );
        is_looped.then(|| {
            let delete = Change::Delete(Object::from(route.clone())).to_shell();
            self.finding(&NO_WAY_TO_SERVER, ip, seen).fix(delete)
        })
    }

    /// Reports packets for a neighbour that another host gets, while their clients wait: by a route that is narrower
    /// than the network on the link, or because the route to that network is missing.
    fn diverted(&self, path: &PathFact) -> Option<Finding> {
        let ip = path.query.destination;
        let gateway = path.decision.gateway?;
        let route = path.route.as_ref()?;
        let own = sharing_network(&self.facts.addresses, ip).next()?;
        // A route by the real server itself, as lvsctl leaves one for older connections, goes where it should.
        let is_straight =
            gateway == ip && path.decision.interface.as_ref() == Some(&own.id.interface);
        if is_straight || !self.waits_for(ip) {
            return None;
        }
        let seen = format!(
            "packets to {}, a neighbour, go to {gateway}: {}",
            self.described(ip),
            path.decided_by()
        );
        let network = own.id.network.trunc();
        if route.id.destination.prefix_len() > network.prefix_len() {
            let delete = Change::Delete(Object::from(route.clone())).to_shell();
            return Some(self.finding(&NO_WAY_TO_SERVER, ip, seen).fix(delete));
        }
        // One route for all real servers of the network.
        let add = format!(
            "ip route add {network} dev {} proto kernel scope link src {}",
            own.id.interface.quoted(),
            own.id.network.addr()
        );
        let finding = self.finding(&NO_WAY_TO_SERVER, RouteId::new(network), seen);
        Some(finding.fix(add))
    }

    /// Returns whether clients of a real server wait for an answer.
    pub(super) fn waits_for(&self, real_ip: IpAddr) -> bool {
        self.cluster
            .services()
            .iter()
            .flat_map(|service| self.half_open(service))
            .any(|connection| connection.destination.ip() == real_ip)
    }
}
