//! The table by two readings: the services by netlink, and their destinations by `/proc`.
//!
//! Netlink lists the destinations of one service at a time, each list by two or three system calls. `/proc` shows
//! those of dozens of services in one, but less of each. The two readings are also the two looks without which no
//! service is known to be whole: one that exists all the time can be missing in both only if both were cut at the
//! same place.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::dump::{Dump, Identified};
use super::{
    DestinationId, DestinationStatus, Forwarding, Ipvs, Service, ServiceEntryStatus, ServiceId,
    Weight,
};
use crate::error::Result;
use crate::proc::{ListedDestination, ListedForwarding, ListedId, ListedService, Proc};

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

impl Ipvs {
    /// Reads the table for people, the destinations from `/proc` of the same network namespace as far as that tells of
    /// them; `None` where the two do not agree on which services exist, in which order.
    pub(crate) fn overview_beside(&mut self, proc: &Proc) -> Result<Option<Vec<ServiceOverview>>> {
        let (services, _) = self.channel.services_as(|status| ServiceOverview {
            service: status.service,
            destinations: Vec::new(),
        })?;
        let mut joining = Joining::new(services);
        let is_read = proc.for_each_listed(|listed| joining.take(&listed)).is_ok();
        let Some((mut overview, untold)) = joining.joined().filter(|_| is_read) else {
            return Ok(None);
        };
        for place in untold {
            if let Some(entry) = overview.get_mut(place) {
                let list = self.agreed_destinations(&entry.service.id)?;
                entry.destinations = list.into_iter().map(Into::into).collect();
            }
        }
        Ok(Some(overview))
    }
}

impl Identified for ServiceOverview {
    type Id = ServiceId;

    fn id(&self) -> ServiceId {
        self.service.id
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

/// Services by netlink, which get their destinations as a listing shows them: the kernel lists both in one order, unless
/// the table changes, or is made larger, in between.
struct Joining {
    services: Dump<ServiceOverview>,
    /// So many were listed, each as it was expected.
    listed: usize,
    /// The places of those whose destinations a listing does not tell.
    untold: Vec<usize>,
    is_agreed: bool,
}

impl Joining {
    const fn new(services: Dump<ServiceOverview>) -> Self {
        Self {
            is_agreed: services.is_stable,
            services,
            listed: 0,
            untold: Vec::new(),
        }
    }

    /// Takes the next service of a listing, and breaks where another one was expected.
    fn take(&mut self, listed: &ListedService) -> ControlFlow<()> {
        let place = self.listed;
        let expected = self.services.items.get_mut(place);
        let same = expected.filter(|entry| ListedId::from(entry.service.id) == listed.id);
        let Some(entry) = same.filter(|_| self.is_agreed) else {
            self.is_agreed = false;
            return ControlFlow::Break(());
        };
        match (listed.id, all(&listed.destinations, overview_of)) {
            (ListedId::Socket(..), Some(destinations)) => entry.destinations = destinations,
            // Services of both families may have one mark, and look alike.
            _ => self.untold.push(place),
        }
        self.listed += 1;
        ControlFlow::Continue(())
    }

    /// Returns all services, and the places of those without destinations so far.
    fn joined(self) -> Option<(Vec<ServiceOverview>, Vec<usize>)> {
        let is_whole = self.is_agreed && self.listed == self.services.items.len();
        is_whole.then_some((self.services.items, self.untold))
    }
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

    /// Joins the services of a dump with those of a listing, its destinations behind each.
    fn joined(ids: &[&str], listing: &str) -> Option<(Vec<ServiceOverview>, Vec<usize>)> {
        let services = ids.iter().map(|id| ServiceOverview {
            service: Service::new(id.parse().unwrap(), SchedulerName::RR),
            destinations: Vec::new(),
        });
        let mut joining = Joining::new(Dump::new(services.collect()));
        let listing = crate::proc::read_listing(listing.as_bytes()).unwrap();
        let mut listed = listing.services.iter();
        let _ = listed.try_for_each(|listed| joining.take(listed));
        joining.joined()
    }

    const ALL: [&str; 3] = ["tcp 192.0.2.1:80", "tcp 192.0.2.1:81", "fwmark 7 ipv6"];

    #[test]
    fn each_service_has_what_the_listing_shows() {
        let (services, untold) = joined(&ALL, LISTING).unwrap();
        let counts: Vec<_> = services
            .iter()
            .map(|entry| entry.destinations.len())
            .collect();
        assert_eq!(counts, [1, 0, 0]);
        assert_eq!(untold, [1, 2], "neither a tunnel nor a mark is told");
        let shown = services[0].destinations[0];
        assert_eq!((shown.active, shown.inactive), (2, 1));
    }

    #[test]
    fn readings_of_other_services_do_not_agree() {
        assert!(joined(&ALL[..2], LISTING).is_none());
        for other in ["tcp 192.0.2.1:82", "fwmark 8 ipv6"] {
            for place in 0..ALL.len() {
                let mut ids = ALL;
                ids[place] = other;
                assert!(joined(&ids, LISTING).is_none(), "{ids:?}");
            }
        }
        assert!(joined(&[ALL[1], ALL[0], ALL[2]], LISTING).is_none());
        assert!(joined(&[ALL[0], ALL[1], ALL[2], ALL[2]], LISTING).is_none());
        assert!(joined(&[ALL[0], ALL[0], ALL[1], ALL[2]], LISTING).is_none());
        let (first, rest) = LISTING.split_at(LISTING.find("TCP  C0000201:0051").unwrap());
        assert!(joined(&ALL, &[first, first, rest].concat()).is_none());
        assert!(joined(&ALL, first).is_none());
    }
}
