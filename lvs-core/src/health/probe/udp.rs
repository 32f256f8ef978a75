//! A UDP datagram is answered, or at least not refused.

use std::io::ErrorKind;

use nix::poll::PollFlags;

use super::Deadline;
use super::socket::{connect_udp, io_failure, wait};
use crate::health::{Failure, Healthy, Outcome, ProbePath, Stage, UdpCheck};

/// The largest datagram that is read; what is longer is cut.
const LARGEST: usize = 65_535;

pub(super) fn probe(check: &UdpCheck, path: &ProbePath, deadline: &Deadline) -> Outcome {
    let answer = ask(check.payload.bytes(), path, deadline);
    match (&check.answer, answer) {
        // Nothing was expected, and no ICMP message says that there is no listener.
        (None, Err(Failure::TimedOut(_))) => Ok(Healthy::default()),
        (Some(needle), Ok(answer)) if !needle.is_in(&answer) => {
            Err(Failure::Lacks(needle.to_string()))
        }
        (_, answer) => answer.map(|_| Healthy::default()),
    }
}

/// Sends a datagram, and returns the first answer.
pub(super) fn ask(
    payload: &[u8],
    path: &ProbePath,
    deadline: &Deadline,
) -> Result<Vec<u8>, Failure> {
    let socket = connect_udp(path)?;
    socket
        .send(payload)
        .map_err(|error| io_failure(&error, Stage::Request))?;
    let mut buffer = vec![0; LARGEST];
    loop {
        wait(
            &socket,
            PollFlags::POLLIN,
            deadline,
            Failure::TimedOut(Stage::Answer),
        )?;
        match socket.recv(&mut buffer) {
            Ok(count) => {
                buffer.truncate(count);
                return Ok(buffer);
            }
            // A datagram with a wrong checksum makes a socket readable and is dropped when it is read.
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(io_failure(&error, Stage::Answer)),
        }
    }
}
