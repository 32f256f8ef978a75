//! A netlink socket and the loop around it; the only file here that waits.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::libc::{EBUSY, MSG_WAITFORONE};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg, send, setsockopt, sockopt};

use super::exchange::{Broken, Exchange, Refusal, Reply};
use super::packet::{ACK, DUMP, Packet};
use crate::error::{Cause, Error, Operation, Result};

/// The receive buffer asked for; the kernel doubles it for its own accounting.
const RECEIVE_BUFFER: usize = 1 << 20;
/// A send of 96 KiB must fit, with any default of the host.
const SEND_BUFFER: usize = 192 << 10;
/// How many datagrams one receive takes: a dump's data and its end, and some more of a long dump.
const AT_ONCE: usize = 4;
/// Room for one datagram. Dumps come in datagrams of up to 32 KiB, and a smaller buffer on a later
/// receive would cut them off.
const DATAGRAM: usize = 64 << 10;
/// The most that the kernel charges to the receive buffer for the answer to one request.
const ANSWER: usize = 1024;
/// How long one call waits for its answers, unless the caller sets another time: the kernel has executed a
/// request when `send` returns, so this time only runs out where an answer was lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest time that can be set, which keeps every deadline within the clock's range.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How often an interrupted dump is started.
const ROUNDS: usize = 8;
/// `NLMSG_NOOP`, which does nothing and is answered on request.
const NOOP: u16 = 1;

/// The end of a call's wait. It counts from the first time that the call has to wait: usually the answers are there
/// when `send` returns, and a dump of each of thousands of services would ask for the time in vain.
struct Deadline {
    timeout: Duration,
    end: Option<Instant>,
}

impl Deadline {
    /// Returns the time that is left.
    fn left(&mut self) -> Duration {
        let now = Instant::now();
        let end = *self.end.get_or_insert_with(|| now + self.timeout);
        end.saturating_duration_since(now)
    }
}

/// Sends requests of one netlink protocol to the kernel and receives the answers.
///
/// It is not `Clone`: two owners would read each other's answers, and the socket of netlink-sys closes its
/// descriptor with the first clone that is dropped.
pub(crate) struct Conn {
    socket: Socket,
    sequence: u32,
    receive_buffer: usize,
    /// Room for [`AT_ONCE`] datagrams. Memory that no datagram ever reaches is never allocated by the kernel.
    buffer: Vec<u8>,
    room: usize,
    /// How long one call waits for its answers.
    timeout: Duration,
    /// Whether the last exchange ended early, so that answers to it may still come.
    stale: bool,
}

impl Conn {
    /// Opens a socket of the calling thread's network namespace.
    pub(crate) fn open(protocol: isize) -> Result<Self> {
        Self::with_room(protocol, DATAGRAM)
    }

    /// Opens a socket with room for datagrams of this size. The kernel fills the room up (to 32 KiB) when it
    /// dumps, so this also decides after which entries a dump is cut; a single message must fit.
    pub(crate) fn with_room(protocol: isize, room: usize) -> Result<Self> {
        let failed = |error| Error::io(Operation::new("open netlink socket", ""), error);
        let mut socket = Socket::new(protocol).map_err(failed)?;
        socket.bind_auto().map_err(failed)?;
        // Connected to the kernel, the socket receives no datagrams from other senders.
        socket.connect(&SocketAddr::new(0, 0)).map_err(failed)?;
        // Old kernels have neither; answers are understood with and without.
        let _ = socket.set_ext_ack(true);
        let _ = socket.set_cap_ack(true);
        let _ = setsockopt(&socket, sockopt::SndBuf, &SEND_BUFFER);
        let receive_buffer = enlarge(&socket);
        Ok(Self {
            socket,
            sequence: 0,
            receive_buffer,
            buffer: vec![0; room.saturating_mul(AT_ONCE)],
            room,
            timeout: PATIENCE,
            stale: false,
        })
    }

    /// Sets how long one call waits for its answers.
    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout.min(LONGEST);
    }

    /// Returns how long a call that begins now waits.
    const fn deadline(&self) -> Deadline {
        Deadline {
            timeout: self.timeout,
            end: None,
        }
    }

    /// Sends one request with ACK, and returns the data answers (may be none) or the kernel's refusal.
    pub(crate) fn request(
        &mut self,
        operation: &Operation,
        kind: u16,
        flags: u16,
        payload: &[u8],
    ) -> Result<Vec<Reply>> {
        let exchange = self.exchange(operation, &mut Packet::single(kind, flags | ACK, payload))?;
        answers(operation, exchange)
    }

    /// Makes one dump, and starts it again while the kernel reports that the table changed meanwhile; at last
    /// the error has the replies of the last one.
    pub(crate) fn dump(
        &mut self,
        operation: &Operation,
        kind: u16,
        payload: &[u8],
    ) -> Result<Vec<Reply>> {
        let (replies, _) = self.dump_by(operation, kind, payload, |reply| Ok(Some(reply)))?;
        Ok(replies)
    }

    /// Makes a dump as [`dump`](Self::dump) does, decodes each reply as soon as it has arrived, and returns in how
    /// many parts ([`Exchange::looks`]) the kernel read the table.
    pub(crate) fn dump_by<T: Send + Sync + 'static>(
        &mut self,
        operation: &Operation,
        kind: u16,
        payload: &[u8],
        decode: impl Fn(Reply) -> Result<Option<T>>,
    ) -> Result<(Vec<T>, usize)> {
        let mut deadline = self.deadline();
        let mut items = Vec::new();
        for _ in 0..ROUNDS {
            let mut packet = Packet::single(kind, DUMP, payload);
            items.clear();
            let mut take = |exchange: &mut Exchange| {
                for reply in exchange.take_replies() {
                    items.extend(decode(reply)?);
                }
                Ok(())
            };
            let exchange = self.exchange_until(&mut deadline, operation, &mut packet, &mut take)?;
            if exchange.is_refused_with(EBUSY) {
                // A dump that was given up occupies the socket until it has been read to its end.
                self.stale = true;
                continue;
            }
            if !exchange.interrupted {
                let looks = exchange.looks;
                answers(operation, exchange)?;
                // There may be tens of thousands of short lists.
                items.shrink_to_fit();
                return Ok((items, looks));
            }
        }
        Err(Error::new(operation.clone(), Cause::Unsettled).with_payload(items))
    }

    /// Returns the size of the receive buffer, as the kernel counts it.
    pub(crate) const fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    /// Returns how many requests one send may carry: every one may fail, and the answers must fit the receive
    /// buffer, or the last one, for which the exchange waits, would be lost.
    pub(crate) fn most_requests(&self) -> usize {
        (self.receive_buffer / ANSWER).max(1)
    }

    /// Sends a packet whose last request is sure to be answered, and collects all answers.
    ///
    /// An error means that the outcome is unknown, except where sending itself failed.
    pub(crate) fn exchange(
        &mut self,
        operation: &Operation,
        packet: &mut Packet,
    ) -> Result<Exchange> {
        self.exchange_until(&mut self.deadline(), operation, packet, &mut |_| Ok(()))
    }

    fn exchange_until(
        &mut self,
        deadline: &mut Deadline,
        operation: &Operation,
        packet: &mut Packet,
        take: &mut dyn FnMut(&mut Exchange) -> Result<()>,
    ) -> Result<Exchange> {
        let outcome = self.attempt(deadline, operation, packet, take);
        #[cfg(feature = "tracing")]
        crate::trace::exchange(operation, packet.len(), &outcome);
        outcome
    }

    fn attempt(
        &mut self,
        deadline: &mut Deadline,
        operation: &Operation,
        packet: &mut Packet,
        take: &mut dyn FnMut(&mut Exchange) -> Result<()>,
    ) -> Result<Exchange> {
        self.drain(deadline);
        let count = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let first = self.sequence.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(count);
        self.send(packet.numbered(first))
            .map_err(|errno| Error::io(operation.clone(), errno.into()))?;
        self.stale = true;
        let mut exchange = Exchange::new(first, count);
        self.collect(deadline, operation, &mut exchange, take)?;
        self.stale = false;
        Ok(exchange)
    }

    fn collect(
        &mut self,
        deadline: &mut Deadline,
        operation: &Operation,
        exchange: &mut Exchange,
        take: &mut dyn FnMut(&mut Exchange) -> Result<()>,
    ) -> Result<()> {
        let broken = |cause| Error::new(operation.clone(), cause);
        loop {
            let lengths = self.receive_until(deadline).map_err(broken)?;
            for (room, length) in self.buffer.chunks(self.room).zip(lengths) {
                let datagram = whole(room, length).map_err(broken)?;
                let end = exchange.feed(datagram).map_err(|why| broken(why.into()))?;
                take(exchange)?;
                if end.is_break() {
                    return Ok(());
                }
            }
        }
    }

    /// Discards the answers to an earlier exchange. This also ends its dump, or the next one would be refused
    /// with `EBUSY`.
    ///
    /// The kernel continues a dump only while a datagram is received. If it could not make the next one (no
    /// memory), none is queued and the dump would never end: the answer to a request that does nothing makes
    /// it go on.
    fn drain(&mut self, deadline: &mut Deadline) {
        if !self.stale {
            return;
        }
        self.sequence = self.sequence.wrapping_add(1);
        // A failure shows in the request that follows.
        let _ = self.send(Packet::single(NOOP, ACK, &[]).numbered(self.sequence));
        while self.stale {
            self.stale = match self.receive() {
                Ok(_) => true,
                Err(Cause::Overrun) => !deadline.left().is_zero(),
                Err(_) => false,
            };
        }
    }

    fn send(&self, bytes: &[u8]) -> nix::Result<usize> {
        loop {
            match send(self.socket.as_raw_fd(), bytes, MsgFlags::empty()) {
                Err(Errno::EINTR) => {}
                other => return other,
            }
        }
    }

    /// Receives datagrams as [`receive`](Self::receive) does, and waits for the first until the deadline. A
    /// dump that makes progress never waits, however long it takes.
    fn receive_until(&mut self, deadline: &mut Deadline) -> Result<Vec<usize>, Cause> {
        loop {
            match self.receive() {
                Err(Cause::Timeout) => self.wait(deadline)?,
                received => return received,
            }
        }
    }

    /// Receives the datagrams that are queued, each into its room, and returns their lengths. While one is
    /// received the kernel makes the next of a dump. If there is none it is a timeout.
    fn receive(&mut self) -> Result<Vec<usize>, Cause> {
        let fd = self.socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT
            | MsgFlags::MSG_TRUNC
            | MsgFlags::from_bits_retain(MSG_WAITFORONE);
        loop {
            // Not kept, because their raw pointers would tie this to a thread.
            let mut headers = MultiHeaders::<()>::preallocate(AT_ONCE, None);
            let rooms = self.buffer.chunks_mut(self.room);
            let mut rooms: Vec<_> = rooms.map(|room| [IoSliceMut::new(room)]).collect();
            match recvmmsg(fd, &mut headers, rooms.iter_mut(), flags, None) {
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Err(Cause::Timeout),
                Err(Errno::ENOBUFS) => return Err(Cause::Overrun),
                Err(errno) => return Err(Cause::Io(errno.into())),
                Ok(datagrams) => return Ok(datagrams.map(|datagram| datagram.bytes).collect()),
            }
        }
    }

    /// Waits until there is something to receive. A signal does not prolong the wait.
    fn wait(&self, deadline: &mut Deadline) -> Result<(), Cause> {
        loop {
            let left = deadline.left();
            if left.is_zero() {
                return Err(Cause::Timeout);
            }
            // Rounded up to whole milliseconds.
            let left = PollTimeout::try_from(left + Duration::from_micros(999));
            let mut socket = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            match poll(&mut socket, left.unwrap_or(PollTimeout::MAX)) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(Cause::Io(errno.into())),
            }
        }
    }
}

/// Returns a datagram in its room, or an error if the room was too small.
fn whole(room: &[u8], length: usize) -> Result<&[u8], Cause> {
    let cut = || Cause::Decode(format!("a datagram of {length} bytes was cut off"));
    room.get(..length).ok_or_else(cut)
}

impl From<Broken> for Cause {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Overrun => Self::Overrun,
            Broken::Malformed => Self::Decode("a netlink message has no valid length".to_owned()),
        }
    }
}

impl AsFd for Conn {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Returns the error of a refused request.
pub(crate) fn refused(operation: Operation, refusal: Refusal) -> Error {
    Error::kernel(operation, refusal.errno, refusal.text)
}

/// Returns the answers to the only request of an exchange.
fn answers(operation: &Operation, exchange: Exchange) -> Result<Vec<Reply>> {
    match exchange.refusals.into_iter().next() {
        Some((_, refusal)) => Err(refused(operation.clone(), refusal)),
        None => Ok(exchange.replies),
    }
}

/// Makes the receive buffer as large as is allowed, and returns its size.
fn enlarge(socket: &Socket) -> usize {
    if setsockopt(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        // Without the privilege the kernel grants what net.core.rmem_max allows.
        let _ = setsockopt(socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
    }
    nix::sys::socket::getsockopt(socket, sockopt::RcvBuf).unwrap_or(0)
}

/// The tests ask the family that every kernel has for a command that none has, which needs no privilege.
#[cfg(test)]
mod tests {
    use netlink_sys::protocols::NETLINK_GENERIC;
    use nix::libc::EOPNOTSUPP;

    use super::*;

    const CONTROLLER: u16 = 0x10;
    const NO_SUCH_COMMAND: [u8; 4] = [99, 2, 0, 0];
    /// `CTRL_CMD_GETFAMILY`, whose dump lists all families.
    const FAMILIES: [u8; 4] = [3, 2, 0, 0];

    fn refused_packet(count: usize) -> Packet {
        let mut packet = Packet::default();
        for _ in 1..count {
            packet.push(CONTROLLER, 0, |out| out.extend(NO_SUCH_COMMAND));
        }
        packet.push(CONTROLLER, ACK, |out| out.extend(NO_SUCH_COMMAND));
        packet
    }

    fn operation() -> Operation {
        Operation::new("test", "conversation")
    }

    #[test]
    fn every_failure_of_the_largest_packet_is_told() {
        let mut conn = Conn::open(NETLINK_GENERIC).unwrap();
        for _ in 0..3 {
            let count = conn.most_requests();
            let exchange = conn
                .exchange(&operation(), &mut refused_packet(count))
                .unwrap();
            assert!(
                exchange
                    .refusals
                    .iter()
                    .map(|(place, _)| *place)
                    .eq(0..count)
            );
            assert!(
                exchange
                    .refusals
                    .iter()
                    .all(|(_, no)| no.errno == EOPNOTSUPP)
            );
        }
    }

    #[test]
    fn lost_answers_are_told_and_the_next_request_is_answered() {
        let mut conn = Conn::open(NETLINK_GENERIC).unwrap();
        setsockopt(&conn.socket, sockopt::RcvBuf, &(16 << 10)).unwrap();
        for _ in 0..3 {
            let lost = conn
                .exchange(&operation(), &mut refused_packet(500))
                .unwrap_err();
            assert!(matches!(lost.cause(), Cause::Overrun), "{lost}");
            assert!(lost.is_outcome_unknown());
            let next = conn.exchange(&operation(), &mut refused_packet(1)).unwrap();
            assert_eq!(next.refusals.len(), 1);
        }
    }

    #[test]
    fn a_dump_that_was_given_up_does_not_hinder_the_next() {
        let mut conn = Conn::open(NETLINK_GENERIC).unwrap();
        let all = conn
            .dump(&operation(), CONTROLLER, &FAMILIES)
            .unwrap()
            .len();
        assert!(all > 1);
        conn.send(Packet::single(CONTROLLER, DUMP, &FAMILIES).numbered(7))
            .unwrap();
        conn.stale = true;
        assert_eq!(
            conn.dump(&operation(), CONTROLLER, &FAMILIES)
                .unwrap()
                .len(),
            all
        );
    }

    /// A dump that was left in the middle, with nothing to show that it was: the state after a failed drain.
    #[test]
    fn an_abandoned_dump_does_not_make_the_next_calls_busy() {
        let mut conn = Conn::open(NETLINK_GENERIC).unwrap();
        let dump = |conn: &mut Conn| conn.dump(&operation(), CONTROLLER, &FAMILIES);
        let all = dump(&mut conn).unwrap().len();
        for sequence in [7, 8] {
            conn.send(Packet::single(CONTROLLER, DUMP, &FAMILIES).numbered(sequence))
                .unwrap();
            assert_eq!(dump(&mut conn).unwrap().len(), all);
            assert_eq!(dump(&mut conn).unwrap().len(), all);
        }
    }

    /// The request has no answer: nothing in it asks for one.
    fn unanswered() -> Packet {
        Packet::single(NOOP, 0, &[])
    }

    #[test]
    fn one_deadline_holds_for_the_whole_call_whatever_signals_arrive() {
        use nix::sys::pthread::{pthread_kill, pthread_self};
        use nix::sys::signal::Signal;
        use std::sync::atomic::{AtomicBool, Ordering};

        // Without a handler that returns, the signal would be ignored and interrupt nothing.
        let seen = std::sync::Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(Signal::SIGUSR2 as i32, seen.clone()).unwrap();
        let mut conn = Conn::open(NETLINK_GENERIC).unwrap();
        conn.set_timeout(Duration::from_millis(400));
        let waiting = pthread_self();
        let ended = AtomicBool::new(false);
        let begin = Instant::now();
        let error = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    pthread_kill(waiting, Signal::SIGUSR2).unwrap();
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
            let error = conn.exchange(&operation(), &mut unanswered()).unwrap_err();
            ended.store(true, Ordering::Relaxed);
            error
        });
        assert!(matches!(error.cause(), Cause::Timeout), "{error}");
        assert!(seen.load(Ordering::Relaxed), "no signal was handled");
        let took = begin.elapsed();
        assert!(took >= Duration::from_millis(400), "{took:?}");
        assert!(took < Duration::from_secs(4), "{took:?}");
        let next = conn.exchange(&operation(), &mut refused_packet(1)).unwrap();
        assert_eq!(next.refusals.len(), 1);
    }

    #[test]
    fn refusal_is_an_error_of_the_operation() {
        let mut conn = Conn::open(NETLINK_GENERIC).unwrap();
        let refused = conn.request(&operation(), CONTROLLER, 0, &NO_SUCH_COMMAND);
        let error = refused.unwrap_err();
        assert_eq!(error.errno(), Some(EOPNOTSUPP));
        assert_eq!(error.operation(), &operation());
    }
}
