//! The part a machine plays.

use std::fmt;

use serde::Serialize;

/// The part a machine plays, once and for all; which of two directors is active is its
/// [`Role`](crate::cluster::Role).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// It carries the virtual IPs and spreads connections.
    Director,
    /// It serves them.
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
