//! From a draft to what a cluster file can say: names for nodes, interfaces and prefix lengths that the
//! source does not give, and nothing that the file would refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::Options;
use super::draft::{Draft, DraftAddress, DraftDestination, DraftService};
use super::health::NO_CHECK;
use super::report::Tally;
use super::{hashing, names};
use crate::cluster::NodeName;
use crate::ipvs::{
    Destination, Encapsulation, Family, Forwarding, Protocol, SchedulerName, ServiceId, Weight,
};
use crate::name::IfName;
use crate::net::Address;

/// What the writer writes: a draft in which everything has its name.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) draft: Draft,
    /// One, or two that the addresses move between.
    pub(super) directors: Vec<String>,
    pub(super) servers: Vec<FittedServer>,
    /// The name of a destination's node by its address.
    pub(super) nodes: BTreeMap<IpAddr, String>,
    /// What most destinations have.
    pub(super) method: &'static str,
    pub(super) tunnel: Option<Encapsulation>,
    /// The networks of the director's addresses, as the source gives them.
    networks: Vec<IpNet>,
}

/// A real server with what was assumed about it.
#[derive(Debug)]
pub(super) struct FittedServer {
    pub(super) name: String,
    pub(super) interface: IfName,
    pub(super) network: IpNet,
    pub(super) assumed: &'static str,
    /// What all of its destinations have, but those that are a fallback.
    pub(super) weight: Option<Weight>,
}

/// Why a directive is left.
type Reason = String;

pub(super) fn fit(mut draft: Draft, tally: &mut Tally, options: &Options) -> Fitted {
    services(&mut draft, tally);
    addresses(&mut draft, tally, options);
    let vips: BTreeSet<IpAddr> = draft.services.iter().filter_map(vip).collect();
    let own = own_addresses(&mut draft, &vips);
    let networks = draft
        .addresses
        .iter()
        .map(|address| address.address.id.network)
        .collect();
    narrow(&mut draft, &vips);
    let tunnel = tunnel(&draft);
    let carried = draft
        .addresses
        .iter()
        .map(|address| address.address.id.network.addr());
    let taken = carried
        .filter(|ip| !own.values().any(|own| own == ip))
        .collect();
    let are_directors = own.values().copied().collect();
    for service in &mut draft.services {
        local_nodes(service, &own, draft.is_observed);
        destinations(service, tally, &taken, tunnel, &are_directors);
        hashing::remark(service);
    }
    let method = method(&draft);
    let mut fitted = Fitted {
        directors: vec![options.node.to_string()],
        servers: Vec::new(),
        nodes: BTreeMap::new(),
        tunnel: tunnel.filter(|_| uses_tunnels(&draft)),
        method,
        networks,
        draft,
    };
    fitted.name_nodes(&own, options);
    fitted.weigh();
    fitted.pair(&vips, options);
    fitted.note_own_address(&vips);
    fitted
}

/// Drops services that a cluster file refuses, and the second one of the same identity.
fn services(draft: &mut Draft, tally: &mut Tally) {
    let mut seen = BTreeSet::new();
    draft.services.retain(|service| {
        let problem = match seen.insert(service.service.id) {
            true => refused_service(service),
            false => Some(format!("{} is declared above", service.service.id)),
        };
        if let Some(reason) = &problem {
            leave_service(service, tally, reason);
        }
        problem.is_none()
    });
}

fn leave_service(service: &DraftService, tally: &mut Tally, reason: &str) {
    tally.left(service.directive, reason);
    for destination in &service.destinations {
        tally.left(
            destination.directive,
            format!("its service is not imported: {reason}"),
        );
    }
}

fn refused_service(service: &DraftService) -> Option<Reason> {
    let kernel = &service.service;
    if !SchedulerName::KNOWN.contains(&kernel.scheduler) {
        return Some(format!("Linux has no scheduler {}", kernel.scheduler));
    }
    if let ServiceId::Socket { protocol, address } = kernel.id {
        if ![Protocol::TCP, Protocol::UDP, Protocol::SCTP].contains(&protocol) {
            return Some(format!("a cluster has no services of protocol {protocol}"));
        }
        if address.ip().is_loopback() {
            return Some("no client connects to a loopback address".to_owned());
        }
    }
    kernel.check().err().map(|invalid| invalid.to_string())
}

fn vip(service: &DraftService) -> Option<IpAddr> {
    match service.service.id {
        ServiceId::Socket { address, .. } => Some(address.ip()),
        ServiceId::Fwmark { .. } => None,
    }
}

/// Every virtual IP is an address of the director, and every address is one that a node can have, once.
fn addresses(draft: &mut Draft, tally: &mut Tally, options: &Options) {
    let mut seen = BTreeSet::new();
    draft.addresses.retain_mut(|address| {
        let network = &mut address.address.id.network;
        let fresh = seen.insert(network.addr());
        if fresh && is_host(network.addr()) {
            let written = std::mem::replace(network, sensible(*network));
            if *network != written {
                let what = format!("prefix length, as {written} is not a host of its network");
                address.assumed = Some(what);
            }
            return true;
        }
        if let Some(id) = address.directive {
            tally.left(
                id,
                match fresh {
                    true => "a node cannot have this address",
                    false => "the address is declared above",
                },
            );
        }
        false
    });
    for service in &mut draft.services {
        let Some(vip) = vip(service).filter(|vip| seen.insert(*vip)) else {
            continue;
        };
        let interface = options.interface.clone();
        draft.addresses.push(DraftAddress {
            address: Address::new(interface, IpNet::from(vip)),
            assumed: Some("interface and prefix length".to_owned()),
            directive: None,
        });
        service.assumed.insert(format!(
            "the interface of {vip} ({}) and its prefix length",
            options.interface
        ));
    }
}

fn is_host(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    !(ip.is_unspecified() || ip.is_multicast() || broadcast)
}

/// Returns a network of which the address is a host; the address alone where it would be no host of the network.
pub(super) fn sensible(network: IpNet) -> IpNet {
    let edge = match network {
        IpNet::V4(v4) => {
            v4.prefix_len() <= 30 && [v4.network(), v4.broadcast()].contains(&v4.addr())
        }
        IpNet::V6(_) => false,
    };
    match edge || network.prefix_len() == 0 {
        true => IpNet::from(network.addr()),
        false => network,
    }
}

/// Takes the network from a virtual IP that would be the source of packets to real servers that carry it too: they take
/// such packets for forged.
fn narrow(draft: &mut Draft, vips: &BTreeSet<IpAddr>) {
    if draft.is_observed {
        return;
    }
    let carriers = draft.services.iter().flat_map(|service| {
        let ends = service.destinations.iter().map(|end| &end.destination);
        let carries = |end: &&Destination| end.forwarding != Forwarding::Masquerade;
        ends.filter(carries)
            .filter_map(move |end| Some((vip(service)?, end.id.address)))
    });
    let carriers: BTreeSet<_> = carriers.collect();
    // The first address on a network is the source of what is sent there.
    let mut own: Vec<IpNet> = Vec::new();
    for address in &mut draft.addresses {
        let network = &mut address.address.id.network;
        if !vips.contains(&network.addr()) {
            own.push(*network);
            continue;
        }
        let is_source = |server: &IpAddr| {
            network.contains(server) && !own.iter().any(|own| own.contains(server))
        };
        let mut carriers = carriers.iter().filter(|(vip, _)| *vip == network.addr());
        if network.addr().is_ipv4() && carriers.any(|(_, server)| is_source(server)) {
            let what = format!(
                "prefix length, as its real servers carry {} too: give the director an address of its own in {}",
                network.addr(),
                network.trunc()
            );
            address.assumed = Some(what);
            *network = IpNet::from(network.addr());
        }
    }
}

/// By family: the address by which the director serves as a destination itself. The file takes the first
/// one that is not virtual, so one that is a destination is written first.
fn own_addresses(draft: &mut Draft, vips: &BTreeSet<IpAddr>) -> BTreeMap<Family, IpAddr> {
    if draft.floats {
        return BTreeMap::new();
    }
    let served: BTreeSet<IpAddr> = draft
        .services
        .iter()
        .flat_map(|service| &service.destinations)
        .map(|destination| destination.destination.id.address)
        .collect();
    let is_served = |draft: &DraftAddress| {
        let ip = draft.address.id.network.addr();
        served.contains(&ip) && !vips.contains(&ip)
    };
    draft.addresses.sort_by_key(|address| !is_served(address));
    let carried = draft
        .addresses
        .iter()
        .map(|address| address.address.id.network.addr());
    let mut own = BTreeMap::new();
    for ip in carried.clone().filter(|ip| !vips.contains(ip)) {
        own.entry(Family::from(ip)).or_insert(ip);
    }
    // Itself, without an address of its own, it reaches by a virtual one.
    let is_itself = |family| {
        let mut served = served.iter();
        !draft.is_observed && served.any(|ip| ip.is_loopback() && Family::from(*ip) == family)
    };
    for ip in carried.filter(|ip| is_itself(Family::from(*ip))) {
        own.entry(Family::from(ip)).or_insert(ip);
    }
    own
}

/// Makes a loopback address the director's own, where it has one that is not the other director's too.
fn local_nodes(service: &mut DraftService, own: &BTreeMap<Family, IpAddr>, is_observed: bool) {
    for draft in &mut service.destinations {
        let destination = &mut draft.destination;
        let ip = &mut destination.id.address;
        if is_observed || !ip.is_loopback() {
            continue;
        }
        if let Some(own) = own.get(&Family::from(*ip)) {
            draft.assumed = Some(format!("the director itself, by {own} in place of {ip}"));
            *ip = *own;
        } else if destination.forwarding == Forwarding::Masquerade {
            let reason = "by dr: the kernel masquerades nothing to a loopback address";
            draft.assumed = Some(reason.to_owned());
            destination.forwarding = Forwarding::DirectRouting;
        }
    }
}

/// Returns the first encapsulation that has to be written out; a cluster file has one.
fn tunnel(draft: &Draft) -> Option<Encapsulation> {
    let destinations = draft
        .services
        .iter()
        .flat_map(|service| &service.destinations);
    destinations
        .map(|destination| destination.destination.forwarding)
        .find_map(|forwarding| match forwarding {
            Forwarding::Tunnel(encapsulation) if encapsulation != Encapsulation::Ipip => {
                Some(encapsulation)
            }
            _ => None,
        })
}

fn uses_tunnels(draft: &Draft) -> bool {
    let mut destinations = draft
        .services
        .iter()
        .flat_map(|service| &service.destinations);
    destinations.any(|destination| {
        matches!(destination.destination.forwarding, Forwarding::Tunnel(kind) if kind != Encapsulation::Ipip)
    })
}

/// Drops destinations that a cluster file refuses, and brings ports in line.
fn destinations(
    service: &mut DraftService,
    tally: &mut Tally,
    taken: &BTreeSet<IpAddr>,
    tunnel: Option<Encapsulation>,
    directors: &BTreeSet<IpAddr>,
) {
    let id = service.service.id;
    let mut seen = BTreeSet::new();
    let is_checked = service.health.is_checked();
    let (mut servers, mut has_fallback) = (BTreeSet::new(), false);
    service.destinations.retain_mut(|draft| {
        let assumed = bring_port_in_line(&mut draft.destination, &id);
        let destination = &draft.destination;
        let problem = refused_destination(destination, &id, tunnel)
            .or_else(|| refused_address(destination.id.address, taken))
            .or_else(|| {
                let again = !draft.is_fallback && !seen.insert(destination.id);
                again.then(|| format!("{} is declared above", destination.id))
            })
            .or_else(|| {
                let is_free = !servers.contains(&destination.id.address) && !has_fallback;
                draft
                    .is_fallback
                    .then(|| refused_fallback(is_checked, is_free))?
            });
        if let Some(reason) = problem {
            match tally.is_used(draft.directive) {
                true => tally.doubt(draft.directive, &format!("not of {id}: {reason}")),
                false => tally.left(draft.directive, reason),
            }
            return false;
        }
        match draft.is_fallback {
            true => has_fallback = true,
            false => drop(servers.insert(destination.id.address)),
        }
        let is_director = directors.contains(&draft.destination.id.address);
        settle(draft, assumed, is_director, tally);
        true
    });
    let minimum = service.health.minimum.min(servers.len());
    service.health.minimum = minimum;
}

/// A fallback is known by the name of its node.
fn refused_fallback(is_checked: bool, is_free: bool) -> Option<Reason> {
    if !is_checked {
        return Some(NO_CHECK.to_owned());
    }
    (!is_free).then(|| {
        "it is a real server of the service already, or another is its fallback".to_owned()
    })
}

fn settle(
    draft: &mut DraftDestination,
    assumed: Option<String>,
    is_director: bool,
    tally: &mut Tally,
) {
    let server = (!is_director).then(|| "the real server's interface and prefix length".to_owned());
    let reasons = [draft.assumed.take(), assumed, server];
    let reasons: Vec<_> = reasons.into_iter().flatten().collect();
    let to = match draft.is_fallback {
        true => "services.fallback",
        false => "services.destinations",
    };
    match reasons.is_empty() {
        true => tally.carried(draft.directive, to),
        false => tally.assumed(draft.directive, to, reasons.join("; ")),
    }
}

/// Only masquerading changes the port; a service by firewall mark has none.
fn bring_port_in_line(destination: &mut Destination, service: &ServiceId) -> Option<String> {
    let port = match service {
        ServiceId::Socket { address, .. } => address.port(),
        ServiceId::Fwmark { .. } => 0,
    };
    let id = &mut destination.id;
    if id.port == port || destination.forwarding == Forwarding::Masquerade && id.port != 0 {
        return None;
    }
    let written = std::mem::replace(&mut id.port, port);
    // What is left out is the port of the service.
    let is_marked = matches!(service, ServiceId::Fwmark { .. });
    (written != 0).then(|| match is_marked {
        true => format!("without port {written}: packets keep the port that clients ask for"),
        false => format!(
            "port {port} in place of {written}, which {} cannot change",
            destination.forwarding
        ),
    })
}

fn refused_destination(
    destination: &Destination,
    service: &ServiceId,
    tunnel: Option<Encapsulation>,
) -> Option<Reason> {
    match destination.forwarding {
        Forwarding::Masquerade | Forwarding::DirectRouting => {}
        Forwarding::Tunnel(kind) if kind == Encapsulation::Ipip || Some(kind) == tunnel => {}
        Forwarding::Tunnel(kind) => {
            return Some(format!(
                "a cluster has one encapsulation, and this is another: {kind}"
            ));
        }
        other => return Some(format!("{other} is not a method of a cluster")),
    }
    destination
        .check(service)
        .err()
        .map(|invalid| invalid.to_string())
}

fn refused_address(ip: IpAddr, taken: &BTreeSet<IpAddr>) -> Option<Reason> {
    if taken.contains(&ip) {
        return Some(format!(
            "{ip} is the director's, and not the one by which it is a real server"
        ));
    }
    (!is_host(ip)).then(|| format!("{ip} is not the address of a node"))
}

/// Returns the method of most destinations; masquerading where there are none.
fn method(draft: &Draft) -> &'static str {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let destinations = draft
        .services
        .iter()
        .flat_map(|service| &service.destinations);
    for destination in destinations {
        *counts
            .entry(word(destination.destination.forwarding))
            .or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or("nat", |(method, _)| method)
}

/// Returns a method as the file writes it, without its encapsulation.
pub(super) const fn word(forwarding: Forwarding) -> &'static str {
    match forwarding {
        Forwarding::DirectRouting => "dr",
        Forwarding::Tunnel(_) => "tunnel",
        _ => "nat",
    }
}

impl Fitted {
    /// Returns the name of a service's fallback.
    pub(super) fn fallback(&self, service: &DraftService) -> Option<&str> {
        let mut destinations = service.destinations.iter();
        let fallback = destinations.find(|destination| destination.is_fallback)?;
        let name = self.nodes.get(&fallback.destination.id.address);
        name.map(String::as_str)
    }

    /// Gives every destination's address a node.
    fn name_nodes(&mut self, own: &BTreeMap<Family, IpAddr>, options: &Options) {
        let services = self.draft.services.iter();
        let ips: Vec<IpAddr> = services
            .flat_map(|service| &service.destinations)
            .map(|destination| destination.destination.id.address)
            .collect();
        let mut taken: BTreeSet<String> = self.directors.iter().cloned().collect();
        for ip in ips {
            if self.nodes.contains_key(&ip) {
                continue;
            }
            if own.values().any(|own| *own == ip) {
                self.nodes.insert(ip, options.node.to_string());
                continue;
            }
            let hint = self.draft.names.get(&ip);
            let hint = hint.filter(|name| NodeName::new(name.as_str()).is_ok());
            let hint = hint.filter(|name| !taken.contains(*name));
            let name = hint.cloned().unwrap_or_else(|| names::node(ip));
            taken.insert(name.clone());
            self.nodes.insert(ip, name.clone());
            let server = self.server(ip, name, options);
            self.servers.push(server);
        }
    }

    /// Gives a real server the weight that all of its destinations have.
    fn weigh(&mut self) {
        for server in &mut self.servers {
            let ip = server.network.addr();
            let services = self.draft.services.iter();
            let mut weights = services
                .flat_map(|service| &service.destinations)
                .filter(|end| end.destination.id.address == ip && !end.is_fallback)
                .map(|end| end.destination.weight);
            let first = weights.next();
            server.weight = first.filter(|first| weights.all(|weight| weight == *first));
        }
    }

    /// Returns the weight that a destination has beside its real server's.
    pub(super) fn written_weight(&self, draft: &DraftDestination) -> Option<Weight> {
        let destination = &draft.destination;
        let mut servers = self.servers.iter();
        let server = servers.find(|server| server.network.addr() == destination.id.address);
        let weight = server.and_then(|server| server.weight);
        let is_its_own = draft.is_fallback || weight != Some(destination.weight);
        is_its_own.then_some(destination.weight)
    }

    /// Assumes where a real server's address is: on the director's network that contains it, if any does.
    fn server(&self, ip: IpAddr, name: String, options: &Options) -> FittedServer {
        if ip.is_loopback() {
            let prefix = if ip.is_ipv4() { 8 } else { 128 };
            return FittedServer {
                name,
                interface: IfName::LO,
                network: with_prefix(ip, prefix),
                assumed: "interface and prefix length; this is the director itself",
                weight: None,
            };
        }
        let networks = self.networks.iter();
        let near = networks.filter(|network| network.contains(&ip) && network.addr() != ip);
        let near = near.map(|network| network.prefix_len()).max();
        let default = if ip.is_ipv4() { 24 } else { 64 };
        FittedServer {
            name,
            interface: options.interface.clone(),
            network: sensible(with_prefix(ip, near.unwrap_or(default))),
            assumed: match near {
                Some(_) => "interface; prefix length as on the director",
                None => "interface and prefix length",
            },
            weight: None,
        }
    }

    /// Writes two directors, where addresses move and two can be written.
    fn pair(&mut self, vips: &BTreeSet<IpAddr>, options: &Options) {
        let is_own = |name: &String| self.directors.contains(name);
        if !self.draft.floats || self.nodes.values().any(is_own) {
            return;
        }
        if !self.answers_return(vips) {
            self.draft.notes.push(
                "The source has VRRP, but no address that moves on the network of masqueraded real \
                 servers: answers need one. Add it and write two [[directors]] with floating addresses."
                    .to_owned(),
            );
            return;
        }
        let mut second = format!("{}-2", options.node);
        if NodeName::new(second.as_str()).is_err()
            || self.nodes.values().any(|name| *name == second)
        {
            second = "the-other-director".to_owned();
        }
        self.directors.push(second);
        let mut servers = self.servers.iter();
        if let Some(itself) = servers.find(|server| server.network.addr().is_loopback()) {
            self.draft.notes.push(format!(
                "{} is each of the directors itself, and no node to apply anything to: leave it out of orders and \
                 rollouts.",
                itself.name
            ));
        }
        self.draft.notes.push(
            "Two directors, of which VRRP decides which one is active. Their names, and addresses of \
             their own, are not in the source: add them, with their prefix lengths."
                .to_owned(),
        );
    }

    /// A source says what clients connect to, not what the director is called by itself.
    fn note_own_address(&mut self, vips: &BTreeSet<IpAddr>) {
        let mut addresses = self.draft.addresses.iter();
        let has_own = addresses.any(|draft| !vips.contains(&draft.address.id.network.addr()));
        if !has_own && self.directors.len() == 1 && !self.draft.is_observed {
            self.draft.notes.push(
                "The director has an address of its own that the source does not name: add it to director.addresses, \
                 with its prefix length. Probes leave from it, and real servers of dr and nat are on its network."
                    .to_owned(),
            );
        }
    }

    /// Returns whether every masqueraded real server is on a network of an address that moves and is not virtual.
    fn answers_return(&self, vips: &BTreeSet<IpAddr>) -> bool {
        let inner: Vec<IpAddr> = self
            .draft
            .addresses
            .iter()
            .map(|address| address.address.id.network.addr())
            .filter(|ip| !vips.contains(ip))
            .collect();
        let destinations = self
            .draft
            .services
            .iter()
            .flat_map(|service| &service.destinations);
        destinations
            .map(|destination| &destination.destination)
            .filter(|destination| destination.forwarding == Forwarding::Masquerade)
            .all(|destination| {
                let name = self.nodes.get(&destination.id.address);
                let server = self
                    .servers
                    .iter()
                    .find(|server| Some(&server.name) == name);
                server.is_some_and(|server| inner.iter().any(|ip| server.network.contains(ip)))
            })
    }
}

fn with_prefix(ip: IpAddr, prefix: u8) -> IpNet {
    IpNet::new(ip, prefix).unwrap_or_else(|_| IpNet::from(ip))
}
