//! `ifaddrmsg`: family u8, prefix length u8, flags u8, scope u8, interface index u32; then attributes.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use nix::libc::{
    IFA_ADDRESS, IFA_BROADCAST, IFA_CACHEINFO, IFA_F_DEPRECATED, IFA_F_HOMEADDRESS,
    IFA_F_MANAGETEMPADDR, IFA_F_MCAUTOJOIN, IFA_F_NODAD, IFA_F_NOPREFIXROUTE, IFA_F_OPTIMISTIC,
    IFA_FLAGS, IFA_LABEL, IFA_LOCAL,
};

use super::super::{Address, AddressId, Scope};
use super::wire::{address, octets};
use super::{Names, family_number};
use crate::netlink::attributes::{Attributes, Writer, read_str, read_u32};

const HEADER: usize = 8;
const IFA_RT_PRIORITY: u16 = 9;
const IFA_PROTO: u16 = 11;
/// The flags that can be set, without that of duplicate address detection, which has a field.
const SETTABLE: u32 = IFA_F_HOMEADDRESS
    | IFA_F_MANAGETEMPADDR
    | IFA_F_NOPREFIXROUTE
    | IFA_F_MCAUTOJOIN
    | IFA_F_OPTIMISTIC;
/// The lifetime that does not end (`INFINITY_LIFE_TIME`).
const FOREVER: u32 = u32::MAX;

/// Returns the payload that asks for all addresses of both families.
pub(crate) fn list() -> Vec<u8> {
    vec![0; HEADER]
}

/// Returns the payload that adds an address.
pub(crate) fn add(address: &Address, index: u32) -> Vec<u8> {
    let mut payload = identity(&address.id, address.peer, address.scope, index);
    let mut writer = Writer::new(&mut payload);
    if let Some(label) = &address.label {
        writer.put_str(IFA_LABEL, label);
    }
    if let Some(broadcast) = address.broadcast {
        writer.put_bytes(IFA_BROADCAST, &broadcast.octets());
    }
    let no_dad = if address.no_dad { IFA_F_NODAD } else { 0 };
    let flags = address.flags & SETTABLE | no_dad;
    if flags != 0 {
        writer.put_u32(IFA_FLAGS, flags);
    }
    if address.valid.is_some() || address.preferred.is_some() {
        writer.put_bytes(IFA_CACHEINFO, &lifetimes(address));
    }
    if let Some(metric) = address.metric {
        writer.put_u32(IFA_RT_PRIORITY, metric);
    }
    if address.protocol != 0 {
        writer.put_u8(IFA_PROTO, address.protocol);
    }
    payload
}

/// Returns an `ifa_cacheinfo`: the preferred and the valid lifetime in seconds, and two times of the kernel.
fn lifetimes(address: &Address) -> Vec<u8> {
    [address.preferred, address.valid, Some(0), Some(0)]
        .iter()
        .flat_map(|seconds| seconds.unwrap_or(FOREVER).to_ne_bytes())
        .collect()
}

/// Returns the payload that deletes exactly this address: the kernel compares interface, address, peer and
/// prefix length.
pub(crate) fn delete(id: &AddressId, peer: Option<IpAddr>, index: u32) -> Vec<u8> {
    identity(id, peer, Scope::GLOBAL, index)
}

/// `IFA_LOCAL` and `IFA_ADDRESS` are the same except on point-to-point links; IPv4 needs the first, and the
/// kernel takes the second for the subnet.
fn identity(id: &AddressId, peer: Option<IpAddr>, scope: Scope, index: u32) -> Vec<u8> {
    let address = id.network.addr();
    let family = family_number(address.is_ipv6());
    let mut payload = vec![family, id.network.prefix_len(), 0, scope.0];
    payload.extend(index.to_ne_bytes());
    let mut writer = Writer::new(&mut payload);
    writer.put_bytes(IFA_LOCAL, &octets(address));
    writer.put_bytes(IFA_ADDRESS, &octets(peer.unwrap_or(address)));
    payload
}

/// Reads the address of an `RTM_NEWADDR`; returns `None` where it is of another family, cannot be read, or
/// belongs to an interface that no longer exists.
pub(crate) fn decode(payload: &[u8], names: &Names) -> Option<Address> {
    let (header, attributes) = payload.split_at_checked(HEADER)?;
    let &[family, length, flags, scope, ..] = header else {
        return None;
    };
    let interface = names.get(&read_u32(header.get(4..)?)?)?.clone();
    let seen = Seen::read(attributes);
    let ip = seen.local.or(seen.address)?;
    if family != family_number(ip.is_ipv6()) {
        return None;
    }
    let network = IpNet::new(ip, length).ok()?;
    let flags = seen.flags | u32::from(flags);
    let temporary = if ip.is_ipv6() { Address::TEMPORARY } else { 0 };
    Some(Address {
        label: seen.label.filter(|label| label != interface.as_str()),
        broadcast: seen.broadcast,
        scope: Scope(scope),
        protocol: seen.protocol,
        no_dad: ip.is_ipv6() && flags & IFA_F_NODAD != 0,
        peer: seen.address.filter(|peer| *peer != ip),
        valid: seen.valid,
        // Of an IPv4 address that is valid for ever the kernel tells only the flag.
        preferred: seen
            .preferred
            .or_else(|| (flags & IFA_F_DEPRECATED != 0).then_some(0)),
        metric: seen.metric,
        flags: flags & (SETTABLE | temporary),
        id: AddressId { interface, network },
    })
}

/// Reads when 127.0.0.1 was added to `lo`, which always has the number 1, in hundredths of a second since boot.
pub(crate) fn loopback_since(payload: &[u8]) -> Option<u32> {
    let (header, attributes) = payload.split_at_checked(HEADER)?;
    let mut values = Attributes::new(attributes);
    let is_loopback = read_u32(header.get(4..)?)? == 1
        && values.any(|(kind, value)| kind == IFA_LOCAL && value == Ipv4Addr::LOCALHOST.octets());
    let (_, times) =
        Attributes::new(attributes).find(|(kind, _)| is_loopback && *kind == IFA_CACHEINFO)?;
    read_u32(times.get(8..)?)
}

/// Holds the attributes of an address while they are read.
#[derive(Default)]
struct Seen {
    local: Option<IpAddr>,
    address: Option<IpAddr>,
    label: Option<String>,
    broadcast: Option<Ipv4Addr>,
    flags: u32,
    protocol: u8,
    valid: Option<u32>,
    preferred: Option<u32>,
    metric: Option<u32>,
}

impl Seen {
    fn read(attributes: &[u8]) -> Self {
        let mut seen = Self::default();
        for (kind, value) in Attributes::new(attributes) {
            seen.note(kind, value);
        }
        seen
    }

    fn note(&mut self, kind: u16, value: &[u8]) {
        match kind {
            IFA_LOCAL => self.local = address(value),
            IFA_ADDRESS => self.address = address(value),
            IFA_LABEL => self.label = read_str(value).map(str::to_owned),
            IFA_BROADCAST => {
                self.broadcast = <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from);
            }
            IFA_FLAGS => self.flags = read_u32(value).unwrap_or_default(),
            IFA_PROTO => self.protocol = value.first().copied().unwrap_or_default(),
            IFA_RT_PRIORITY => self.metric = read_u32(value).filter(|&metric| metric != 0),
            IFA_CACHEINFO => {
                let seconds = |at| read_u32(value.get(at..)?).filter(|&left| left != FOREVER);
                (self.preferred, self.valid) = (seconds(0), seconds(4));
            }
            _ => {}
        }
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
        let mut leased = dip();
        (leased.valid, leased.preferred) = (Some(3600), Some(1800));
        (leased.flags, leased.metric) = (Address::NO_PREFIX_ROUTE, Some(100));
        let mut end = dip();
        end.peer = Some([10, 0, 0, 2].into());
        let mut deprecated = vip6.clone();
        deprecated.preferred = Some(0);
        let addresses = [
            (dip(), 2),
            (vip6, 1),
            (host, 1),
            (leased, 2),
            (end, 2),
            (deprecated, 1),
        ];
        for (address, index) in addresses {
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
        assert_eq!(delete(&address.id, None, 1), bytes[..24]);
    }

    #[test]
    fn the_time_of_the_loopback_address_is_read() {
        let mut lo = Address::new(IfName::LO, "127.0.0.1/8".parse().unwrap());
        lo.valid = Some(u32::MAX);
        let mut payload = add(&lo, 1);
        let times = payload.len() - 8;
        payload[times..times + 4].copy_from_slice(&1234_u32.to_ne_bytes());
        assert_eq!(loopback_since(&payload), Some(1234));
        assert_eq!(loopback_since(&add(&dip(), 1)), None);
        payload[4..8].copy_from_slice(&2_u32.to_ne_bytes());
        assert_eq!(loopback_since(&payload), None);
        torture(&payload, loopback_since);
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
