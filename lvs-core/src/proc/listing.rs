//! The file `ip_vs`: three lines of headings, then services, each followed by its destinations.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::text::{hex, protocol, socket};
use crate::ipvs::{
    DestinationId, Family, Info, Netmask, Protocol, SchedulerName, ServiceId, Weight,
};

/// Holds the IPVS table as `/proc` shows it.
///
/// It contains less than netlink reports: no scheduler flags, thresholds, persistence engines, tunnel
/// parameters or counters, no family of firewall-mark services, and `one_packet` only for IPv4. It is
/// good for seeing cheaply what has changed, but not for restoring a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Listing {
    /// The version and table size, from the headings.
    pub info: Option<Info>,
    /// The services in the order in which the kernel walks them, which has no meaning.
    pub services: Vec<ListedService>,
}

/// Is a difference of two [`Listing`]s. Counts of connections are no difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ListedChange {
    /// The service is new; it is followed by its destinations.
    ServiceAdded(ListedId),
    /// The service does not exist any more; its destinations are not named.
    ServiceRemoved(ListedId),
    /// Its scheduler, persistence or one-packet scheduling is another one.
    ServiceEdited(ListedId),
    /// The destination is new.
    DestinationAdded(ListedId, DestinationId),
    /// The destination does not exist any more.
    DestinationRemoved(ListedId, DestinationId),
    /// Its weight or forwarding method is another one.
    DestinationEdited(ListedId, DestinationId),
}

/// Identifies a service in a [`Listing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListedId {
    /// A protocol, virtual IP and port.
    Socket(Protocol, SocketAddr),
    /// A firewall mark of either family.
    Fwmark(u32),
}

/// Holds a service of a [`Listing`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ListedService {
    /// The address or mark that clients connect to.
    pub id: ListedId,
    /// The scheduler; `none` if its module is no longer loaded.
    pub scheduler: SchedulerName,
    /// Whether every datagram is scheduled on its own; always `false` for IPv6.
    pub one_packet: bool,
    /// The persistence, if there is any.
    pub persistence: Option<ListedPersistence>,
    /// The destinations in the kernel's order: the one added last comes first.
    pub destinations: Vec<ListedDestination>,
}

/// Holds the persistence of a service of a [`Listing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ListedPersistence {
    /// The timeout in jiffies: seconds times the kernel's HZ, which the file does not contain.
    pub jiffies: u64,
    /// The mask of client addresses that count as one client; `None` for firewall marks, where the
    /// number can be a mask or a prefix length.
    pub netmask: Option<Netmask>,
}

/// Holds a destination of a [`Listing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ListedDestination {
    /// Its address and port.
    pub id: DestinationId,
    /// How packets reach it.
    pub method: ListedForwarding,
    /// Its share of new connections.
    pub weight: Weight,
    /// The number of active connections at the moment of reading.
    pub active: u32,
    /// The number of all other connections at the moment of reading.
    pub inactive: u32,
}

/// Names a forwarding method as far as `/proc` distinguishes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ListedForwarding {
    /// `Masq`: NAT, or a method that has no name.
    Masquerade,
    /// `Local`: the director itself.
    Local,
    /// `Tunnel`, of any encapsulation.
    Tunnel,
    /// `Route`: direct routing.
    DirectRouting,
}

impl From<ServiceId> for ListedId {
    fn from(id: ServiceId) -> Self {
        match id {
            ServiceId::Socket { protocol, address } => Self::Socket(protocol, address),
            ServiceId::Fwmark { mark, .. } => Self::Fwmark(mark.get()),
        }
    }
}

impl Listing {
    /// Returns every destination with its service.
    ///
    /// Weights and live connections of a whole director cost a few file reads, which makes this the
    /// method to poll.
    pub fn destinations(&self) -> impl Iterator<Item = (ListedId, &ListedDestination)> {
        self.services.iter().flat_map(|service| {
            service
                .destinations
                .iter()
                .map(|destination| (service.id, destination))
        })
    }

    /// Returns the destination with the given identity, if it is listed.
    ///
    /// If a firewall mark has a service of each family and both have the destination, the first of the
    /// two is returned, because the file does not contain the family.
    #[must_use]
    pub fn destination(
        &self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Option<&ListedDestination> {
        let wanted = ListedId::from(*service);
        self.services
            .iter()
            .filter(|service| service.id == wanted)
            .flat_map(|service| &service.destinations)
            .find(|destination| destination.id == *id)
    }

    /// Returns how this listing differs from an earlier one, ordered by identity. The order of services and
    /// destinations is no difference.
    ///
    /// A firewall mark of both families is one service here, because the file does not contain the family.
    #[must_use]
    pub fn changes_since(&self, earlier: &Self) -> Vec<ListedChange> {
        let (before, now) = (earlier.by_id(), self.by_id());
        let removed = before
            .iter()
            .filter(|(id, _)| !now.contains_key(id))
            .map(|(id, _)| ListedChange::ServiceRemoved(*id));
        let others = now
            .iter()
            .flat_map(|(id, services)| service_changes(*id, before.get(id), services));
        removed.chain(others).collect()
    }

    fn by_id(&self) -> BTreeMap<ListedId, Vec<&ListedService>> {
        let mut services = BTreeMap::<_, Vec<_>>::new();
        for service in &self.services {
            services.entry(service.id).or_default().push(service);
        }
        services
    }

    /// Adds the content of the next line; a line that is not understood is skipped.
    pub(super) fn read_line(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["IP", "Virtual", "Server", "version", version, size] => {
                self.info = info(version, size);
            }
            ["->", rest @ ..] => {
                if let Some(service) = self.services.last_mut() {
                    let destinations = &mut service.destinations;
                    if destinations.is_empty() {
                        // Often it is the only one, and there may be tens of thousands of such services.
                        destinations.reserve_exact(1);
                    }
                    destinations.extend(ListedDestination::parse(rest));
                }
            }
            words => self.services.extend(ListedService::parse(words)),
        }
    }
}

type Destinations<'a> = BTreeMap<DestinationId, &'a ListedDestination>;

fn destinations_of<'a>(services: &[&'a ListedService]) -> Destinations<'a> {
    services
        .iter()
        .flat_map(|service| &service.destinations)
        .map(|destination| (destination.id, destination))
        .collect()
}

fn service_changes(
    id: ListedId,
    before: Option<&Vec<&ListedService>>,
    now: &[&ListedService],
) -> Vec<ListedChange> {
    let settings = |service: &&ListedService| {
        let scheduler = service.scheduler.clone();
        (scheduler, service.one_packet, service.persistence)
    };
    let mut changes = match before {
        None => vec![ListedChange::ServiceAdded(id)],
        Some(before) if before.iter().map(settings).eq(now.iter().map(settings)) => Vec::new(),
        Some(_) => vec![ListedChange::ServiceEdited(id)],
    };
    let before = destinations_of(before.map(Vec::as_slice).unwrap_or_default());
    let now = destinations_of(now);
    changes.extend(
        before
            .keys()
            .filter(|destination| !now.contains_key(destination))
            .map(|destination| ListedChange::DestinationRemoved(id, *destination)),
    );
    changes.extend(
        now.iter()
            .filter_map(|(destination, found)| match before.get(destination) {
                None => Some(ListedChange::DestinationAdded(id, *destination)),
                Some(old) if (old.weight, old.method) == (found.weight, found.method) => None,
                Some(_) => Some(ListedChange::DestinationEdited(id, *destination)),
            }),
    );
    changes
}

fn info(version: &str, size: &str) -> Option<Info> {
    let parts: Option<Vec<u8>> = version.split('.').map(|part| part.parse().ok()).collect();
    let [major, minor, patch] = parts?.try_into().ok()?;
    let size = size.strip_prefix("(size=")?.strip_suffix(')')?;
    Some(Info {
        version: u32::from_be_bytes([0, major, minor, patch]),
        connection_table_size: size.parse().ok()?,
    })
}

impl ListedService {
    fn parse(words: &[&str]) -> Option<Self> {
        let (&[kind, address, scheduler], flags) = words.split_first_chunk()?;
        let id = match kind {
            "FWM" => ListedId::Fwmark(hex(address, 8)?),
            _ => ListedId::Socket(protocol(kind)?, endpoint(address)?),
        };
        let (one_packet, flags) = match flags {
            ["ops", flags @ ..] => (true, flags),
            flags => (false, flags),
        };
        Some(Self {
            id,
            scheduler: SchedulerName::new(scheduler).ok()?,
            one_packet,
            persistence: ListedPersistence::parse(id, flags),
            destinations: Vec::new(),
        })
    }
}

impl ListedPersistence {
    fn parse(service: ListedId, flags: &[&str]) -> Option<Self> {
        let &["persistent", jiffies, mask] = flags else {
            return None;
        };
        let mask = hex(mask, 8)?;
        Some(Self {
            jiffies: jiffies.parse().ok()?,
            netmask: match service {
                ListedId::Fwmark(_) => None,
                ListedId::Socket(_, address) => Some(netmask(address.ip().into(), mask)?),
            },
        })
    }
}

/// Converts the number of a mask. The kernel swaps its bytes for both families, although an IPv6 prefix
/// length is in host order: a little-endian machine prints /64 as 40000000.
fn netmask(family: Family, mask: u32) -> Option<Netmask> {
    match family {
        Family::Ipv4 => Some(Netmask::Ipv4(mask.into())),
        Family::Ipv6 => u8::try_from(u32::from_be(mask)).ok().map(Netmask::Ipv6),
    }
}

impl ListedDestination {
    fn parse(words: &[&str]) -> Option<Self> {
        let &[address, method, weight, active, inactive] = words else {
            return None;
        };
        let address = endpoint(address)?;
        Some(Self {
            id: DestinationId::new(address.ip(), address.port()),
            method: match method {
                "Masq" => ListedForwarding::Masquerade,
                "Local" => ListedForwarding::Local,
                "Tunnel" => ListedForwarding::Tunnel,
                "Route" => ListedForwarding::DirectRouting,
                _ => return None,
            },
            weight: Weight::new(weight.parse().ok()?).ok()?,
            active: active.parse().ok()?,
            inactive: inactive.parse().ok()?,
        })
    }
}

fn endpoint(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.rsplit_once(':')?;
    socket(address, port)
}

/// Is a capture from kernel 6.1 with ipvsadm 1.31, trailing blanks included.
#[cfg(test)]
pub(super) const CAPTURE_6_1: &str = "IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
UDP  0A000001:13C4 rr  persistent 30000 FFFFFFFF
  -> 0A000103:13C4      Masq    1      0          0         \u{20}
TCP  [fd00:0000:0000:0000:0000:0000:0000:0001]:01BB rr persistent 10000 40000000
  -> [fd00:0000:0000:0000:0000:0000:0000:0055]:01BB      Route   1      1          0         \u{20}
TCP  0A000001:0050 wlc  persistent 36000 FFFFFF00
  -> 0A000102:0050      Masq    1      1          0         \u{20}
  -> 0A000101:1F90      Masq    3      0          0         \u{20}
UDP  0A000001:0035 rr ops \u{20}
  -> [fd00:0000:0000:0000:0000:0000:0000:0055]:0035      Tunnel  1      0          0         \u{20}
FWM  00000063 wlc\u{20}
FWM  00001234 rr ops persistent 6000 FFFFFFFF
  -> 0A000104:0000      Route   1      0          0         \u{20}
";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Listing {
        let mut listing = Listing::default();
        text.lines().for_each(|line| listing.read_line(line));
        listing
    }

    fn captured(id: ListedId) -> ListedService {
        let services = read(CAPTURE_6_1).services;
        services
            .into_iter()
            .find(|service| service.id == id)
            .unwrap()
    }

    #[test]
    fn headings_tell_version_and_size() {
        let info = read(CAPTURE_6_1).info.unwrap();
        assert_eq!(info.to_string(), "1.2.1 (size=4096)");
    }

    #[test]
    fn a_service_with_its_destinations() {
        let address = "10.0.0.1:80".parse().unwrap();
        let http = captured(ListedId::Socket(Protocol::TCP, address));
        assert_eq!(http.scheduler, SchedulerName::WLC);
        let mask = Netmask::from_prefix(Family::Ipv4, 24).unwrap();
        let persistence = ListedPersistence {
            jiffies: 36000,
            netmask: Some(mask),
        };
        assert_eq!(http.persistence, Some(persistence));
        let ids: Vec<_> = http.destinations.iter().map(|d| d.id.to_string()).collect();
        assert_eq!(ids, ["10.0.1.2:80", "10.0.1.1:8080"]);
        let weights: Vec<_> = http.destinations.iter().map(|d| d.weight.get()).collect();
        assert_eq!(weights, [1, 3]);
        assert_eq!(http.destinations[0].active, 1);
    }

    #[test]
    fn a_destination_is_found_by_the_identities_that_netlink_uses() {
        let listing = read(CAPTURE_6_1);
        let find = |service: &str, id: &str| {
            let found = listing.destination(&service.parse().unwrap(), &id.parse().unwrap());
            found.map(|destination| (destination.weight.get(), destination.active))
        };
        assert_eq!(find("tcp 10.0.0.1:80", "10.0.1.1:8080"), Some((3, 0)));
        assert_eq!(find("tcp [fd00::1]:443", "[fd00::55]:443"), Some((1, 1)));
        assert_eq!(find("fwmark 4660 ipv6", "10.0.1.4:0"), Some((1, 0)));
        assert_eq!(find("udp 10.0.0.1:80", "10.0.1.1:8080"), None);
        assert_eq!(find("tcp 10.0.0.1:80", "10.0.1.1:80"), None);
        assert_eq!(listing.destinations().count(), 6);
    }

    /// The capture comes from a little-endian machine.
    #[test]
    #[cfg(target_endian = "little")]
    fn ipv6_prefixes_are_read_through_the_turned_bytes() {
        let address = "[fd00::1]:443".parse().unwrap();
        let https = captured(ListedId::Socket(Protocol::TCP, address));
        let netmask = https
            .persistence
            .and_then(|persistence| persistence.netmask);
        assert_eq!(netmask, Some(Netmask::Ipv6(64)));
        assert_eq!(
            https.destinations[0].method,
            ListedForwarding::DirectRouting
        );
    }

    #[test]
    fn two_listings_are_compared_by_identity() {
        let before = read(CAPTURE_6_1);
        assert_eq!(before.changes_since(&before), []);
        let text = CAPTURE_6_1
            .replace("Masq    3      0 ", "Masq    0      7 ")
            .replace("0A000102:0050      Masq", "0A000177:0050      Masq")
            .replace("0A000001:0050 wlc", "0A000001:0050 rr")
            .replace("FWM  00000063", "FWM  00000064");
        let web = ListedId::Socket(Protocol::TCP, "10.0.0.1:80".parse().unwrap());
        let id = |text: &str| text.parse().unwrap();
        assert_eq!(
            read(&text).changes_since(&before),
            [
                ListedChange::ServiceRemoved(ListedId::Fwmark(0x63)),
                ListedChange::ServiceEdited(web),
                ListedChange::DestinationRemoved(web, id("10.0.1.2:80")),
                ListedChange::DestinationEdited(web, id("10.0.1.1:8080")),
                ListedChange::DestinationAdded(web, id("10.0.1.119:80")),
                ListedChange::ServiceAdded(ListedId::Fwmark(0x64)),
            ]
        );
    }

    #[test]
    fn firewall_marks_are_hexadecimal() {
        let marked = captured(ListedId::Fwmark(0x1234));
        assert!(marked.one_packet);
        assert_eq!(
            marked.persistence.map(|persistence| persistence.jiffies),
            Some(6000)
        );
        let bare = captured(ListedId::Fwmark(0x63));
        assert!(bare.destinations.is_empty() && bare.persistence.is_none());
    }

    #[test]
    fn a_tunnel_may_change_the_family() {
        let address = "10.0.0.1:53".parse().unwrap();
        let dns = captured(ListedId::Socket(Protocol::UDP, address));
        assert!(dns.one_packet);
        assert_eq!(dns.destinations[0].method, ListedForwarding::Tunnel);
        assert_eq!(dns.destinations[0].id.to_string(), "[fd00::55]:53");
    }

    #[test]
    fn every_truncation_is_read_without_panic() {
        for end in 0..CAPTURE_6_1.len() {
            let listing = read(&CAPTURE_6_1[..end]);
            assert!(listing.services.len() <= 6);
        }
    }
}
