//! `rtmsg`: family u8, destination and source prefix lengths u8, TOS u8, table u8, protocol u8,
//! scope u8, type u8, flags u32; then attributes.
//!
//! A route is kept whole: what no field holds is kept as the kernel's own bytes and sent again.

use nix::libc::{
    RT_SCOPE_NOWHERE, RTA_DST, RTA_METRICS, RTA_MULTIPATH, RTA_OIF, RTA_PREFSRC, RTA_PRIORITY,
    RTA_SRC, RTA_TABLE, RTM_F_CLONED, RTN_UNICAST, RTPROT_STATIC,
};

use super::super::{RawAttribute, RefusingRoute, Route, RouteId};
use super::next_hop::{self, put_gateway};
use super::route_attributes::{
    ADVMSS, ON_LINK, RTA_EXPIRES, RTA_NH_ID, RTA_PREF, RouteAttributes, RouteHeader,
};
use super::wire::octets;
use super::{Names, family_number, lookup};
use crate::name::IfName;
use crate::netlink::attributes::{Attributes, Writer, read_u32};

const HEADER: usize = 12;
/// A header whose table is this has an attribute with the table's number.
const COMPATIBLE: u8 = 252;
/// Here the routes of both families that are added without a metric have 0.
const IPV6_METRIC: u32 = RouteId::IPV6_METRIC;
const RTA_ENCAP_TYPE: u16 = 21;
const RTA_ENCAP: u16 = 22;

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
            .flat_map(|hop| next_hop::write(hop, is_ipv6, index))
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
    match read(payload, names)? {
        (RTN_UNICAST, route) => Some(route),
        _ => None,
    }
}

/// Reads a route that refuses packets; returns `None` where it is of another type.
pub(crate) fn decode_refusing(payload: &[u8]) -> Option<RefusingRoute> {
    let (kind, route) = read(payload, &Names::new())?;
    Some(RefusingRoute {
        id: route.id,
        verdict: lookup::refusing(kind)?,
    })
}

/// Returns the type of a route, and the rest of it.
fn read(payload: &[u8], names: &Names) -> Option<(u8, Route)> {
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
    if flags & RTM_F_CLONED != 0 {
        return None;
    }
    let mut seen = RouteAttributes::new(table, flags);
    for (kind, value) in Attributes::new(attributes) {
        seen.note(kind, value, names);
    }
    let is_ipv6 = family == family_number(true);
    if seen.table() == RouteId::LOCAL || !is_ipv6 && family != family_number(false) {
        return None;
    }
    let route = seen.into_route(RouteHeader {
        is_ipv6,
        length,
        source_length,
        tos,
        protocol,
        scope,
    })?;
    Some((kind, route))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attribute, torture};
    use super::*;
    use crate::net::{Address, NextHop, RouteDetails, Scope};

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
    fn a_route_that_refuses_is_told_from_others() {
        let mut payload = add(&host_route("10.0.0.0/8"), index);
        assert_eq!(decode_refusing(&payload), None);
        payload[7] = 8; // RTN_PROHIBIT
        let refusing = decode_refusing(&payload).unwrap();
        assert_eq!(refusing.to_string(), "prohibit 10.0.0.0/8");
        assert_eq!(decode(&payload, &names()), None);
        torture(&payload, decode_refusing);
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
