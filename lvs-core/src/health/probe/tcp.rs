//! A TCP connection is accepted.

#[cfg(feature = "run")]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::Deadline;
use super::socket::connect_tcp;
#[cfg(feature = "run")]
use super::socket::{begin_tcp, connected};
#[cfg(feature = "run")]
use crate::health::Failure;
use crate::health::{Healthy, Outcome, ProbePath};

pub(super) fn probe(path: &ProbePath, deadline: &Deadline) -> Outcome {
    connect_tcp(path, deadline).map(|_closed_by_rst| Healthy::default())
}

/// A probe that has begun: its descriptor becomes writable when there is an outcome.
#[cfg(feature = "run")]
#[derive(Debug)]
pub(crate) struct Connecting(OwnedFd);

#[cfg(feature = "run")]
impl Connecting {
    pub(super) fn begin(path: &ProbePath) -> Result<Self, Failure> {
        begin_tcp(path).map(Self)
    }

    pub(crate) fn outcome(&self) -> Outcome {
        connected(&self.0).map(|()| Healthy::default())
    }
}

#[cfg(feature = "run")]
impl AsFd for Connecting {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
