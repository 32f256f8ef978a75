//! Where the parts of a cluster are in its file, where that does not follow from their order in the cluster.

use std::collections::BTreeSet;
use std::fmt;

use super::name::NodeName;
use super::virtual_service::VirtualService;
use crate::cluster::SharedList;

/// Maps the parts of a cluster to the entries of its file: one entry may be several services or destinations,
/// and an entry with a mistake may be none.
#[derive(Clone, Debug, Default)]
pub(in crate::cluster) struct Places {
    /// The entry of each real server.
    pub(in crate::cluster) real_servers: Vec<RealServerPlace>,
    /// The entry of each service.
    pub(in crate::cluster) services: Vec<ServicePlace>,
}

/// Says where a real server is in the file.
#[derive(Clone, Debug, Default)]
pub(in crate::cluster) struct RealServerPlace {
    pub(in crate::cluster) entry: usize,
    /// Whether it has `address` in place of `addresses`.
    pub(in crate::cluster) has_one_address: bool,
    /// Whether its gateway is that of `[defaults]`.
    pub(in crate::cluster) has_default_gateway: bool,
}

/// Says where a service is in the file.
#[derive(Clone, Debug, Default)]
pub(in crate::cluster) struct ServicePlace {
    pub(in crate::cluster) entry: usize,
    /// Which one of `addresses` it is.
    pub(in crate::cluster) address: Option<usize>,
    /// The entry of each destination; empty if it is that of its number.
    pub(in crate::cluster) destinations: SharedList<usize>,
    /// Whether its protocol is not known, because it is written wrong.
    pub(in crate::cluster) lacks_protocol: bool,
    /// Whether the last destination is the fallback, which is no entry.
    pub(in crate::cluster) has_added_fallback: bool,
    /// Whether another program finds destinations of it, of which there may be more at another time.
    pub(in crate::cluster) is_discovered: bool,
}

impl Places {
    pub(super) fn real_server(&self, i: usize) -> Entry {
        let entry = self.real_servers.get(i).map_or(i, |place| place.entry);
        Entry("real-servers", entry)
    }

    /// Returns the path of a real server's address below the real server; the address alone has no more than its key.
    pub(super) fn address(&self, i: usize, address: usize) -> String {
        match self.real_servers.get(i) {
            Some(place) if place.has_one_address => String::new(),
            _ => format!("addresses[{address}]"),
        }
    }

    pub(super) fn has_default_gateway(&self, i: usize) -> bool {
        self.real_servers
            .get(i)
            .is_some_and(|place| place.has_default_gateway)
    }

    pub(super) fn service(&self, i: usize) -> Entry {
        let entry = self.services.get(i).map_or(i, |place| place.entry);
        Entry("services", entry)
    }

    /// Returns the key of a service's address.
    pub(super) fn service_address(&self, i: usize) -> String {
        match self.services.get(i).and_then(|place| place.address) {
            Some(address) => format!("addresses[{address}]"),
            None => "address".to_owned(),
        }
    }

    /// Returns whether it is known what kind of packets a service gets.
    pub(super) fn has_protocol(&self, i: usize) -> bool {
        self.services
            .get(i)
            .is_none_or(|place| !place.lacks_protocol)
    }

    /// Returns whether a service has other destinations at another time, while the file is the same.
    pub(super) fn is_discovered(&self, i: usize) -> bool {
        self.services
            .get(i)
            .is_some_and(|place| place.is_discovered)
    }

    pub(super) fn destination(&self, service: usize, i: usize) -> Entry {
        let places = self.services.get(service);
        let entry = places.and_then(|place| place.destinations.get(i));
        Entry("destinations", *entry.unwrap_or(&i))
    }
}

impl ServicePlace {
    /// Returns whether a destination is no entry of the file but follows from the key `fallback`.
    pub(super) fn is_added(&self, service: &VirtualService, destination: usize) -> bool {
        self.has_added_fallback && destination + 1 == service.destinations.len()
    }
}

/// Is the path of an entry below the one around it; text only where there is a mistake, for a cluster may have very many.
#[derive(Clone, Copy)]
pub(super) struct Entry(&'static str, usize);

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.0, self.1)
    }
}

/// Says which parts of a file are missing from the cluster because of mistakes that are known already, so that no
/// mistake is reported that only follows from another.
#[derive(Clone, Debug, Default)]
pub(in crate::cluster) struct Gaps {
    /// Whether addresses of directors may be missing.
    pub(in crate::cluster) directors: bool,
    /// Whether a virtual IP that no director has may be that of one which is missing.
    pub(in crate::cluster) virtual_ips: bool,
    /// Whether real servers may be missing.
    pub(in crate::cluster) real_servers: bool,
    /// Whether a name that no node has may be that of a node with a wrong one.
    pub(in crate::cluster) names: bool,
    /// The real servers of which addresses may be missing.
    pub(in crate::cluster) incomplete: BTreeSet<NodeName>,
    /// Whether services or destinations may be missing.
    pub(in crate::cluster) services: bool,
    /// Whether the forwarding method is unknown.
    pub(in crate::cluster) forwarding: bool,
}

impl Gaps {
    /// Returns whether a service may have more destinations than the cluster knows.
    pub(super) fn has_fewer_destinations(&self) -> bool {
        self.services || self.real_servers
    }
}
