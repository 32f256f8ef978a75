//! A TCP connection is accepted.

use super::Deadline;
use super::socket::connect_tcp;
use crate::health::{Healthy, Outcome, ProbePath};

pub(super) fn probe(path: &ProbePath, deadline: &Deadline) -> Outcome {
    connect_tcp(path, deadline).map(|_closed_by_rst| Healthy::default())
}
