//! `rtmsg`: family u8, destination and source prefix lengths u8, TOS u8, table u8, protocol u8,
//! scope u8, type u8, flags u32; then attributes.
//!
//! A route is kept whole: what no field holds is kept as the kernel's own bytes and sent again.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use nix::libc::{
    RT_SCOPE_NOWHERE, RTA_CACHEINFO, RTA_DST, RTA_EXPIRES, RTA_GATEWAY, RTA_IIF, RTA_MARK,
    RTA_METRICS, RTA_MULTIPATH, RTA_OIF, RTA_PREF, RTA_PREFSRC, RTA_PRIORITY, RTA_SRC, RTA_TABLE,
    RTA_UID, RTA_VIA, RTM_F_CLONED, RTN_UNICAST, RTPROT_STATIC,
};

use super::super::{NextHop, RawAttribute, Route, RouteDetails, RouteId, Scope};
use super::wire::{address, octets, to_via, via};
use super::{Names, family_number};
use crate::name::IfName;
use crate::netlink::attributes::{Attributes, Writer, align, read_u16, read_u32};

const HEADER: usize = 12;
/// A header whose table is this has an attribute with the table's number.
const COMPATIBLE: u8 = 252;
/// The table of the host's own addresses, which the kernel fills by itself.
const LOCAL: u32 = 255;
/// Here the routes of both families that are added without a metric have 0.
const IPV6_METRIC: u32 = RouteId::IPV6_METRIC;
/// `RTNH_F_ONLINK`: the only flag that can be set; the others tell the state of the interface.
const ON_LINK: u8 = 4;
/// `RTAX_ADVMSS`.
const ADVMSS: u16 = 8;
const RTA_PAD: u16 = 24;
const RTA_ENCAP_TYPE: u16 = 21;
const RTA_ENCAP: u16 = 22;
const RTA_NH_ID: u16 = 30;
/// The clock ticks of a second in `rta_cacheinfo` (`USER_HZ`).
const TICKS: u32 = 100;
/// `rtnexthop`: length u16, flags u8, hops u8, interface index u32.
const HOP: usize = 8;

/// Returns the payload that asks for all routes of all tables and both families.
pub(crate) fn list() -> Vec<u8> {
    vec![0; HEADER]
}

/// Returns the payload that adds or replaces a route; `index` finds the number of an interface.
pub(crate) fn add(route: &Route, index: impl Fn(&IfName) -> Option<u32>) -> Vec<u8> {
    let protocol = match route.protocol {
        0 => RTPROT_STATIC,
        protocol => protocol,
    };
    let mut payload = identity(route, protocol, route.scope.0, &index);
    let mut writer = Writer::new(&mut payload);
    if let Some(source) = route.source {
        writer.put_bytes(RTA_PREFSRC, &octets(source));
    }
    put_metrics(route, &mut writer);
    let details = &route.details;
    if details.preference != 0 {
        writer.put_u8(RTA_PREF, details.preference);
    }
    if let Some(seconds) = details.expires {
        writer.put_u32(RTA_EXPIRES, seconds);
    }
    // The nexthop object says how packets are encapsulated, and the kernel takes no other word.
    let is_by_object = details.nexthop_id.is_some();
    for attribute in &details.attributes {
        if !(is_by_object && matches!(attribute.kind, RTA_ENCAP | RTA_ENCAP_TYPE)) {
            writer.put_bytes(attribute.kind, &attribute.value);
        }
    }
    payload
}

/// Returns the payload that deletes a route: the kernel compares destination, metric, gateway and interface,
/// and the protocol unless it is 0, but not the scope.
pub(crate) fn delete(route: &Route, index: impl Fn(&IfName) -> Option<u32>) -> Vec<u8> {
    identity(route, route.protocol, RT_SCOPE_NOWHERE, &index)
}

fn identity(
    route: &Route,
    protocol: u8,
    scope: u8,
    index: &impl Fn(&IfName) -> Option<u32>,
) -> Vec<u8> {
    let id = &route.id;
    let is_ipv6 = id.destination.addr().is_ipv6();
    let mut payload = vec![
        family_number(is_ipv6),
        id.destination.prefix_len(),
        id.from.map_or(0, |from| from.prefix_len()),
        id.tos,
        u8::try_from(id.table).unwrap_or(COMPATIBLE),
        protocol,
        scope,
        RTN_UNICAST,
    ];
    let on_link = if route.on_link { ON_LINK } else { 0 };
    payload.extend(u32::from(on_link).to_ne_bytes());
    let mut writer = Writer::new(&mut payload);
    if id.destination.prefix_len() != 0 {
        writer.put_bytes(RTA_DST, &octets(id.destination.network()));
    }
    if let Some(from) = id.from {
        writer.put_bytes(RTA_SRC, &octets(from.network()));
    }
    if id.table > u32::from(u8::MAX) {
        writer.put_u32(RTA_TABLE, id.table);
    }
    if let Some(metric) = metric(id, is_ipv6) {
        writer.put_u32(RTA_PRIORITY, metric);
    }
    put_way(route, &mut writer, index);
    payload
}

/// Writes where packets go: a nexthop object, or next hops, or gateway and interface.
fn put_way(route: &Route, writer: &mut Writer<'_>, index: &impl Fn(&IfName) -> Option<u32>) {
    let is_ipv6 = route.id.destination.addr().is_ipv6();
    if let Some(id) = route.details.nexthop_id {
        writer.put_u32(RTA_NH_ID, id);
        return;
    }
    if !route.details.next_hops.is_empty() {
        let hops: Vec<_> = route
            .details
            .next_hops
            .iter()
            .flat_map(|hop| next_hop(hop, is_ipv6, index))
            .collect();
        writer.put_bytes(RTA_MULTIPATH, &hops);
        return;
    }
    if let Some(gateway) = route.gateway {
        put_gateway(gateway, is_ipv6, writer);
    }
    if let Some(index) = route.interface.as_ref().and_then(index) {
        writer.put_u32(RTA_OIF, index);
    }
}

/// Returns the metric to send: 0 is omitted for IPv4 and spelt out for IPv6, where a deletion without a metric
/// means "any".
fn metric(id: &RouteId, is_ipv6: bool) -> Option<u32> {
    match id.metric {
        0 if is_ipv6 => Some(IPV6_METRIC),
        0 => None,
        metric => Some(metric),
    }
}

/// Writes a gateway; one of the other family (IPv4 over IPv6) has an attribute of its own.
fn put_gateway(gateway: IpAddr, is_ipv6: bool, writer: &mut Writer<'_>) {
    if gateway.is_ipv6() == is_ipv6 {
        writer.put_bytes(RTA_GATEWAY, &octets(gateway));
    } else {
        writer.put_bytes(RTA_VIA, &to_via(gateway));
    }
}

fn next_hop(hop: &NextHop, is_ipv6: bool, index: &impl Fn(&IfName) -> Option<u32>) -> Vec<u8> {
    let index = hop.interface.as_ref().and_then(index).unwrap_or_default();
    let weight = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    let mut attributes = Vec::new();
    let mut writer = Writer::new(&mut attributes);
    if let Some(gateway) = hop.gateway {
        put_gateway(gateway, is_ipv6, &mut writer);
    }
    for attribute in &hop.attributes {
        writer.put_bytes(attribute.kind, &attribute.value);
    }
    let length = u16::try_from(HOP.saturating_add(attributes.len())).unwrap_or(u16::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend([if hop.on_link { ON_LINK } else { 0 }, weight]);
    bytes.extend(index.to_ne_bytes());
    bytes.extend(attributes);
    bytes
}

/// Writes the metrics in the order of their numbers, as the kernel does.
fn put_metrics(route: &Route, writer: &mut Writer<'_>) {
    let advmss = route.advmss.map(|bytes| RawAttribute {
        kind: ADVMSS,
        value: bytes.to_ne_bytes().to_vec(),
    });
    let mut metrics: Vec<_> = route.details.metrics.iter().chain(&advmss).collect();
    if metrics.is_empty() {
        return;
    }
    metrics.sort_by_key(|metric| metric.kind);
    writer.plain_nest(RTA_METRICS, |nest| {
        for metric in metrics {
            nest.put_bytes(metric.kind, &metric.value);
        }
    });
}

/// Reads the route of an `RTM_NEWROUTE`; returns `None` where it is not a unicast route, one of the table of
/// local addresses, or only a cached one.
pub(crate) fn decode(payload: &[u8], names: &Names) -> Option<Route> {
    let (header, attributes) = payload.split_at_checked(HEADER)?;
    let &[
        family,
        length,
        source_length,
        tos,
        table,
        protocol,
        scope,
        kind,
        ..,
    ] = header
    else {
        return None;
    };
    let flags = read_u32(header.get(8..)?)?;
    if kind != RTN_UNICAST || flags & RTM_F_CLONED != 0 {
        return None;
    }
    let mut seen = Seen {
        table: table.into(),
        on_link: flags & u32::from(ON_LINK) != 0,
        ..Seen::default()
    };
    for (kind, value) in Attributes::new(attributes) {
        seen.note(kind, value, names);
    }
    let is_ipv6 = family == family_number(true);
    if seen.table == LOCAL || !is_ipv6 && family != family_number(false) {
        return None;
    }
    seen.into_route(is_ipv6, length, source_length, (tos, protocol, scope))
}

/// Holds the attributes of a route while they are read.
#[derive(Default)]
struct Seen {
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

impl Seen {
    fn note(&mut self, kind: u16, value: &[u8], names: &Names) {
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
            RTA_MULTIPATH => details.next_hops = next_hops(value, names),
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

    fn into_route(
        self,
        is_ipv6: bool,
        length: u8,
        source_length: u8,
        (tos, protocol, scope): (u8, u8, u8),
    ) -> Option<Route> {
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

fn interface(value: &[u8], names: &Names) -> Option<IfName> {
    names.get(&read_u32(value)?).cloned()
}

fn raw(kind: u16, value: &[u8]) -> RawAttribute {
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

fn next_hops(mut list: &[u8], names: &Names) -> Vec<NextHop> {
    let mut hops = Vec::new();
    while let Some((hop, length)) = read_next_hop(list, names) {
        hops.push(hop);
        list = list.get(align(length)..).unwrap_or_default();
    }
    hops
}

fn read_next_hop(list: &[u8], names: &Names) -> Option<(NextHop, usize)> {
    let length = usize::from(read_u16(list)?);
    let (header, attributes) = list.get(..length)?.split_at_checked(HOP)?;
    let mut hop = NextHop {
        interface: interface(header.get(4..)?, names),
        gateway: None,
        weight: u16::from(*header.get(3)?).saturating_add(1),
        on_link: header.get(2)? & ON_LINK != 0,
        attributes: Vec::new(),
    };
    for (kind, value) in Attributes::new(attributes) {
        match kind {
            RTA_GATEWAY => hop.gateway = address(value),
            RTA_VIA => hop.gateway = via(value),
            _ => hop.attributes.push(raw(kind, value)),
        }
    }
    Some((hop, length))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attribute, torture};
    use super::*;
    use crate::net::Address;

    fn names() -> Names {
        Names::from([(1, IfName::LO)])
    }

    fn host_route(destination: &str) -> Route {
        Route {
            interface: Some(IfName::LO),
            scope: Scope::LINK,
            protocol: Address::PROTOCOL,
            ..Route::to(RouteId::new(destination.parse().unwrap()))
        }
    }

    fn index(name: &IfName) -> Option<u32> {
        names()
            .into_iter()
            .find_map(|(index, known)| (known == *name).then_some(index))
    }

    fn default_route(destination: &str, gateway: &str) -> Route {
        let mut route = Route::via(destination.parse().unwrap(), gateway.parse().unwrap());
        route.protocol = Address::PROTOCOL;
        route
    }

    #[test]
    fn a_route_comes_back_as_it_was_sent() {
        let mut elaborate = host_route("10.0.0.0/8");
        elaborate.id.metric = 50;
        elaborate.source = Some("192.168.1.11".parse().unwrap());
        elaborate.gateway = Some("fe80::1".parse().unwrap());
        elaborate.advmss = Some(1440);
        for route in [
            host_route("172.16.5.11/32"),
            host_route("2001:db8::1/128"),
            default_route("0.0.0.0/0", "192.168.1.254"),
            default_route("::/0", "2001:db8::fe"),
            elaborate,
        ] {
            let payload = add(&route, index);
            assert_eq!(decode(&payload, &names()), Some(route.clone()));
            torture(&payload, |bytes| decode(bytes, &names()));
        }
    }

    #[test]
    fn bytes_of_the_default_route_are_the_kernels() {
        let route = Route::via("0.0.0.0/0".parse().unwrap(), "172.16.0.1".parse().unwrap());
        let header = vec![2, 0, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0];
        let added = [header, attribute(5, &[172, 16, 0, 1])].concat();
        assert_eq!(add(&route, index), added);
        let mut deleted = added;
        (deleted[5], deleted[6]) = (0, 255); // any protocol, any scope
        assert_eq!(delete(&route, index), deleted);
    }

    #[test]
    fn only_unicast_routes_that_are_not_local_are_taken() {
        let good = add(&default_route("0.0.0.0/0", "192.168.1.254"), index);
        for (at, value) in [(0, 5), (4, 255), (7, 2), (7, 6)] {
            let mut bytes = good.clone();
            bytes[at] = value;
            assert_eq!(decode(&bytes, &names()), None, "byte {at} = {value}");
        }
        let mut cloned = good.clone();
        cloned[8..12].copy_from_slice(&0x200_u32.to_ne_bytes());
        assert_eq!(decode(&cloned, &names()), None);
        let mut bytes = good;
        bytes.extend(attribute(15, &1000_u32.to_ne_bytes()));
        let route = decode(&bytes, &names()).unwrap();
        assert_eq!(route.id.table, 1000);
        assert!(!route.id.is_default());
    }

    #[test]
    fn ipv6_metrics_are_named_in_a_deletion() {
        let route = default_route("::/0", "2001:db8::fe");
        let priority = attribute(6, &1024_u32.to_ne_bytes());
        let payload = delete(&route, index);
        assert!(payload.windows(8).any(|bytes| bytes == priority));
    }

    #[test]
    fn host_bits_of_a_destination_are_not_sent() {
        let payload = add(&host_route("192.168.1.11/24"), index);
        let decoded = decode(&payload, &names()).unwrap();
        assert_eq!(decoded.id.destination.to_string(), "192.168.1.0/24");
    }

    /// Returns a route that has everything at once.
    fn whole() -> Route {
        let raw = |kind, value: &[u8]| RawAttribute {
            kind,
            value: value.to_vec(),
        };
        let hop = |gateway: &str, weight| NextHop {
            interface: Some(IfName::LO),
            gateway: Some(gateway.parse().unwrap()),
            weight,
            on_link: weight > 1,
            attributes: vec![raw(11, &5_u32.to_ne_bytes())],
        };
        let mut route = Route::to(RouteId {
            metric: 9,
            tos: 0x10,
            table: 1000,
            ..RouteId::new("10.0.0.0/8".parse().unwrap())
        });
        route.protocol = 186;
        route.advmss = Some(1360);
        route.details = RouteDetails {
            next_hops: vec![hop("192.168.1.1", 1), hop("fe80::1", 256)],
            metrics: vec![raw(2, &1400_u32.to_ne_bytes()), raw(16, b"bbr\0")],
            attributes: vec![raw(26, &[1])],
            ..RouteDetails::default()
        };
        route
    }

    #[test]
    fn a_route_comes_back_whole() {
        let mut by_object = whole();
        by_object.details.next_hops.clear();
        by_object.details.nexthop_id = Some(7);
        let mut six = Route::via("::/0".parse().unwrap(), "fe80::1".parse().unwrap());
        six.id.from = Some("2001:db8::/48".parse().unwrap());
        six.protocol = 16;
        six.on_link = true;
        six.details.preference = 1;
        six.details.expires = Some(1800);
        for route in [whole(), by_object, six] {
            let payload = add(&route, index);
            assert_eq!(decode(&payload, &names()), Some(route.clone()));
            torture(&payload, |bytes| decode(bytes, &names()));
            let stored = serde_json::to_string(&route).unwrap();
            assert_eq!(
                serde_json::from_str::<Route>(&stored).unwrap(),
                route,
                "{stored}"
            );
        }
    }

    #[test]
    fn old_records_are_read_and_plain_routes_are_stored_as_before() {
        let stored = r#"{"id":{"destination":"0.0.0.0/0","metric":0},"gateway":"192.168.1.254","interface":null,"source":null,"scope":0,"protocol":76,"advmss":null}"#;
        let route: Route = serde_json::from_str(stored).unwrap();
        assert_eq!(route, default_route("0.0.0.0/0", "192.168.1.254"));
        assert_eq!(serde_json::to_string(&route).unwrap(), stored);
    }

    #[test]
    fn the_time_that_is_left_is_read_in_ticks() {
        let mut payload = add(&default_route("::/0", "2001:db8::fe"), index);
        let numbers: Vec<u8> = [0_u32, 0, 179_900, 0, 0, 0, 0, 0]
            .iter()
            .flat_map(|number| number.to_ne_bytes())
            .collect();
        payload.extend(attribute(12, &numbers));
        let route = decode(&payload, &names()).unwrap();
        assert_eq!(route.details.expires, Some(1799));
        assert_eq!(route.timeless().details.expires, Some(0));
    }
}
