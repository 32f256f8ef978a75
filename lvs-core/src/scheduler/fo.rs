//! Weighted failover.

use super::{Arrival, Scheduler, Server};
use crate::ipvs::SchedulerName;

/// Models weighted failover, `fo`: all connections go to the server of the highest weight; the others stand by.
///
/// It suits a service that may run in one place only. With an upper threshold the next server gets what
/// exceeds it.
///
/// Of equal weights the server nearest to the head of the list is picked, the one added last.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_fo.c>
#[doc(alias = "failover")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Fo;

impl Scheduler for Fo {
    fn name(&self) -> SchedulerName {
        SchedulerName::FO
    }

    fn pick(&mut self, servers: &[Server], _: &Arrival) -> Option<usize> {
        heaviest(servers, Server::is_eligible)
    }
}

/// Returns the first server of the highest weight among the usable ones.
pub(super) fn heaviest(servers: &[Server], is_usable: impl Fn(&Server) -> bool) -> Option<usize> {
    let mut best: Option<(usize, u32)> = None;
    for (index, server) in servers.iter().enumerate() {
        if best.is_none_or(|(_, heaviest)| server.weight() > heaviest) && is_usable(server) {
            best = Some((index, server.weight()));
        }
    }
    best.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Pool;

    #[test]
    fn all_to_the_highest_weight() {
        assert_eq!(Pool::new("fo", &[3, 2, 1]).tcp(5), "A A A A A");
        assert_eq!(Pool::new("fo", &[2, 2, 2]).tcp(3), "C C C");
        assert_eq!(Pool::new("fo", &[0, 0]).tcp(1), "-");
    }
}
