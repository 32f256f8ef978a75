//! Which probe services, sources and sysctls a director needs for a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};

use super::source::Prober;
use super::{PathKey, ProbePath, ProbeService};
use crate::cluster::checks::{Check, ProbeRoute};
use crate::cluster::{Cluster, NodeName, Role, VirtualDestination, VirtualService};
use crate::ipvs::{DestinationId, Family, Forwarding, ServiceId};
use crate::name::IfName;
use crate::net::Address;
use crate::sysctl::{Conf, RpFilter, SysctlKey};

/// A sysctl that probes, or what they watch, need.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct ProbeSysctl {
    /// Its key.
    pub key: SysctlKey,
    /// Its value.
    pub value: String,
    /// The reason: the end of a sentence that every plan shows.
    pub why: &'static str,
}

/// The ways of probes to one destination of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct PlannedProbe {
    /// The service.
    pub service: ServiceId,
    /// The real server's name.
    pub server: NodeName,
    /// The destination as the kernel identifies it; port 0 with a service of every port.
    pub destination: DestinationId,
    /// The address that clients connect to; `None` for a firewall mark without `match`. Port 0 is every port.
    pub address: Option<SocketAddr>,
    /// The way by the service; `None` where the director has none.
    pub via: Option<Via>,
}

/// The way of a probe by the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Via {
    /// What identifies it.
    pub key: PathKey,
    /// The mark of its probe service.
    pub mark: NonZeroU32,
    /// The source address.
    pub source: IpAddr,
}

impl PlannedProbe {
    /// Returns the way of a check's probes, and the route that it takes: the one that the check asks for, or
    /// the one by the server where there is none by the service. `None` without a port, which a service of
    /// every port leaves to the check.
    #[must_use]
    pub fn path(&self, check: &Check) -> Option<(ProbePath, ProbeRoute)> {
        let by_service = (check.route == ProbeRoute::Service)
            .then(|| self.by_service(check.port))
            .flatten();
        match by_service {
            Some(path) => Some((path, ProbeRoute::Service)),
            None => Some((self.by_server(check.port)?, ProbeRoute::Server)),
        }
    }

    /// Returns the way by the service. A port that is mapped to another leads to that one only.
    fn by_service(&self, port: Option<NonZeroU16>) -> Option<ProbePath> {
        let (via, address) = (self.via?, self.address?);
        let port = match port {
            Some(_) if via.key.port != 0 => return None,
            Some(port) => port.get(),
            None => address.port(),
        };
        (port != 0).then(|| ProbePath {
            mark: Some(via.mark),
            source: Some(SocketAddr::new(via.source, 0)),
            destination: SocketAddr::new(address.ip(), port),
        })
    }

    fn by_server(&self, port: Option<NonZeroU16>) -> Option<ProbePath> {
        let port = port
            .or_else(|| NonZeroU16::new(self.destination.port))
            .or_else(|| NonZeroU16::new(self.address?.port()))?;
        let address = SocketAddr::new(self.destination.address, port.get());
        Some(ProbePath::direct(address))
    }
}

/// What is to be known about the ways of probes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PathNote {
    /// The director has no address of its own of the family, so that probes go straight to the real server.
    NoSource {
        /// The service.
        service: ServiceId,
        /// The family of its virtual IP.
        family: Family,
    },
    /// The director has no address of its own on the clients' side, so that probes cannot see a wrong
    /// gateway of the real server.
    BlindToGateway {
        /// The service.
        service: ServiceId,
        /// The real server's name.
        server: NodeName,
    },
    /// The service by firewall mark does not say what clients connect to.
    NoAddress {
        /// The service.
        service: ServiceId,
    },
}

impl fmt::Display for PathNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSource { service, family } => write!(
                f,
                "{service}: the director has no {family} address but virtual IPs, so probes go straight to \
                 the real servers and do not see what clients see"
            ),
            Self::BlindToGateway { service, server } => write!(
                f,
                "{service}: the director has no address of its own on the clients' side, so probes of \
                 {server} do not see a wrong gateway there"
            ),
            Self::NoAddress { service } => write!(
                f,
                "{service}: without match it is unknown what clients connect to, so probes go straight to \
                 the real servers"
            ),
        }
    }
}

/// What a director needs so that its probes go the clients' way.
///
/// ```
/// use lvs_core::cluster::Role;
/// use lvs_core::cluster::probe_path::ProbePlan;
/// # fn plan(cluster: &lvs_core::Cluster) -> Result<(), Box<dyn std::error::Error>> {
/// let plan = ProbePlan::new(cluster, "director", Role::Active);
/// for probe in plan.ok_or("no such director")?.services {
///     println!("{} leads to {}", probe.service().id, probe.server);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct ProbePlan {
    /// The probe services, in the order of their marks.
    pub services: Vec<ProbeService>,
    /// The sysctls, each once.
    pub sysctls: Vec<ProbeSysctl>,
    /// The ways to each destination of each service with checks, in the order of the file.
    pub probes: Vec<PlannedProbe>,
    /// What is to be known.
    pub notes: BTreeSet<PathNote>,
}

impl ProbePlan {
    /// Plans the ways of a director's probes; `None` if the cluster has no such director. A lone director is
    /// [`Role::Active`]. Without checks nothing is planned, and without a check that goes by the service no
    /// probe service.
    #[must_use]
    pub fn new(cluster: &Cluster, director: &str, role: Role) -> Option<Self> {
        let director = cluster.director(director)?;
        let prober = Prober::new(cluster, director, role);
        let mut plan = Self::default();
        let checked = || {
            cluster
                .services()
                .iter()
                .filter(|service| !service.checks.is_empty())
        };
        let ways: Vec<Way<'_>> = checked()
            .flat_map(|service| service.destinations.iter().map(move |end| (service, end)))
            .filter_map(|(service, destination)| plan.way(cluster, &prober, service, destination))
            .collect();
        let keys = ways
            .iter()
            .filter_map(|way| Some(way.source.as_ref()?.key))
            .collect();
        let assigned = cluster.marks().assign(cluster.name(), &keys);
        plan.probes = ways.iter().map(|way| way.planned(&assigned)).collect();
        plan.services = services(&ways, &assigned);
        if checked().next().is_some() {
            plan.keep_weights_honest(cluster);
        }
        Some(plan)
    }

    /// Describes the way to one destination; what it needs besides goes into the plan.
    fn way<'a>(
        &mut self,
        cluster: &Cluster,
        prober: &Prober<'a>,
        service: &'a VirtualService,
        destination: &'a VirtualDestination,
    ) -> Option<Way<'a>> {
        let server = cluster.real_ip(service, destination)?;
        let id = service.service.id;
        let mut way = Way {
            service: id,
            server: &destination.real_server,
            destination: DestinationId::new(server, kernel_port(service, destination)),
            address: clients_address(service),
            source: None,
        };
        let mut checks = service.checks_of(destination).iter();
        if !checks.any(Check::goes_by_the_service) {
            return Some(way);
        }
        let Some(address) = way.address else {
            self.notes.insert(PathNote::NoAddress { service: id });
            return Some(way);
        };
        let key = PathKey {
            address: server,
            forwarding: destination.forwarding,
            port: mapped_port(service, destination),
            family: address.ip().into(),
        };
        let Some(source) = self.source(prober, &way, &key, address.ip()) else {
            let family = key.family;
            self.notes.insert(PathNote::NoSource {
                service: id,
                family,
            });
            return Some(way);
        };
        self.accept_answers(prober, &key, address.ip(), source);
        way.source = Some(Source {
            key,
            ip: source.id.network.addr(),
        });
        Some(way)
    }

    fn source<'a>(
        &mut self,
        prober: &Prober<'a>,
        way: &Way<'_>,
        key: &PathKey,
        vip: IpAddr,
    ) -> Option<&'a Address> {
        let near = || prober.near(key.address, key.family);
        // On a standby the real server's gateway is the other director.
        if key.forwarding != Forwarding::Masquerade
            || !prober.carries(vip)
            || prober.carries(key.address)
        {
            return near();
        }
        prober.on_clients_side(key.family).or_else(|| {
            self.notes.insert(PathNote::BlindToGateway {
                service: way.service,
                server: way.server.clone(),
            });
            near()
        })
    }

    /// Answers whose source address is the virtual IP are dropped by a director that carries it, unless it
    /// accepts local addresses there. IPv6 has no such check.
    fn accept_answers<'a>(
        &mut self,
        prober: &Prober<'a>,
        key: &PathKey,
        vip: IpAddr,
        source: &'a Address,
    ) {
        let bypasses = matches!(
            key.forwarding,
            Forwarding::DirectRouting | Forwarding::Tunnel(_)
        );
        let Some(carried_by) = prober.interface(vip).filter(|_| vip.is_ipv4() && bypasses) else {
            return;
        };
        if prober.carries(key.address) {
            return;
        }
        let interface = prober.answers_arrive(key.address, source);
        self.per_interface("accept_local", interface, "1", ACCEPT_LOCAL);
        if interface != carried_by {
            let loose = RpFilter::Loose.to_string();
            self.sysctl(
                SysctlKey::rp_filter(&Conf::Interface(interface.clone())),
                loose,
                RP_FILTER,
            );
        }
    }

    fn per_interface(&mut self, name: &str, interface: &IfName, value: &str, why: &'static str) {
        if let Ok(key) = SysctlKey::new(format!("net/ipv4/conf/{interface}/{name}")) {
            self.sysctl(key, value.to_owned(), why);
        }
    }

    fn sysctl(&mut self, key: SysctlKey, value: String, why: &'static str) {
        if self.sysctls.iter().all(|known| known.key != key) {
            self.sysctls.push(ProbeSysctl { key, value, why });
        }
    }

    /// With the kernel's default a destination of weight 0 still gets the clients that use a source port
    /// again within two minutes.
    fn keep_weights_honest(&mut self, cluster: &Cluster) {
        let bypasses = cluster
            .services()
            .iter()
            .flat_map(|service| &service.destinations)
            .any(|end| {
                matches!(
                    end.forwarding,
                    Forwarding::DirectRouting | Forwarding::Tunnel(_)
                )
            });
        if let Ok(key) = SysctlKey::ipvs("conn_reuse_mode")
            && bypasses
            && !cluster.ipvs_sysctls().contains_key(&key)
        {
            self.sysctl(key, "3".to_owned(), CONN_REUSE_MODE);
        }
    }
}

const ACCEPT_LOCAL: &str = "answers to probes arrive here with the virtual IP as source address";
const RP_FILTER: &str = "the virtual IP is on another interface than the answers to probes";
const CONN_REUSE_MODE: &str =
    "a client that uses its port again must not reach a real server of weight 0";

/// The way to a destination before marks are assigned.
struct Way<'a> {
    service: ServiceId,
    server: &'a NodeName,
    destination: DestinationId,
    address: Option<SocketAddr>,
    source: Option<Source>,
}

struct Source {
    key: PathKey,
    ip: IpAddr,
}

impl Way<'_> {
    fn planned(&self, marks: &BTreeMap<PathKey, NonZeroU32>) -> PlannedProbe {
        PlannedProbe {
            service: self.service,
            server: self.server.clone(),
            destination: self.destination,
            address: self.address,
            via: self.source.as_ref().and_then(|source| {
                Some(Via {
                    key: source.key,
                    mark: *marks.get(&source.key)?,
                    source: source.ip,
                })
            }),
        }
    }
}

fn services(ways: &[Way<'_>], marks: &BTreeMap<PathKey, NonZeroU32>) -> Vec<ProbeService> {
    let servers: BTreeMap<PathKey, &NodeName> = ways
        .iter()
        .filter_map(|way| Some((way.source.as_ref()?.key, way.server)))
        .collect();
    let mut services: Vec<ProbeService> = servers
        .into_iter()
        .filter_map(|(key, server)| {
            Some(ProbeService {
                mark: *marks.get(&key)?,
                key,
                server: server.clone(),
            })
        })
        .collect();
    services.sort_by_key(|service| service.mark);
    services
}

/// Returns the address that clients connect to: the first that has a port, or else the first.
fn clients_address(service: &VirtualService) -> Option<SocketAddr> {
    if let ServiceId::Socket { address, .. } = service.service.id {
        return Some(address);
    }
    let matches = || service.matches.iter().map(|matched| matched.address);
    matches()
        .find(|address| address.port() != 0)
        .or_else(|| matches().next())
}

/// Returns the port of the destination as the kernel identifies it.
const fn kernel_port(service: &VirtualService, destination: &VirtualDestination) -> u16 {
    match (destination.port, service.service.id) {
        (Some(port), _) => port,
        (None, ServiceId::Socket { address, .. }) => address.port(),
        (None, ServiceId::Fwmark { .. }) => 0,
    }
}

/// Returns the port that masquerading maps to, if it maps to another.
fn mapped_port(service: &VirtualService, destination: &VirtualDestination) -> u16 {
    let port = clients_address(service).map_or(0, |address| address.port());
    destination
        .port
        .filter(|mapped| *mapped != port)
        .unwrap_or(0)
}
