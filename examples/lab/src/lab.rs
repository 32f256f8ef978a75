//! A cluster in its network, with servers and a client.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use lvs_core::cluster::{
    DesiredState, NodeName, Plan, PlanOptions, Role, VirtualDestination, VirtualService,
};
use lvs_core::ipvs::{Protocol, ServiceId};
use lvs_core::{Cluster, Host, Netns};

use crate::answers::Answers;
use crate::error::{Context, Error, Result};
use crate::inside::inside;
use crate::modules::load_module;
use crate::network::Network;
use crate::topology::Topology;
use crate::{http, marks, udp};

/// How long the client waits for an answer.
const ANSWER: Duration = Duration::from_secs(3);

/// How long to wait for the servers before the client starts.
const READY: Duration = Duration::from_secs(10);

/// The table of a thread's namespace; the usual `/proc/net` is that of the main thread.
const TABLE: &str = "/proc/thread-self/net/ip_vs";

/// The port of servers for services of every port.
const ANY_PORT: u16 = 80;

/// Builds the nodes of a cluster, none of them configured yet, each real server with a program that answers
/// with its name on the ports of its services.
///
/// ```no_run
/// # fn run() -> lvs_lab::Result<()> {
/// # let text = "";
/// let cluster = lvs_core::Cluster::from_toml(text)?;
/// let lab = lvs_lab::Lab::new(&cluster, 1)?;
/// for name in cluster.node_names() {
///     lab.node(name.as_str())?.run(|host| { /* configure it */ })?;
/// }
/// lab.wait_for_servers()?;
/// for service in cluster.services() {
///     println!("{}", lab.ask(&service.service.id, 10)?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Lab {
    cluster: Cluster,
    topology: Topology,
    network: Network,
    servers: Vec<(NodeName, Server)>,
}

/// Runs until it is dropped.
#[derive(Debug)]
enum Server {
    Http { _server: http::Server },
    Udp { _server: udp::Server },
}

impl Lab {
    /// Loads the schedulers' modules, builds the network and starts the servers. `clients` is the number of
    /// addresses that the client uses in turn.
    ///
    /// # Errors
    /// The cluster does not determine the network, or has services of a protocol for which the lab has no
    /// server.
    pub fn new(cluster: &Cluster, clients: usize) -> Result<Self> {
        let topology = Topology::of(cluster, clients)?;
        load_modules(cluster)?;
        let network = Network::build(&topology)?;
        let servers = start_servers(cluster, &network)?;
        Ok(Self {
            cluster: cluster.clone(),
            topology,
            network,
            servers,
        })
    }

    /// Returns the network of the cluster.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Returns a node of the cluster.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn node(&self, name: &str) -> Result<&Netns> {
        self.network.node(name)
    }

    /// Ends the servers of a node, so that a test can start its own.
    pub fn stop_servers(&mut self, name: &str) {
        self.servers.retain(|(node, _)| node.as_str() != name);
    }

    /// Applies the cluster to every node in the order of the rollout, real servers first; returns the applied
    /// plans. Of two directors the file's first one is the active one.
    ///
    /// # Errors
    /// It failed on a node: those after it are untouched.
    pub fn apply(&self) -> Result<Vec<Plan>> {
        self.cluster
            .rollout(None)
            .into_iter()
            .map(|step| self.apply_to(step.node.as_str()))
            .collect()
    }

    /// Applies the cluster to one node; returns the applied plan.
    ///
    /// # Errors
    /// There is no such node, or it failed.
    pub fn apply_to(&self, name: &str) -> Result<Plan> {
        let state = self.cluster.node(name);
        self.apply_state(state.ok_or_else(|| unknown(name))?)
    }

    /// Applies the cluster to one of two directors, in a role; returns the applied plan.
    ///
    /// # Errors
    /// The node is not one of two directors, or it failed.
    pub fn apply_as(&self, name: &str, role: Role) -> Result<Plan> {
        let state = self.cluster.node_as(name, role);
        self.apply_state(state.ok_or_else(|| unknown(name))?)
    }

    fn apply_state(&self, state: DesiredState) -> Result<Plan> {
        let name = state.name.clone();
        let apply = |host: &mut Host| state.apply(host, PlanOptions::default(), &mut |_| {});
        let result = self.node(name.as_str())?.run(apply)?;
        result.map_err(|error| Error::failed(format!("{name}: {error}")))
    }

    /// Waits until the director can reach every server by its real IP; it never connects to a virtual IP, so
    /// that the first connection of a scheduler is the client's.
    ///
    /// # Errors
    /// A server does not answer.
    pub fn wait_for_servers(&self) -> Result<()> {
        for director in self.cluster.directors() {
            let netns = self.node(director.name.as_str())?;
            for (protocol, server) in self.real_servers() {
                netns.run(|_| wait_for(protocol, server))??;
            }
        }
        Ok(())
    }

    /// Returns the servers by their real IPs, without the directors.
    fn real_servers(&self) -> BTreeSet<(Protocol, SocketAddr)> {
        let mut all = BTreeSet::new();
        let is_director = |name: &NodeName| {
            self.cluster
                .directors()
                .iter()
                .any(|director| director.name == *name)
        };
        for service in self.cluster.services() {
            for destination in &service.destinations {
                if is_director(&destination.real_server) {
                    continue;
                }
                let Some(ip) = self.cluster.real_ip(service, destination) else {
                    continue;
                };
                all.extend(
                    ports(service, destination)
                        .into_iter()
                        .map(|(protocol, port)| (protocol, (ip, port).into())),
                );
            }
        }
        all
    }

    /// Returns the kernel's own table on a node, as shown in `/proc`.
    ///
    /// # Errors
    /// There is no such node, or ip_vs is not loaded.
    pub fn table(&self, name: &NodeName) -> Result<String> {
        let read = |_: &mut Host| fs::read_to_string(TABLE);
        self.node(name.as_str())?
            .run(read)?
            .context(format_args!("read {TABLE}"))
    }

    /// Sends the client's request number `number` (from 0) to a service; returns the name of the server.
    /// Requests to a service by firewall mark go to its marked addresses in turn; `tcp 172.16.5.11:443`
    /// selects one of them.
    ///
    /// # Errors
    /// No answer, or a service that the cluster does not have.
    pub fn request(&self, service: &ServiceId, number: usize) -> Result<String> {
        let (protocol, address) = match service {
            ServiceId::Socket { protocol, address } => (*protocol, *address),
            ServiceId::Fwmark { .. } => self.marked(service, number)?,
        };
        let source = self
            .topology
            .sources
            .get(&address.ip())
            .and_then(|sources| sources.get(number % sources.len().max(1)));
        let port = some_port(address.port());
        let address = SocketAddr::new(address.ip(), port);
        let answer = inside(self.network.client(), || {
            ask(protocol, address, source.copied(), ANSWER)
        })?;
        answer.map_err(|error| Error::failed(format!("{service} does not answer: {error}")))
    }

    /// Sends the client's first requests to a service, one after the other.
    ///
    /// # Errors
    /// A request has no answer.
    pub fn ask(&self, service: &ServiceId, requests: usize) -> Result<Answers> {
        (0..requests)
            .map(|number| self.request(service, number))
            .collect()
    }

    fn marked(&self, service: &ServiceId, number: usize) -> Result<(Protocol, SocketAddr)> {
        let sockets = self
            .cluster
            .services()
            .iter()
            .find(|candidate| candidate.service.id == *service)
            .map(sockets)
            .unwrap_or_default();
        sockets
            .get(number % sockets.len().max(1))
            .copied()
            .ok_or_else(|| Error::failed(format!("the cluster has no {service}")))
    }

    /// Marks packets on every node that needs it, as an operator would: by the rules that its plan shows,
    /// with Debian's own `nft`.
    ///
    /// # Errors
    /// There is no `nft`, or it or the kernel refuses the rules.
    pub fn load_rules(&self) -> Result<()> {
        for name in self.cluster.node_names() {
            let node = self.cluster.node(name.as_str());
            if let Some(rules) = node.and_then(|node| node.nftables) {
                let mark = |host: &mut Host| marks::load(host, &self.cluster, &rules);
                self.node(name.as_str())?.run(mark)??;
            }
        }
        Ok(())
    }
}

fn unknown(name: &str) -> Error {
    Error::failed(format!("{name} is not a node of the cluster"))
}

/// Loads the modules of schedulers and tunnels: the guest has no helper that loads them when the kernel asks.
/// The kernel makes the interface of a module in all namespaces that are made later.
fn load_modules(cluster: &Cluster) -> Result<()> {
    for service in cluster.services() {
        load_module(&format!("ip_vs_{}", service.service.scheduler))?;
        if matches!(service.service.id, ServiceId::Socket { protocol, .. } if protocol == Protocol::SCTP)
        {
            load_module("sctp")?;
        }
    }
    let nodes = cluster.node_names();
    for node in nodes.filter_map(|name| cluster.node(name.as_str())) {
        for tunnel in &node.tunnels {
            load_module(tunnel.value.kind.module())?;
        }
        if !node.listeners.is_empty() {
            load_module("fou")?;
        }
    }
    Ok(())
}

fn start_servers(cluster: &Cluster, network: &Network) -> Result<Vec<(NodeName, Server)>> {
    let mut servers = BTreeSet::new();
    for service in cluster.services() {
        for destination in &service.destinations {
            let name = &destination.real_server;
            servers.extend(
                ports(service, destination)
                    .into_iter()
                    .map(|(protocol, port)| (name.clone(), protocol, port)),
            );
        }
    }
    let start = |(name, protocol, port): (NodeName, Protocol, u16)| {
        let netns = network.node(name.as_str())?;
        let server = match protocol {
            Protocol::TCP => http::Server::start(netns, port, name.as_str())
                .map(|server| Server::Http { _server: server }),
            Protocol::UDP => udp::Server::start(netns, port, name.as_str())
                .map(|server| Server::Udp { _server: server }),
            Protocol::SCTP => http::Server::start_sctp(netns, port, name.as_str())
                .map(|server| Server::Http { _server: server }),
            other => Err(Error::failed(format!("the lab has no {other} servers"))),
        };
        Ok((name, server?))
    };
    servers.into_iter().map(start).collect()
}

/// Returns the addresses that clients connect to.
fn sockets(service: &VirtualService) -> Vec<(Protocol, SocketAddr)> {
    match service.service.id {
        ServiceId::Socket { protocol, address } => vec![(protocol, address)],
        ServiceId::Fwmark { .. } => service
            .matches
            .iter()
            .map(|rule| (rule.protocol, rule.address))
            .collect(),
    }
}

/// Returns the ports on which a destination's server listens.
fn ports(service: &VirtualService, destination: &VirtualDestination) -> Vec<(Protocol, u16)> {
    let port = |(protocol, address): (Protocol, SocketAddr)| {
        let port = destination.port.unwrap_or_else(|| address.port());
        (protocol, some_port(port))
    };
    sockets(service).into_iter().map(port).collect()
}

const fn some_port(port: u16) -> u16 {
    if port == 0 { ANY_PORT } else { port }
}

fn ask(
    protocol: Protocol,
    server: SocketAddr,
    source: Option<IpAddr>,
    timeout: Duration,
) -> io::Result<String> {
    match protocol {
        Protocol::UDP => udp::fetch(server, source, timeout),
        Protocol::SCTP => http::fetch_sctp(server, source, timeout),
        _ => http::fetch(server, source, timeout),
    }
}

fn wait_for(protocol: Protocol, server: SocketAddr) -> Result<()> {
    let started = Instant::now();
    loop {
        match ask(protocol, server, None, Duration::from_secs(1)) {
            Ok(_) => return Ok(()),
            Err(error) if started.elapsed() > READY => {
                let reason = format!("the director cannot reach {server}: {error}");
                return Err(Error::failed(reason));
            }
            // A refusal arrives at once; there is one processor, and other threads need it.
            Err(_) => std::thread::yield_now(),
        }
    }
}
