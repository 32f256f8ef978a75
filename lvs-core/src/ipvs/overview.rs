//! The table by two readings: the services by netlink, and their destinations by `/proc`.
//!
//! Netlink lists the destinations of one service at a time, each list by two or three system calls. `/proc` shows
//! those of dozens of services in one, but less of each. The two readings are also the two looks without which no
//! service is known to be whole: one that exists all the time can be missing in both only if both were cut at the
//! same place.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::dump::Dump;
use super::{
    DestinationId, DestinationStatus, Forwarding, Ipvs, Service, ServiceEntryStatus, Weight,
};
use crate::error::Result;
use crate::proc::{ListedDestination, ListedForwarding, ListedId, Listing};

/// Holds a service with the destinations between which it balances, without counters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceOverview {
    /// The service.
    pub service: Service,
    /// Its destinations, newest first: the order in which schedulers walk them.
    pub destinations: Vec<DestinationOverview>,
}

/// Holds what matters most of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DestinationOverview {
    /// The address and port of the real server.
    pub id: DestinationId,
    /// The method by which packets reach it.
    pub forwarding: Forwarding,
    /// Its share of new connections.
    pub weight: Weight,
    /// The current number of active connections.
    pub active: u32,
    /// The current number of all other connections.
    pub inactive: u32,
}

/// A service, and its destinations as `/proc` lists them; `None` where it does not tell whose they are.
type Both = (Service, Option<Vec<ListedDestination>>);

impl Ipvs {
    /// Reads the table for people, the destinations from a listing of the same network namespace as far as that
    /// tells of them.
    pub(crate) fn overview_by(&mut self, listing: Option<Listing>) -> Result<Vec<ServiceOverview>> {
        let Some(table) = self.beside(listing)? else {
            return Ok(self.snapshot()?.into_iter().map(Into::into).collect());
        };
        let mut overview = Vec::with_capacity(table.len());
        for (service, listed) in table {
            let shown = listed.and_then(|listed| all(&listed, overview_of));
            let destinations = match shown {
                Some(destinations) => destinations,
                None => {
                    let list = self.agreed_destinations(&service.id)?;
                    list.into_iter().map(Into::into).collect()
                }
            };
            overview.push(ServiceOverview {
                service,
                destinations,
            });
        }
        Ok(overview)
    }

    /// Reads the services beside what a listing shows of their destinations; `None` without a listing, and where the
    /// two do not agree on which services exist.
    fn beside(&mut self, listing: Option<Listing>) -> Result<Option<Vec<Both>>> {
        let Some(listing) = listing else {
            return Ok(None);
        };
        let (services, _) = self.channel.services_as(|status| status.service)?;
        Ok(joined(services, listing))
    }
}

/// Returns what is made of each destination; `None` if nothing is made of one.
pub(super) fn all<T>(
    listed: &[ListedDestination],
    of: impl Fn(&ListedDestination) -> Option<T>,
) -> Option<Vec<T>> {
    // Exactly as much room as is needed: there may be tens of thousands of short lists.
    let mut all = Vec::with_capacity(listed.len());
    for found in listed {
        all.push(of(found)?);
    }
    Some(all)
}

fn joined(services: Dump<Service>, listing: Listing) -> Option<Vec<Both>> {
    if !services.is_stable || services.items.len() != listing.services.len() {
        return None;
    }
    let services = services.items;
    let mut pairs = services.iter().zip(&listing.services);
    if !pairs.all(|(service, listed)| ListedId::from(service.id) == listed.id) {
        return joined_by_id(services, listing);
    }
    // Nothing has changed in between: the kernel lists them in one order.
    let pairs = services.into_iter().zip(listing.services);
    let both = pairs.map(|(service, listed)| {
        // Services of both families may have one mark, and look alike.
        let is_told = matches!(listed.id, ListedId::Socket(..));
        (service, is_told.then_some(listed.destinations))
    });
    Some(both.collect())
}

fn joined_by_id(services: Vec<Service>, listing: Listing) -> Option<Vec<Both>> {
    let mut listed = HashMap::with_capacity(listing.services.len());
    let mut marks: HashMap<ListedId, usize> = HashMap::new();
    for service in listing.services {
        match service.id {
            id @ ListedId::Fwmark(_) => *marks.entry(id).or_default() += 1,
            id => {
                if listed.insert(id, service.destinations).is_some() {
                    return None;
                }
            }
        }
    }
    let services = services.into_iter().map(|service| {
        let id = ListedId::from(service.id);
        let destinations = match id {
            ListedId::Socket(..) => Some(listed.remove(&id)?),
            ListedId::Fwmark(_) => {
                let left = marks.get_mut(&id)?;
                *left = left.checked_sub(1)?;
                None
            }
        };
        Some((service, destinations))
    });
    services.collect()
}

/// Returns a destination for people; `None` for a tunnel, of which only netlink tells the encapsulation.
///
/// A listing also shows as masquerading what has no name there: the methods that no tool sets.
fn overview_of(found: &ListedDestination) -> Option<DestinationOverview> {
    Some(DestinationOverview {
        id: found.id,
        forwarding: match found.method {
            ListedForwarding::Masquerade => Forwarding::Masquerade,
            ListedForwarding::DirectRouting => Forwarding::DirectRouting,
            ListedForwarding::Local => Forwarding::Local,
            ListedForwarding::Tunnel => return None,
        },
        weight: found.weight,
        active: found.active,
        inactive: found.inactive,
    })
}

impl From<DestinationStatus> for DestinationOverview {
    fn from(status: DestinationStatus) -> Self {
        Self {
            id: status.destination.id,
            forwarding: status.destination.forwarding,
            weight: status.destination.weight,
            active: status.active,
            inactive: status.inactive,
        }
    }
}

impl From<ServiceEntryStatus> for ServiceOverview {
    fn from(entry: ServiceEntryStatus) -> Self {
        Self {
            service: entry.status.service,
            destinations: entry.destinations.into_iter().map(Into::into).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::SchedulerName;

    const LISTING: &str = "TCP  C0000201:0050 rr \n  -> 0A000001:0050      Route   3      2          1\n\
                           TCP  C0000201:0051 rr \n  -> 0A000001:0051      Tunnel  1      0          0\n\
                           FWM  00000007 rr \n  -> 0A000001:0000      Masq    1      0          0\n";

    fn listing() -> Listing {
        crate::proc::read_listing(LISTING.as_bytes()).unwrap()
    }

    fn dump(ids: &[&str]) -> Dump<Service> {
        let services = ids
            .iter()
            .map(|id| Service::new(id.parse().unwrap(), SchedulerName::RR));
        Dump::new(services.collect())
    }

    const ALL: [&str; 3] = ["tcp 192.0.2.1:80", "tcp 192.0.2.1:81", "fwmark 7 ipv6"];

    #[test]
    fn each_service_has_what_the_listing_shows() {
        let table = joined(dump(&ALL), listing()).unwrap();
        let counts: Vec<_> = table
            .iter()
            .map(|(_, listed)| listed.as_ref().map(Vec::len))
            .collect();
        assert_eq!(counts, [Some(1), Some(1), None]);
        let shown: Vec<_> = table
            .iter()
            .filter_map(|(_, listed)| overview_of(listed.as_ref()?.first()?))
            .collect();
        assert_eq!(shown.len(), 1, "a tunnel is not told by a listing");
        assert_eq!((shown[0].active, shown[0].inactive), (2, 1));
    }

    #[test]
    fn another_order_changes_nothing() {
        let others = [[1, 0, 2], [2, 1, 0], [1, 2, 0]];
        let mut expected = joined(dump(&ALL), listing()).unwrap();
        expected.sort_by_key(|(service, _)| service.id);
        for order in others {
            let mut table = joined(dump(&order.map(|place| ALL[place])), listing()).unwrap();
            table.sort_by_key(|(service, _)| service.id);
            assert_eq!(table, expected, "{order:?}");
        }
    }

    #[test]
    fn readings_of_other_services_do_not_agree() {
        assert!(joined(dump(&ALL[..2]), listing()).is_none());
        for other in ["tcp 192.0.2.1:82", "fwmark 8 ipv6"] {
            for place in 0..ALL.len() {
                let mut ids = ALL;
                ids[place] = other;
                assert!(joined(dump(&ids), listing()).is_none(), "{ids:?}");
            }
        }
        let twice = dump(&[ALL[0], ALL[0], ALL[1], ALL[2]]);
        assert!(joined(twice, listing()).is_none());
        let mut listed = listing();
        listed.services[1].id = listed.services[0].id;
        assert!(joined(dump(&ALL), listed).is_none());
    }
}
