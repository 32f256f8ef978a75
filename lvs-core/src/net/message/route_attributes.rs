//! The attributes of an `rtmsg` that tells of a route.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use nix::libc::{
    RTA_CACHEINFO, RTA_DST, RTA_GATEWAY, RTA_IIF, RTA_MARK, RTA_METRICS, RTA_MULTIPATH, RTA_OIF,
    RTA_PREFSRC, RTA_PRIORITY, RTA_SRC, RTA_TABLE,
};

use super::super::{RawAttribute, Route, RouteDetails, RouteId, Scope};
use super::wire::{address, via};
use super::{Names, next_hop};
use crate::name::IfName;
use crate::netlink::attributes::{Attributes, read_u32};

/// Here the routes of both families that are added without a metric have 0.
const IPV6_METRIC: u32 = RouteId::IPV6_METRIC;
/// `RTNH_F_ONLINK`: the only flag that can be set; the others tell the state of the interface.
pub(super) const ON_LINK: u8 = 4;
/// `RTAX_ADVMSS`.
pub(super) const ADVMSS: u16 = 8;
// The crate libc has these for glibc, and not for musl.
pub(super) const RTA_VIA: u16 = 18;
pub(super) const RTA_PREF: u16 = 20;
pub(super) const RTA_EXPIRES: u16 = 23;
const RTA_PAD: u16 = 24;
const RTA_UID: u16 = 25;
pub(super) const RTA_NH_ID: u16 = 30;
/// The clock ticks of a second in `rta_cacheinfo` (`USER_HZ`).
const TICKS: u32 = 100;

/// What the header says beside table and flags.
pub(super) struct RouteHeader {
    pub(super) is_ipv6: bool,
    /// The prefix length of the destination.
    pub(super) length: u8,
    /// That of the network of sources.
    pub(super) source_length: u8,
    pub(super) tos: u8,
    pub(super) protocol: u8,
    pub(super) scope: u8,
}

/// Holds the attributes of a route while they are read.
#[derive(Default)]
pub(super) struct RouteAttributes {
    destination: Option<IpAddr>,
    from: Option<IpAddr>,
    gateway: Option<IpAddr>,
    source: Option<IpAddr>,
    interface: Option<IfName>,
    metric: u32,
    table: u32,
    advmss: Option<u32>,
    on_link: bool,
    details: RouteDetails,
}

impl RouteAttributes {
    /// Begins with what the header says.
    pub(super) fn new(table: u8, flags: u32) -> Self {
        Self {
            table: table.into(),
            on_link: flags & u32::from(ON_LINK) != 0,
            ..Self::default()
        }
    }

    pub(super) const fn table(&self) -> u32 {
        self.table
    }

    pub(super) fn note(&mut self, kind: u16, value: &[u8], names: &Names) {
        let details = &mut self.details;
        match kind {
            RTA_DST => self.destination = address(value),
            RTA_SRC => self.from = address(value),
            RTA_GATEWAY => self.gateway = address(value),
            RTA_VIA => self.gateway = via(value),
            RTA_PREFSRC => self.source = address(value),
            RTA_OIF => self.interface = interface(value, names),
            RTA_PRIORITY => self.metric = read_u32(value).unwrap_or_default(),
            RTA_TABLE => self.table = read_u32(value).unwrap_or(self.table),
            RTA_METRICS => self.note_metrics(value),
            RTA_MULTIPATH => details.next_hops = next_hop::read_all(value, names),
            RTA_NH_ID => details.nexthop_id = read_u32(value).filter(|&id| id != 0),
            RTA_PREF => details.preference = value.first().copied().unwrap_or_default(),
            RTA_CACHEINFO => details.expires = expiry(value),
            RTA_EXPIRES => details.expires = read_u32(value),
            RTA_IIF | RTA_MARK | RTA_UID | RTA_PAD => {}
            _ => details.attributes.push(raw(kind, value)),
        }
    }

    fn note_metrics(&mut self, value: &[u8]) {
        for (kind, value) in Attributes::new(value) {
            match (kind, read_u32(value)) {
                (ADVMSS, Some(bytes)) => self.advmss = Some(bytes),
                _ => self.details.metrics.push(raw(kind, value)),
            }
        }
        self.details.metrics.sort();
    }

    pub(super) fn into_route(self, header: RouteHeader) -> Option<Route> {
        let RouteHeader {
            is_ipv6,
            length,
            source_length,
            tos,
            protocol,
            scope,
        } = header;
        let from = match self.from {
            Some(from) => Some(network(is_ipv6, source_length, Some(from))?),
            None => None,
        };
        let id = RouteId {
            destination: network(is_ipv6, length, self.destination)?,
            metric: match self.metric {
                IPV6_METRIC if is_ipv6 => 0,
                metric => metric,
            },
            tos,
            table: self.table,
            from,
        };
        let (gateway, interface) = match self.details.next_hops.is_empty() {
            true => (self.gateway, self.interface),
            false => (None, None),
        };
        Some(Route {
            id,
            gateway,
            interface,
            source: self.source,
            scope: Scope(scope),
            protocol,
            advmss: self.advmss,
            on_link: self.on_link,
            details: self.details,
        })
    }
}

fn network(is_ipv6: bool, length: u8, address: Option<IpAddr>) -> Option<IpNet> {
    match address {
        None if length == 0 && is_ipv6 => Some(Ipv6Net::default().into()),
        None if length == 0 => Some(Ipv4Net::default().into()),
        Some(ip) if ip.is_ipv6() == is_ipv6 => IpNet::new(ip, length).ok(),
        _ => None,
    }
}

pub(super) fn interface(value: &[u8], names: &Names) -> Option<IfName> {
    names.get(&read_u32(value)?).cloned()
}

pub(super) fn raw(kind: u16, value: &[u8]) -> RawAttribute {
    RawAttribute {
        kind,
        value: value.to_vec(),
    }
}

/// Reads the seconds that are left from an `rta_cacheinfo`, whose third number they are in ticks; 0 is never.
fn expiry(value: &[u8]) -> Option<u32> {
    let ticks = read_u32(value.get(8..)?)?;
    (ticks != 0 && i32::try_from(ticks).is_ok()).then(|| ticks.div_ceil(TICKS))
}
