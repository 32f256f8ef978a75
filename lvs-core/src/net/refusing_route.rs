//! Routes that refuse packets.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{RouteId, RouteQuery, Verdict};

/// Describes a route of type `unreachable`, `prohibit` or `blackhole`: a packet that it wins is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefusingRoute {
    /// What tells it from other routes.
    pub id: RouteId,
    /// What becomes of the packets.
    pub verdict: Verdict,
}

impl RefusingRoute {
    /// Returns whether its table has it for the packet of a look-up.
    #[must_use]
    pub fn is_for(&self, query: &RouteQuery) -> bool {
        let id = &self.id;
        id.destination.contains(&query.destination)
            && id.tos == 0
            && id
                .from
                .is_none_or(|from| query.source.is_some_and(|source| from.contains(&source)))
    }
}

/// Writes it as `ip route` takes it: `unreachable 172.16.0.0/12 table 100`.
impl fmt::Display for RefusingRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.verdict {
            Verdict::Unreachable => "unreachable",
            Verdict::Prohibited => "prohibit",
            _ => "blackhole",
        };
        write!(f, "{kind} {}", self.id)
    }
}
