//! `rtnexthop`, one of the next hops of a multipath route: length u16, flags u8, hops u8, interface index u32; then
//! attributes.

use std::net::IpAddr;

use nix::libc::RTA_GATEWAY;

use super::super::NextHop;
use super::Names;
use super::route_attributes::{ON_LINK, RTA_VIA, interface, raw};
use super::wire::{address, octets, to_via, via};
use crate::name::IfName;
use crate::netlink::attributes::{Attributes, Writer, align, read_u16};

const HEADER: usize = 8;

/// Writes a gateway; one of the other family (IPv4 over IPv6) has an attribute of its own.
pub(super) fn put_gateway(gateway: IpAddr, is_ipv6: bool, writer: &mut Writer<'_>) {
    if gateway.is_ipv6() == is_ipv6 {
        writer.put_bytes(RTA_GATEWAY, &octets(gateway));
    } else {
        writer.put_bytes(RTA_VIA, &to_via(gateway));
    }
}

pub(super) fn write(
    hop: &NextHop,
    is_ipv6: bool,
    index: &impl Fn(&IfName) -> Option<u32>,
) -> Vec<u8> {
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
    let length = u16::try_from(HEADER.saturating_add(attributes.len())).unwrap_or(u16::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend([if hop.on_link { ON_LINK } else { 0 }, weight]);
    bytes.extend(index.to_ne_bytes());
    bytes.extend(attributes);
    bytes
}

pub(super) fn read_all(mut list: &[u8], names: &Names) -> Vec<NextHop> {
    let mut hops = Vec::new();
    while let Some((hop, length)) = read(list, names) {
        hops.push(hop);
        list = list.get(align(length)..).unwrap_or_default();
    }
    hops
}

fn read(list: &[u8], names: &Names) -> Option<(NextHop, usize)> {
    let length = usize::from(read_u16(list)?);
    let (header, attributes) = list.get(..length)?.split_at_checked(HEADER)?;
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
