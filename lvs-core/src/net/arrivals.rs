//! Packets as they arrive, and what answers them: clients of datagrams, and of connections that cannot be answered, are
//! in no table of a host.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::{PACKET_HOST, PACKET_OTHERHOST, PACKET_OUTGOING};
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::packet_head::{Arrival, Head};
use super::packet_socket::timeout_until;
use crate::error::{Error, Operation, Result};
use crate::ipvs::Protocol;

/// The headers up to the ports and flags, also those of a tunnel; the rest is cut off.
const LONGEST: usize = 128;
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
/// A client that nothing has answered for so long waits in vain, whether it asks again or gives up.
const PATIENCE: Duration = Duration::from_secs(1);
/// The least time after which a client asks again.
const REPETITION: Duration = Duration::from_millis(500);

/// Data that was sent so often within that time makes no progress: its client waits twice as long each time.
const STALLED: u32 = 3;

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
    /// Whether it was asked again after an answer.
    is_lost: bool,
    /// Whether its client has sent anything else.
    is_continued: bool,
    /// When its client has sent data first.
    data_since: Option<Instant>,
    /// Whether this host has sent it data.
    is_served: bool,
    /// Whether this host has sent a packet of the client on.
    is_forwarded: bool,
    /// Whether a packet for the client has arrived here.
    is_returned: bool,
}

/// Is what became of a connection that a client has asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Requested {
    pub(crate) own: SocketAddr,
    pub(crate) client: SocketAddr,
    pub(crate) answer: Answer,
    /// Whether the client asked again after the answer.
    pub(crate) is_lost: bool,
    /// Whether the client asked again.
    pub(crate) is_repeated: bool,
    /// Whether the client has sent nothing since the answer.
    pub(crate) is_silent: bool,
    /// Whether the client has sent data a while ago, and got none.
    pub(crate) is_unserved: bool,
    /// Whether this host has sent a packet of the client on.
    pub(crate) is_forwarded: bool,
    /// Whether a packet for the client has arrived here.
    pub(crate) is_returned: bool,
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
    /// What has arrived since then still waits in the socket: an answer among it is no lack of an answer.
    seen_until: Instant,
    packets: usize,
    datagrams: BTreeSet<Ends>,
    /// The own ends of those that were answered.
    answered: HashSet<SocketAddr>,
    requests: HashMap<Ends, Request>,
    /// The own ends of requests by their clients.
    asked: HashMap<SocketAddr, SocketAddr>,
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
            seen_until: Instant::now(),
            packets: 0,
            datagrams: BTreeSet::new(),
            answered: HashSet::new(),
            requests: HashMap::new(),
            asked: HashMap::new(),
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
            let next = next(&self.socket, until).map_err(failed)?;
            self.seen_until = Instant::now();
            let Some((packet, kind)) = next else {
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
            if let Some(request) = self.request_of(head.destination) {
                request.is_returned = true;
            }
            return;
        }
        let ends = (arrival.own, arrival.client);
        if let Some(request) = self.requests.get_mut(&ends) {
            request.is_continued |= !head.begins();
            let data_since = head.number.map(|_| Instant::now());
            request.data_since = request.data_since.or(data_since);
        }
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
            is_lost: false,
            is_continued: false,
            data_since: None,
            is_served: false,
            is_forwarded: false,
            is_returned: false,
        });
        self.asked.insert(ends.1, ends.0);
        if now.duration_since(request.since) >= REPETITION {
            request.is_repeated = true;
            request.is_lost |= request.answer == Answer::Given;
        }
    }

    /// Returns the request of a client.
    fn request_of(&mut self, client: SocketAddr) -> Option<&mut Request> {
        let own = self.asked.get(&client)?;
        self.requests.get_mut(&(*own, client))
    }

    fn sent(&mut self, head: Head) {
        if head.protocol != Protocol::TCP {
            if self.datagrams.contains(&(head.source, head.destination)) {
                self.answered.insert(head.source);
            }
            return;
        }
        if let Some(request) = self.request_of(head.source) {
            request.is_forwarded = true;
        }
        let mut request = self.requests.get_mut(&(head.source, head.destination));
        if let Some(request) = &mut request {
            request.is_served |= head.number.is_some();
        }
        if let Some(request) = request.filter(|request| request.answer != Answer::Given) {
            request.answer = match head.is_reset() {
                true => Answer::Refused,
                false => Answer::Given,
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

    /// Returns the own ends of datagrams none of which was answered.
    pub(crate) fn silent(&self) -> impl Iterator<Item = SocketAddr> {
        let own = self.datagrams.iter().map(|(own, _)| *own);
        own.filter(|own| !self.answered.contains(own))
    }

    /// Returns the own and the other end of connections whose clients send the same data again and again.
    pub(crate) fn stalled(&self) -> impl Iterator<Item = (SocketAddr, SocketAddr)> {
        let stalled = self.data.iter().filter(|(_, data)| data.is_stalled);
        stalled.map(|(ends, _)| *ends)
    }

    /// Returns whether packets were seen until long enough after that.
    fn has_lasted(&self, since: Instant) -> bool {
        self.seen_until.duration_since(since) >= PATIENCE
    }

    /// Returns the connections that were asked for, without those that still have time to be answered.
    pub(crate) fn requests(&self) -> impl Iterator<Item = Requested> {
        self.requests
            .iter()
            .filter(|(_, seen)| {
                seen.is_repeated || seen.answer != Answer::Nothing || self.has_lasted(seen.since)
            })
            .map(|((own, client), seen)| Requested {
                own: *own,
                client: *client,
                answer: seen.answer,
                is_lost: seen.is_lost,
                is_repeated: seen.is_repeated,
                is_silent: seen.answer == Answer::Given && !seen.is_continued,
                is_unserved: seen.answer == Answer::Given
                    && !seen.is_served
                    && seen.data_since.is_some_and(|since| self.has_lasted(since)),
                is_forwarded: seen.is_forwarded,
                is_returned: seen.is_returned,
            })
    }
}

fn failed(errno: Errno) -> Error {
    Error::io(
        Operation::new("see packets of clients", ""),
        io::Error::from(errno),
    )
}

/// Returns the next packet with its kind (`PACKET_HOST`, `PACKET_OUTGOING`), `None` when the time is over and none
/// waits any more; within, `None` for one that is not understood.
fn next(socket: &OwnedFd, until: Instant) -> nix::Result<Option<(Option<Head>, u8)>> {
    let mut bytes = [0; LONGEST];
    loop {
        let timeout = timeout_until(until);
        let shortest = TimeVal::microseconds(1);
        setsockopt(
            socket,
            sockopt::ReceiveTimeout,
            &timeout.unwrap_or(shortest),
        )?;
        let (length, from) = match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut bytes) {
            Err(Errno::EAGAIN) if timeout.is_none() => return Ok(None),
            Err(Errno::EINTR | Errno::EAGAIN) => continue,
            other => other?,
        };
        let kind = from.map_or(PACKET_OTHERHOST, |from| from.pkttype());
        return Ok(Some((bytes.get(..length).and_then(Head::read), kind)));
    }
}
