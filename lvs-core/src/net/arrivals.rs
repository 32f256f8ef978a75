//! Packets as they arrive: clients of datagrams, and of connections that cannot be answered, are in no table of a host.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::PACKET_HOST;
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket,
    sockopt,
};

use super::packet_socket::timeout_until;
use crate::error::{Error, Operation, Result};
use crate::ipvs::Protocol;

/// The headers up to the ports; the rest is cut off.
const LONGEST: usize = 64;
/// So many packets of a busy host are enough.
const MOST_PACKETS: usize = 20_000;
/// So many clients are enough.
const MOST_CLIENTS: usize = 256;

/// The flags of a segment that begins a connection: SYN, without ACK.
const SYN: u8 = 0x02;
const SYN_AND_ACK: u8 = 0x12;

/// Is the head of a packet to a port of this host: a datagram, or the first segment of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) protocol: Protocol,
    /// The host's own address and port.
    pub(crate) own: SocketAddr,
    pub(crate) client: SocketAddr,
}

/// Waits for packets to this host, by any interface and out of any tunnel, and returns the own and the other end of
/// those that are wanted; of connections those that had to be asked for again, because no answer came.
///
/// # Errors
/// Without `CAP_NET_RAW` no packet is seen.
pub(crate) fn clients(
    wait: Duration,
    is_wanted: impl Fn(&Arrival) -> bool,
) -> Result<BTreeSet<(SocketAddr, SocketAddr)>> {
    let failed = |errno: Errno| {
        Error::io(
            Operation::new("see packets of clients", ""),
            io::Error::from(errno),
        )
    };
    let socket = socket(
        AddressFamily::Packet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::EthAll,
    )
    .map_err(failed)?;
    let mut found = BTreeSet::new();
    let mut begun = HashSet::new();
    let until = Instant::now() + wait;
    for _ in 0..MOST_PACKETS {
        let Some(arrival) = next(&socket, until).map_err(failed)? else {
            break;
        };
        if let Some(arrival) = arrival.filter(&is_wanted) {
            let ends = (arrival.own, arrival.client);
            if arrival.protocol != Protocol::TCP || !begun.insert(ends) {
                found.insert(ends);
            }
        }
        if found.len() >= MOST_CLIENTS {
            break;
        }
    }
    Ok(found)
}

/// Returns the next packet, `None` when the time is over; within, `None` for one that is not understood.
fn next(socket: &OwnedFd, until: Instant) -> nix::Result<Option<Option<Arrival>>> {
    let mut bytes = [0; LONGEST];
    while let Some(timeout) = timeout_until(until) {
        setsockopt(socket, sockopt::ReceiveTimeout, &timeout)?;
        let (length, from) = match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut bytes) {
            Err(Errno::EINTR | Errno::EAGAIN) => continue,
            other => other?,
        };
        let is_to_host = from.is_some_and(|from| from.pkttype() == PACKET_HOST);
        let packet = bytes.get(..length).filter(|_| is_to_host);
        return Ok(Some(packet.and_then(arrival)));
    }
    Ok(None)
}

/// Reads the head of an IP packet; `None` for fragments without ports, for IPv6 with extension headers, and for
/// segments of TCP that do not begin a connection.
fn arrival(packet: &[u8]) -> Option<Arrival> {
    let first = *packet.first()?;
    let (protocol, client, own, rest): (_, IpAddr, IpAddr, _) = match first >> 4 {
        4 => {
            let is_later_fragment =
                u16::from_be_bytes(packet.get(6..8)?.try_into().ok()?) & 0x1FFF != 0;
            let ip = |at: usize| -> Option<Ipv4Addr> {
                let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
                Some(octets.into())
            };
            if is_later_fragment {
                return None;
            }
            let length = usize::from(first & 0x0F) * 4;
            (
                *packet.get(9)?,
                ip(12)?.into(),
                ip(16)?.into(),
                packet.get(length..)?,
            )
        }
        6 => {
            let ip = |at: usize| -> Option<Ipv6Addr> {
                let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
                Some(octets.into())
            };
            (
                *packet.get(6)?,
                ip(8)?.into(),
                ip(24)?.into(),
                packet.get(40..)?,
            )
        }
        _ => return None,
    };
    let protocol = Protocol(protocol.into());
    if protocol == Protocol::TCP && rest.get(13)? & SYN_AND_ACK != SYN {
        return None;
    }
    let port = |at: usize| Some(u16::from_be_bytes(rest.get(at..at + 2)?.try_into().ok()?));
    Some(Arrival {
        protocol,
        own: (own, port(2)?).into(),
        client: (client, port(0)?).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn only_the_first_segment_of_a_connection_is_read() {
        let mut segment = question();
        segment[9] = 6;
        segment.extend([0, 2, 0, 0]); // the header goes on to its flags
        segment[20 + 13] = 0x02;
        assert_eq!(arrival(&segment).unwrap().protocol, Protocol::TCP);
        for flags in [0x10, 0x12, 0x18, 0x04] {
            segment[20 + 13] = flags;
            assert_eq!(arrival(&segment), None, "{flags:#x}");
        }
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
