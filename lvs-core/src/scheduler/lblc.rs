//! Locality-based least connection.

use super::cache::Cache;
use super::least::least_loaded;
use super::{Arrival, Generation, PoolChange, Scheduler, Server};
use crate::ipvs::{DestinationId, SchedulerName};

/// Models locality-based least connection, `lblc`: each target address has its server, chosen as by
/// [`Wlc`](super::Wlc) for the first connection to the target.
///
/// It suits caches behind a firewall-mark service that catches many targets, so that each target is cached
/// once. With a single virtual address, that address's server gets all connections until it is busy.
///
/// A server is kept while it is in the list, has a weight and is not busy: more active connections than
/// weight while another has fewer than half its weight. **Thresholds are ignored**: a known server gets
/// connections beyond its upper threshold. Targets are removed after a day without use
/// (`net.ipv4.vs.lblc_expiration`; the model has the default), sooner when there are more than 16384. A
/// server that is deleted and added again keeps its targets.
///
/// The kernel does not export its targets. The model makes the kernel's minutely checks from the first pick on.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_lblc.c>
#[doc(alias = "locality-based least-connection")]
#[derive(Clone, Debug)]
pub struct Lblc {
    generation: Generation,
    cache: Cache<DestinationId>,
}

impl Lblc {
    /// Returns a model with the loads of that generation.
    #[must_use]
    pub const fn new(generation: Generation) -> Self {
        Self {
            generation,
            cache: Cache::new(generation),
        }
    }
}

impl Scheduler for Lblc {
    fn name(&self) -> SchedulerName {
        SchedulerName::LBLC
    }

    fn changed(&mut self, _: &[Server], change: PoolChange) {
        if change == PoolChange::Bound {
            self.cache = Cache::new(self.generation);
        }
    }

    fn pick(&mut self, servers: &[Server], arrival: &Arrival) -> Option<usize> {
        let (target, now) = (arrival.flow.target.ip(), arrival.now);
        if let Some(&mut known) = self.cache.find(target, now) {
            let found = servers
                .iter()
                .enumerate()
                .find(|(_, server)| server.id() == known);
            match found {
                Some((index, server)) if server.weight() > 0 && !server.is_busy(servers) => {
                    return Some(index);
                }
                _ => (),
            }
        }
        let index = least_loaded(servers.iter().enumerate(), |s| self.generation.load(s))?;
        self.cache.insert(target, servers.get(index)?.id(), now);
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Pool;

    #[test]
    fn a_target_keeps_its_server_until_it_is_busy() {
        let mut pool = Pool::new("lblc", &[3, 3, 3]);
        // Busy is more active connections than weight, so a fifth one is the first to move.
        assert_eq!(pool.tcp(6), "C C C C B B");
    }

    #[test]
    fn targets_are_spread_by_load() {
        let mut pool = Pool::new("lblc", &[9, 9, 9]).target("198.51.100.1");
        assert_eq!(pool.tcp(2), "C C");
        let mut pool = pool.target("198.51.100.2");
        assert_eq!(pool.tcp(2), "B B");
        assert_eq!(pool.target("198.51.100.1").tcp(1), "C");
    }

    #[test]
    fn a_drained_server_loses_its_targets_and_a_full_one_does_not() {
        let mut pool = Pool::new("lblc", &[9, 9]);
        assert_eq!(pool.tcp(1), "B");
        pool.limit('B', 1);
        assert_eq!(pool.tcp(2), "B B");
        pool.weigh('B', 0);
        assert_eq!(pool.tcp(1), "A");
        pool.weigh('B', 9);
        assert_eq!(pool.tcp(1), "A");
    }

    #[test]
    fn a_server_that_is_added_again_keeps_its_targets() {
        let mut pool = Pool::new("lblc", &[9, 9]);
        assert_eq!(pool.tcp(1), "B");
        pool.remove('B');
        pool.add('B', 9);
        assert_eq!(pool.tcp(2), "B B");
    }
}
