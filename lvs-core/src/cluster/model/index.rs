//! What is looked up in a cluster again and again, found at once: a cluster may have tens of thousands of services,
//! virtual IPs and real servers.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use super::director::Director;
use super::fwmark::Match;
use super::name::NodeName;
use super::places::Places;
use super::real_server::RealServer;
use super::virtual_service::{VirtualDestination, VirtualService};
use crate::ipvs::Family;

/// Derived from the nodes and services of a cluster, so that no two clusters differ by it.
#[derive(Clone, Debug, Default)]
pub(super) struct ClusterIndex {
    pub(super) node_names: Arc<BTreeSet<NodeName>>,
    /// The places of the addresses of directors: the director's, and that of its first such address.
    pub(super) director_addresses: HashMap<IpAddr, Vec<(usize, usize)>>,
    /// The place of each real server.
    pub(super) real_servers: HashMap<NodeName, usize>,
    /// Each list of destinations, in the order of the file.
    pub(super) lists: Vec<DestinationsIndex>,
    /// The places of the destinations that name a node: that of the list, and the destination's in it.
    pub(super) destinations: HashMap<NodeName, Vec<(usize, usize)>>,
    pub(super) virtual_ips: Arc<BTreeSet<IpAddr>>,
    /// The places of the services that clients reach by a socket: their own, or one that is marked for them.
    pub(super) receivers: HashMap<Match, Vec<usize>>,
    /// The index of each IPv4 virtual IP among them, in the order of the file.
    pub(super) labels: HashMap<IpAddr, usize>,
    /// Where the parts are in the file.
    pub(super) places: Places,
}

/// A list of destinations, which services share.
#[derive(Clone, Debug, Default)]
pub(super) struct DestinationsIndex {
    /// The places of the services, ascending.
    pub(super) services: Vec<usize>,
    pub(super) families: BTreeSet<Family>,
}

impl ClusterIndex {
    pub(super) fn new(
        directors: &[Director],
        real_servers: &[RealServer],
        services: &[VirtualService],
    ) -> Self {
        let names = directors.iter().map(|director| &director.name);
        let names = names.chain(real_servers.iter().map(|server| &server.name));
        let mut index = Self {
            node_names: Arc::new(names.cloned().collect()),
            ..Self::default()
        };
        for (place, director) in directors.iter().enumerate() {
            for (at, address) in director.addresses.iter().enumerate() {
                let known = index.director_addresses.entry(address.id.network.addr());
                let known = known.or_default();
                if known.last().is_none_or(|(last, _)| *last != place) {
                    known.push((place, at));
                }
            }
        }
        for (place, server) in real_servers.iter().enumerate() {
            let known = index.real_servers.entry(server.name.clone());
            known.or_insert(place);
        }
        let (mut virtual_ips, mut lists) = (BTreeSet::new(), HashMap::new());
        for (place, service) in services.iter().enumerate() {
            let known = lists.entry(service.destinations.place());
            let list = *known.or_insert_with(|| index.add_list(&service.destinations));
            if let Some(list) = index.lists.get_mut(list) {
                list.services.push(place);
                list.families.insert(service.service.id.family());
            }
            for socket in service.sockets() {
                let receivers = index.receivers.entry(socket).or_default();
                if receivers.last() != Some(&place) {
                    receivers.push(place);
                }
            }
            for vip in service.vips() {
                if virtual_ips.insert(vip) && vip.is_ipv4() {
                    index.labels.insert(vip, index.labels.len());
                }
            }
        }
        index.virtual_ips = Arc::new(virtual_ips);
        index
    }

    /// Adds a list that no service has had until now, and returns its place.
    fn add_list(&mut self, destinations: &[VirtualDestination]) -> usize {
        let list = self.lists.len();
        for (at, destination) in destinations.iter().enumerate() {
            let name = destination.real_server.clone();
            self.destinations.entry(name).or_default().push((list, at));
        }
        self.lists.push(DestinationsIndex::default());
        list
    }

    pub(super) fn with_places(self, places: Places) -> Self {
        Self { places, ..self }
    }
}

impl PartialEq for ClusterIndex {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ClusterIndex {}

impl PartialOrd for ClusterIndex {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ClusterIndex {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl Hash for ClusterIndex {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
