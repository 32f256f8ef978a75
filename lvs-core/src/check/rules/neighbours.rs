//! The neighbours that a node sends packets of the cluster to: real servers and gateways.

use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::neighbour::NeighbourFact;
use crate::check::network::{is_wide, sharing_network};
use crate::check::paper::bypasses;
use crate::check::scene::{DirectorScene, NodeScene};
use crate::check::severity::Severity;
use crate::cluster::change::{Change, Object};
use crate::cluster::{DesiredService, NodeKind, RealServer};
use crate::ipvs::{Forwarding, ServiceId, Weight};
use crate::name::IfName;
use crate::net::{Address, AddressId, MacAddress, NeighbourState, Route};

kinds! {
    DEAD_NEIGHBOUR = "LVS070", Error, Routing,
    title: "A neighbour does not answer",
    impact: "packets for it, and through it if it is a gateway, are dropped on this node",
    explanation: "\
        Before it sends a packet over a link, the kernel asks for the hardware address of the next hop: by \
        ARP, or for IPv6 by neighbour discovery. This one has not answered, neither the kernel nor check: \
        the host is down, its cable or VLAN is another one, or it no longer has the address. The \
        neighbour table shows INCOMPLETE or FAILED. Only this node can see it; the other one may be sound.";

    WRONG_NEIGHBOUR = "LVS071", Error, Routing,
    title: "A permanent neighbour entry has another host's hardware address",
    impact: "packets for this address go to another host, or to none",
    explanation: "\
        An entry that was made by hand is never renewed. After the network card, the machine or its bond \
        was replaced it names a hardware address that no longer has the IP address, and every packet is \
        lost although the host answers ARP to all others. Delete the entry, and look for the script that \
        makes it.";

    SHARED_ADDRESS = "LVS072", Error, Arp,
    title: "Several hosts answer for one address",
    impact: "packets go to the host that answered last, and connections to the other one hang",
    explanation: "\
        Asked by ARP or neighbour discovery, two hardware addresses answered for the address of a real \
        server or of a gateway. Most often a machine was copied with its address, or an old one was \
        plugged in again. Each time the entry is renewed, another one may win. Find the hosts by their \
        hardware addresses and give one of them another address.";
}

kinds! {
    SHARED_MAC = "LVS088", Error, Arp,
    title: "Two real servers have one hardware address",
    impact: "switches send the packets of both to one of them, and clients of the other one wait",
    explanation: "\
        The neighbour table has the same hardware address for two real servers of one link: a virtual \
        machine was copied with it. The switch learns it at the port that sent last, and packets for one \
        machine arrive at the other, which drops them or refuses them. Where a router or cloud answers \
        for all addresses this is normal; it is reported only while clients of one of the two wait for \
        an answer.";
}

/// Reports real servers of one hardware address, while clients of one of them wait.
pub(super) fn of_one_mac(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let known = || {
        scene.facts.neighbours.iter().filter_map(|fact| {
            let mac = fact.entry.as_ref()?.mac?;
            Some((fact, mac, &scene.server_with(fact.address)?.name))
        })
    };
    known()
        .filter(|(fact, ..)| scene.waits_for(fact.address))
        .filter_map(|(fact, mac, name)| {
            let (_, _, other) = known().find(|(other, its, another)| {
                other.interface == fact.interface && *its == mac && *another != name
            })?;
            let seen = format!("{name} and {other} have the hardware address {mac}");
            Some(
                scene
                    .finding(&SHARED_MAC, mac.to_string(), seen)
                    .fix(format!("give {name} or {other} another hardware address")),
            )
        })
        .collect()
}

pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    scene
        .facts
        .neighbours
        .iter()
        .filter_map(|fact| {
            scene
                .wrong_entry(fact)
                .or_else(|| scene.dead(fact))
                .or_else(|| scene.shared(fact))
        })
        .collect()
}

impl<T> NodeScene<'_, T> {
    /// Reports a permanent entry that is not what the host itself answers.
    fn wrong_entry(&self, fact: &NeighbourFact) -> Option<Finding> {
        let entry = fact.entry.as_ref()?;
        let answers = fact
            .answers
            .as_ref()
            .filter(|answers| !answers.is_empty())?;
        let mac = entry.mac.filter(|mac| !answers.contains(mac))?;
        let (ip, interface) = (fact.address, &fact.interface);
        let seen = format!(
            "the permanent entry for {} has {mac}, and {} answers for it",
            self.described(ip),
            listed(answers)
        );
        (entry.state == NeighbourState::Permanent).then(|| {
            self.finding(&WRONG_NEIGHBOUR, ip, seen)
                .severity(self.severity_of(ip))
                .fix(format!("ip neigh delete {ip} dev {}", interface.quoted()))
        })
    }

    /// Reports a neighbour that did not answer the kernel, nor the question of the check where it was asked.
    fn dead(&self, fact: &NeighbourFact) -> Option<Finding> {
        let state = fact.state();
        let is_silent = fact.answers.as_ref().is_none_or(Vec::is_empty);
        let is_dead = match state {
            Some(NeighbourState::Failed) => is_silent,
            // Not asked by the kernel, or for a moment the state of every host that was not asked before.
            None
            | Some(
                NeighbourState::Incomplete | NeighbourState::Permanent | NeighbourState::Stale,
            ) => is_silent && fact.answers.is_some(),
            Some(_) => false,
        };
        let (ip, interface) = (fact.address, &fact.interface);
        if !is_dead || self.is_wrong_gateway(ip) {
            return None;
        }
        let name = self.described(ip);
        let state = state.map(|state| format!(" ({state})")).unwrap_or_default();
        let seen = format!("{name} does not answer on {interface}{state}");
        let finding = self
            .finding(&DEAD_NEIGHBOUR, ip, seen)
            .severity(self.severity_of(ip));
        Some(
            self.revivals(ip, interface)
                .into_iter()
                .fold(finding, Finding::fix),
        )
    }

    /// Returns what makes a neighbour answer.
    fn revivals(&self, ip: IpAddr, interface: &IfName) -> Vec<String> {
        if let Some(intruder) = self.intruder(ip, interface) {
            let AddressId { interface, network } = &intruder.id;
            let interface = interface.quoted();
            return vec![format!("ip address del {network} dev {interface}")];
        }
        if let Some(route) = self.stray_route(ip, interface) {
            let route = Object::Route(Box::new(route.clone()));
            return vec![Change::Delete(route).to_shell()];
        }
        match self.server_with(ip) {
            Some(server) => vec![
                format!(
                    "start {}, and connect it to the link of {interface}",
                    server.name
                ),
                format!("or until then: lvsctl drain {ip}"),
            ],
            None if self.cluster.is_of_director(ip) && self.cluster.is_paired() => vec![
                "lvsctl apply FILE --role active  # on the director that is meant to be active"
                    .to_owned(),
            ],
            None if self.cluster.is_of_director(ip) => vec!["start the director".to_owned()],
            None => vec![
                format!("start the router {ip}, and connect it to the link of {interface}"),
                "or in the file: name another gateway".to_owned(),
            ],
        }
    }

    /// Returns the address that takes packets for a real server to another link than that on which the file has it.
    fn intruder(&self, ip: IpAddr, interface: &IfName) -> Option<&Address> {
        let desired = || {
            self.desired
                .addresses
                .iter()
                .map(|desired| &desired.value.id)
        };
        let is_elsewhere = desired().any(|id| {
            id.interface != *interface && is_wide(&id.network) && id.network.contains(&ip)
        });
        self.facts.addresses.iter().find(|address| {
            let id = &address.id;
            is_elsewhere
                && id.interface == *interface
                && id.network.contains(&ip)
                && !desired().any(|desired| desired == id)
        })
    }

    /// Returns the route that takes packets for a neighbour to a link where none of its networks is.
    fn stray_route(&self, ip: IpAddr, interface: &IfName) -> Option<&Route> {
        let networks = || sharing_network(&self.facts.addresses, ip).map(|own| &own.id.interface);
        let is_stray = networks().next().is_some() && networks().all(|name| name != interface);
        let path = self.facts.paths.iter().find(|path| {
            path.query.destination == ip && path.decision.interface.as_ref() == Some(interface)
        })?;
        let mut desired = self.desired.routes.iter();
        let route = path.route.as_ref().filter(|_| is_stray)?;
        (!desired.any(|desired| desired.value.id == route.id)).then_some(route)
    }

    /// Returns whether a gateway should not be one at all: answers of a masqueraded real server pass the director.
    fn is_wrong_gateway(&self, ip: IpAddr) -> bool {
        let node = &self.facts.node;
        let families = |is_wanted| self.cluster.families_served_by(node, is_wanted);
        self.desired.kind == NodeKind::RealServer
            && families(|method| method == Forwarding::Masquerade).contains(&ip.into())
            && !families(bypasses).contains(&ip.into())
            && !self.cluster.is_of_director(ip)
    }

    fn shared(&self, fact: &NeighbourFact) -> Option<Finding> {
        let answers = fact.answers.as_ref().filter(|answers| answers.len() > 1)?;
        let (ip, interface) = (fact.address, &fact.interface);
        let seen = format!(
            "on {interface} several hosts answer for {}: {}",
            self.described(ip),
            listed(answers)
        );
        let finding = self.finding(&SHARED_ADDRESS, ip, seen);
        let mut directors = self.cluster.directors().iter();
        if directors.any(|director| director.floating.contains(&ip)) {
            // As long as the gateway floats, the hosts may be the two directors.
            return Some(finding.fix("lvsctl apply FILE --role standby  # on the director that is not meant to be active"));
        }
        Some(
            finding
                .fix("give one of the hosts with these MAC addresses another address")
                .fix(format!("ip neigh flush to {ip} dev {}", interface.quoted())),
        )
    }

    pub(super) fn described(&self, ip: IpAddr) -> String {
        match self.server_with(ip) {
            Some(server) => format!("{} ({ip})", server.name),
            None => ip.to_string(),
        }
    }

    fn server_with(&self, ip: IpAddr) -> Option<&RealServer> {
        self.cluster.real_servers().iter().find(|server| {
            server
                .addresses
                .iter()
                .any(|address| address.id.network.addr() == ip)
        })
    }

    /// Returns an error, or a warning for a real server that gets no new connections.
    fn severity_of(&self, ip: IpAddr) -> Severity {
        let Some(now) = self.facts.now().filter(|_| self.server_with(ip).is_some()) else {
            return Severity::Error;
        };
        let is_probe = |id: &ServiceId| {
            let desired = self.desired.services.find(id);
            desired.is_some_and(DesiredService::is_probe)
        };
        let is_used = now
            .services
            .iter()
            .filter(|listed| !is_probe(&listed.status.service.id))
            .flat_map(|listed| &listed.destinations)
            .map(|status| &status.destination)
            .any(|one| one.id.address == ip && one.weight != Weight::DRAIN);
        match is_used {
            true => Severity::Error,
            false => Severity::Warning,
        }
    }
}

fn listed(macs: &[MacAddress]) -> String {
    let all: Vec<_> = macs.iter().map(ToString::to_string).collect();
    all.join(" and ")
}
