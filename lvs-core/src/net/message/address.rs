//! `ifaddrmsg`: family u8, prefix length u8, flags u8, scope u8, interface index u32; then attributes.

use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_core::Parseable;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeader, AddressMessage, AddressProtocol,
};

use super::super::{Address, AddressId, Scope};
use super::{Names, attributes, emitted, family};

const HEADER: usize = 8;

/// The payload that asks for all addresses of both families.
pub(crate) fn list() -> Vec<u8> {
    emitted(&AddressMessage::default())
}

/// The payload that adds an address.
///
/// `IFA_LOCAL` and `IFA_ADDRESS` are the same but on point-to-point links; IPv4 needs the first to be
/// there, and the kernel takes the second for the subnet.
pub(crate) fn add(address: &Address, index: u32) -> Vec<u8> {
    let mut message = identity(&address.id, index);
    message.header.scope = address.scope.0.into();
    let more = &mut message.attributes;
    more.extend(address.label.clone().map(AddressAttribute::Label));
    more.extend(address.broadcast.map(AddressAttribute::Broadcast));
    if address.no_dad {
        more.push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    if address.protocol != 0 {
        let protocol = AddressProtocol::from(address.protocol);
        more.push(AddressAttribute::Protocol(protocol));
    }
    emitted(&message)
}

/// The payload that deletes exactly this address: interface, address and prefix length are compared.
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

/// The address of an `RTM_NEWADDR`; `None` where it is of another family, cannot be read, or belongs
/// to an interface that is gone.
pub(crate) fn decode(payload: &[u8], names: &Names) -> Option<Address> {
    let header = AddressHeader::parse(payload).ok()?;
    let interface = names.get(&header.index)?.clone();
    let seen = Seen::of(payload);
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

/// What the attributes say.
#[derive(Default)]
struct Seen {
    local: Option<IpAddr>,
    address: Option<IpAddr>,
    label: Option<String>,
    broadcast: Option<std::net::Ipv4Addr>,
    flags: u32,
    protocol: u8,
}

impl Seen {
    fn of(payload: &[u8]) -> Self {
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
    use super::super::torture;
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
        let head = [2, 32, 0, 0, 1, 0, 0, 0];
        let local = [8, 0, 2, 0, 172, 16, 5, 11];
        let same = [8, 0, 1, 0, 172, 16, 5, 11];
        let label = [9, 0, 3, 0, b'l', b'o', b':', b'0', 0, 0, 0, 0];
        let bytes = [&head[..], &local, &same, &label].concat();
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
