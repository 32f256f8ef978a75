//! `ip_vs`: three lines of headings, then services, each followed by its destinations.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::text::{hex, protocol, socket};
use crate::ipvs::{
    DestinationId, Family, Info, Netmask, Protocol, SchedulerName, ServiceId, Weight,
};

/// The table as `/proc` tells it.
///
/// Less than netlink does: no scheduler flags, thresholds, persistence engines, tunnel parameters or
/// counters, no family of firewall-mark services, and `one_packet` only for IPv4. Good for a cheap
/// look at what changed; not to put a table back.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Listing {
    /// Version and table size, from the headings.
    pub info: Option<Info>,
    /// In the order of the kernel's walk, which means nothing.
    pub services: Vec<ListedService>,
}

/// What identifies a service in [`Listing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListedId {
    /// Protocol, virtual IP and port.
    Socket(Protocol, SocketAddr),
    /// A firewall mark of either family.
    Fwmark(u32),
}

/// A service in [`Listing`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListedService {
    /// What clients connect to.
    pub id: ListedId,
    /// Who chooses; `none` where the module went missing.
    pub scheduler: SchedulerName,
    /// One-packet scheduling; never seen for IPv6.
    pub one_packet: bool,
    /// Persistence.
    pub persistence: Option<Sticky>,
    /// In the kernel's order: the one added last comes first.
    pub destinations: Vec<ListedDestination>,
}

/// Persistence in [`Listing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sticky {
    /// The timeout in jiffies: seconds times the kernel's HZ, which it does not tell.
    pub jiffies: u64,
    /// Which clients count as one; `None` for firewall marks, where the number can be a mask or a
    /// prefix length.
    pub netmask: Option<Netmask>,
}

/// A destination in [`Listing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListedDestination {
    /// Address and port.
    pub id: DestinationId,
    /// How packets reach it.
    pub method: Method,
    /// Its share.
    pub weight: Weight,
    /// Active connections, live.
    pub active: u32,
    /// All other connections, live.
    pub inactive: u32,
}

/// A forwarding method as far as `/proc` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
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
    /// Every destination with its service: weights and live connections of a whole director at the
    /// cost of a few file reads, to be asked for again and again.
    pub fn destinations(&self) -> impl Iterator<Item = (ListedId, &ListedDestination)> {
        self.services.iter().flat_map(|service| {
            let destinations = service.destinations.iter();
            destinations.map(|destination| (service.id, destination))
        })
    }

    /// One destination. Where a firewall mark has a service of each family and both have it, that
    /// is the first one.
    #[must_use]
    pub fn destination(
        &self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Option<&ListedDestination> {
        let service = ListedId::from(*service);
        let mut all = self.destinations();
        all.find(|(listed, destination)| *listed == service && destination.id == *id)
            .map(|(_, destination)| destination)
    }

    /// Takes the next line in; what is not understood is skipped, with its destinations.
    pub(super) fn read_line(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["IP", "Virtual", "Server", "version", version, size] => {
                self.info = info(version, size);
            }
            ["->", rest @ ..] => {
                let service = self.services.last_mut();
                if let (Some(service), Some(destination)) = (service, destination(rest)) {
                    service.destinations.push(destination);
                }
            }
            words => self.services.extend(service(words)),
        }
    }
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

fn service(words: &[&str]) -> Option<ListedService> {
    let (&[kind, address, scheduler], flags) = words.split_first_chunk()?;
    let id = match kind {
        "FWM" => ListedId::Fwmark(hex(address, 8)?),
        _ => ListedId::Socket(protocol(kind)?, endpoint(address)?),
    };
    let (one_packet, flags) = match flags {
        ["ops", flags @ ..] => (true, flags),
        flags => (false, flags),
    };
    Some(ListedService {
        id,
        scheduler: SchedulerName::new(scheduler).ok()?,
        one_packet,
        persistence: persistence(id, flags),
        destinations: Vec::new(),
    })
}

fn persistence(id: ListedId, flags: &[&str]) -> Option<Sticky> {
    let &["persistent", jiffies, mask] = flags else {
        return None;
    };
    let mask = hex(mask, 8)?;
    let netmask = match id {
        ListedId::Fwmark(_) => None,
        ListedId::Socket(_, address) => Some(netmask(address.ip().into(), mask)?),
    };
    Some(Sticky {
        jiffies: jiffies.parse().ok()?,
        netmask,
    })
}

/// The kernel turns the bytes of the number round for both families, though the IPv6 prefix length is
/// in host order: /64 is printed as 40000000 on a little-endian machine.
fn netmask(family: Family, mask: u32) -> Option<Netmask> {
    match family {
        Family::Ipv4 => Some(Netmask::Ipv4(mask.into())),
        Family::Ipv6 => u8::try_from(u32::from_be(mask)).ok().map(Netmask::Ipv6),
    }
}

fn destination(words: &[&str]) -> Option<ListedDestination> {
    let &[address, method, weight, active, inactive] = words else {
        return None;
    };
    let address = endpoint(address)?;
    Some(ListedDestination {
        id: DestinationId::new(address.ip(), address.port()),
        method: match method {
            "Masq" => Method::Masquerade,
            "Local" => Method::Local,
            "Tunnel" => Method::Tunnel,
            "Route" => Method::DirectRouting,
            _ => return None,
        },
        weight: Weight::new(weight.parse().ok()?).ok()?,
        active: active.parse().ok()?,
        inactive: inactive.parse().ok()?,
    })
}

fn endpoint(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.rsplit_once(':')?;
    socket(address, port)
}

/// Captured on kernel 6.1 with ipvsadm 1.31; trailing blanks as they were.
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
        let sticky = Sticky {
            jiffies: 36000,
            netmask: Some(mask),
        };
        assert_eq!(http.persistence, Some(sticky));
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

    /// The capture is from a little-endian machine.
    #[test]
    #[cfg(target_endian = "little")]
    fn ipv6_prefixes_are_read_through_the_turned_bytes() {
        let address = "[fd00::1]:443".parse().unwrap();
        let https = captured(ListedId::Socket(Protocol::TCP, address));
        let netmask = https.persistence.and_then(|sticky| sticky.netmask);
        assert_eq!(netmask, Some(Netmask::Ipv6(64)));
        assert_eq!(https.destinations[0].method, Method::DirectRouting);
    }

    #[test]
    fn firewall_marks_are_hexadecimal() {
        let marked = captured(ListedId::Fwmark(0x1234));
        assert!(marked.one_packet);
        assert_eq!(marked.persistence.map(|sticky| sticky.jiffies), Some(6000));
        let bare = captured(ListedId::Fwmark(0x63));
        assert!(bare.destinations.is_empty() && bare.persistence.is_none());
    }

    #[test]
    fn a_tunnel_may_change_the_family() {
        let address = "10.0.0.1:53".parse().unwrap();
        let dns = captured(ListedId::Socket(Protocol::UDP, address));
        assert!(dns.one_packet);
        assert_eq!(dns.destinations[0].method, Method::Tunnel);
        assert_eq!(dns.destinations[0].id.to_string(), "[fd00::55]:53");
    }

    #[test]
    fn every_cut_of_it_is_read_without_harm() {
        for end in 0..CAPTURE_6_1.len() {
            let listing = read(&CAPTURE_6_1[..end]);
            assert!(listing.services.len() <= 6);
        }
    }
}
