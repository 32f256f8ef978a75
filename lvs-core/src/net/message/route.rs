//! `rtmsg`: family u8, destination and source prefix lengths u8, TOS u8, table u8, protocol u8,
//! scope u8, type u8, flags u32; then attributes.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netlink_packet_core::ParseableParametrized;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteLwEnCapType, RouteMessage,
    RouteMetric, RouteProtocol, RouteScope, RouteType, RouteVia,
};

use super::super::{Route, RouteId, Scope};
use super::{Names, attributes, emitted, family};

const HEADER: usize = 12;
const MAIN: u32 = RouteHeader::RT_TABLE_MAIN as u32;
/// The metric that the kernel gives an IPv6 route which is added without one; here both families have 0.
const IPV6_METRIC: u32 = 1024;

/// Returns the payload that asks for all routes of all tables and both families.
pub(crate) fn list() -> Vec<u8> {
    emitted(&RouteMessage::default())
}

/// Returns the payload that adds or replaces a route; `index` is that of [`Route::interface`].
pub(crate) fn add(route: &Route, index: Option<u32>) -> Vec<u8> {
    let mut message = identity(route, index);
    message.header.scope = route.scope.0.into();
    message.header.protocol = match route.protocol {
        0 => RouteProtocol::Static,
        protocol => protocol.into(),
    };
    let attributes = &mut message.attributes;
    attributes.extend(route.source.map(|ip| RouteAttribute::PrefSource(ip.into())));
    attributes.extend(
        route
            .advmss
            .map(|bytes| RouteAttribute::Metrics(vec![RouteMetric::Advmss(bytes)])),
    );
    emitted(&message)
}

/// Returns the payload that deletes a route: the kernel compares destination, metric, gateway and interface,
/// and the protocol unless it is 0, but not the scope.
pub(crate) fn delete(route: &Route, index: Option<u32>) -> Vec<u8> {
    let mut message = identity(route, index);
    message.header.scope = RouteScope::NoWhere;
    message.header.protocol = route.protocol.into();
    emitted(&message)
}

fn identity(route: &Route, index: Option<u32>) -> RouteMessage {
    let destination = route.id.destination;
    let is_ipv6 = destination.addr().is_ipv6();
    let mut message = RouteMessage::default();
    message.header.address_family = family(is_ipv6);
    message.header.destination_prefix_length = destination.prefix_len();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.kind = RouteType::Unicast;
    let attributes = &mut message.attributes;
    if !route.id.is_default() {
        attributes.push(RouteAttribute::Destination(destination.network().into()));
    }
    attributes.extend(metric(&route.id, is_ipv6).map(RouteAttribute::Priority));
    attributes.extend(route.gateway.map(|gateway| next_hop(gateway, is_ipv6)));
    attributes.extend(index.map(RouteAttribute::Oif));
    message
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

/// Returns the attribute of a gateway; one of the other family (IPv4 over IPv6) has an attribute of its own.
fn next_hop(gateway: IpAddr, is_ipv6: bool) -> RouteAttribute {
    match gateway {
        IpAddr::V6(gateway) if !is_ipv6 => RouteAttribute::Via(RouteVia::Inet6(gateway)),
        gateway => RouteAttribute::Gateway(gateway.into()),
    }
}

/// Reads the route of an `RTM_NEWROUTE`; returns `None` where it is not a unicast route of the main table, or
/// only a cached one.
pub(crate) fn decode(payload: &[u8], names: &Names) -> Option<Route> {
    let header = RouteHeader::parse(payload).ok()?;
    let seen = RouteAttributes::read(payload, &header);
    let table = seen.table.unwrap_or_else(|| header.table.into());
    let is_main_unicast = header.kind == RouteType::Unicast && table == MAIN;
    if !is_main_unicast || header.flags.contains(RouteFlags::Cloned) {
        return None;
    }
    let destination = destination(&header, seen.destination)?;
    let metric = match (header.address_family, seen.metric) {
        (AddressFamily::Inet6, IPV6_METRIC) => 0,
        (_, metric) => metric,
    };
    let interface = seen.interface.and_then(|index| names.get(&index).cloned());
    Some(Route {
        id: RouteId {
            destination,
            metric,
        },
        gateway: seen.gateway,
        interface,
        source: seen.source,
        scope: Scope(header.scope.into()),
        protocol: header.protocol.into(),
        advmss: seen.advmss,
    })
}

fn destination(header: &RouteHeader, address: Option<IpAddr>) -> Option<IpNet> {
    let length = header.destination_prefix_length;
    match (header.address_family, address) {
        (AddressFamily::Inet, None) if length == 0 => Some(Ipv4Net::default().into()),
        (AddressFamily::Inet6, None) if length == 0 => Some(Ipv6Net::default().into()),
        (AddressFamily::Inet | AddressFamily::Inet6, Some(ip)) => IpNet::new(ip, length).ok(),
        _ => None,
    }
}

/// Holds the attributes that are understood.
#[derive(Default)]
struct RouteAttributes {
    destination: Option<IpAddr>,
    gateway: Option<IpAddr>,
    source: Option<IpAddr>,
    interface: Option<u32>,
    metric: u32,
    table: Option<u32>,
    advmss: Option<u32>,
}

impl RouteAttributes {
    fn read(payload: &[u8], header: &RouteHeader) -> Self {
        let context = (header.address_family, header.kind, RouteLwEnCapType::None);
        let parse = |attribute: &_| RouteAttribute::parse_with_param(attribute, context);
        let mut seen = Self::default();
        for attribute in attributes(payload, HEADER, parse) {
            seen.note(attribute);
        }
        seen
    }

    fn note(&mut self, attribute: RouteAttribute) {
        match attribute {
            RouteAttribute::Destination(address) => self.destination = ip(address),
            RouteAttribute::Gateway(address) => self.gateway = ip(address),
            RouteAttribute::Via(RouteVia::Inet(address)) => self.gateway = Some(address.into()),
            RouteAttribute::Via(RouteVia::Inet6(address)) => self.gateway = Some(address.into()),
            RouteAttribute::PrefSource(address) => self.source = ip(address),
            RouteAttribute::Oif(index) => self.interface = Some(index),
            RouteAttribute::Priority(metric) => self.metric = metric,
            RouteAttribute::Table(table) => self.table = Some(table),
            RouteAttribute::Metrics(metrics) => self.advmss = metrics.iter().find_map(advmss),
            _ => {}
        }
    }
}

const fn advmss(metric: &RouteMetric) -> Option<u32> {
    match metric {
        RouteMetric::Advmss(bytes) => Some(*bytes),
        _ => None,
    }
}

fn ip(address: RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some(ip.into()),
        RouteAddress::Inet6(ip) => Some(ip.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attribute, torture};
    use super::*;
    use crate::name::IfName;
    use crate::net::Address;

    fn names() -> Names {
        Names::from([(1, IfName::LO)])
    }

    fn host_route(destination: &str) -> Route {
        Route {
            id: RouteId {
                destination: destination.parse().unwrap(),
                metric: 0,
            },
            gateway: None,
            interface: Some(IfName::LO),
            source: None,
            scope: Scope::LINK,
            protocol: Address::PROTOCOL,
            advmss: None,
        }
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
            let index = route.interface.as_ref().map(|_| 1);
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
        assert_eq!(add(&route, None), added);
        let mut deleted = added;
        (deleted[5], deleted[6]) = (0, 255); // any protocol, any scope
        assert_eq!(delete(&route, None), deleted);
    }

    #[test]
    fn only_unicast_routes_of_the_main_table_are_taken() {
        let good = add(&default_route("0.0.0.0/0", "192.168.1.254"), None);
        for (at, value) in [(0, 5), (4, 255), (7, 2), (7, 6), (9, 2)] {
            let mut bytes = good.clone();
            bytes[at] = value;
            assert_eq!(decode(&bytes, &names()), None, "byte {at} = {value}");
        }
        let mut bytes = good;
        bytes.extend(attribute(15, &1000_u32.to_ne_bytes()));
        assert_eq!(decode(&bytes, &names()), None, "a table above 255");
    }

    #[test]
    fn ipv6_metrics_are_named_in_a_deletion() {
        let route = default_route("::/0", "2001:db8::fe");
        let priority = attribute(6, &1024_u32.to_ne_bytes());
        let payload = delete(&route, None);
        assert!(payload.windows(8).any(|bytes| bytes == priority));
    }

    #[test]
    fn host_bits_of_a_destination_are_not_sent() {
        let payload = add(&host_route("192.168.1.11/24"), Some(1));
        let decoded = decode(&payload, &names()).unwrap();
        assert_eq!(decoded.id.destination.to_string(), "192.168.1.0/24");
    }
}
