//! Datagrams that reach a node while it is watched, and what becomes of them.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::net::Sent;

/// The datagrams that clients sent to a socket of this node while facts were gathered.
///
/// They are seen before a firewall judges those that arrive, and after it has judged those that leave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatagramsFact {
    /// The node's own address and port.
    pub address: SocketAddr,
    /// The number of datagrams that arrived.
    pub count: u64,
    /// The clients to which an answer has left.
    pub answered: BTreeSet<SocketAddr>,
    /// The clients that nothing has answered for a second.
    pub unanswered: BTreeSet<SocketAddr>,
    /// Whether programs have read fewer than half as many datagrams meanwhile, and none waits in a queue of this port.
    pub undelivered: bool,
}

impl DatagramsFact {
    /// Returns a socket of which nothing was seen yet.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            count: 0,
            answered: BTreeSet::new(),
            unanswered: BTreeSet::new(),
            undelivered: false,
        }
    }

    /// Adds what a client has sent.
    pub(super) fn add(&mut self, sent: &Sent) {
        self.count += sent.count;
        self.answered
            .extend(sent.is_answered.then_some(sent.client));
        self.unanswered
            .extend(sent.is_unanswered.then_some(sent.client));
    }
}
