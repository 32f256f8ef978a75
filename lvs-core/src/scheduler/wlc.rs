//! Weighted least connection.

use super::least::least_loaded;
use super::{Arrival, Generation, Scheduler, Server};
use crate::ipvs::SchedulerName;

/// Models weighted least connection, `wlc`: the server with the least load for its weight. It is ipvsadm's
/// default.
///
/// It suits nearly every service. It has no state except the connection counts, so edits cost nothing; with
/// connections of no length the head of the list gets them all, because all loads are 0.
///
/// The load is that of [`Generation::load`], in which one active connection counts as much as 256 (or 257)
/// inactive ones. Of equals the server nearest to the head of the list is picked; therefore the very first
/// connection goes to the server added last, with any weight above 0.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_wlc.c>
#[doc(alias = "weighted least connection")]
#[derive(Clone, Copy, Debug)]
pub struct Wlc {
    generation: Generation,
}

impl Wlc {
    /// Returns a model with the loads of that generation.
    #[must_use]
    pub const fn new(generation: Generation) -> Self {
        Self { generation }
    }
}

impl Scheduler for Wlc {
    fn name(&self) -> SchedulerName {
        SchedulerName::WLC
    }

    fn pick(&mut self, servers: &[Server], _: &Arrival) -> Option<usize> {
        least_loaded(servers.iter().enumerate(), |server| {
            self.generation.load(server)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Pool, arrival, server};
    use super::*;

    #[test]
    fn connections_that_stay_are_shared_by_weight() {
        assert_eq!(
            Pool::new("wlc", &[3, 2, 1]).tcp(12),
            "C B A A B A C B A A B A"
        );
        assert_eq!(Pool::new("wlc", &[3, 2, 1]).udp(9), "C B A A B A C B A");
    }

    /// Observed on both kernels: one active connection against 256 inactive ones.
    #[test]
    fn a_tie_of_the_old_kernel_is_none_of_the_new() {
        let mut servers = [server(1), server(1)];
        servers[0].active = 1;
        servers[1].inactive = 256;
        assert_eq!(
            Wlc::new(Generation::Old).pick(&servers, &arrival()),
            Some(0)
        );
        assert_eq!(
            Wlc::new(Generation::New).pick(&servers, &arrival()),
            Some(1)
        );
    }
}
