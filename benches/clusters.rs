//! Clusters by direct routing of any size.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use lvs_core::check::{Facts, IpvsReading};
use lvs_core::cluster::{
    DesiredService, DesiredState, Director, IpvsState, Observed, Plan, PlanOptions, RealServer,
    VirtualDestination, VirtualService,
};
use lvs_core::ipvs::{
    Connection, DestinationStatus, Forwarding, SchedulerName, Seconds, Service, ServiceEntryStatus,
    ServiceId, ServiceStatus, Stats,
};
use lvs_core::net::{Address, IpNet, Link, Route};
use lvs_core::{Cluster, IfName};

/// How large a cluster is, and the node that it is planned on.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// The number of virtual IPs.
    pub vips: u32,
    /// The number of services of each virtual IP.
    pub ports: u16,
    /// The number of real servers, each of which is a destination of every service.
    pub servers: u32,
    /// The number of unmanaged routes on the node.
    pub routes: u32,
}

impl Size {
    /// One service on one virtual IP with two real servers.
    pub const SMALLEST: Self = Self {
        vips: 1,
        ports: 1,
        servers: 2,
        routes: 0,
    };

    /// Returns the cluster by direct routing.
    #[must_use]
    pub fn cluster(self) -> Cluster {
        self.cluster_by(Forwarding::DirectRouting)
    }

    /// Returns the cluster by a forwarding method.
    #[must_use]
    pub fn cluster_by(self, forwarding: Forwarding) -> Cluster {
        let mut director = Director::new("director".parse().unwrap());
        director.addresses = (0..self.vips)
            .map(|number| address("eth0", vip(number), 32))
            .chain([address("eth1", Ipv4Addr::new(10, 0, 0, 1), 8)])
            .collect();
        let servers: Vec<_> = (0..self.servers).map(server).collect();
        let services = (0..self.vips)
            .flat_map(|number| (1..=self.ports).map(move |port| (vip(number), port)))
            .map(|address| {
                let id = ServiceId::tcp(address.into());
                let mut service = VirtualService::new(Service::new(id, SchedulerName::WRR));
                service.destinations = servers
                    .iter()
                    .map(|server| VirtualDestination::new(server.name.clone(), forwarding))
                    .collect();
                service
            })
            .collect();
        Cluster::new("web".parse().unwrap(), director, servers, services).unwrap()
    }

    /// Returns a node with its interfaces, sysctls and unmanaged routes, on which nothing of the cluster exists.
    #[must_use]
    pub fn fresh(self, node: &DesiredState) -> Observed {
        Observed {
            links: node.links.keys().map(|name| (name.clone(), true)).collect(),
            sysctls: node
                .sysctls
                .keys()
                .map(|key| (key.clone(), "0".to_owned()))
                .collect(),
            routes: (0..self.routes).map(route).collect(),
            ipvs: IpvsState::empty(),
            ..Observed::default()
        }
    }

    /// Returns the facts of a director that is as it must be, with a client of each service that waits for an answer
    /// and one that has it.
    #[must_use]
    pub fn director(self, cluster: &Cluster) -> Facts {
        let mut facts = self.facts(cluster, "director");
        let node = cluster.node("director").unwrap();
        let reading = |at, count| IpvsReading {
            at: Duration::from_millis(at),
            services: node.services.iter().map(|one| listed(one, count)).collect(),
            connections: (0..)
                .zip(&node.services)
                .flat_map(|(number, one)| connections(number, one))
                .collect(),
        };
        facts.ipvs_loaded = Some(true);
        facts.readings = vec![reading(0, 10), reading(1250, 20), reading(2500, 30)];
        facts
    }

    /// Returns the facts of a real server that is as it must be.
    #[must_use]
    pub fn server(self, cluster: &Cluster) -> Facts {
        self.facts(cluster, "server0")
    }

    fn facts(self, cluster: &Cluster, name: &str) -> Facts {
        let node = cluster.node(name).unwrap();
        let applied = self.applied(&node);
        let mut facts = Facts::unknown(node.name);
        facts.links = (1..)
            .zip(applied.links.keys())
            .map(|(index, name)| link(index, name))
            .collect();
        facts.addresses = applied.addresses.iter().cloned().collect();
        facts.routes = applied.routes.iter().cloned().collect();
        facts.sysctls = applied.sysctls.clone();
        facts.observed = Some(applied);
        facts
    }

    /// Returns a node that is as it must be.
    #[must_use]
    pub fn applied(self, node: &DesiredState) -> Observed {
        let fresh = self.fresh(node);
        Plan::new(node, &fresh, PlanOptions::default()).outcome(&fresh)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            vips,
            ports,
            servers,
            routes,
        } = self;
        write!(
            f,
            "{vips} VIPs x {ports} ports x {servers} servers, {routes} routes"
        )
    }
}

fn link(index: u32, name: &IfName) -> Link {
    let mut link = Link::new(index, name.clone());
    link.mac = (*name != IfName::LO).then(|| "02:00:00:00:00:01".parse().unwrap());
    link
}

fn listed(desired: &DesiredService, connections: u64) -> ServiceEntryStatus {
    let mut stats = Stats::default();
    (stats.connections, stats.packets_in) = (connections, connections);
    let destinations = desired.destinations.iter().map(|one| DestinationStatus {
        destination: one.value,
        active: 0,
        inactive: 0,
        persistent: 0,
        stats,
    });
    ServiceEntryStatus {
        status: ServiceStatus {
            service: desired.service.clone(),
            stats,
        },
        destinations: destinations.collect(),
    }
}

fn connections(number: u32, desired: &DesiredService) -> Vec<Connection> {
    let ServiceId::Socket { protocol, address } = desired.service.id else {
        return Vec::new();
    };
    let id = desired.destinations[0].value.id;
    let client = Ipv4Addr::from_bits(0x6440_0000 + number);
    [(1, "SYN_RECV", 59), (2, "ESTABLISHED", 880)]
        .map(|(port, state, expires)| Connection {
            protocol,
            client: (client, port).into(),
            service: address,
            destination: (id.address, id.port).into(),
            state: state.into(),
            expires: Seconds(expires),
            engine: None,
            engine_data: None,
            origin: None,
        })
        .to_vec()
}

fn vip(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0xAC10_0000 + number)
}

fn address(interface: &str, ip: Ipv4Addr, prefix: u8) -> Address {
    let network = IpNet::new(ip.into(), prefix).unwrap();
    Address::new(interface.parse().unwrap(), network)
}

fn server(number: u32) -> RealServer {
    let mut server = RealServer::new(format!("server{number}").parse().unwrap());
    let ip = Ipv4Addr::from_bits(0x0A01_0000 + number);
    server.addresses = vec![address("eth0", ip, 8)];
    server
}

fn route(number: u32) -> Route {
    let network = Ipv4Addr::from_bits(0xC000_0000 + (number << 8));
    let network = IpNet::new(network.into(), 24).unwrap();
    let mut route = Route::via(network, Ipv4Addr::new(10, 0, 0, 254).into());
    route.interface = Some("eth1".parse().unwrap());
    route
}
