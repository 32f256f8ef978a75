//! Who asks a host for what, and what answers: clients of datagrams, and of connections that cannot be answered, are in
//! no table of a host.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::libc::{PACKET_HOST, PACKET_OUTGOING};

use super::packet_head::{Arrival, Head};
use super::tap::Tapped;
use crate::ipvs::Protocol;

/// So many clients are enough.
const MOST_CLIENTS: usize = 256;
/// So many connections that begin are enough.
const MOST_REQUESTS: usize = 20_000;
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
    /// Whether packets were missed since, which may have been its client's.
    is_uncertain: bool,
    /// When its client has sent data first.
    data_since: Option<Instant>,
    /// Whether this host has sent it data.
    is_served: bool,
    /// Whether this host has sent a packet of the client on.
    is_forwarded: bool,
    /// Whether a packet for the client has arrived here.
    is_returned: bool,
}

impl Request {
    /// Returns whether it was answered, and its client has sent nothing since.
    fn is_without_reply(&self) -> bool {
        self.answer == Answer::Given && !self.is_continued && !self.is_uncertain
    }
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
    /// Whether it was answered a while ago, and its client has sent nothing since.
    pub(crate) is_unheard: bool,
    /// Whether it was answered, and its client went on.
    pub(crate) is_continued: bool,
    /// Whether the client has sent data a while ago, and got none.
    pub(crate) is_unserved: bool,
    /// Whether this host has sent a packet of the client on.
    pub(crate) is_forwarded: bool,
    /// Whether a packet for the client has arrived here.
    pub(crate) is_returned: bool,
}

/// Is what a client has sent to a port without a connection.
#[derive(Clone, Copy)]
struct Datagrams {
    since: Instant,
    count: u64,
    is_answered: bool,
}

/// Is what became of the datagrams of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) own: SocketAddr,
    pub(crate) client: SocketAddr,
    pub(crate) count: u64,
    pub(crate) is_answered: bool,
    /// Whether the first of them had time to be answered, and none was.
    pub(crate) is_unanswered: bool,
}

/// Is the client of a packet that was seen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Peer {
    /// Whether it was answered, and went on. Others come first.
    pub(crate) is_served: bool,
    /// The host's own end.
    pub(crate) own: SocketAddr,
    pub(crate) client: SocketAddr,
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

/// Holds who has asked this host for what, and what answered, by packets in the order in which they were seen.
pub(crate) struct Exchanges {
    /// What has arrived since then is not seen yet: an answer among it is no lack of an answer.
    seen_until: Instant,
    datagrams: BTreeMap<Ends, Datagrams>,
    requests: HashMap<Ends, Request>,
    /// The own ends of requests by their clients.
    asked: HashMap<SocketAddr, SocketAddr>,
    data: HashMap<Ends, Data>,
}

impl Exchanges {
    /// Returns those of which nothing was seen yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            seen_until: now,
            datagrams: BTreeMap::new(),
            requests: HashMap::new(),
            asked: HashMap::new(),
            data: HashMap::new(),
        }
    }

    /// Returns whether more would be too many.
    pub(super) fn is_full(&self) -> bool {
        self.datagrams.len() >= MOST_CLIENTS || self.requests.len() >= MOST_REQUESTS
    }

    /// Notes that the packets until now were seen.
    pub(super) const fn pass(&mut self, now: Instant) {
        self.seen_until = now;
    }

    /// Notes the next packet.
    pub(super) fn note(&mut self, packet: Tapped, is_wanted: impl Fn(&Arrival) -> bool) {
        if packet.is_after_gap {
            self.forget_undecided();
        }
        match (packet.kind, packet.head) {
            (PACKET_HOST, Some(head)) => self.arrived(head, is_wanted),
            (PACKET_OUTGOING, Some(head)) => self.sent(head),
            _ => {}
        }
    }

    /// Forgets what packets that were not seen may have decided otherwise: on a host that is busier than this reader
    /// an answer that is missing says nothing.
    fn forget_undecided(&mut self) {
        self.requests
            .retain(|_, seen| seen.answer != Answer::Nothing);
        for seen in self.requests.values_mut() {
            (seen.is_uncertain, seen.is_served) = (true, true);
        }
        self.datagrams.retain(|_, seen| seen.is_answered);
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
            let data_since = head.number.map(|_| self.seen_until);
            request.data_since = request.data_since.or(data_since);
        }
        match (arrival.protocol, head.number) {
            (Protocol::TCP, Some(number)) => self.sent_data(ends, number),
            (Protocol::TCP, None) if head.begins() => self.asked(ends),
            (Protocol::TCP, None) => {}
            _ => self.sent_datagram(ends),
        }
    }

    fn sent_datagram(&mut self, ends: Ends) {
        let datagrams = self.datagrams.entry(ends).or_insert(Datagrams {
            since: self.seen_until,
            count: 0,
            is_answered: false,
        });
        datagrams.count += 1;
    }

    fn sent_data(&mut self, ends: Ends, number: u32) {
        let now = self.seen_until;
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
        let now = self.seen_until;
        let request = self.requests.entry(ends).or_insert(Request {
            since: now,
            is_repeated: false,
            answer: Answer::Nothing,
            is_lost: false,
            is_continued: false,
            is_uncertain: false,
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
            let datagrams = self.datagrams.get_mut(&(head.source, head.destination));
            if let Some(datagrams) = datagrams {
                datagrams.is_answered = true;
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

    /// Returns the clients of datagrams, and of connections that had time to be established.
    pub(crate) fn clients(&self) -> impl Iterator<Item = Peer> {
        let peer = |is_served: bool, (own, client): Ends| Peer {
            is_served,
            own,
            client,
        };
        let requests = self.requests().map(move |seen| {
            let ends = (seen.own, seen.client);
            (peer(seen.is_continued, ends), seen)
        });
        requests
            .filter(|(_, seen)| seen.is_continued || seen.is_repeated || seen.is_unheard)
            .map(|(peer, _)| peer)
            .chain(self.datagrams.keys().map(move |ends| peer(false, *ends)))
    }

    /// Returns what became of the datagrams of each client.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = Sent> {
        let datagrams = self.datagrams.iter();
        datagrams.map(|((own, client), seen)| Sent {
            own: *own,
            client: *client,
            count: seen.count,
            is_answered: seen.is_answered,
            is_unanswered: !seen.is_answered && self.has_lasted(seen.since),
        })
    }

    /// Returns the own and the other end of connections whose clients send the same data again and again.
    pub(crate) fn stalled(&self) -> impl Iterator<Item = (SocketAddr, SocketAddr)> {
        self.data
            .iter()
            .filter(|(_, data)| data.is_stalled)
            .map(|(ends, _)| *ends)
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
                is_silent: seen.is_without_reply(),
                is_unheard: seen.is_without_reply() && self.has_lasted(seen.since),
                is_continued: seen.answer == Answer::Given && seen.is_continued,
                is_unserved: seen.answer == Answer::Given
                    && !seen.is_served
                    && seen.data_since.is_some_and(|since| self.has_lasted(since)),
                is_forwarded: seen.is_forwarded,
                is_returned: seen.is_returned,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    const SYN_AND_ACK: u8 = 0x12;
    const CLIENT: &str = "172.16.5.100:40000";
    const OWN: &str = "172.16.5.11:80";

    struct Seen {
        exchanges: Exchanges,
        now: Instant,
    }

    impl Seen {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                exchanges: Exchanges::new(now),
                now,
            }
        }

        fn pass(&mut self, milliseconds: u64) {
            self.now += Duration::from_millis(milliseconds);
            self.exchanges.pass(self.now);
        }

        fn segment(&mut self, kind: u8, flags: u8, is_after_gap: bool) {
            let (source, destination) = match kind {
                PACKET_HOST => (CLIENT, OWN),
                _ => (OWN, CLIENT),
            };
            let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
            let packet = Tapped {
                head: Some(Head::segment(source, destination, flags)),
                kind,
                is_after_gap,
            };
            self.exchanges
                .note(packet, |arrival| arrival.own.port() == 80);
        }

        fn answers(&self) -> Vec<Answer> {
            self.exchanges.requests().map(|seen| seen.answer).collect()
        }
    }

    #[test]
    fn a_request_waits_a_second_before_it_waits_in_vain() {
        let mut seen = Seen::new();
        seen.segment(PACKET_HOST, SYN, false);
        seen.pass(999);
        assert_eq!(seen.answers(), []);
        seen.pass(1);
        assert_eq!(seen.answers(), [Answer::Nothing]);
        seen.segment(PACKET_OUTGOING, SYN_AND_ACK, false);
        assert_eq!(seen.answers(), [Answer::Given]);
    }

    #[test]
    fn what_was_not_read_yet_is_no_lack_of_an_answer() {
        let mut seen = Seen::new();
        seen.segment(PACKET_HOST, SYN, false);
        seen.now += Duration::from_secs(9);
        assert_eq!(seen.answers(), []);
    }

    #[test]
    fn packets_that_are_missing_may_have_been_the_answer() {
        let mut seen = Seen::new();
        seen.segment(PACKET_HOST, SYN, false);
        seen.pass(10);
        seen.segment(PACKET_HOST, 0, true);
        seen.pass(2000);
        assert_eq!(seen.answers(), []);
        seen.segment(PACKET_HOST, SYN, false);
        seen.pass(2000);
        assert_eq!(seen.answers(), [Answer::Nothing], "it asks again");
    }

    #[test]
    fn clients_that_went_on_are_served() {
        let mut seen = Seen::new();
        seen.segment(PACKET_HOST, SYN, false);
        seen.segment(PACKET_OUTGOING, SYN_AND_ACK, false);
        let clients = |seen: &Seen| -> Vec<_> {
            let clients = seen.exchanges.clients();
            clients.map(|peer| peer.is_served).collect()
        };
        assert_eq!(clients(&seen).len(), 0, "it has time to go on");
        seen.pass(1000);
        assert_eq!(clients(&seen), [false]);
        seen.segment(PACKET_HOST, ACK, false);
        assert_eq!(clients(&seen), [true]);
    }

    #[test]
    fn datagrams_wait_a_second_for_an_answer() {
        let mut seen = Seen::new();
        let ends = (OWN.parse().unwrap(), CLIENT.parse().unwrap());
        seen.exchanges.sent_datagram(ends);
        let is_unanswered = |seen: &Seen| seen.exchanges.datagrams().any(|sent| sent.is_unanswered);
        seen.pass(999);
        assert!(!is_unanswered(&seen));
        seen.pass(1);
        assert!(is_unanswered(&seen));
        seen.segment(PACKET_HOST, SYN, true);
        assert!(!is_unanswered(&seen), "the answer may have been missed");
    }

    #[test]
    fn a_client_that_is_not_seen_is_not_silent() {
        let mut seen = Seen::new();
        seen.segment(PACKET_HOST, SYN, false);
        seen.segment(PACKET_OUTGOING, SYN_AND_ACK, false);
        let is_silent = |seen: &Seen| seen.exchanges.requests().any(|seen| seen.is_silent);
        assert!(is_silent(&seen));
        seen.segment(PACKET_OUTGOING, SYN_AND_ACK, true);
        assert!(!is_silent(&seen));
    }
}
