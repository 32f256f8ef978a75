//! Requests that reach a node while it is watched, and what becomes of them.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::net::{Answer, Requested};
use serde::{Deserialize, Serialize};

/// The connections that clients asked a socket of this node for while facts were gathered.
///
/// Packets are seen before a firewall judges those that arrive, and after it has judged those that leave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RequestsFact {
    /// The node's own address and port.
    pub address: SocketAddr,
    /// The number of those that this node has answered.
    pub answered: usize,
    /// The number of those that it has refused with a reset.
    pub refused: usize,
    /// The clients that it has refused.
    #[serde(default)]
    pub rejected: BTreeSet<SocketAddr>,
    /// The clients that nothing has answered for a second, or although they asked again.
    pub unanswered: BTreeSet<SocketAddr>,
    /// Those of them that asked again.
    #[serde(default)]
    pub repeated: BTreeSet<SocketAddr>,
    /// The clients that were answered, and have sent nothing since.
    #[serde(default)]
    pub silent: BTreeSet<SocketAddr>,
    /// The clients that were answered a second ago, and have sent nothing since.
    #[serde(default)]
    pub unheard: BTreeSet<SocketAddr>,
    /// The addresses of clients that were answered, and went on.
    #[serde(default)]
    pub served: BTreeSet<IpAddr>,
    /// The clients that were connected and have sent data, and got none for a second.
    #[serde(default)]
    pub unserved: BTreeSet<SocketAddr>,
    /// The clients that asked again although this node has answered them.
    #[serde(default)]
    pub lost: BTreeSet<SocketAddr>,
    /// Of the unanswered clients those whose packets a director has sent on.
    #[serde(default)]
    pub forwarded: BTreeSet<SocketAddr>,
    /// Of the unanswered clients those for whom an answer has arrived at a director.
    #[serde(default)]
    pub returned: BTreeSet<SocketAddr>,
    /// The clients of connections that send the same data again and again.
    #[serde(default)]
    pub stalled: BTreeSet<SocketAddr>,
}

impl RequestsFact {
    /// Adds a connection that a client has asked for.
    pub(super) fn add(&mut self, seen: &Requested) {
        let client = seen.client;
        match seen.answer {
            Answer::Given => self.answered += 1,
            Answer::Refused => {
                self.refused += 1;
                self.rejected.insert(client);
            }
            // What becomes of a packet that has left is seen elsewhere.
            Answer::Nothing if seen.is_forwarded && !seen.is_returned && !seen.is_repeated => {}
            Answer::Nothing => {
                self.repeated.extend(seen.is_repeated.then_some(client));
                self.unanswered.insert(client);
                self.forwarded.extend(seen.is_forwarded.then_some(client));
                self.returned.extend(seen.is_returned.then_some(client));
            }
        }
        self.lost.extend(seen.is_lost.then_some(client));
        self.silent.extend(seen.is_silent.then_some(client));
        self.unheard.extend(seen.is_unheard.then_some(client));
        self.served.extend(seen.is_continued.then_some(client.ip()));
        self.unserved.extend(seen.is_unserved.then_some(client));
    }

    /// Returns a socket of which nothing was seen yet.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            answered: 0,
            refused: 0,
            rejected: BTreeSet::new(),
            unanswered: BTreeSet::new(),
            repeated: BTreeSet::new(),
            silent: BTreeSet::new(),
            unheard: BTreeSet::new(),
            served: BTreeSet::new(),
            unserved: BTreeSet::new(),
            lost: BTreeSet::new(),
            forwarded: BTreeSet::new(),
            returned: BTreeSet::new(),
            stalled: BTreeSet::new(),
        }
    }
}
