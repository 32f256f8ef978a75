//! A whole cluster, valid by construction.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{
    Clock, ClusterName, Director, DocumentError, NodeName, RealServer, Sync, VirtualService,
    validate,
};
use crate::ipvs::Timeouts;
use crate::sysctl::SysctlKey;

/// A Linux Virtual Server cluster: a director or two, the real servers, the services they offer together.
///
/// Valid by construction: every virtual IP is carried by the director or floats between the two, every
/// destination is a machine of the cluster with an address of the service's family, every gateway can be
/// reached.
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
/// web.destinations = vec![VirtualDestination::new(server.name.clone(), Forwarding::Masquerade)];
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
}

impl Cluster {
    /// Puts a cluster of one director together and checks that its parts fit.
    ///
    /// Any scheduler is taken here; the file takes only those of Linux's own tree.
    ///
    /// # Errors
    /// What makes no sense, with its path as in the cluster file.
    pub fn new(
        name: ClusterName,
        director: Director,
        real_servers: Vec<RealServer>,
        services: Vec<VirtualService>,
    ) -> Result<Self, DocumentError> {
        Self::checked(name, vec![director], real_servers, services)
    }

    /// Puts a cluster of two directors together, of which one takes over from the other, and checks that
    /// its parts fit.
    ///
    /// Every virtual IP is an address of both, [floating](Director::floating); where there is
    /// masquerading, so is the gateway of the real servers.
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
    /// web.destinations = vec![VirtualDestination::new(server.name.clone(), Forwarding::DirectRouting)];
    ///
    /// let cluster =
    ///     Cluster::with_two_directors("web".parse()?, directors, vec![server], vec![web])?;
    /// let standby = cluster.node_as("lb2", Role::Standby).ok_or("no such director")?;
    /// assert_eq!((standby.addresses.len(), standby.absent.len()), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What makes no sense, with its path as in the cluster file.
    pub fn with_two_directors(
        name: ClusterName,
        directors: [Director; 2],
        real_servers: Vec<RealServer>,
        services: Vec<VirtualService>,
    ) -> Result<Self, DocumentError> {
        Self::checked(name, directors.into(), real_servers, services)
    }

    /// With one director, or two.
    pub(in crate::cluster) fn checked(
        name: ClusterName,
        directors: Vec<Director>,
        real_servers: Vec<RealServer>,
        services: Vec<VirtualService>,
    ) -> Result<Self, DocumentError> {
        let cluster = Self {
            name,
            directors,
            real_servers,
            services,
            timeouts: Timeouts::default(),
            ipvs_sysctls: BTreeMap::new(),
            sync: None,
            clock: Clock::default(),
        };
        validate::cluster(&cluster)?;
        Ok(cluster)
    }

    /// The same with timeouts of connections; a 0 leaves that one as it is.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// The same with switches of `net.ipv4.vs` on the director; those that are not named are left as they
    /// are.
    ///
    /// # Errors
    /// `backup_only` where connections are synchronised, or the switch of a scheduler that no service has.
    pub fn with_ipvs_sysctls(
        mut self,
        ipvs_sysctls: BTreeMap<SysctlKey, String>,
    ) -> Result<Self, DocumentError> {
        self.ipvs_sysctls = ipvs_sysctls;
        validate::ipvs_sysctls(&self)?;
        Ok(self)
    }

    /// The same with connections that another director is told of.
    ///
    /// # Errors
    /// A group that is none, a payload too short for a receiver, or a destination of another family than its
    /// service, beside which the kernel synchronises nothing.
    pub fn with_sync(mut self, sync: Sync) -> Result<Self, DocumentError> {
        validate::sync(&self, &sync).map_err(|error| error.within("sync"))?;
        self.sync = Some(sync);
        validate::ipvs_sysctls(&self)?;
        Ok(self)
    }

    /// The same with an agreement about time.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &ClusterName {
        &self.name
    }

    /// The director; or the two of which one takes over from the other, in the file's order.
    #[must_use]
    pub fn directors(&self) -> &[Director] {
        &self.directors
    }

    pub(crate) fn director(&self, name: &str) -> Option<&Director> {
        self.directors
            .iter()
            .find(|director| director.name == *name)
    }

    /// Whether there are two directors.
    pub(crate) fn is_paired(&self) -> bool {
        self.directors.len() > 1
    }

    /// The real servers in the file's order.
    #[must_use]
    pub fn real_servers(&self) -> &[RealServer] {
        &self.real_servers
    }

    /// The services in the file's order.
    #[must_use]
    pub fn services(&self) -> &[VirtualService] {
        &self.services
    }

    /// The timeouts that are to be set; 0 is untouched.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// The switches of `net.ipv4.vs` that are to be set.
    #[must_use]
    pub fn ipvs_sysctls(&self) -> &BTreeMap<SysctlKey, String> {
        &self.ipvs_sysctls
    }

    /// How another director is told of connections, if it is.
    #[must_use]
    pub fn sync(&self) -> Option<&Sync> {
        self.sync.as_ref()
    }

    /// The agreement about time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The addresses of its services, each once, in order.
    #[doc(alias = "VIP")]
    #[must_use]
    pub fn virtual_ips(&self) -> BTreeSet<IpAddr> {
        self.services
            .iter()
            .flat_map(VirtualService::vips)
            .collect()
    }

    /// The names of its machines: directors, then real servers.
    pub fn node_names(&self) -> impl Iterator<Item = &NodeName> {
        let servers = self.real_servers.iter().map(|server| &server.name);
        let directors = self.directors.iter().map(|director| &director.name);
        directors.chain(servers)
    }

    pub(crate) fn real_server(&self, name: &NodeName) -> Option<&RealServer> {
        self.real_servers.iter().find(|server| server.name == *name)
    }
}
