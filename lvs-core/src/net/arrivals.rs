//! Packets as they arrive, and what answers them: clients of datagrams, and of connections that cannot be answered, are
//! in no table of a host.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::{PACKET_HOST, PACKET_OTHERHOST, PACKET_OUTGOING};
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket,
    sockopt,
};

use super::packet_socket::timeout_until;
use crate::error::{Error, Operation, Result};
use crate::ipvs::Protocol;

/// The headers up to the ports and flags; the rest is cut off.
const LONGEST: usize = 64;
/// So many packets of a busy host are enough.
const MOST_PACKETS: usize = 200_000;
/// So many clients are enough.
const MOST_CLIENTS: usize = 256;
/// So many connections that begin are enough.
const MOST_REQUESTS: usize = 20_000;
/// The socket receives all traffic of the host, so its buffer must outlast a burst.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The least time after which a client asks again. The copies of one packet that a bond, a VLAN or a bridge hands on
/// follow each other at once.
const REPETITION: Duration = Duration::from_millis(500);

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

/// Says what this host has sent to a client that wants a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing, although it has asked again.
    Nothing,
    /// A reset.
    Refused,
    /// Any other segment.
    Given,
}

type Ends = (SocketAddr, SocketAddr);

/// Is the first segment of a connection, as it was seen.
#[derive(Clone, Copy)]
struct Request {
    since: Instant,
    is_repeated: bool,
    answer: Answer,
}

/// Watches packets to and from this host, by any interface and out of any tunnel.
pub(crate) struct Arrivals {
    socket: OwnedFd,
    packets: usize,
    datagrams: BTreeSet<Ends>,
    requests: HashMap<Ends, Request>,
}

impl Arrivals {
    /// Begins to watch.
    ///
    /// # Errors
    /// Without `CAP_NET_RAW` no packet is seen.
    pub(crate) fn open() -> Result<Self> {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::EthAll,
        )
        .map_err(failed)?;
        // Only a privilege beyond CAP_NET_RAW grants it.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER);
        Ok(Self {
            socket,
            packets: 0,
            datagrams: BTreeSet::new(),
            requests: HashMap::new(),
        })
    }

    /// Notes what arrives and is wanted, and what answers it, until the time is over or enough was seen.
    ///
    /// # Errors
    /// The socket fails.
    pub(crate) fn watch(
        &mut self,
        until: Instant,
        is_wanted: impl Fn(&Arrival) -> bool,
    ) -> Result<()> {
        while self.packets < MOST_PACKETS
            && self.datagrams.len() < MOST_CLIENTS
            && self.requests.len() < MOST_REQUESTS
        {
            let Some((packet, kind)) = next(&self.socket, until).map_err(failed)? else {
                break;
            };
            self.packets += 1;
            match packet {
                Some(head) if kind == PACKET_HOST => self.arrived(head, &is_wanted),
                Some(head) if kind == PACKET_OUTGOING => self.sent(head),
                _ => {}
            }
        }
        Ok(())
    }

    fn arrived(&mut self, head: Head, is_wanted: impl Fn(&Arrival) -> bool) {
        let Some(arrival) = head.arrival().filter(is_wanted) else {
            return;
        };
        let ends = (arrival.own, arrival.client);
        if arrival.protocol != Protocol::TCP {
            self.datagrams.insert(ends);
            return;
        }
        let now = Instant::now();
        let request = self.requests.entry(ends).or_insert(Request {
            since: now,
            is_repeated: false,
            answer: Answer::Nothing,
        });
        request.is_repeated |= now.duration_since(request.since) >= REPETITION;
    }

    fn sent(&mut self, head: Head) {
        let request = match head.protocol {
            Protocol::TCP => self.requests.get_mut(&(head.source, head.destination)),
            _ => None,
        };
        if let Some(request) = request.filter(|request| request.answer != Answer::Given) {
            request.answer = match head.flags & RST {
                0 => Answer::Given,
                _ => Answer::Refused,
            };
        }
    }

    /// Returns the own and the other end of datagrams, and of connections that had to be asked for again.
    pub(crate) fn clients(&self) -> BTreeSet<(SocketAddr, SocketAddr)> {
        let repeated = self.requests.iter().filter(|(_, seen)| seen.is_repeated);
        repeated
            .map(|(ends, _)| *ends)
            .take(MOST_CLIENTS)
            .chain(self.datagrams.iter().copied())
            .collect()
    }

    /// Returns the own and the other end of connections that were asked for, each with its answer; without those that
    /// still have time to be answered.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (SocketAddr, SocketAddr, Answer)> {
        self.requests
            .iter()
            .filter(|(_, seen)| seen.is_repeated || seen.answer != Answer::Nothing)
            .map(|((own, client), seen)| (*own, *client, seen.answer))
    }
}

fn failed(errno: Errno) -> Error {
    Error::io(
        Operation::new("see packets of clients", ""),
        io::Error::from(errno),
    )
}

/// Returns the next packet with its kind (`PACKET_HOST`, `PACKET_OUTGOING`), `None` when the time is over; within,
/// `None` for one that is not understood.
fn next(socket: &OwnedFd, until: Instant) -> nix::Result<Option<(Option<Head>, u8)>> {
    let mut bytes = [0; LONGEST];
    while let Some(timeout) = timeout_until(until) {
        setsockopt(socket, sockopt::ReceiveTimeout, &timeout)?;
        let (length, from) = match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut bytes) {
            Err(Errno::EINTR | Errno::EAGAIN) => continue,
            other => other?,
        };
        let kind = from.map_or(PACKET_OTHERHOST, |from| from.pkttype());
        return Ok(Some((bytes.get(..length).and_then(Head::read), kind)));
    }
    Ok(None)
}

/// Is the head of an IP packet with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    protocol: Protocol,
    source: SocketAddr,
    destination: SocketAddr,
    /// The flags of TCP; 0 otherwise.
    flags: u8,
}

impl Head {
    /// Reads a packet; `None` for fragments without ports, and for IPv6 with extension headers.
    fn read(packet: &[u8]) -> Option<Self> {
        let first = *packet.first()?;
        let (protocol, source, destination, rest): (_, IpAddr, IpAddr, _) = match first >> 4 {
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
        let port = |at: usize| Some(u16::from_be_bytes(rest.get(at..at + 2)?.try_into().ok()?));
        Some(Self {
            flags: match protocol {
                Protocol::TCP => *rest.get(13)?,
                _ => 0,
            },
            protocol,
            source: (source, port(0)?).into(),
            destination: (destination, port(2)?).into(),
        })
    }

    /// Returns it as a packet to this host, unless it is a segment of TCP that does not begin a connection.
    fn arrival(self) -> Option<Arrival> {
        let begins = self.protocol != Protocol::TCP || self.flags & SYN_AND_ACK == SYN;
        begins.then_some(Arrival {
            protocol: self.protocol,
            own: self.destination,
            client: self.source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(packet: &[u8]) -> Option<Arrival> {
        Head::read(packet)?.arrival()
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
