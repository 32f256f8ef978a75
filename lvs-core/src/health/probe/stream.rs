//! A connection that is read and written within a deadline.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use nix::poll::PollFlags;

use super::Deadline;
use super::socket::{io_failure, wait};
use crate::health::{Failure, Stage};

/// A connection with the deadline of its probe.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    connection: TcpStream,
    deadline: &'a Deadline,
}

/// The largest part that is read at once.
const CHUNK: usize = 4096;

/// What a probe sends and receives bytes by: a connection, or TLS in one.
pub(super) trait Exchange {
    /// Sends all bytes.
    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure>;
    /// Receives some bytes; none at the end.
    fn receive(&mut self) -> Result<Vec<u8>, Failure>;
}

impl<'a> Stream<'a> {
    pub(super) const fn new(connection: TcpStream, deadline: &'a Deadline) -> Self {
        Self {
            connection,
            deadline,
        }
    }

    /// Waits for bytes of the peer, before a stage.
    pub(super) fn read(&mut self, buffer: &mut [u8], before: Stage) -> Result<usize, Failure> {
        loop {
            wait(
                &self.connection,
                PollFlags::POLLIN,
                self.deadline,
                Failure::TimedOut(before),
            )?;
            match self.connection.read(buffer) {
                Ok(count) => return Ok(count),
                Err(error) if is_to_repeat(&error) => {}
                Err(error) => return Err(io_failure(&error, before)),
            }
        }
    }

    /// Writes all bytes, before a stage.
    pub(super) fn write(&mut self, mut bytes: &[u8], before: Stage) -> Result<(), Failure> {
        while !bytes.is_empty() {
            wait(
                &self.connection,
                PollFlags::POLLOUT,
                self.deadline,
                Failure::TimedOut(before),
            )?;
            match self.connection.write(bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if is_to_repeat(&error) => {}
                Err(error) => return Err(io_failure(&error, before)),
            }
        }
        Ok(())
    }
}

impl Exchange for Stream<'_> {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.write(bytes, Stage::Request)
    }

    fn receive(&mut self) -> Result<Vec<u8>, Failure> {
        let mut buffer = vec![0; CHUNK];
        let count = self.read(&mut buffer, Stage::Answer)?;
        buffer.truncate(count);
        Ok(buffer)
    }
}

fn is_to_repeat(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
