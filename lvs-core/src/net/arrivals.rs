//! Packets as they arrive, and what answers them: clients of datagrams, and of connections that cannot be answered, are
//! in no table of a host.

use std::collections::hash_map::Entry;
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
/// The copies of one packet that a bond, a VLAN or a bridge hands on follow each other at once, within this time.
const COPIES: Duration = Duration::from_millis(100);
/// The least time after which a client asks again.
const REPETITION: Duration = Duration::from_millis(500);

/// Data that was sent so often within that time makes no progress: its client waits twice as long each time.
const STALLED: u32 = 3;

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

/// Is data of a client as it was seen last.
#[derive(Clone, Copy)]
struct Data {
    /// The sequence number of its first byte.
    number: u32,
    since: Instant,
    last: Instant,
    times: u32,
    is_stalled: bool,
}

/// Watches packets to and from this host, by any interface and out of any tunnel.
pub(crate) struct Arrivals {
    socket: OwnedFd,
    packets: usize,
    datagrams: BTreeSet<Ends>,
    requests: HashMap<Ends, Request>,
    data: HashMap<Ends, Data>,
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
            data: HashMap::new(),
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
        let arrival = head.arrival();
        if !is_wanted(&arrival) {
            return;
        }
        let ends = (arrival.own, arrival.client);
        match (arrival.protocol, head.number) {
            (Protocol::TCP, Some(number)) => self.sent_data(ends, number),
            (Protocol::TCP, None) if head.begins() => self.asked(ends),
            (Protocol::TCP, None) => {}
            _ => drop(self.datagrams.insert(ends)),
        }
    }

    fn sent_data(&mut self, ends: Ends, number: u32) {
        let now = Instant::now();
        let is_full = self.data.len() >= MOST_REQUESTS;
        let first = Data {
            number,
            since: now,
            last: now,
            times: 1,
            is_stalled: false,
        };
        let data = match self.data.entry(ends) {
            Entry::Vacant(_) if is_full => return,
            entry => entry.or_insert(first),
        };
        if data.number != number {
            *data = first;
        }
        if now.duration_since(data.last) >= COPIES {
            data.times += 1;
            data.last = now;
        }
        data.is_stalled = data.times >= STALLED && now.duration_since(data.since) >= REPETITION;
    }

    fn asked(&mut self, ends: Ends) {
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

    /// Returns the own and the other end of connections whose clients send the same data again and again.
    pub(crate) fn stalled(&self) -> impl Iterator<Item = (SocketAddr, SocketAddr)> {
        let stalled = self.data.iter().filter(|(_, data)| data.is_stalled);
        stalled.map(|(ends, _)| *ends)
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
    /// The number of the first byte of data, for TCP with data.
    number: Option<u32>,
}

impl Head {
    /// Reads a packet; `None` for fragments without ports, and for IPv6 with extension headers.
    fn read(packet: &[u8]) -> Option<Self> {
        let first = *packet.first()?;
        let (protocol, source, destination, length, rest): (_, IpAddr, IpAddr, _, _) =
            match first >> 4 {
                4 => {
                    let is_later_fragment = number(packet, 6)? & 0x1FFF != 0;
                    let ip = |at: usize| -> Option<Ipv4Addr> {
                        let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
                        Some(octets.into())
                    };
                    if is_later_fragment {
                        return None;
                    }
                    let header = usize::from(first & 0x0F) * 4;
                    (
                        *packet.get(9)?,
                        ip(12)?.into(),
                        ip(16)?.into(),
                        usize::from(number(packet, 2)?).saturating_sub(header),
                        packet.get(header..)?,
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
                        number(packet, 4)?.into(),
                        packet.get(40..)?,
                    )
                }
                _ => return None,
            };
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

    /// Returns it as a packet to this host.
    const fn arrival(self) -> Arrival {
        Arrival {
            protocol: self.protocol,
            own: self.destination,
            client: self.source,
        }
    }

    /// Returns whether it is the first segment of a connection.
    const fn begins(self) -> bool {
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
