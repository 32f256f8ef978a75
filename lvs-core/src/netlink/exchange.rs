//! Which datagrams answer which request: the protocol without a socket.
//!
//! An [`Exchange`] knows what was sent and is fed with the datagrams that arrive. Messages belong to it by
//! their sequence number; all others (late answers to a request that timed out) are skipped.

use std::ops::ControlFlow;

use super::attributes::{Attributes, align, read_str, read_u16, read_u32};
use super::packet::HEADER;

const NOOP: u16 = 1;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const OVERRUN: u16 = 4;

/// `NLM_F_DUMP_INTR`: the dumped table changed meanwhile.
const DUMP_INTERRUPTED: u16 = 0x10;
/// `NLM_F_CAPPED`: an error carries the header of the failed request only.
const CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: attributes with the kernel's own text follow.
const ACK_TLVS: u16 = 0x200;
/// `NLMSGERR_ATTR_MSG`.
const MESSAGE: u16 = 1;

/// Holds a message of the kernel that carries data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// `nlmsg_type`: the family, or the kind of an rtnetlink message.
    pub(crate) kind: u16,
    /// All bytes behind the netlink header.
    pub(crate) payload: Vec<u8>,
}

/// Holds the kernel's refusal of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The errno, positive.
    pub(crate) errno: i32,
    /// The message of the extended ack.
    pub(crate) text: Option<String>,
}

/// Tells why an exchange cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The kernel reports that it lost answers.
    Overrun,
    /// A message is shorter than its header or runs past its datagram.
    Malformed,
}

/// Collects the answers to requests that were sent together.
#[derive(Debug)]
pub(crate) struct Exchange {
    first: u32,
    count: u32,
    /// The data that was not taken yet, in the order of arrival.
    pub(crate) replies: Vec<Reply>,
    /// How many replies were taken.
    taken: usize,
    /// The requests that failed (place in the packet, from 0) and why, in the order of arrival.
    pub(crate) refusals: Vec<(usize, Refusal)>,
    /// Whether a dump has to be read again because the table changed meanwhile.
    pub(crate) interrupted: bool,
    /// How many datagrams carried data. The kernel fills one datagram under one lock; between two the table can
    /// change.
    pub(crate) looks: usize,
}

impl Exchange {
    /// Starts the exchange of `count` requests with the sequence numbers from `first` on. The last of them
    /// must be one that is answered in any case: by an ack, an error, or the end of a dump.
    pub(crate) const fn new(first: u32, count: u32) -> Self {
        Self {
            first,
            count,
            replies: Vec::new(),
            taken: 0,
            refusals: Vec::new(),
            interrupted: false,
            looks: 0,
        }
    }

    /// Takes the replies that have arrived since the last call.
    pub(crate) fn take_replies(&mut self) -> impl Iterator<Item = Reply> {
        self.taken += self.replies.len();
        self.replies.drain(..)
    }

    /// Returns how many replies have arrived.
    #[cfg(feature = "tracing")]
    pub(crate) fn replied(&self) -> usize {
        self.taken + self.replies.len()
    }

    /// Returns whether a request was refused with this errno.
    pub(crate) fn is_refused_with(&self, errno: i32) -> bool {
        self.refusals
            .iter()
            .any(|(_, refusal)| refusal.errno == errno)
    }

    /// Reads one datagram; returns `Break` when the last request has its answer.
    pub(crate) fn feed(&mut self, mut datagram: &[u8]) -> Result<ControlFlow<()>, Broken> {
        let known = self.replies.len();
        let mut end = ControlFlow::Continue(());
        while !datagram.is_empty() && end.is_continue() {
            let (message, rest) = Message::split(datagram).ok_or(Broken::Malformed)?;
            datagram = rest;
            end = self.take(&message)?;
        }
        self.looks += usize::from(self.replies.len() > known);
        Ok(end)
    }

    fn take(&mut self, message: &Message<'_>) -> Result<ControlFlow<()>, Broken> {
        if message.kind == OVERRUN {
            return Err(Broken::Overrun);
        }
        let place = message.sequence.wrapping_sub(self.first);
        if place >= self.count || message.kind == NOOP {
            return Ok(ControlFlow::Continue(()));
        }
        self.interrupted |= message.flags & DUMP_INTERRUPTED != 0;
        if message.kind != ERROR && message.kind != DONE {
            self.replies.push(message.to_reply());
            return Ok(ControlFlow::Continue(()));
        }
        let refusal = message.refusal()?;
        self.refusals.extend(refusal.map(|no| (place as usize, no)));
        Ok(if place == self.count - 1 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }
}

/// Holds one netlink message of a datagram.
struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Returns the first message and the bytes behind it.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = read_u32(bytes)? as usize;
        let message = Self {
            kind: read_u16(bytes.get(4..)?)?,
            flags: read_u16(bytes.get(6..)?)?,
            sequence: read_u32(bytes.get(8..)?)?,
            payload: bytes.get(HEADER..length)?,
        };
        Some((message, bytes.get(align(length)..).unwrap_or_default()))
    }

    fn to_reply(&self) -> Reply {
        Reply {
            kind: self.kind,
            payload: self.payload.to_vec(),
        }
    }

    /// Returns the refusal of an ERROR or DONE; `None` is success.
    fn refusal(&self) -> Result<Option<Refusal>, Broken> {
        let code = match read_u32(self.payload) {
            Some(code) => code.cast_signed(),
            None if self.kind == DONE => 0,
            None => return Err(Broken::Malformed),
        };
        Ok((code != 0).then(|| Refusal {
            errno: code.saturating_abs(),
            text: self.extended_ack(),
        }))
    }

    /// Returns the text of the extended ack. Its attributes follow the errno of a DONE at once; in an ERROR
    /// the failed request precedes them, whole or (capped) its header only.
    fn extended_ack(&self) -> Option<String> {
        if self.flags & ACK_TLVS == 0 {
            return None;
        }
        let body = self.payload.get(4..)?;
        let echoed = match self.kind {
            DONE => 0,
            _ if self.flags & CAPPED != 0 => HEADER,
            _ => align(read_u32(body)? as usize).max(HEADER),
        };
        let mut attributes = Attributes::new(body.get(echoed..)?);
        let (_, text) = attributes.find(|(kind, _)| *kind == MESSAGE)?;
        read_str(text).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::super::attributes::Writer;
    use super::*;

    const DATA: u16 = 0x1c;

    fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let length = (HEADER + payload.len()) as u32;
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes.resize(align(bytes.len()), 0);
        bytes
    }

    fn error(sequence: u32, errno: i32) -> Vec<u8> {
        let payload = [&(-errno).to_ne_bytes()[..], &[0; HEADER]].concat();
        message(ERROR, CAPPED, sequence, &payload)
    }

    fn said(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.put_u32(2, 20);
        writer.put_str(MESSAGE, text);
        bytes
    }

    fn only_refusal(exchange: &Exchange) -> (i32, Option<&str>) {
        let [(0, refusal)] = exchange.refusals.as_slice() else {
            panic!("{exchange:?}");
        };
        (refusal.errno, refusal.text.as_deref())
    }

    const END: Result<ControlFlow<()>, Broken> = Ok(ControlFlow::Break(()));
    const MORE: Result<ControlFlow<()>, Broken> = Ok(ControlFlow::Continue(()));

    #[test]
    fn ack_ends_a_request_and_data_comes_before_it() {
        let mut exchange = Exchange::new(7, 1);
        assert_eq!(exchange.feed(&message(DATA, 0, 7, b"data")), MORE);
        assert_eq!(exchange.feed(&error(7, 0)), END);
        let reply = Reply {
            kind: DATA,
            payload: b"data".to_vec(),
        };
        assert_eq!(exchange.replies, [reply]);
        assert!(exchange.refusals.is_empty());
    }

    #[test]
    fn extended_ack_is_read_in_both_layouts_and_behind_done() {
        let request = message(DATA, 1, 7, b"a request of 29 bytes or so..");
        let no = (-34i32).to_ne_bytes();
        let whole = [&no[..], &request, &said("too small")].concat();
        let capped = [&no[..], &request[..HEADER], &said("too small")].concat();
        let done = [&no[..], &said("too small")].concat();
        for answer in [
            message(ERROR, ACK_TLVS, 7, &whole),
            message(ERROR, ACK_TLVS | CAPPED, 7, &capped),
            message(DONE, ACK_TLVS, 7, &done),
        ] {
            let mut exchange = Exchange::new(7, 1);
            assert_eq!(exchange.feed(&answer), END);
            assert_eq!(only_refusal(&exchange), (34, Some("too small")));
        }
    }

    #[test]
    fn dump_ends_with_done_and_done_may_carry_an_errno() {
        let mut exchange = Exchange::new(1, 1);
        let datagram = [
            message(DATA, 2, 1, b"one!"),
            message(DATA, 2, 1, b"two"),
            message(DONE, 2, 1, &(-16i32).to_ne_bytes()),
        ]
        .concat();
        assert_eq!(exchange.feed(&message(DATA, 2, 1, b"zero")), MORE);
        assert_eq!(exchange.feed(&datagram), END);
        assert_eq!((exchange.replies.len(), exchange.looks), (3, 2));
        assert_eq!(only_refusal(&exchange), (16, None));
        assert!(!exchange.interrupted);
    }

    #[test]
    fn interrupted_dump_is_told() {
        let mut exchange = Exchange::new(1, 1);
        assert_eq!(
            exchange.feed(&message(DATA, 2 | DUMP_INTERRUPTED, 1, &[])),
            MORE
        );
        assert_eq!(exchange.feed(&message(DONE, 2, 1, &[0; 4])), END);
        assert!(exchange.interrupted);
    }

    #[test]
    fn stale_answers_are_skipped() {
        let mut exchange = Exchange::new(10, 1);
        assert_eq!(exchange.feed(&error(9, 1)), MORE);
        assert_eq!(exchange.feed(&message(DATA, 0, 11, b"")), MORE);
        assert_eq!(exchange.feed(&message(NOOP, 0, 10, b"")), MORE);
        assert_eq!(exchange.feed(&error(10, 0)), END);
        assert!(exchange.refusals.is_empty() && exchange.replies.is_empty());
    }

    #[test]
    fn failures_of_a_batch_are_told_by_their_place_across_the_wrap() {
        let mut exchange = Exchange::new(u32::MAX, 4);
        assert_eq!(exchange.feed(&error(u32::MAX, 17)), MORE);
        assert_eq!(exchange.feed(&error(1, 3)), MORE);
        assert_eq!(exchange.feed(&error(2, 0)), END);
        let places: Vec<_> = exchange
            .refusals
            .iter()
            .map(|(at, no)| (*at, no.errno))
            .collect();
        assert_eq!(places, [(0, 17), (2, 3)]);
    }

    #[test]
    fn overrun_and_broken_framing_end_it() {
        let feed = |bytes: &[u8]| Exchange::new(0, 1).feed(bytes);
        assert_eq!(feed(&message(OVERRUN, 0, 5, &[])), Err(Broken::Overrun));
        assert_eq!(feed(&[1, 2, 3]), Err(Broken::Malformed));
        assert_eq!(feed(&message(ERROR, 0, 0, &[1])), Err(Broken::Malformed));
        let mut long = error(0, 0);
        long[0] += 1;
        assert_eq!(feed(&long), Err(Broken::Malformed));
    }

    #[test]
    fn smallest_errno_does_not_overflow() {
        let mut exchange = Exchange::new(0, 1);
        let worst = [&i32::MIN.to_ne_bytes()[..], &[0; HEADER]].concat();
        assert_eq!(exchange.feed(&message(ERROR, 0, 0, &worst)), END);
        assert_eq!(only_refusal(&exchange), (i32::MAX, None));
    }

    /// Feeds three hundred thousand datagrams, half of them damaged real ones: none may panic.
    #[test]
    fn garbage_never_panics() {
        let whole = [&(-22i32).to_ne_bytes()[..], &error(3, 1), &said("no")].concat();
        let real = [
            message(DATA, 2, 3, b"some data of a dump"),
            message(ERROR, ACK_TLVS, 3, &whole),
            message(DONE, 2 | ACK_TLVS, 4, &whole),
        ]
        .concat();
        let mut random = crate::testing::Random::new(76);
        let mut ended = 0;
        for round in 0..300_000 {
            let bytes = if round % 2 == 0 {
                random.bytes(96)
            } else {
                random.damage(&real)
            };
            let fed = Exchange::new(3, 2).feed(&bytes);
            ended += usize::from(fed == END);
        }
        assert!(ended > 0, "the damaged ones must reach the end sometimes");
    }
}
