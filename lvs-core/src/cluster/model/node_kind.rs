//! The kind of a node: director or real server.

use std::fmt;

use serde::Serialize;

/// Says whether a node is a director or a real server.
///
/// The kind of a node never changes; which of two directors is active is its
/// [`Role`](crate::cluster::Role).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// The node carries the virtual IPs and balances connections.
    Director,
    /// The node serves connections that a director forwards to it.
    RealServer,
}

impl fmt::Display for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Director => "director",
            Self::RealServer => "real server",
        })
    }
}
