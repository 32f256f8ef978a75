//! Least connection.

use super::{Arrival, Generation, Scheduler, Server};
use crate::ipvs::SchedulerName;

/// Models least connection, `lc`: the server with the least load gets the connection; its weight only matters
/// if it is 0.
///
/// It suits equal servers with connections of very different length.
///
/// The load is that of [`Generation::load`]; of equals the server nearest to the head of the list is picked,
/// so with connections that stay A, B, C are picked C B A C B A ...
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_lc.c>
#[doc(alias = "least connection")]
#[derive(Clone, Copy, Debug)]
pub struct Lc {
    generation: Generation,
}

impl Lc {
    /// Returns a model with the loads of that generation.
    #[must_use]
    pub const fn new(generation: Generation) -> Self {
        Self { generation }
    }
}

impl Scheduler for Lc {
    fn name(&self) -> SchedulerName {
        SchedulerName::LC
    }

    fn pick(&mut self, servers: &[Server], _: &Arrival) -> Option<usize> {
        let mut best: Option<(usize, u32)> = None;
        for (index, server) in servers.iter().enumerate() {
            // Compared without sign, so that a load which has wrapped is large and not small.
            let load = self.generation.load(server) as u32;
            if server.is_eligible() && best.is_none_or(|(_, least)| load < least) {
                best = Some((index, load));
            }
        }
        best.map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Pool;

    #[test]
    fn weights_do_not_count() {
        for weights in [[1, 1, 1], [3, 2, 1]] {
            assert_eq!(Pool::new("lc", &weights).tcp(9), "C B A C B A C B A");
            assert_eq!(Pool::new("lc", &weights).udp(9), "C B A C B A C B A");
        }
    }

    #[test]
    fn a_drained_server_gets_nothing() {
        assert_eq!(Pool::new("lc", &[1, 0, 1]).tcp(4), "C A C A");
    }
}
