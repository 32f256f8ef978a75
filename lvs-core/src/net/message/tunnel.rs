//! Tunnel devices: `ifinfomsg` (16 bytes), then the name and, nested, the kind with data of its own.
//!
//! The kinds give different numbers to the same attributes, and the parsers of netlink-packet-route refuse a
//! whole device for one attribute that they do not know: so these few attributes are read and written here.

use std::net::IpAddr;

use nix::libc::{IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_LINKINFO};

use super::super::{Tunnel, TunnelKind};
use crate::ipvs::Family;
use crate::netlink::attributes::{Attributes, Writer, read_str};

const HEADER: usize = 16;
/// `GRE_CSUM`: packets have a checksum.
const CHECKSUM: u16 = 0x8000;

/// Holds the numbers of a kind's attributes.
struct Numbers {
    local: u16,
    /// Flags for what is received (`IFLA_GRE_IFLAGS`), in network order.
    received: Option<u16>,
    /// The inner protocol (`IFLA_IPTUN_PROTO`): 0 is any.
    inside: Option<u16>,
}

impl Numbers {
    const fn of(kind: TunnelKind) -> Self {
        match kind {
            TunnelKind::Gre | TunnelKind::Ip6gre => Self {
                local: 6,
                received: Some(2),
                inside: None,
            },
            TunnelKind::Ip6tnl => Self {
                local: 2,
                received: None,
                inside: Some(9),
            },
            TunnelKind::Ipip | TunnelKind::Sit => Self {
                local: 2,
                received: None,
                inside: None,
            },
        }
    }
}

/// Returns the payload that makes a tunnel device.
pub(crate) fn add(tunnel: &Tunnel) -> Vec<u8> {
    let mut payload = vec![0; HEADER];
    let mut writer = Writer::new(&mut payload);
    writer.put_str(IFLA_IFNAME, tunnel.name.as_str());
    writer.nested(IFLA_LINKINFO, |info| {
        info.put_str(IFLA_INFO_KIND, tunnel.kind.as_str());
        info.nested(IFLA_INFO_DATA, |data| parameters(tunnel, data));
    });
    payload
}

/// Writes the parameters of a device. The fallback device has none: only its module has to be loaded.
fn parameters(tunnel: &Tunnel, data: &mut Writer<'_>) {
    let numbers = Numbers::of(tunnel.kind);
    match tunnel.local {
        Some(IpAddr::V4(local)) => data.put_bytes(numbers.local, &local.octets()),
        Some(IpAddr::V6(local)) => data.put_bytes(numbers.local, &local.octets()),
        None => {}
    }
    if let (Some(received), true) = (numbers.received, tunnel.checksum) {
        data.put_be16(received, CHECKSUM);
    }
    if let Some(inside) = numbers.inside {
        data.put_u8(inside, 0);
    }
}

/// Reads the tunnel device of an `RTM_NEWLINK`; returns `None` for a device of any other kind.
pub(crate) fn decode(payload: &[u8]) -> Option<Tunnel> {
    let attributes = Attributes::new(payload.get(HEADER..)?);
    let name = super::interface_name(value(attributes, IFLA_IFNAME)?)?;
    let info = Attributes::new(value(attributes, IFLA_LINKINFO)?);
    let kind = TunnelKind::of(read_str(value(info, IFLA_INFO_KIND)?)?)?;
    let data = Attributes::new(value(info, IFLA_INFO_DATA).unwrap_or_default());
    let numbers = Numbers::of(kind);
    let received = numbers.received.and_then(|number| value(data, number));
    Some(Tunnel {
        name,
        kind,
        local: value(data, numbers.local).and_then(|bytes| address(kind.outer(), bytes)),
        checksum: received.is_some_and(|flags| flags.starts_with(&CHECKSUM.to_be_bytes())),
    })
}

fn value(mut attributes: Attributes<'_>, wanted: u16) -> Option<&[u8]> {
    let (_, value) = attributes.find(|(number, _)| *number == wanted)?;
    Some(value)
}

/// Reads an address; one of all zeros is any and becomes `None`.
fn address(family: Family, bytes: &[u8]) -> Option<IpAddr> {
    let address = match family {
        Family::Ipv4 => IpAddr::from(*bytes.first_chunk::<4>()?),
        Family::Ipv6 => IpAddr::from(*bytes.first_chunk::<16>()?),
    };
    (!address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::super::tests::torture;
    use super::*;

    fn tunnel(kind: TunnelKind, local: &str, checksum: bool) -> Tunnel {
        Tunnel {
            local: Some(local.parse().unwrap()),
            checksum,
            ..Tunnel::new(kind.device_name(), kind)
        }
    }

    #[test]
    fn a_device_comes_back_as_it_was_sent() {
        for tunnel in [
            Tunnel::new("tunl0".parse().unwrap(), TunnelKind::Ipip),
            tunnel(TunnelKind::Sit, "192.168.1.12", false),
            tunnel(TunnelKind::Ip6tnl, "2001:db8::12", false),
            tunnel(TunnelKind::Gre, "192.168.1.12", true),
            tunnel(TunnelKind::Ip6gre, "2001:db8::12", false),
        ] {
            let payload = add(&tunnel);
            assert_eq!(decode(&payload), Some(tunnel));
            torture(&payload, decode);
        }
    }

    #[test]
    fn other_devices_are_none() {
        let mut payload = vec![0; HEADER];
        let mut writer = Writer::new(&mut payload);
        writer.put_str(IFLA_IFNAME, "vxlan0");
        writer.nested(IFLA_LINKINFO, |info| info.put_str(IFLA_INFO_KIND, "vxlan"));
        assert_eq!(decode(&payload), None);
        assert_eq!(decode(&[0; HEADER]), None);
    }
}
