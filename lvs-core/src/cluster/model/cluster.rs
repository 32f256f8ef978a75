//! The whole cluster as one value, valid by construction.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::clock::Clock;
use super::director::Director;
use super::error::DocumentError;
use super::index::ClusterIndex;
use super::mistakes::{DocumentErrors, Mistakes};
use super::name::{ClusterName, NodeName};
use super::places::{Gaps, Places};
use super::real_server::RealServer;
use super::sync::Sync;
use super::virtual_service::VirtualService;
use crate::cluster::probe_path::Marks;
use crate::ipvs::Timeouts;
use crate::net::Address;
use crate::sysctl::SysctlKey;

/// Describes a Linux Virtual Server cluster: one or two directors, the real servers, and the services that
/// they offer together.
///
/// A cluster is valid by construction: every virtual IP is carried by the director or floats between the two,
/// every destination is a node of the cluster with an address of the service's family, and every gateway is
/// reachable.
///
/// ```
/// use lvs_core::Cluster;
/// use lvs_core::cluster::{Director, RealServer, VirtualDestination, VirtualService};
/// use lvs_core::ipvs::{Forwarding, SchedulerName, Service};
/// use lvs_core::net::Address;
///
/// let mut director = Director::new("director".parse()?);
/// director.addresses = vec![
///     Address::new("eth0".parse()?, "172.16.5.11/16".parse()?),
///     Address::new("eth1".parse()?, "192.168.1.11/24".parse()?),
/// ];
/// let mut server = RealServer::new("realserver1".parse()?);
/// server.addresses = vec![Address::new("eth0".parse()?, "192.168.1.12/24".parse()?)];
///
/// let mut web = VirtualService::new(Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::RR));
/// web.destinations.push(VirtualDestination::new(server.name.clone(), Forwarding::Masquerade));
///
/// let cluster = Cluster::new("web".parse()?, director, vec![server], vec![web])?;
/// assert_eq!(cluster.node_names().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cluster {
    pub(super) name: ClusterName,
    pub(super) directors: Vec<Director>,
    pub(super) real_servers: Vec<RealServer>,
    pub(super) services: Vec<VirtualService>,
    pub(super) timeouts: Timeouts,
    pub(super) ipvs_sysctls: BTreeMap<SysctlKey, String>,
    pub(super) sync: Option<Sync>,
    pub(super) clock: Clock,
    pub(super) marks: Marks,
    pub(super) index: ClusterIndex,
}

/// Holds the parts of a cluster file, and where they are in it.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Parts {
    pub(in crate::cluster) directors: Vec<Director>,
    pub(in crate::cluster) real_servers: Vec<RealServer>,
    pub(in crate::cluster) services: Vec<VirtualService>,
    pub(in crate::cluster) timeouts: Timeouts,
    pub(in crate::cluster) ipvs_sysctls: BTreeMap<SysctlKey, String>,
    pub(in crate::cluster) sync: Option<Sync>,
    pub(in crate::cluster) clock: Clock,
    pub(in crate::cluster) marks: Marks,
    pub(in crate::cluster) places: Places,
    pub(in crate::cluster) gaps: Gaps,
}

impl Cluster {
    /// Creates a cluster with one director and validates it.
    ///
    /// Any scheduler is accepted here; a cluster file may only name those of the Linux source tree.
    ///
    /// # Errors
    /// The parts do not fit together; each mistake has the path of the wrong part as in the cluster file.
    pub fn new(
        name: ClusterName,
        director: Director,
        real_servers: Vec<RealServer>,
        services: Vec<VirtualService>,
    ) -> Result<Self, DocumentErrors> {
        Self::validated(name, vec![director], real_servers, services)
    }

    /// Creates a cluster with two directors, of which one takes over from the other, and validates it.
    ///
    /// Every virtual IP is a [floating](Director::floating) address of both; where there is masquerading, so
    /// is the gateway of the real servers.
    ///
    /// ```
    /// use lvs_core::Cluster;
    /// use lvs_core::cluster::{Director, RealServer, Role, VirtualDestination, VirtualService};
    /// use lvs_core::ipvs::{Forwarding, SchedulerName, Service};
    /// use lvs_core::net::Address;
    ///
    /// let vip = Address::new("eth0".parse()?, "172.16.5.11/32".parse()?);
    /// let directors = [("lb1", "192.168.1.21/24"), ("lb2", "192.168.1.22/24")];
    /// let directors = directors.map(|(name, own)| {
    ///     let mut director = Director::new(name.parse().unwrap()).with_floating(vip.clone());
    ///     let own = own.parse().unwrap();
    ///     director.addresses.push(Address::new("eth0".parse().unwrap(), own));
    ///     director
    /// });
    /// let mut server = RealServer::new("realserver1".parse()?);
    /// server.addresses = vec![Address::new("eth0".parse()?, "192.168.1.12/24".parse()?)];
    /// let mut web = VirtualService::new(Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::RR));
    /// web.destinations.push(VirtualDestination::new(server.name.clone(), Forwarding::DirectRouting));
    ///
    /// let cluster =
    ///     Cluster::with_two_directors("web".parse()?, directors, vec![server], vec![web])?;
    /// let standby = cluster.node_as("lb2", Role::Standby).ok_or("no such director")?;
    /// assert_eq!((standby.addresses.len(), standby.absent.len()), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The parts do not fit together; each mistake has the path of the wrong part as in the cluster file.
    pub fn with_two_directors(
        name: ClusterName,
        directors: [Director; 2],
        real_servers: Vec<RealServer>,
        services: Vec<VirtualService>,
    ) -> Result<Self, DocumentErrors> {
        Self::validated(name, directors.into(), real_servers, services)
    }

    fn validated(
        name: ClusterName,
        directors: Vec<Director>,
        real_servers: Vec<RealServer>,
        services: Vec<VirtualService>,
    ) -> Result<Self, DocumentErrors> {
        let mut mistakes = Mistakes::default();
        let parts = Parts {
            directors,
            real_servers,
            services,
            ..Parts::default()
        };
        let cluster = Self::assembled(name, parts, &mut mistakes);
        mistakes.finish(cluster)
    }

    /// Creates a cluster of the parts of a file, and collects what is wrong with it; it is valid if nothing is.
    pub(in crate::cluster) fn assembled(
        name: ClusterName,
        parts: Parts,
        mistakes: &mut Mistakes,
    ) -> Self {
        let index = ClusterIndex::new(&parts.directors, &parts.real_servers, &parts.services);
        let cluster = Self {
            index: index.with_places(parts.places),
            name,
            directors: parts.directors,
            real_servers: parts.real_servers,
            services: parts.services,
            timeouts: parts.timeouts,
            ipvs_sysctls: parts.ipvs_sysctls,
            sync: parts.sync,
            clock: parts.clock,
            marks: parts.marks,
        };
        cluster.validate(&parts.gaps, mistakes);
        cluster
    }

    /// Returns the cluster with these timeouts of connections; a timeout of 0 stays as it is in the kernel.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Returns the cluster with these sysctls of `net.ipv4.vs` on the director; others stay as they are.
    ///
    /// # Errors
    /// `backup_only` is set where connections are synchronised, or a sysctl of a scheduler that no service
    /// has.
    pub fn with_ipvs_sysctls(
        mut self,
        ipvs_sysctls: BTreeMap<SysctlKey, String>,
    ) -> Result<Self, DocumentError> {
        self.ipvs_sysctls = ipvs_sysctls;
        self.validate_ipvs_sysctls(&Gaps::default())?;
        Ok(self)
    }

    /// Returns the cluster with connections synchronised between directors.
    ///
    /// # Errors
    /// The group is not a multicast address, the payload is shorter than [`Sync::SHORTEST`], or a destination
    /// is of another family than its service, beside which the kernel synchronises nothing.
    pub fn with_sync(mut self, sync: Sync) -> Result<Self, DocumentError> {
        self.validate_sync(&sync)
            .map_err(|error| error.within("sync"))?;
        self.sync = Some(sync);
        self.validate_ipvs_sysctls(&Gaps::default())?;
        Ok(self)
    }

    /// Returns the cluster with this agreement of clocks.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Returns the cluster with these firewall marks for probe services.
    ///
    /// # Errors
    /// A service of the cluster has a mark of the block.
    pub fn with_marks(mut self, marks: Marks) -> Result<Self, DocumentError> {
        self.marks = marks;
        self.validate_marks()?;
        Ok(self)
    }

    /// Returns the firewall marks of probe services.
    #[must_use]
    pub const fn marks(&self) -> Marks {
        self.marks
    }

    /// Returns the cluster's name.
    #[must_use]
    pub fn name(&self) -> &ClusterName {
        &self.name
    }

    /// Returns the director; or the two of which one takes over from the other, in the file's order.
    #[must_use]
    pub fn directors(&self) -> &[Director] {
        &self.directors
    }

    /// Returns the director of this name.
    pub(crate) fn director(&self, name: &str) -> Option<&Director> {
        self.directors
            .iter()
            .find(|director| director.name == *name)
    }

    /// Returns the directors that have an address, each with that, in the file's form with interface and prefix length.
    pub(crate) fn directors_with(&self, ip: IpAddr) -> impl Iterator<Item = (&Director, &Address)> {
        let places = self.index.director_addresses.get(&ip).into_iter().flatten();
        places.filter_map(|(place, at)| {
            let director = self.directors.get(*place)?;
            Some((director, director.addresses.get(*at)?))
        })
    }

    /// Returns whether there are two directors.
    pub(crate) fn is_paired(&self) -> bool {
        self.directors.len() > 1
    }

    /// Returns the real servers in the file's order.
    #[must_use]
    pub fn real_servers(&self) -> &[RealServer] {
        &self.real_servers
    }

    /// Returns the services in the file's order.
    #[must_use]
    pub fn services(&self) -> &[VirtualService] {
        &self.services
    }

    /// Returns the timeouts to set; 0 stays as it is in the kernel.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Returns the sysctls of `net.ipv4.vs` to set.
    #[must_use]
    pub fn ipvs_sysctls(&self) -> &BTreeMap<SysctlKey, String> {
        &self.ipvs_sysctls
    }

    /// Returns how connections are synchronised, if they are.
    #[must_use]
    pub fn sync(&self) -> Option<&Sync> {
        self.sync.as_ref()
    }

    /// Returns the agreement of clocks.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns the addresses of all services, each once, in ascending order.
    #[doc(alias = "VIP")]
    #[must_use]
    pub fn virtual_ips(&self) -> &BTreeSet<IpAddr> {
        &self.index.virtual_ips
    }

    /// Returns the index of each IPv4 virtual IP among them, in the order of the file.
    pub(in crate::cluster) fn label_numbers(&self) -> &HashMap<IpAddr, usize> {
        &self.index.labels
    }

    /// Returns the name if it is a node's.
    pub(in crate::cluster) fn node_named(&self, name: &NodeName) -> Option<&NodeName> {
        self.index.node_names.get(name)
    }

    /// Returns the names of all nodes, to be shared.
    pub(in crate::cluster) fn shared_node_names(&self) -> Arc<BTreeSet<NodeName>> {
        Arc::clone(&self.index.node_names)
    }

    /// Returns the virtual IPs, to be shared.
    pub(in crate::cluster) fn shared_virtual_ips(&self) -> Arc<BTreeSet<IpAddr>> {
        Arc::clone(&self.index.virtual_ips)
    }

    /// Returns the names of all nodes: directors, then real servers.
    pub fn node_names(&self) -> impl Iterator<Item = &NodeName> {
        self.directors
            .iter()
            .map(|director| &director.name)
            .chain(self.real_servers.iter().map(|server| &server.name))
    }

    /// Returns the real server of this name.
    pub(crate) fn real_server(&self, name: &NodeName) -> Option<&RealServer> {
        self.real_servers.get(*self.index.real_servers.get(name)?)
    }
}
