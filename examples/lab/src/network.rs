//! A topology as it is built: nodes as network namespaces, links as bridges, cables as veth pairs.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;

use lvs_core::net::{Address, IpNet, Route, Scope};
use lvs_core::sysctl::SysctlKey;
use lvs_core::{Host, IfName, Netns};

use crate::error::{Error, Result};
use crate::topology::{Link, Outsider, Port, Topology};

/// Holds the nodes of a cluster, its client and its router, which are removed when this is dropped.
#[derive(Debug)]
pub struct Network {
    nodes: BTreeMap<String, Netns>,
    router: Option<Netns>,
    client: Netns,
    /// The namespace of the bridges.
    switch: Netns,
    /// The ends of the nodes' cables in that namespace.
    cables: BTreeMap<String, Vec<IfName>>,
}

impl Network {
    /// Builds the network, with all interfaces connected, those of the cluster's nodes down and without
    /// addresses.
    ///
    /// # Errors
    /// The kernel refuses a part of it.
    pub fn build(topology: &Topology) -> Result<Self> {
        let switch = namespace()?;
        switch.run(|host| add_bridges(host, topology.links))??;
        let mut cables = Cables {
            switch: &switch,
            laid: 0,
        };
        let (mut nodes, mut ends) = (BTreeMap::new(), BTreeMap::new());
        for (name, ports) in &topology.nodes {
            let netns = namespace()?;
            ends.insert(name.clone(), cables.lay(&netns, ports)?);
            nodes.insert(name.clone(), netns);
        }
        let client = cables.outsider(&topology.client, false)?;
        let router = match &topology.router {
            Some(router) => Some(cables.outsider(router, true)?),
            None => None,
        };
        Ok(Self {
            nodes,
            router,
            client,
            switch,
            cables: ends,
        })
    }

    /// Connects or disconnects all cables of a node. A disconnected node neither sends nor receives, and its
    /// own interfaces show that.
    ///
    /// # Errors
    /// There is no node of that name, or the kernel refuses.
    pub fn plug_in(&self, name: &str, plugged: bool) -> Result<()> {
        let cables = self.cables.get(name).ok_or_else(|| unknown(name))?;
        self.switch.run(|host| {
            cables.iter().try_for_each(|end| match plugged {
                true => host.net().set_up(end),
                false => host.net().set_down(end),
            })
        })??;
        Ok(())
    }

    /// Returns a node of the cluster by its name.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn node(&self, name: &str) -> Result<&Netns> {
        self.nodes.get(name).ok_or_else(|| unknown(name))
    }

    /// Returns the namespace of the links, which are bridges: `link0`, `link1` and so on.
    #[must_use]
    pub const fn switch(&self) -> &Netns {
        &self.switch
    }

    /// Returns the ends of a node's cables at the bridges, in the order of its interfaces.
    #[must_use]
    pub fn cables(&self, name: &str) -> Option<&[IfName]> {
        self.cables.get(name).map(Vec::as_slice)
    }

    /// Returns the client.
    #[must_use]
    pub const fn client(&self) -> &Netns {
        &self.client
    }

    /// Returns the router, where the cluster has one.
    #[must_use]
    pub const fn router(&self) -> Option<&Netns> {
        self.router.as_ref()
    }

    /// Returns all nodes with their names, and "client" and "router".
    pub fn machines(&self) -> impl Iterator<Item = (&str, &Netns)> {
        self.nodes
            .iter()
            .map(|(name, netns)| (name.as_str(), netns))
            .chain([("client", &self.client)])
            .chain(self.router.iter().map(|netns| ("router", netns)))
    }
}

fn unknown(name: &str) -> Error {
    Error::failed(format!("there is no node {name}"))
}

/// Creates a namespace with `lo` up and without duplicate address detection: no other node has the same
/// addresses.
fn namespace() -> Result<Netns> {
    let netns = Netns::create()?;
    netns.run(|host| {
        host.net().set_up(&IfName::LO)?;
        let key = SysctlKey::new("net/ipv6/conf/default/accept_dad")?;
        Ok::<(), Error>(host.sysctl().write(&key, "0")?)
    })??;
    Ok(netns)
}

fn bridge(link: Link) -> Result<IfName> {
    Ok(IfName::new(format!("link{link}"))?)
}

fn add_bridges(host: &mut Host, links: usize) -> Result<()> {
    for link in 0..links {
        let name = bridge(link)?;
        host.net().add_bridge(&name)?;
        host.net().set_up(&name)?;
    }
    Ok(())
}

/// Lays cables from nodes to the namespace of the bridges.
struct Cables<'a> {
    switch: &'a Netns,
    laid: usize,
}

impl Cables<'_> {
    /// Lays the cables of a node, and returns their ends at the bridges.
    fn lay(&mut self, netns: &Netns, ports: &[Port]) -> Result<Vec<IfName>> {
        let mut ends = Vec::new();
        for port in ports {
            let end = IfName::new(format!("port{}", self.laid))?;
            self.laid += 1;
            let switch = self.switch.as_fd();
            netns.run(|host| host.net().add_veth(&port.interface, &end, Some(switch)))??;
            let bridge = bridge(port.link)?;
            self.switch.run(|host| {
                host.net().set_controller(&end, Some(&bridge))?;
                host.net().set_up(&end)
            })??;
            ends.push(end);
        }
        Ok(ends)
    }

    /// Builds the client or the router, with its addresses and routes.
    fn outsider(&mut self, outsider: &Outsider, forwards: bool) -> Result<Netns> {
        let netns = namespace()?;
        self.lay(&netns, &outsider.ports)?;
        netns.run(|host| configure(host, outsider, forwards))??;
        Ok(netns)
    }
}

fn configure(host: &mut Host, outsider: &Outsider, forwards: bool) -> Result<()> {
    for port in &outsider.ports {
        host.net().set_up(&port.interface)?;
    }
    for (interface, network) in &outsider.addresses {
        let mut address = Address::new(interface.clone(), *network);
        address.no_dad = network.addr().is_ipv6();
        host.net().add_address(&address)?;
    }
    if forwards {
        host.sysctl().write(&SysctlKey::IP_FORWARD, "1")?;
        let ipv6 = SysctlKey::new("net/ipv6/conf/all/forwarding")?;
        host.sysctl().write(&ipv6, "1")?;
    }
    for (ip, interface) in &outsider.hosts {
        host.net().add_route(&on_link(*ip, interface))?;
    }
    for gateway in &outsider.gateways {
        host.net().add_route(&default_route(*gateway)?)?;
    }
    Ok(())
}

fn default_route(gateway: IpAddr) -> Result<Route> {
    let any: IpAddr = match gateway {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let network = IpNet::new(any, 0).map_err(|error| Error::failed(error.to_string()))?;
    Ok(Route::via(network, gateway))
}

/// Returns a route to a host on the link itself.
fn on_link(host: IpAddr, interface: &IfName) -> Route {
    let mut route = Route::via(host.into(), host);
    route.gateway = None;
    route.interface = Some(interface.clone());
    if host.is_ipv4() {
        route.scope = Scope::LINK;
    }
    route
}
