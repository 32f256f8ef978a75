//! The table beside what is known of it: read by one look at `/proc`, as far as that shows it as it is known.
//!
//! After a change the kernel has acknowledged every step, so only what it has silently not done is to be found. One
//! look is enough for that: what it shows exists, and what is missing in it is looked for again by a snapshot.

use std::collections::HashMap;
use std::num::NonZeroU32;

use super::overview::all;
use super::{
    Destination, DestinationId, Encapsulation, Family, Forwarding, Ipvs, Service, ServiceEntry,
    ServiceFlags, ServiceId, Thresholds,
};
use crate::error::Result;
use crate::proc::{ListedDestination, ListedForwarding, ListedId, ListedService, Listing};

/// Holds the services and destinations of which is known how they were made: from a snapshot, or because the kernel has
/// acknowledged it since.
pub(crate) struct KnownTable<'a> {
    services: HashMap<ServiceId, Known<'a>>,
}

#[derive(Default)]
struct Known<'a> {
    service: Option<&'a Service>,
    /// Ascending: there may be millions.
    destinations: Vec<&'a Destination>,
}

impl<'a> KnownTable<'a> {
    /// Returns what was read, and what was made since, the newest last. What was deleted is still known, in case it
    /// still exists.
    pub(crate) fn new(
        read: &'a [ServiceEntry],
        services: impl Iterator<Item = &'a Service>,
        destinations: impl Iterator<Item = (ServiceId, &'a Destination)>,
    ) -> Self {
        let mut known: HashMap<_, Known<'a>> = HashMap::with_capacity(read.len());
        for entry in read {
            let found = known.entry(entry.service.id).or_default();
            found.service = Some(&entry.service);
            found.destinations.extend(&entry.destinations);
        }
        for service in services {
            known.entry(service.id).or_default().service = Some(service);
        }
        for (service, destination) in destinations {
            let of_service = known.entry(service).or_default();
            of_service.destinations.push(destination);
        }
        for Known { destinations, .. } in known.values_mut() {
            // The newest of each first.
            destinations.reverse();
            destinations.sort_by_key(|known| known.id);
            destinations.dedup_by_key(|known| known.id);
        }
        Self { services: known }
    }

    fn destination(&self, service: &ServiceId, id: &DestinationId) -> Option<&'a Destination> {
        let destinations = &self.services.get(service)?.destinations;
        let place = destinations.binary_search_by_key(id, |known| known.id);
        destinations.get(place.ok()?).copied()
    }

    /// Returns a service that is listed as it is known and has nothing that a listing does not show.
    fn shown(&self, listed: &ListedService) -> Option<&'a Service> {
        let ListedId::Socket(protocol, address) = listed.id else {
            return None;
        };
        let id = ServiceId::Socket { protocol, address };
        let service = self.services.get(&id)?.service?;
        service.is_shown(listed).then_some(service)
    }

    /// Returns the destinations of a service if all are listed as they are known, and have nothing that a listing does
    /// not show.
    fn shown_destinations(
        &self,
        service: &ServiceId,
        listed: &[ListedDestination],
    ) -> Option<Vec<Destination>> {
        all(listed, |found| {
            let known = self.destination(service, &found.id)?;
            known.is_shown(service, found).then_some(*known)
        })
    }
}

impl Ipvs {
    /// Reads the configuration of the whole table where it is known already as far as nothing has gone wrong; `None` if
    /// the table has changed, or the kernel was making it larger, while it was listed.
    ///
    /// A listing shows neither flags, engines, thresholds nor encapsulations, persistence only in jiffies, and of a
    /// mark not the family. What it does not show whole, or not as it is known, is read by netlink.
    pub(crate) fn entries_beside(
        &mut self,
        listing: Listing,
        known: &KnownTable<'_>,
    ) -> Result<Option<Vec<ServiceEntry>>> {
        let count = listing.services.len();
        let mut entries = Vec::with_capacity(count);
        let mut asked = HashMap::new();
        for listed in listing.services {
            match known.shown(&listed) {
                Some(service) => {
                    let service = service.clone();
                    entries.push(self.listed_entry(service, &listed.destinations, known)?);
                }
                None => {
                    let ids = ids(listed.id);
                    asked.extend(ids.map(|id| (id, listed.destinations.clone())));
                }
            }
        }
        let ids: Vec<_> = asked.keys().copied().collect();
        for status in self.channel.existing(&ids)?.items {
            let service = status.service;
            let listed = asked.remove(&service.id).unwrap_or_default();
            entries.push(self.listed_entry(service, &listed, known)?);
        }
        entries.sort_unstable_by_key(|entry| entry.service.id);
        entries.dedup_by_key(|entry| entry.service.id);
        Ok((entries.len() == count).then_some(entries))
    }

    fn listed_entry(
        &mut self,
        service: Service,
        listed: &[ListedDestination],
        known: &KnownTable<'_>,
    ) -> Result<ServiceEntry> {
        let shown = match service.id {
            ServiceId::Socket { .. } => known.shown_destinations(&service.id, listed),
            // Services of both families may have one mark, and look alike.
            ServiceId::Fwmark { .. } => None,
        };
        let destinations = match shown {
            Some(destinations) => destinations,
            None => {
                let list = self.agreed_destinations(&service.id)?;
                list.into_iter().map(|status| status.destination).collect()
            }
        };
        Ok(ServiceEntry {
            service,
            destinations,
        })
    }
}

/// Returns the services that may be listed so.
fn ids(listed: ListedId) -> impl Iterator<Item = ServiceId> {
    let families = [Family::Ipv4, Family::Ipv6];
    let (socket, mark) = match listed {
        ListedId::Socket(protocol, address) => {
            (Some(ServiceId::Socket { protocol, address }), None)
        }
        ListedId::Fwmark(mark) => (None, NonZeroU32::new(mark)),
    };
    let marked = mark
        .into_iter()
        .flat_map(move |mark| families.map(|family| ServiceId::Fwmark { mark, family }));
    socket.into_iter().chain(marked)
}

impl Service {
    /// Returns whether a listing shows all that is known of it, and shows it so.
    fn is_shown(&self, listed: &ListedService) -> bool {
        // It is not shown for IPv6.
        let one_packet = match self.id.family() {
            Family::Ipv4 if listed.one_packet => ServiceFlags::ONE_PACKET,
            Family::Ipv4 | Family::Ipv6 => ServiceFlags::empty(),
        };
        self.flags == one_packet
            && self.engine.is_none()
            && (self.persistence.is_none() && listed.persistence.is_none())
            && self.scheduler == listed.scheduler
    }
}

impl Destination {
    /// Returns whether a listing shows all that is known of it, and shows it so. One of another family than its service
    /// an old kernel may have left out of what it acknowledged.
    fn is_shown(&self, service: &ServiceId, listed: &ListedDestination) -> bool {
        let method = match self.forwarding {
            Forwarding::Masquerade => ListedForwarding::Masquerade,
            Forwarding::DirectRouting => ListedForwarding::DirectRouting,
            Forwarding::Tunnel(Encapsulation::Ipip) => ListedForwarding::Tunnel,
            Forwarding::Local => ListedForwarding::Local,
            Forwarding::Tunnel(_) | Forwarding::Bypass | Forwarding::Other(_) => return false,
        };
        self.thresholds == Thresholds::OFF
            && self.id.family() == service.family()
            && (self.id, self.weight, method) == (listed.id, listed.weight, listed.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::{
        EngineName, Netmask, Persistence, SchedulerName, Seconds, TunnelChecksum, Weight,
    };

    const LISTING: &str = "TCP  C0000201:0050 rr \n  -> 0A000001:0050      Route   3      2          1\n\
                           UDP  C0000201:0035 wlc ops \n\
                           TCP  C0000201:0051 rr persistent 30000 FFFFFFFF\n\
                           FWM  00000007 rr \n";

    fn listing() -> Listing {
        crate::proc::read_listing(LISTING.as_bytes()).unwrap()
    }

    fn service(id: &str) -> Service {
        Service::new(id.parse().unwrap(), SchedulerName::RR)
    }

    #[test]
    fn what_a_listing_does_not_show_of_a_destination_is_never_taken_from_it() {
        let listed = listing();
        let service: ServiceId = "tcp 192.0.2.1:80".parse().unwrap();
        let found = &listed.services[0].destinations[0];
        let known = Destination {
            weight: Weight::new(3).unwrap(),
            ..Destination::new("10.0.0.1:80".parse().unwrap(), Forwarding::DirectRouting)
        };
        assert!(known.is_shown(&service, found));
        let gre = Encapsulation::Gre {
            checksum: TunnelChecksum::None,
        };
        for other in [
            Destination {
                weight: Weight::ONE,
                ..known
            },
            Destination {
                thresholds: Thresholds::new(9, 0).unwrap(),
                ..known
            },
            Destination {
                forwarding: Forwarding::Masquerade,
                ..known
            },
            Destination {
                forwarding: Forwarding::Tunnel(gre),
                ..known
            },
            Destination {
                forwarding: Forwarding::Bypass,
                ..known
            },
        ] {
            assert!(!other.is_shown(&service, found), "{other}");
        }
        let other_family: ServiceId = "tcp [2001:db8::1]:80".parse().unwrap();
        assert!(!known.is_shown(&other_family, found));
    }

    #[test]
    fn what_a_listing_does_not_show_of_a_service_is_never_taken_from_it() {
        let [web, dns, persistent, mark] = listing().services.try_into().unwrap();
        let known = service("tcp 192.0.2.1:80");
        assert!(known.is_shown(&web));
        let one_packet = Service {
            scheduler: SchedulerName::WLC,
            flags: ServiceFlags::ONE_PACKET,
            ..service("udp 192.0.2.1:53")
        };
        assert!(one_packet.is_shown(&dns));
        let persistence = Persistence {
            timeout: Seconds(300),
            netmask: Netmask::host(Family::Ipv4),
        };
        for (other, listed) in [
            (service("udp 192.0.2.1:53"), &dns),
            (
                Service {
                    flags: ServiceFlags::SH_PORT,
                    ..known.clone()
                },
                &web,
            ),
            (
                Service {
                    engine: Some(EngineName::SIP),
                    ..known.clone()
                },
                &web,
            ),
            (
                Service {
                    persistence: Some(persistence),
                    ..known.clone()
                },
                &persistent,
            ),
            (
                Service {
                    scheduler: SchedulerName::WRR,
                    ..known
                },
                &web,
            ),
            (
                Service {
                    flags: ServiceFlags::ONE_PACKET,
                    ..service("udp [2001:db8::1]:53")
                },
                &dns,
            ),
        ] {
            assert!(!other.is_shown(listed), "{other:?}");
        }
        let marked = service("fwmark 7");
        let table = KnownTable::new(&[], [&marked].into_iter(), std::iter::empty());
        assert_eq!(table.shown(&mark), None);
        assert_eq!(ids(mark.id).count(), 2);
    }

    #[test]
    fn the_newest_is_known_and_what_was_not_made_anew_as_it_was_read() {
        let of_weight = |text: &str, weight| Destination {
            weight: Weight::new(weight).unwrap(),
            ..Destination::new(text.parse().unwrap(), Forwarding::Masquerade)
        };
        let (first, second) = (of_weight("10.0.0.1:80", 1), of_weight("10.0.0.2:80", 1));
        let mut entry = ServiceEntry::new(service("tcp 192.0.2.1:80"));
        entry.destinations = vec![second, first];
        let id = entry.service.id;
        let edited = [2, 3].map(|weight| of_weight("10.0.0.1:80", weight));
        let scheduled = Service {
            scheduler: SchedulerName::WRR,
            ..entry.service.clone()
        };
        let read = [entry];
        let known = KnownTable::new(
            &read,
            [&scheduled].into_iter(),
            edited.iter().map(|destination| (id, destination)),
        );
        assert_eq!(known.destination(&id, &first.id), Some(&edited[1]));
        assert_eq!(known.destination(&id, &second.id), Some(&second));
        let other = of_weight("10.0.0.3:80", 1);
        assert_eq!(known.destination(&id, &other.id), None);
        let mut listed = listing().services.remove(0);
        assert_eq!(known.shown(&listed), None);
        listed.scheduler = SchedulerName::WRR;
        assert_eq!(known.shown(&listed), Some(&scheduled));
    }
}
