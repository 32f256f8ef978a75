//! Never queue.

use super::least::least_loaded;
use super::sed::expected;
use super::{Arrival, Scheduler, Server};
use crate::ipvs::SchedulerName;

/// Models never queue, `nq`: the first idle server from the head of the list, and if none is idle, as
/// [`Sed`](super::Sed).
///
/// It suits servers that handle few and expensive connections at a time. It does not suit UDP, which is never
/// active: every flow goes to the head of the list, the server added last.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_nq.c>
#[doc(alias = "never queue")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Nq;

impl Scheduler for Nq {
    fn name(&self) -> SchedulerName {
        SchedulerName::NQ
    }

    fn pick(&mut self, servers: &[Server], _: &Arrival) -> Option<usize> {
        servers
            .iter()
            .position(|server| server.active == 0 && server.is_eligible())
            .or_else(|| least_loaded(servers.iter().enumerate(), expected))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Pool;

    #[test]
    fn idle_servers_first() {
        assert_eq!(
            Pool::new("nq", &[3, 2, 1]).tcp(12),
            "C B A A B A A B A C B A"
        );
    }

    #[test]
    fn all_udp_to_the_head() {
        assert_eq!(Pool::new("nq", &[3, 2, 1]).udp(3), "C C C");
    }
}
