//! The router and the client.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lvs_core::net::IpNet;

use super::link::{self, Shared};
use super::{Link, Node, Outsider, Result, TopologyError};

/// Networks for measurements (RFC 2544, RFC 5180), which no cluster uses.
const CLIENTS: [(IpAddr, u8); 2] = [
    (IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1)), 24),
    (IpAddr::V6(Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 1)), 64),
];

/// Holds the router and the client of a topology.
#[derive(Default)]
pub(super) struct Outside {
    pub(super) router: Option<Outsider>,
    pub(super) client: Outsider,
    pub(super) sources: BTreeMap<IpAddr, Vec<IpAddr>>,
    /// How many links there are, including those of the cluster.
    pub(super) links: usize,
}

/// Holds the link of a virtual IP, and its network there, if it is on one.
struct Virtual {
    ip: IpAddr,
    link: Link,
    network: Option<IpNet>,
}

pub(super) fn derive(
    nodes: &[Node],
    links: &[Shared],
    virtual_ips: &[IpAddr],
    clients: usize,
) -> Result<Outside> {
    let router = router(nodes, links)?;
    let mut used: Vec<IpAddr> = nodes.iter().flat_map(addresses).collect();
    used.extend(
        router
            .iter()
            .flat_map(|router| &router.addresses)
            .map(|(_, address)| address.addr()),
    );
    let mut outside = Outside {
        router,
        links: links.len(),
        ..Outside::default()
    };
    for ip in virtual_ips {
        let place = place(nodes, links, *ip)?;
        let (link, network) = match place.network {
            Some(network) => (place.link, network),
            None => outside.put_client_behind(&place, links.len())?,
        };
        let sources = free_addresses(network, place.ip, &used, clients)?;
        outside.admit(&sources, link, network)?;
        outside.sources.insert(place.ip, sources);
    }
    Ok(outside)
}

impl Outside {
    /// Puts the router between a virtual IP and the client; returns the link and network that these two share.
    fn put_client_behind(&mut self, place: &Virtual, link: Link) -> Result<(Link, IpNet)> {
        let router = self.router.as_mut().ok_or_else(|| no_way(place.ip))?;
        router.add_host(place.link, place.ip)?;
        let (gateway, prefix) = CLIENTS
            .into_iter()
            .find(|(gateway, _)| gateway.is_ipv4() == place.ip.is_ipv4())
            .ok_or_else(|| no_way(place.ip))?;
        let address = network(gateway, prefix)?;
        router.add_address(link, address)?;
        if !self.client.gateways.contains(&gateway) {
            self.client.gateways.push(gateway);
        }
        self.links = link + 1;
        Ok((link, address.trunc()))
    }

    /// Adds the client's addresses, and the router's routes to them: answers of direct routing go through the
    /// real server's gateway even to a client on the virtual IP's network.
    fn admit(&mut self, sources: &[IpAddr], link: Link, network: IpNet) -> Result<()> {
        for source in sources {
            self.client
                .add_address(link, with_prefix(*source, network)?)?;
            if let Some(router) = &mut self.router {
                router.add_host(link, *source)?;
            }
        }
        Ok(())
    }
}

fn no_way(ip: IpAddr) -> TopologyError {
    TopologyError::new(format!(
        "the virtual IP {ip} is on no network where a client could be, \
         and no gateway shows that there is a router"
    ))
}

fn addresses(node: &Node) -> impl Iterator<Item = IpAddr> {
    node.addresses.iter().map(|(_, address)| address.addr())
}

/// Returns one router for all gateways that are not addresses of a node.
fn router(nodes: &[Node], links: &[Shared]) -> Result<Option<Outsider>> {
    let mut router = Outsider::default();
    for node in nodes {
        let Some((gateway, ip)) = node.gateway.as_ref().and_then(|gateway| {
            let ip = gateway.address()?;
            Some((gateway, ip))
        }) else {
            continue;
        };
        if nodes.iter().flat_map(addresses).any(|own| own == ip) {
            continue;
        }
        let place = gateway
            .interface()
            .filter(|_| gateway.is_link_local() || gateway.is_on_link());
        match place.and_then(|interface| link::find(links, &node.name, interface)) {
            Some(link) => router.add_address(link, IpNet::from(ip))?,
            None => {
                let (link, network) = connected(node, links, ip)?;
                router.add_address(link, with_prefix(ip, network)?)?;
            }
        }
    }
    Ok((!router.ports.is_empty()).then_some(router))
}

fn connected(node: &Node, links: &[Shared], gateway: IpAddr) -> Result<(Link, IpNet)> {
    node.addresses
        .iter()
        .filter(|(_, address)| link::is_network(address) && address.contains(&gateway))
        .find_map(|(interface, address)| {
            Some((link::find(links, &node.name, interface)?, *address))
        })
        .ok_or_else(|| {
            let reason = format!(
                "the gateway {gateway} of {} is on none of its networks",
                node.name
            );
            TopologyError::new(reason)
        })
}

fn place(nodes: &[Node], links: &[Shared], ip: IpAddr) -> Result<Virtual> {
    let found = nodes.iter().find_map(|node| {
        let (interface, address) = node.addresses.iter().find(|(_, a)| a.addr() == ip)?;
        let own = link::is_network(address).then(|| address.trunc());
        let link = link::find(links, &node.name, interface)?;
        let around = || {
            links
                .get(link)?
                .networks
                .iter()
                .find(|network| network.contains(&ip))
        };
        let network = own.or_else(|| around().copied());
        Some(Virtual { ip, link, network })
    });
    found.ok_or_else(|| TopologyError::new(format!("no interface carries the virtual IP {ip}")))
}

/// Returns the first free addresses of a network from `….100` (IPv6: `…:100`) on: next to the virtual IP if
/// that is in the network, so that 172.16.5.11/16 gets 172.16.5.100.
fn free_addresses(
    network: IpNet,
    ip: IpAddr,
    used: &[IpAddr],
    count: usize,
) -> Result<Vec<IpAddr>> {
    let beside = if network.contains(&ip) {
        ip
    } else {
        network.addr()
    };
    let from_100: Vec<IpAddr> = match beside {
        IpAddr::V4(ip) => {
            let base = u32::from(ip) & !0xff;
            (100..255)
                .map(|n| Ipv4Addr::from(base | n).into())
                .collect()
        }
        IpAddr::V6(ip) => {
            let base = u128::from(ip) & !0xffff;
            (0x100..0x1000)
                .map(|n| Ipv6Addr::from(base | n).into())
                .collect()
        }
    };
    let usable = |ip: &IpAddr| {
        network.contains(ip)
            && !used.contains(ip)
            && *ip != network.network()
            && (*ip != network.broadcast() || network.prefix_len() >= 31)
    };
    let mut free: Vec<IpAddr> = from_100.into_iter().filter(usable).collect();
    let others: Vec<IpAddr> = network
        .hosts()
        .take(4096)
        .filter(|ip| usable(ip) && !free.contains(ip))
        .collect();
    free.extend(others);
    free.truncate(count);
    match free.len() == count {
        true => Ok(free),
        false => Err(TopologyError::new(format!(
            "{network} has no {count} free addresses for clients"
        ))),
    }
}

fn with_prefix(ip: IpAddr, of: IpNet) -> Result<IpNet> {
    network(ip, of.prefix_len())
}

fn network(ip: IpAddr, prefix: u8) -> Result<IpNet> {
    IpNet::new(ip, prefix).map_err(|error| TopologyError::new(error.to_string()))
}
