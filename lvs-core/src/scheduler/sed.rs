//! Shortest expected delay.

use super::least::least_loaded;
use super::{Arrival, Scheduler, Server};
use crate::ipvs::SchedulerName;

/// Models shortest expected delay, `sed`: the server that, this connection included, has the fewest active
/// connections for its weight.
///
/// It suits very different servers with few connections: unlike [`Wlc`](super::Wlc) it sends the first
/// connection to the strongest server. It does not suit UDP, which is never active: every flow goes to the
/// server of the highest weight (the first such from the head).
///
/// Inactive connections do not count. Of equals the server nearest to the head of the list is picked.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_sed.c>
#[doc(alias = "shortest expected delay")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Sed;

impl Scheduler for Sed {
    fn name(&self) -> SchedulerName {
        SchedulerName::SED
    }

    fn pick(&mut self, servers: &[Server], _: &Arrival) -> Option<usize> {
        least_loaded(servers.iter().enumerate(), expected)
    }
}

/// Returns the number of active connections that a server would have with one more.
pub(super) const fn expected(server: &Server) -> i32 {
    (server.active as i32).wrapping_add(1)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Pool;

    #[test]
    fn the_strongest_server_first() {
        assert_eq!(
            Pool::new("sed", &[3, 2, 1]).tcp(12),
            "A B A C B A A B A C B A"
        );
    }

    #[test]
    fn all_udp_to_the_highest_weight() {
        assert_eq!(Pool::new("sed", &[3, 2, 1]).udp(4), "A A A A");
        assert_eq!(Pool::new("sed", &[3, 3, 1]).udp(4), "B B B B");
    }
}
