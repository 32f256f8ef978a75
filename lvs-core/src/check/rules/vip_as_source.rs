//! The source address of the director's own packets to real servers, ARP requests among them.

use std::net::IpAddr;

use crate::check::facts::Facts;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::sharing_network;
use crate::check::scene::{DirectorScene, Scene};
use crate::check::severity::Severity;
use crate::cluster::{Cluster, Director, RealServer};
use crate::ipvs::{Family, Forwarding};
use crate::name::IfName;
use crate::net::{Address, AddressId, Route};

kinds! {
    VIP_AS_SOURCE = "LVS057", Error, Routing,
    title: "The director sends packets to real servers with the virtual IP as source address",
    impact: "a real server that has the address itself takes such packets for forged: it does not answer them",
    explanation: "\
        For its own packets the director takes an address of the network that they go to: of several \
        addresses in one network the one that was added first. If this is the virtual IP, a real server \
        of direct routing or a tunnel receives packets from an address of its own and drops them. ARP \
        requests are such packets, and so is what a tunnel encapsulates: then no client is served. Where \
        only a route prefers the virtual IP, health checks fail while clients are served. Masquerading is \
        not affected. Give the director an address of its own there, added first as the plan does, and \
        the virtual IP as /32.";
}

const APPLY: &str = "lvsctl apply FILE";

/// The impact where it concerns the director's own connections only.
const OWN_ONLY: &str = "a real server that has the address itself drops such packets, so that health checks of it fail while clients are served";

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for director in scene.cluster.directors() {
        for server in scene.cluster.real_servers() {
            for family in [Family::Ipv4, Family::Ipv6] {
                if let Some(rip) = server.real_ip(family) {
                    found.extend(match scene.director(&director.name) {
                        Some(scene) => scene.vip_as_source(server, rip),
                        None => of_file(scene.cluster, director, server, rip),
                    });
                }
            }
        }
    }
    found
}

/// Judges the file: the kernel takes the first address of a network as source, and the plan adds virtual IPs
/// last, so it takes one only where there is no other. (IPv6 prefers every other address of the director.)
fn of_file(
    cluster: &Cluster,
    director: &Director,
    server: &RealServer,
    rip: IpAddr,
) -> Option<Finding> {
    let vips = cluster.carried_vips(&server.name);
    let (carried, own): (Vec<&Address>, Vec<_>) = sharing_network(&director.addresses, rip)
        .filter(|_| rip.is_ipv4())
        .partition(|address| vips.contains(&address.id.network.addr()));
    let vip = carried.first().filter(|_| own.is_empty())?;
    Some(finding(director, server, &vip.id).fix(own_address(vip)))
}

impl DirectorScene<'_> {
    fn vip_as_source(&self, server: &RealServer, rip: IpAddr) -> Option<Finding> {
        let vips = self.cluster.carried_vips(&server.name);
        self.by_arp(server, rip)
            .filter(|vip| vips.contains(&vip.id.network.addr()))
            .map(|vip| self.primary(server, rip, vip))
            .or_else(|| self.by_route(server, rip))
    }

    /// Returns the address with which this director asks for a real server's hardware address: the first of the
    /// network on that link.
    fn by_arp(&self, server: &RealServer, rip: IpAddr) -> Option<&Address> {
        let is_direct = |method| method == Forwarding::DirectRouting;
        let asks = !self
            .cluster
            .families_served_by(&server.name, is_direct)
            .is_empty();
        let interface = self.way_to(rip).filter(|_| asks && rip.is_ipv4())?;
        sharing_network(&self.facts.addresses, rip)
            .find(|address| address.id.interface == *interface)
    }

    /// Returns the link on which a real server is a neighbour.
    fn way_to(&self, rip: IpAddr) -> Option<&IfName> {
        let path = self.index.path_to(rip);
        match path {
            Some(path) if path.decision.gateway.is_none() => path.decision.interface.as_ref(),
            Some(_) => None,
            None => sharing_network(&self.facts.addresses, rip)
                .map(|address| &address.id.interface)
                .next(),
        }
    }

    /// Reports a virtual IP that is the first address of the real servers' network. The plan adds it anew behind the
    /// others.
    fn primary(&self, server: &RealServer, rip: IpAddr, vip: &Address) -> Finding {
        let finding = finding(self.node, server, &vip.id);
        let vips = self.cluster.virtual_ips();
        let has_own = sharing_network(&self.node.addresses, rip)
            .any(|address| !vips.contains(&address.id.network.addr()));
        finding.fix(match has_own {
            true => APPLY.to_owned(),
            false => own_address(vip),
        })
    }

    /// Judges the source address that the kernel chooses for packets to a real server.
    fn by_route(&self, server: &RealServer, rip: IpAddr) -> Option<Finding> {
        let path = self.index.path_to(rip);
        let route = match path {
            Some(path) => path.route.as_ref(),
            None => self.facts.route_to(rip).filter(|_| rip.is_ipv4()),
        };
        let source = match path {
            Some(path) => path.decision.source,
            None => route.and_then(|route| route.source.or_else(|| self.facts.primary(route))),
        }?;
        if !self.cluster.carried_vips(&server.name).contains(&source) {
            return None;
        }
        let vip = self.index.carrying(source).first()?;
        let finding = self.as_it_harms(server, finding(self.node, server, &vip.id));
        let vips = self.cluster.virtual_ips();
        let next_hop = route.and_then(|route| route.gateway).unwrap_or(rip);
        let own = sharing_network(&self.facts.addresses, next_hop)
            .map(|address| address.id.network.addr())
            .find(|ip| !vips.contains(ip));
        Some(match own {
            // The plan deprecates virtual IPs of IPv6.
            Some(_) if source.is_ipv6() => finding.fix(APPLY),
            Some(own) => route
                .map(|route| with_source(route, own))
                .into_iter()
                .fold(finding, Finding::fix),
            None => finding.fix(own_address(vip)),
        })
    }

    /// Lowers a finding about the source of a route: what is encapsulated has it too, but not what is routed directly.
    fn as_it_harms(&self, server: &RealServer, finding: Finding) -> Finding {
        let is_tunnelled = self
            .cluster
            .served_by(&server.name)
            .any(|(_, destination)| destination.forwarding.is_tunnel());
        match is_tunnelled {
            true => finding,
            false => Finding {
                severity: Severity::Warning,
                impact: OWN_ONLY.to_owned(),
                ..finding
            },
        }
    }
}

impl Facts {
    fn route_to(&self, ip: IpAddr) -> Option<&Route> {
        self.routes
            .iter()
            .filter(|route| route.id.destination.contains(&ip))
            .max_by_key(|route| {
                let id = &route.id;
                (id.destination.prefix_len(), u32::MAX - id.metric)
            })
    }

    /// Returns the source that a route without one of its own takes: the first address on its gateway's network.
    fn primary(&self, route: &Route) -> Option<IpAddr> {
        sharing_network(&self.addresses, route.gateway?)
            .find(|address| Some(&address.id.interface) == route.interface.as_ref())
            .map(|address| address.id.network.addr())
    }
}

fn own_address(vip: &Address) -> String {
    let network = &vip.id.network;
    format!(
        "in the file: give the director an address of its own in {}, and the virtual IP as {}/{}; then lvsctl apply FILE",
        network.trunc(),
        network.addr(),
        network.max_prefix_len()
    )
}

fn with_source(route: &Route, own: IpAddr) -> String {
    let mut line = match route.id.is_default() {
        true => String::from("ip route replace default"),
        false => format!("ip route replace {}", route.id.destination),
    };
    if let Some(gateway) = route.gateway {
        line += &format!(" via {gateway}");
    }
    if let Some(interface) = &route.interface {
        line += &format!(" dev {}", interface.quoted());
    }
    if route.id.metric != 0 {
        line += &format!(" metric {}", route.id.metric);
    }
    line + &format!(" src {own}")
}

fn finding(director: &Director, server: &RealServer, vip: &AddressId) -> Finding {
    let seen = format!(
        "packets to {} have the source address {}, which {0} carries itself",
        server.name,
        vip.network.addr()
    );
    VIP_AS_SOURCE.finding(vip, seen).on(&director.name)
}
