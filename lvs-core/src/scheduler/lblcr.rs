//! Locality-based least connection with replication.

use std::time::Duration;

use super::cache::{Cache, EXPIRATION};
use super::least::least_loaded;
use super::{Arrival, Generation, PoolChange, Scheduler, Server};
use crate::ipvs::{DestinationId, SchedulerName};

/// Models locality-based least connection with replication, `lblcr`: each target address has a *set* of
/// servers, which grows when they are busy.
///
/// It suits the same uses as [`Lblc`](super::Lblc), if single targets are too much for one server.
///
/// Of a target's set the least loaded server for its weight is picked (of equals the one that joined last),
/// unless none is usable or it is busy (as with lblc); then the least loaded of all joins the set. A set that
/// has not changed for a day (`net.ipv4.vs.lblcr_expiration`; the model has the default) loses its most
/// loaded member with the next use. Targets are removed as with lblc.
///
/// One difference to the kernel: deleted servers stay in its sets, with the load they last had, and may be
/// that most loaded member. The model skips them.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_lblcr.c>
#[doc(alias = "locality-based least-connection with replication")]
#[derive(Clone, Debug)]
pub struct Lblcr {
    generation: Generation,
    cache: Cache<Set>,
}

/// Holds the servers of a target.
#[derive(Clone, Debug)]
struct Set {
    /// The newest first.
    members: Vec<DestinationId>,
    modified: Duration,
}

impl Set {
    const fn new(members: Vec<DestinationId>, modified: Duration) -> Self {
        Self { members, modified }
    }

    fn insert(&mut self, id: DestinationId, now: Duration) {
        if !self.members.contains(&id) {
            self.members.insert(0, id);
            self.modified = now;
        }
    }

    /// Returns the members that are in the list, with their place there.
    fn present<'a>(&self, servers: &'a [Server]) -> impl Iterator<Item = (usize, &'a Server)> {
        self.members.iter().filter_map(|id| {
            servers
                .iter()
                .enumerate()
                .find(|(_, server)| server.id() == *id)
        })
    }

    /// Removes the most loaded member of a set that has not changed for long.
    fn shrink(&mut self, servers: &[Server], generation: Generation, now: Duration) {
        if self.members.len() < 2 || now.saturating_sub(self.modified) <= EXPIRATION {
            return;
        }
        if let Some(most) = most_loaded(self.present(servers), generation) {
            self.members.retain(|id| *id != most);
            self.modified = now;
        }
    }
}

/// Returns the first of those with a weight whose load per weight is greatest.
fn most_loaded<'a>(
    servers: impl Iterator<Item = (usize, &'a Server)>,
    generation: Generation,
) -> Option<DestinationId> {
    let mut most: Option<(DestinationId, i64, i64)> = None;
    for (_, server) in servers.filter(|(_, server)| server.weight() > 0) {
        let (load, weight) = (generation.load(server).into(), server.weight().into());
        if most.is_none_or(|(_, greatest, of)| greatest * weight < load * of) {
            most = Some((server.id(), load, weight));
        }
    }
    most.map(|(id, ..)| id)
}

impl Lblcr {
    /// Returns a model with the loads of that generation.
    #[must_use]
    pub const fn new(generation: Generation) -> Self {
        Self {
            generation,
            cache: Cache::new(generation),
        }
    }
}

impl Scheduler for Lblcr {
    fn name(&self) -> SchedulerName {
        SchedulerName::LBLCR
    }

    fn changed(&mut self, _: &[Server], change: PoolChange) {
        if change == PoolChange::Bound {
            self.cache = Cache::new(self.generation);
        }
    }

    fn pick(&mut self, servers: &[Server], arrival: &Arrival) -> Option<usize> {
        let generation = self.generation;
        let load = |server: &Server| generation.load(server);
        let (target, now) = (arrival.flow.target.ip(), arrival.now);
        let of_all = || {
            let index = least_loaded(servers.iter().enumerate(), load)?;
            Some((index, servers.get(index)?))
        };
        let Some(set) = self.cache.find(target, now) else {
            let (index, server) = of_all()?;
            self.cache
                .insert(target, Set::new(vec![server.id()], now), now);
            return Some(index);
        };
        let known = least_loaded(set.present(servers), load);
        set.shrink(servers, generation, now);
        let busy = |index: &usize| {
            servers
                .get(*index)
                .is_none_or(|server| server.is_busy(servers))
        };
        if let Some(index) = known.filter(|index| !busy(index)) {
            return Some(index);
        }
        let (index, server) = of_all()?;
        set.insert(server.id(), now);
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Pool;

    #[test]
    fn a_busy_target_gets_more_servers() {
        let mut pool = Pool::new("lblcr", &[2, 2, 2]);
        // C is busy with 3 active of weight 2; B joins, and then the set's least loaded is picked.
        assert_eq!(pool.tcp(8), "C C C B B B A A");
    }

    #[test]
    fn a_set_that_has_not_changed_for_a_day_shrinks() {
        let mut pool = Pool::new("lblcr", &[2, 2]);
        assert_eq!(pool.tcp(4), "B B B A");
        pool.close('B', 3);
        // A has one connection, B none: B is picked, and A as the most loaded leaves the set.
        pool.pass(86_401);
        assert_eq!(pool.tcp(1), "B");
        pool.close('A', 1);
        assert_eq!(pool.tcp(1), "B");
    }

    #[test]
    fn a_full_member_is_not_picked() {
        let mut pool = Pool::new("lblcr", &[9, 9]);
        pool.limit('B', 1);
        assert_eq!(pool.tcp(3), "B A A");
    }
}
