//! The heads of IP packets: who sends them to whom, and what a segment of TCP is for.

use std::net::{IpAddr, SocketAddr};

use crate::ipvs::Protocol;

/// The protocols of an IP packet that is encapsulated as it is (`IPPROTO_IPIP`, `IPPROTO_IPV6`).
const ENCAPSULATED: [u8; 2] = [4, 41];
/// The least length of a header of IPv4.
const IPV4_HEADER: usize = 20;
/// The flags of a segment that begins a connection: SYN, without ACK.
const SYN: u8 = 0x02;
const SYN_AND_ACK: u8 = 0x12;
const RST: u8 = 0x04;

/// Is the head of a packet to a port of this host: a datagram, or the first segment of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) protocol: Protocol,
    /// The host's own address and port.
    pub(crate) own: SocketAddr,
    pub(crate) client: SocketAddr,
}

/// Is the head of an IP packet with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(super) protocol: Protocol,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    /// The flags of TCP; 0 otherwise.
    flags: u8,
    /// The number of the first byte of data, for TCP with data.
    pub(super) number: Option<u32>,
}

/// What the header of IP says of a packet.
struct Carried<'a> {
    protocol: u8,
    source: IpAddr,
    destination: IpAddr,
    /// How much the packet carries, which may be more than was captured.
    length: usize,
    rest: &'a [u8],
}

impl<'a> Carried<'a> {
    fn by(packet: &'a [u8]) -> Option<Self> {
        match *packet.first()? >> 4 {
            4 => Self::by_ipv4(packet),
            6 => Self::by_ipv6(packet),
            _ => None,
        }
    }

    /// Reads a packet of IPv4; `None` for a fragment behind the first. A header that says less than 20 bytes is none:
    /// a packet would carry itself otherwise.
    fn by_ipv4(packet: &'a [u8]) -> Option<Self> {
        let ip = |at: usize| -> Option<IpAddr> {
            let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
            Some(octets.into())
        };
        if number(packet, 6)? & 0x1FFF != 0 {
            return None;
        }
        let header = usize::from(packet.first()? & 0x0F) * 4;
        if header < IPV4_HEADER {
            return None;
        }
        Some(Self {
            protocol: *packet.get(9)?,
            source: ip(12)?,
            destination: ip(16)?,
            length: usize::from(number(packet, 2)?).saturating_sub(header),
            rest: packet.get(header..)?,
        })
    }

    fn by_ipv6(packet: &'a [u8]) -> Option<Self> {
        let ip = |at: usize| -> Option<IpAddr> {
            let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
            Some(octets.into())
        };
        Some(Self {
            protocol: *packet.get(6)?,
            source: ip(8)?,
            destination: ip(24)?,
            length: number(packet, 4)?.into(),
            rest: packet.get(40..)?,
        })
    }
}

impl Head {
    /// Reads a packet, or the one inside it; `None` for fragments without ports, and for IPv6 with extension headers.
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        let mut carried = Carried::by(packet)?;
        while ENCAPSULATED.contains(&carried.protocol) {
            carried = Carried::by(carried.rest)?;
        }
        let Carried {
            protocol,
            source,
            destination,
            length,
            rest,
        } = carried;
        let protocol = Protocol(protocol.into());
        let (flags, data) = match protocol {
            Protocol::TCP => (*rest.get(13)?, length > usize::from(rest.get(12)? >> 4) * 4),
            _ => (0, false),
        };
        let first = rest.get(4..8).and_then(|bytes| bytes.try_into().ok());
        Some(Self {
            flags,
            number: first.map(u32::from_be_bytes).filter(|_| data),
            protocol,
            source: (source, number(rest, 0)?).into(),
            destination: (destination, number(rest, 2)?).into(),
        })
    }

    /// Returns a segment of TCP without data.
    #[cfg(test)]
    pub(super) const fn segment(source: SocketAddr, destination: SocketAddr, flags: u8) -> Self {
        Self {
            protocol: Protocol::TCP,
            source,
            destination,
            flags,
            number: None,
        }
    }

    /// Returns it as a packet to this host.
    pub(super) const fn arrival(self) -> Arrival {
        Arrival {
            protocol: self.protocol,
            own: self.destination,
            client: self.source,
        }
    }

    /// Returns whether it is a reset.
    pub(super) const fn is_reset(self) -> bool {
        self.flags & RST != 0
    }

    /// Returns whether it is the first segment of a connection.
    pub(super) const fn begins(self) -> bool {
        self.flags & SYN_AND_ACK == SYN
    }
}

/// Reads 2 bytes in network order.
fn number(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(packet: &[u8]) -> Option<Arrival> {
        Head::read(packet).map(Head::arrival)
    }

    /// A question to a name server.
    fn question() -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 32, 0, 0, 0x40, 0, 64, 17, 0, 0];
        packet.extend([172, 16, 5, 100, 172, 16, 5, 11]);
        packet.extend([0xC0, 0x00, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4]);
        packet
    }

    #[test]
    fn both_ends_of_a_datagram_are_read() {
        let expected = Arrival {
            protocol: Protocol::UDP,
            own: "172.16.5.11:53".parse().unwrap(),
            client: "172.16.5.100:49152".parse().unwrap(),
        };
        assert_eq!(arrival(&question()), Some(expected));
        let mut six = vec![0x60, 0, 0, 0, 0, 12, 17, 64];
        six.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
        six.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        six.extend([0xC0, 0x00, 0, 53]);
        let read = arrival(&six).unwrap();
        assert_eq!(read.own, "[2001:db8::1]:53".parse().unwrap());
        assert_eq!(read.client, "[2001:db8::7]:49152".parse().unwrap());
    }

    #[test]
    fn a_header_without_length_carries_nothing() {
        for length in 0..5 {
            let mut packet = question();
            packet[0] = 0x40 | length;
            for protocol in [4, 17] {
                packet[9] = protocol;
                assert_eq!(arrival(&packet), None, "{length} {protocol}");
            }
        }
    }

    #[test]
    fn segments_are_told_apart() {
        let mut segment = question();
        segment[9] = 6;
        segment.extend([0, 2, 0, 0]); // the header goes on to its flags
        segment[20 + 12] = 5 << 4;
        segment[3] = 40;
        for (flags, begins) in [(0x02, true), (0x10, false), (0x12, false), (0x04, false)] {
            segment[20 + 13] = flags;
            let head = Head::read(&segment).unwrap();
            assert_eq!(head.protocol, Protocol::TCP);
            assert_eq!(head.begins(), begins, "{flags:#x}");
            assert_eq!(head.number, None);
        }
        segment[3] = 41;
        let expected = u32::from_be_bytes([0, 12, 0, 0]);
        assert_eq!(Head::read(&segment).unwrap().number, Some(expected));
    }

    #[test]
    fn what_has_no_ports_is_left_out() {
        let mut fragment = question();
        fragment[7] = 1;
        assert_eq!(arrival(&fragment), None);
        for end in 0..24 {
            assert_eq!(arrival(&question()[..end]), None, "{end}");
        }
        assert_eq!(arrival(&[0x4F; 30]), None);
        assert_eq!(arrival(&[0; 40]), None);
    }
}
