//! `ifaddrmsg`: family u8, prefix length u8, flags u8, scope u8, interface index u32; then attributes.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use netlink_packet_core::Parseable;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeader, AddressMessage, AddressProtocol,
};

use super::super::{Address, AddressId, Scope};
use super::{Names, attributes, emitted, family};

const HEADER: usize = 8;

/// Returns the payload that asks for all addresses of both families.
pub(crate) fn list() -> Vec<u8> {
    emitted(&AddressMessage::default())
}

/// Returns the payload that adds an address.
///
/// `IFA_LOCAL` and `IFA_ADDRESS` are the same except on point-to-point links; IPv4 needs the first, and the
/// kernel takes the second for the subnet.
pub(crate) fn add(address: &Address, index: u32) -> Vec<u8> {
    let mut message = identity(&address.id, index);
    message.header.scope = address.scope.0.into();
    let attributes = &mut message.attributes;
    attributes.extend(address.label.clone().map(AddressAttribute::Label));
    attributes.extend(address.broadcast.map(AddressAttribute::Broadcast));
    if address.no_dad {
        attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    if address.protocol != 0 {
        let protocol = AddressProtocol::from(address.protocol);
        attributes.push(AddressAttribute::Protocol(protocol));
    }
    emitted(&message)
}

/// Returns the payload that deletes exactly this address: the kernel compares interface, address and prefix
/// length.
pub(crate) fn delete(id: &AddressId, index: u32) -> Vec<u8> {
    emitted(&identity(id, index))
}

fn identity(id: &AddressId, index: u32) -> AddressMessage {
    let address = id.network.addr();
    let mut message = AddressMessage::default();
    message.header.family = family(address.is_ipv6());
    message.header.prefix_len = id.network.prefix_len();
    message.header.index = index;
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
    ];
    message
}

/// Reads the address of an `RTM_NEWADDR`; returns `None` where it is of another family, cannot be read, or
/// belongs to an interface that no longer exists.
pub(crate) fn decode(payload: &[u8], names: &Names) -> Option<Address> {
    let header = AddressHeader::parse(payload).ok()?;
    let interface = names.get(&header.index)?.clone();
    let seen = AddressAttributes::read(payload);
    let ip = seen.local.or(seen.address)?;
    let is_ipv6 = header.family == AddressFamily::Inet6;
    if header.family != family(ip.is_ipv6()) {
        return None;
    }
    let network = IpNet::new(ip, header.prefix_len).ok()?;
    let flags = seen.flags | u32::from(header.flags.bits());
    Some(Address {
        label: seen.label.filter(|label| label != interface.as_str()),
        broadcast: seen.broadcast,
        scope: Scope(header.scope.into()),
        protocol: seen.protocol,
        no_dad: is_ipv6 && flags & AddressFlags::Nodad.bits() != 0,
        id: AddressId { interface, network },
    })
}

/// Holds the attributes that are understood.
#[derive(Default)]
struct AddressAttributes {
    local: Option<IpAddr>,
    address: Option<IpAddr>,
    label: Option<String>,
    broadcast: Option<Ipv4Addr>,
    flags: u32,
    protocol: u8,
}

impl AddressAttributes {
    fn read(payload: &[u8]) -> Self {
        let mut seen = Self::default();
        for attribute in attributes(payload, HEADER, AddressAttribute::parse) {
            match attribute {
                AddressAttribute::Local(ip) => seen.local = Some(ip),
                AddressAttribute::Address(ip) => seen.address = Some(ip),
                AddressAttribute::Label(label) => seen.label = Some(label),
                AddressAttribute::Broadcast(ip) => seen.broadcast = Some(ip),
                AddressAttribute::Flags(flags) => seen.flags = flags.bits(),
                AddressAttribute::Protocol(protocol) => seen.protocol = protocol.into(),
                _ => {}
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attribute, torture};
    use super::*;
    use crate::name::IfName;

    fn names() -> Names {
        Names::from([(1, IfName::LO), (2, "eth0".parse().unwrap())])
    }

    fn dip() -> Address {
        let mut address = Address::new("eth0".parse().unwrap(), "192.168.1.11/24".parse().unwrap());
        address.label = Some("eth0:1".to_owned());
        address.broadcast = Some([192, 168, 1, 255].into());
        address.protocol = Address::PROTOCOL;
        address
    }

    #[test]
    fn an_address_comes_back_as_it_was_sent() {
        let mut vip6 = Address::new(IfName::LO, "2001:db8::1/128".parse().unwrap());
        vip6.no_dad = true;
        let mut host = Address::new(IfName::LO, "127.0.0.2/8".parse().unwrap());
        host.scope = Scope::HOST;
        for (address, index) in [(dip(), 2), (vip6, 1), (host, 1)] {
            let payload = add(&address, index);
            assert_eq!(decode(&payload, &names()), Some(address));
        }
    }

    #[test]
    fn bytes_of_an_add_are_the_kernels() {
        let mut address = Address::new(IfName::LO, "172.16.5.11/32".parse().unwrap());
        address.label = Some("lo:0".to_owned());
        let head = [&[2, 32, 0, 0][..], &1_u32.to_ne_bytes()].concat();
        let local = attribute(2, &[172, 16, 5, 11]);
        let same = attribute(1, &[172, 16, 5, 11]);
        let label = attribute(3, b"lo:0\0");
        let bytes = [head, local, same, label].concat();
        assert_eq!(add(&address, 1), bytes);
        assert_eq!(delete(&address.id, 1), bytes[..24]);
    }

    #[test]
    fn the_interfaces_name_is_no_label() {
        let mut address = dip();
        address.label = Some("eth0".to_owned());
        let decoded = decode(&add(&address, 2), &names()).unwrap();
        assert_eq!(decoded.label, None);
    }

    #[test]
    fn another_family_or_a_lost_interface_is_skipped() {
        let mut payload = add(&dip(), 2);
        assert_eq!(decode(&payload, &Names::new()), None);
        payload[0] = 10;
        assert_eq!(decode(&payload, &names()), None);
        torture(&add(&dip(), 2), |bytes| decode(bytes, &names()));
    }
}
