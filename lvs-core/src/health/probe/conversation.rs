//! One probe by a socket that never blocks: it goes on whenever the socket is ready.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use hickory_proto::op::Message;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};

use super::http::{self, Answer};
use super::socket::{begin_tcp, connect_udp, connected, io_failure, local};
use super::tls::Session;
use super::{Deadline, dns, tls};
use crate::health::{
    CheckKind, DnsTransport, Failure, Healthy, HttpCheck, Outcome, ProbePath, Stage, UdpCheck,
};

/// The largest part that is read at once: a server that sends without end keeps the others waiting no longer.
const CHUNK: usize = 4096;
/// The largest datagram that is read; what is longer is cut.
const LARGEST: usize = 65_535;

/// A probe that has begun.
#[derive(Debug)]
pub(crate) enum Conversation {
    Tcp(Connection),
    Udp(UdpSocket, Datagram),
}

/// What a socket must be for the conversation to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Readable,
    Writable,
}

/// A connection, and what is said by it.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    is_connected: bool,
    tls: Option<Session>,
    unsent: Vec<u8>,
    expected: Expected,
}

/// What an answer by a connection must be.
#[derive(Debug)]
enum Expected {
    /// That the connection is accepted.
    Connection,
    /// That the handshake is completed.
    Handshake,
    Page(Box<Answer>),
    /// An answer to a question of DNS, and what of it has arrived.
    Records(Box<Message>, Vec<u8>),
}

/// What an answering datagram must be.
#[derive(Debug)]
pub(crate) enum Datagram {
    Content(UdpCheck),
    Records(Box<Message>),
}

impl Conversation {
    /// Begins a probe of a kind that needs a socket.
    pub(super) fn begin(
        kind: &CheckKind,
        tls: Option<&tls::Client>,
        path: &ProbePath,
    ) -> Result<Self, Failure> {
        let session = || {
            let client = tls.ok_or_else(|| Failure::NotProbed("TLS was not prepared".to_owned()));
            client.and_then(|client| client.session(path.destination.ip()))
        };
        let page = |check: &HttpCheck, tls, port| {
            let request = http::request(check, path.destination, port).into_bytes();
            Connection::begin(
                path,
                tls,
                request,
                Expected::Page(Box::new(Answer::new(check))),
            )
        };
        let connection = match kind {
            CheckKind::Tcp => Connection::begin(path, None, Vec::new(), Expected::Connection)?,
            CheckKind::Tls(_) => {
                Connection::begin(path, Some(session()?), Vec::new(), Expected::Handshake)?
            }
            CheckKind::Http(check) => page(check, None, 80)?,
            CheckKind::Https(check, _) => page(check, Some(session()?), 443)?,
            CheckKind::Dns(check) => {
                let question = Box::new(dns::question(check, dns::identifier(path))?);
                let is_framed = check.transport == DnsTransport::Tcp;
                let bytes = dns::encoded(&question, is_framed)?;
                if !is_framed {
                    return ask(path, &bytes, Datagram::Records(question));
                }
                Connection::begin(path, None, bytes, Expected::Records(question, Vec::new()))?
            }
            CheckKind::Udp(check) => {
                let expected = Datagram::Content(check.clone());
                return ask(path, check.payload.bytes(), expected);
            }
            CheckKind::Program(_) | CheckKind::File(_) => {
                return Err(Failure::NotProbed("it needs no socket".to_owned()));
            }
        };
        Ok(Self::Tcp(connection))
    }

    pub(crate) const fn interest(&self) -> Interest {
        match self {
            Self::Tcp(connection) if connection.waits_to_send() => Interest::Writable,
            _ => Interest::Readable,
        }
    }

    /// Goes on until there is an outcome, or the deadline has passed.
    pub(super) fn finish(mut self, deadline: &Deadline) -> Outcome {
        loop {
            let Some(timeout) = deadline.poll_timeout() else {
                return self.late();
            };
            let events = match self.interest() {
                Interest::Readable => PollFlags::POLLIN,
                Interest::Writable => PollFlags::POLLOUT,
            };
            let mut polled = [PollFd::new(self.as_fd(), events)];
            let ready = match poll(&mut polled, timeout) {
                // The deadline decides, for poll rounds.
                Ok(0) | Err(Errno::EINTR) => continue,
                Ok(_) => polled[0].revents().unwrap_or(PollFlags::empty()),
                Err(errno) => return Err(local("poll", errno)),
            };
            if let Some(outcome) = self.advance(ready.contains(PollFlags::POLLERR)) {
                return outcome;
            }
        }
    }

    /// Goes on, now that the socket is what it must be, or has an error; returns the outcome once there is one.
    pub(crate) fn advance(&mut self, has_error: bool) -> Option<Outcome> {
        match self {
            Self::Tcp(connection) => connection.advance(has_error),
            Self::Udp(socket, expected) => expected.receive(socket),
        }
        .unwrap_or_else(|failure| Some(Err(failure)))
    }

    /// Returns the outcome if it has none in time.
    pub(crate) fn late(&self) -> Outcome {
        match self {
            Self::Tcp(connection) if !connection.is_connected => Err(Failure::ConnectTimedOut),
            Self::Tcp(connection) => Err(Failure::TimedOut(connection.stage())),
            // Nothing was expected, and no ICMP message says that there is no listener.
            Self::Udp(_, Datagram::Content(check)) if check.answer.is_none() => {
                Ok(Healthy::default())
            }
            Self::Udp(..) => Err(Failure::TimedOut(Stage::Answer)),
        }
    }
}

impl AsFd for Conversation {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(connection) => connection.stream.as_fd(),
            Self::Udp(socket, _) => socket.as_fd(),
        }
    }
}

/// Sends a datagram.
fn ask(path: &ProbePath, payload: &[u8], expected: Datagram) -> Result<Conversation, Failure> {
    let socket = connect_udp(path)?;
    match socket.send(payload) {
        Ok(_) => Ok(Conversation::Udp(socket, expected)),
        Err(error) => Err(io_failure(&error, Stage::Request)),
    }
}

impl Datagram {
    fn receive(&self, socket: &UdpSocket) -> Result<Option<Outcome>, Failure> {
        let mut answer = vec![0; LARGEST];
        match socket.recv(&mut answer) {
            Ok(count) => {
                answer.truncate(count);
                Ok(Some(self.judge(&answer)))
            }
            // A datagram with a wrong checksum makes a socket readable and is dropped when it is read.
            Err(error) if is_to_repeat(&error) => Ok(None),
            Err(error) => Err(io_failure(&error, Stage::Answer)),
        }
    }

    fn judge(&self, answer: &[u8]) -> Outcome {
        match self {
            Self::Records(question) => dns::judge(question, answer),
            Self::Content(check) => match &check.answer {
                Some(needle) if !needle.is_in(answer) => Err(Failure::Lacks(needle.to_string())),
                _ => Ok(Healthy::default()),
            },
        }
    }
}

impl Connection {
    fn begin(
        path: &ProbePath,
        mut tls: Option<Session>,
        request: Vec<u8>,
        expected: Expected,
    ) -> Result<Self, Failure> {
        let mut unsent = request;
        if let Some(session) = &mut tls {
            session.encrypt(&std::mem::take(&mut unsent))?;
            session.take_unsent(&mut unsent);
        }
        Ok(Self {
            stream: begin_tcp(path)?,
            is_connected: false,
            tls,
            unsent,
            expected,
        })
    }

    const fn waits_to_send(&self) -> bool {
        !self.is_connected || !self.unsent.is_empty()
    }

    /// Returns before what it is.
    fn stage(&self) -> Stage {
        match &self.tls {
            Some(session) if session.is_handshaking() => Stage::Handshake,
            _ if !self.unsent.is_empty() => Stage::Request,
            _ => Stage::Answer,
        }
    }

    fn advance(&mut self, has_error: bool) -> Result<Option<Outcome>, Failure> {
        if !self.is_connected {
            if has_error {
                connected(&self.stream)?;
            }
            self.is_connected = true;
            if matches!(self.expected, Expected::Connection) {
                return Ok(Some(Ok(Healthy::default())));
            }
        } else if self.unsent.is_empty()
            && let Some(outcome) = self.receive()?
        {
            return Ok(Some(outcome));
        }
        self.send()?;
        Ok(None)
    }

    /// Sends as much as there is room for.
    fn send(&mut self) -> Result<(), Failure> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count.min(self.unsent.len()))),
                Err(error) if is_to_repeat(&error) => return Ok(()),
                Err(error) => return Err(io_failure(&error, self.stage())),
            }
        }
        Ok(())
    }

    /// Receives one part.
    fn receive(&mut self) -> Result<Option<Outcome>, Failure> {
        let mut buffer = [0; CHUNK];
        let count = match self.stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if is_to_repeat(&error) => return Ok(None),
            Err(error) => return Err(io_failure(&error, self.stage())),
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        match &mut self.tls {
            _ if bytes.is_empty() => self.end().map(Some),
            None => Ok(self.expected.feed(bytes)),
            Some(_) => self.receive_by_tls(bytes),
        }
    }

    fn receive_by_tls(&mut self, bytes: &[u8]) -> Result<Option<Outcome>, Failure> {
        let Some(session) = &mut self.tls else {
            return Ok(None);
        };
        let (content, is_handshaking) = (session.decrypt(bytes), session.is_handshaking());
        session.take_unsent(&mut self.unsent);
        // The client's last message, so that the server sees a complete handshake; or the alert, which tells it why.
        let sent = self.send();
        let content = content?;
        sent?;
        if is_handshaking {
            return Ok(None);
        }
        if matches!(self.expected, Expected::Handshake) {
            return Ok(Some(Ok(Healthy::default())));
        }
        if let Some(outcome) = self.expected.feed(&content.bytes) {
            return Ok(Some(outcome));
        }
        match content.is_last {
            true => self.end().map(Some),
            false => Ok(None),
        }
    }

    /// Takes the end of the connection.
    fn end(&self) -> Result<Outcome, Failure> {
        match (&self.expected, self.stage()) {
            (Expected::Page(answer), Stage::Answer) => Ok(answer.end()),
            (_, stage) => Err(Failure::Closed(stage)),
        }
    }
}

impl Expected {
    fn feed(&mut self, bytes: &[u8]) -> Option<Outcome> {
        match self {
            Self::Connection | Self::Handshake => Some(Ok(Healthy::default())),
            Self::Page(answer) => answer.feed(bytes),
            Self::Records(question, answer) => {
                answer.extend_from_slice(bytes);
                dns::framed(answer).map(|whole| dns::judge(question, whole))
            }
        }
    }
}

fn is_to_repeat(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
