//! When two observations are equal.

use ipnet::IpNet;

use super::{IpvsState, Observed};
use crate::ipvs::ServiceEntry;
use crate::net::{Address, Route};

impl PartialEq for Observed {
    fn eq(&self, other: &Self) -> bool {
        self.links == other.links
            && self.tunnels == other.tunnels
            && self.listeners == other.listeners
            && self.daemons == other.daemons
            && self.sysctls == other.sysctls
            && sorted(&self.addresses, address) == sorted(&other.addresses, address)
            && sorted(&self.routes, route) == sorted(&other.routes, route)
            && self.ipvs == other.ipvs
    }
}

impl Eq for Observed {}

impl PartialEq for IpvsState {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unread, Self::Unread) | (Self::NotLoaded, Self::NotLoaded) => true,
            (
                Self::Loaded { timeouts, services },
                Self::Loaded {
                    timeouts: other_timeouts,
                    services: other_services,
                },
            ) => {
                timeouts == other_timeouts
                    && sorted(services, service) == sorted(other_services, service)
            }
            _ => false,
        }
    }
}

impl Eq for IpvsState {}

fn sorted<T: Ord>(values: &[T], canonical: impl Fn(&T) -> T) -> Vec<T> {
    let mut values: Vec<_> = values.iter().map(canonical).collect();
    values.sort();
    values
}

/// Without a label the kernel uses the interface's name.
fn address(address: &Address) -> Address {
    let label = match address.id.network {
        IpNet::V4(_) => Some(address.id.interface.to_string()),
        IpNet::V6(_) => None,
    };
    Address {
        label: address.label.clone().or(label),
        ..address.clone().timeless()
    }
}

/// The time that is left to a route passes while it is read.
fn route(route: &Route) -> Route {
    route.clone().timeless()
}

fn service(found: &ServiceEntry) -> ServiceEntry {
    let mut found = found.clone();
    found.destinations.sort();
    found
}
