//! `ifinfomsg`: family u8, padding u8, hardware type u16, index u32, flags u32, change mask u32; then
//! attributes.

use std::os::fd::RawFd;

use netlink_packet_core::{NlaBuffer, NlasIterator, ParseableParametrized, parse_string};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkHeader, LinkInfo, LinkLayerType,
    LinkMessage,
};
use nix::libc::{IFLA_ADDRESS, IFLA_IFNAME, IFLA_INFO_KIND, IFLA_LINKINFO, IFLA_MASTER, IFLA_MTU};

use super::super::{Link, MacAddress};
use super::{attributes, emitted};
use crate::name::IfName;
use crate::netlink::attributes::Attributes;

const IFLA_PROP_LIST: u16 = 52;
const IFLA_ALT_IFNAME: u16 = 53;
const HEADER: usize = 16;

/// Returns the payload that asks for all interfaces.
pub(crate) fn list() -> Vec<u8> {
    emitted(&LinkMessage::default())
}

/// Returns the payload that asks for one interface.
pub(crate) fn named(name: &IfName) -> Vec<u8> {
    let mut message = LinkMessage::default();
    message.attributes = vec![ifname(name)];
    emitted(&message)
}

/// Returns the payload that names an interface by its number and nothing else: what `RTM_DELLINK` takes.
pub(crate) fn numbered(index: u32) -> Vec<u8> {
    emitted(&change(index, None))
}

/// Returns the payload that sets an interface up or down.
pub(crate) fn set_up(index: u32, up: bool) -> Vec<u8> {
    let mut message = change(index, None);
    message.header.change_mask = LinkFlags::Up;
    if up {
        message.header.flags = LinkFlags::Up;
    }
    emitted(&message)
}

/// Returns the payload that sets the MTU, in bytes.
pub(crate) fn set_mtu(index: u32, mtu: u32) -> Vec<u8> {
    emitted(&change(index, Some(LinkAttribute::Mtu(mtu))))
}

/// Returns the payload that adds an interface to a bridge or bond, by its number, or with 0 removes it from
/// one.
pub(crate) fn set_controller(index: u32, controller: u32) -> Vec<u8> {
    emitted(&change(index, Some(LinkAttribute::Controller(controller))))
}

/// Returns the payload that makes a bridge.
pub(crate) fn bridge(name: &IfName) -> Vec<u8> {
    make(name, vec![LinkInfo::Kind(InfoKind::Bridge)])
}

/// Returns the payload that makes a dummy interface.
pub(crate) fn dummy(name: &IfName) -> Vec<u8> {
    make(name, vec![LinkInfo::Kind(InfoKind::Dummy)])
}

/// Returns the payload that makes a veth pair, its second interface in the namespace of a file descriptor or
/// in the same one.
pub(crate) fn veth(name: &IfName, peer: &IfName, netns: Option<RawFd>) -> Vec<u8> {
    let mut other = LinkMessage::default();
    other.attributes = vec![ifname(peer)];
    other.attributes.extend(netns.map(LinkAttribute::NetNsFd));
    let data = InfoData::Veth(InfoVeth::Peer(other));
    make(
        name,
        vec![LinkInfo::Kind(InfoKind::Veth), LinkInfo::Data(data)],
    )
}

fn make(name: &IfName, info: Vec<LinkInfo>) -> Vec<u8> {
    let mut message = LinkMessage::default();
    message.attributes = vec![ifname(name), LinkAttribute::LinkInfo(info)];
    emitted(&message)
}

fn change(index: u32, attribute: Option<LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes.extend(attribute);
    message
}

fn ifname(name: &IfName) -> LinkAttribute {
    LinkAttribute::IfName(name.to_string())
}

/// Reads the interface of an `RTM_NEWLINK`; returns `None` where its name cannot be read.
pub(crate) fn decode(payload: &[u8]) -> Option<Link> {
    let header = LinkHeader::parse(payload).ok()?;
    let seen = LinkAttributes::read(payload);
    let ethernet = header.link_layer_type == LinkLayerType::Ether;
    Some(Link {
        index: header.index,
        name: seen.name?,
        up: header.flags.contains(LinkFlags::Up),
        carrier: header.flags.contains(LinkFlags::LowerUp),
        arp: !header.flags.contains(LinkFlags::Noarp),
        mtu: seen.mtu,
        mac: seen.mac.filter(|_| ethernet),
        kind: seen.kind,
        controller: seen.controller.filter(|&index| index != 0),
    })
}

/// Reads the alternative names of an interface, each with its name.
pub(crate) fn alternative_names(payload: &[u8]) -> Vec<(IfName, IfName)> {
    let attributes = || Attributes::new(payload.get(HEADER..).unwrap_or_default());
    let mut names = attributes().filter(|(kind, _)| *kind == IFLA_IFNAME);
    let Some(name) = names
        .next()
        .and_then(|(_, name)| super::interface_name(name))
    else {
        return Vec::new();
    };
    attributes()
        .filter(|(kind, _)| *kind == IFLA_PROP_LIST)
        .flat_map(|(_, properties)| Attributes::new(properties))
        .filter(|(kind, _)| *kind == IFLA_ALT_IFNAME)
        .filter_map(|(_, alternative)| Some((super::interface_name(alternative)?, name.clone())))
        .collect()
}

/// Holds the attributes that are understood.
#[derive(Default)]
struct LinkAttributes {
    name: Option<IfName>,
    mtu: u32,
    mac: Option<MacAddress>,
    kind: Option<String>,
    controller: Option<u32>,
}

impl LinkAttributes {
    fn read(payload: &[u8]) -> Self {
        let mut seen = Self::default();
        for attribute in attributes(payload, HEADER, |attribute| Ok(*attribute)) {
            seen.take(&attribute);
        }
        seen
    }

    /// Reads an attribute. Statistics and per-family settings, most of the message, are not even parsed.
    fn take(&mut self, attribute: &NlaBuffer<&[u8]>) {
        match attribute.kind() {
            IFLA_LINKINFO => self.kind = kind(attribute.value()),
            IFLA_IFNAME => self.name = super::interface_name(attribute.value()),
            IFLA_ADDRESS | IFLA_MASTER | IFLA_MTU => {
                let parsed = LinkAttribute::parse_with_param(attribute, AddressFamily::Unspec);
                self.note(parsed.ok());
            }
            _ => {}
        }
    }

    fn note(&mut self, attribute: Option<LinkAttribute>) {
        match attribute {
            Some(LinkAttribute::Mtu(mtu)) => self.mtu = mtu,
            Some(LinkAttribute::Address(mac)) => self.mac = mac.try_into().ok().map(MacAddress),
            Some(LinkAttribute::Controller(index)) => self.controller = Some(index),
            _ => {}
        }
    }
}

/// Returns the kind of a virtual interface and ignores all else that its driver reports.
fn kind(info: &[u8]) -> Option<String> {
    NlasIterator::new(info)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == IFLA_INFO_KIND)
        .and_then(|attribute| parse_string(attribute.value()).ok())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attribute, torture};
    use super::*;

    /// Returns a veth as the kernel lists it, shortened to attributes of every kind that matters.
    fn listed() -> Vec<u8> {
        let mut message = LinkMessage::default();
        message.header.index = 7;
        message.header.link_layer_type = LinkLayerType::Ether;
        message.header.flags = LinkFlags::Up | LinkFlags::LowerUp | LinkFlags::Broadcast;
        message.attributes = vec![
            LinkAttribute::IfName("eth0.10".to_owned()),
            LinkAttribute::TxQueueLen(1000),
            LinkAttribute::Mtu(1500),
            LinkAttribute::Controller(3),
            LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth)]),
        ];
        emitted(&message)
    }

    #[test]
    fn an_interface_is_read() {
        let link = Link {
            index: 7,
            name: "eth0.10".parse().unwrap(),
            up: true,
            carrier: true,
            arp: true,
            mtu: 1500,
            mac: Some(MacAddress([2, 0, 0, 0, 0, 1])),
            kind: Some("veth".to_owned()),
            controller: Some(3),
        };
        assert_eq!(decode(&listed()), Some(link));
        torture(&listed(), decode);
    }

    #[test]
    fn what_is_broken_or_unknown_is_skipped() {
        let mut bytes = listed();
        bytes.extend(attribute(4, &[1])); // an MTU of one byte
        bytes.extend(attribute(0x3fff, &[1, 2, 3, 4])); // a type of the far future
        bytes.extend(attribute(1, &[1, 2])); // a hardware address of 2 bytes
        let link = decode(&bytes).unwrap();
        assert_eq!((link.mtu, link.mac), (1500, None));
        bytes[8] |= 0x80; // IFF_NOARP
        assert!(!decode(&bytes).unwrap().arp);
        assert_eq!(decode(&numbered(7)), None, "an interface without a name");
    }

    #[test]
    fn loopback_has_no_hardware_address() {
        let mut bytes = listed();
        bytes[2..4].copy_from_slice(&772_u16.to_ne_bytes());
        assert_eq!(decode(&bytes).unwrap().mac, None);
    }

    #[test]
    fn a_pair_names_both_ends_and_the_namespace() {
        let payload = veth(&IfName::LO, &"peer".parse().unwrap(), Some(9));
        let text: Vec<_> = payload.windows(5).collect();
        assert!(text.contains(&&b"veth\0"[..]) && text.contains(&&b"peer\0"[..]));
        let netns = attribute(28, &9_u32.to_ne_bytes());
        assert!(payload.ends_with(&netns), "IFLA_NET_NS_FD 9 comes last");
    }
}
