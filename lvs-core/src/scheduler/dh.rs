//! Destination hashing.

use super::hash::{fold, hash32};
use super::{Arrival, PoolChange, Scheduler, Server};
use crate::ipvs::SchedulerName;

/// The table's size as a power of two, the kernel's default.
const BITS: u32 = 8;

/// Models destination hashing, `dh`: the target's address alone decides.
///
/// It suits caches in front of many targets, with a firewall-mark service that catches them all; with one
/// virtual address all connections go to one server.
///
/// 256 slots are dealt to the servers in turn from the head of the list, when one is added or removed.
/// Weights do not count, and a server of weight 0 or a full one keeps its slots: connections that hash there
/// are refused.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_dh.c>
#[doc(alias = "destination hashing")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Dh {
    /// The number of servers to which the slots were dealt: slot k belongs to server k modulo this.
    servers: usize,
}

impl Scheduler for Dh {
    fn name(&self) -> SchedulerName {
        SchedulerName::DH
    }

    fn changed(&mut self, servers: &[Server], change: PoolChange) {
        if matches!(
            change,
            PoolChange::Bound | PoolChange::Added | PoolChange::Removed(_)
        ) {
            self.servers = servers.len();
        }
    }

    fn pick(&mut self, servers: &[Server], arrival: &Arrival) -> Option<usize> {
        let slot = hash32(fold(arrival.flow.target.ip()), BITS) as usize;
        let index = slot.checked_rem(self.servers)?;
        servers.get(index)?.is_eligible().then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Pool;

    /// Slots 39, 136 and 154 of 256, dealt C B A C B A ...
    #[test]
    fn the_target_decides() {
        for (target, server) in [("10.0.0.1", "C"), ("192.168.1.1", "B"), ("127.0.0.1", "B")] {
            let mut pool = Pool::new("dh", &[1, 1, 1]).target(target);
            assert_eq!(pool.tcp(2), format!("{server} {server}"), "{target}");
        }
    }

    #[test]
    fn a_drained_server_keeps_its_slots() {
        let mut pool = Pool::new("dh", &[1, 1, 1]).target("10.0.0.1");
        pool.weigh('C', 0);
        assert_eq!(pool.tcp(2), "- -");
        pool.weigh('C', 1);
        assert_eq!(pool.tcp(1), "C");
    }
}
