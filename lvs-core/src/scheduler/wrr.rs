//! Weighted round robin.

use super::{Arrival, PoolChange, Scheduler, Server};
use crate::ipvs::SchedulerName;

/// Models weighted round robin, `wrr`: each server as often as its weight says, interleaved.
///
/// It suits servers of different strength with short and similar connections; it ignores connection counts.
/// Where connections are long or differ, use [`Wlc`](super::Wlc).
///
/// # The cycle
///
/// The scheduler counts a **level** down: from the highest weight to 1, in steps of the weights'
/// greatest common divisor. At each level it goes once through the list and picks every server whose
/// weight reaches the level. Over one cycle, sum / divisor picks, a server of weight w is picked exactly
/// w / divisor times, and so over *any* so many picks in a row. With A of weight 2 and B of weight 3,
/// added in this order (so B is the head of the list):
///
/// | level | picked |
/// |---|---|
/// | 3 | B |
/// | 2 | B A |
/// | 1 | B A |
///
/// # Where it begins
///
/// The textbook begins at the highest level: B B A B A. The kernel does so only when the scheduler is set on
/// a service that already has its servers. When a service is built in the usual way, server by server, the
/// level is set to 1 with the first server and stays there as others follow. The first pass is then the
/// *last* level of the cycle, every server once, and the textbook's cycle follows:
///
/// ```
/// use lvs_core::ipvs::{Destination, Forwarding, SchedulerName, Service, Weight};
/// use lvs_core::scheduler::{Flow, Generation, ServiceModel};
///
/// let service = Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::WRR);
/// let mut model = ServiceModel::fresh(service, Generation::New)?;
/// let mut a = Destination::new("192.168.1.12:80".parse()?, Forwarding::DirectRouting);
/// let mut b = Destination::new("192.168.1.13:80".parse()?, Forwarding::DirectRouting);
/// (a.weight, b.weight) = (Weight::new(2)?, Weight::new(3)?);
/// model.add(a)?;
/// model.add(b)?;
///
/// let flow = Flow::tcp("10.0.0.1:40000".parse().unwrap(), "172.16.5.11:80".parse().unwrap());
/// let mut next = || model.connect(flow).map(|c| if c.destination() == a.id { "A" } else { "B" });
/// let picks: Vec<_> = std::iter::from_fn(|| next()).take(10).collect();
/// assert_eq!(picks.concat(), "BABBABABBA"); // BA, then BBABA BBA..: a rotation of the textbook's
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
///
/// # What an edit does
///
/// Every add, delete and edit, **also one that changes no value**, sends the scheduler back to the head of
/// the list but keeps the level (rounded to the new divisor; the highest, if it is now too high). Servers
/// near the head that were already picked at this level are picked again. With weights 4, 3, 2 for A, B, C,
/// after C B A A an edit of B to the 3 it has gives A B A C B A ..: A is picked once more.
///
/// So an agent that rewrites the weights every second skews wrr towards the head of the list and the heavy
/// servers. Write a weight only when it differs, as `lvs_core` does.
///
/// # Full servers and refusals
///
/// A full server is skipped and keeps its place. If all servers with a weight are full, the pick is refused
/// and the cycle restarts at the highest level; only a scheduler within the lowest level keeps its place.
///
/// # Cost
///
/// The kernel walks the list at every level, so a pick among 1000 servers may examine all of them, many
/// times. This model keeps the servers that the level reaches, which change only where the level passes a
/// weight; a pick is amortised constant, and the picks are the same.
///
/// Kernels before 3.10 began every cycle at the highest level; that is not modelled.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_wrr.c>
#[doc(alias = "weighted round robin")]
#[derive(Clone, Debug)]
pub struct Wrr {
    /// The greatest common divisor of the weights, at least 1: the distance between two levels.
    step: u32,
    /// The highest level: the highest weight, less `step - 1` so that the lowest is 1; 0 without weights.
    top: u32,
    /// The level; 0 until there is a weight.
    level: u32,
    /// The servers with a weight, the heaviest first, equals in list order.
    by_weight: Vec<Rank>,
    /// The servers that reach the level, by their place in the list: the first ones of `by_weight`.
    serving: Vec<usize>,
    /// The index in `serving` of the next candidate; 0 also means that the kernel's cursor is at the head.
    next: usize,
}

#[derive(Clone, Copy, Debug)]
struct Rank {
    weight: u32,
    index: usize,
}

impl Default for Wrr {
    fn default() -> Self {
        Self {
            step: 1,
            top: 0,
            level: 0,
            by_weight: Vec::new(),
            serving: Vec::new(),
            next: 0,
        }
    }
}

/// Returns the greatest common divisor; 0 does not count.
pub(super) const fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Wrr {
    /// Computes step, levels and ranks of the list.
    fn measure(&mut self, servers: &[Server]) {
        let rank = |(index, server): (usize, &Server)| Rank {
            weight: server.weight(),
            index,
        };
        self.by_weight = servers
            .iter()
            .enumerate()
            .filter(|(_, server)| server.weight() > 0)
            .map(rank)
            .collect();
        self.by_weight
            .sort_by_key(|rank| std::cmp::Reverse(rank.weight));
        let divisor = self.by_weight.iter().fold(0, |d, rank| gcd(d, rank.weight));
        self.step = divisor.max(1);
        self.top = match self.by_weight.first() {
            Some(heaviest) => heaviest.weight - (self.step - 1),
            None => 0,
        };
    }

    /// Begins the pass of a level; a lower one than before, unless the cycle restarts.
    fn enter(&mut self, level: u32) {
        if level > self.level {
            self.serving.clear();
        }
        self.level = level;
        self.next = 0;
        if self.next_weight() >= level {
            self.reach(level);
        }
    }

    /// Returns the highest weight that the level does not reach, or 0.
    fn next_weight(&self) -> u32 {
        let next = self.by_weight.get(self.serving.len());
        next.map_or(0, |rank| rank.weight)
    }

    /// Adds the servers that the level reaches now; at most levels there are none.
    #[cold]
    fn reach(&mut self, level: u32) {
        let known = self.serving.len();
        let reached = |rank: &&Rank| rank.weight >= level;
        self.serving.extend(
            self.by_weight
                .iter()
                .skip(known)
                .take_while(reached)
                .map(|rank| rank.index),
        );
        // Two sorted runs, which the stable sort merges in one go.
        self.serving.sort();
    }

    /// Returns the level below, 0 below the lowest. If all servers of this level are full, it is the first
    /// level that another server reaches.
    fn below(&self, all_full: bool) -> u32 {
        match all_full {
            false => self.level.saturating_sub(self.step),
            true => self.next_weight().saturating_sub(self.step - 1),
        }
    }

    /// Returns the next server of this level that is not full.
    fn serve(&mut self, servers: &[Server]) -> Option<usize> {
        while let Some(&index) = self.serving.get(self.next) {
            self.next += 1;
            if servers.get(index).is_some_and(Server::is_eligible) {
                return Some(index);
            }
        }
        None
    }

    /// Picks at the next level that has a server, when the one that began at a place has none any more.
    fn pick_below(&mut self, servers: &[Server], begun: usize) -> Option<usize> {
        if self.top == 0 {
            return None;
        }
        let was_lowest = self.level <= self.step;
        let mut whole = begun == 0;
        while !whole || self.below(true) > 0 {
            let below = self.below(whole);
            self.enter(if below == 0 { self.top } else { below });
            if let Some(index) = self.serve(servers) {
                return Some(index);
            }
            whole = true;
        }
        // Refused. The kernel stops where it began if that was within the lowest level, else at the end of it.
        if was_lowest && begun > 0 {
            self.enter(1);
            self.next = begun;
        } else {
            self.enter(self.top);
        }
        None
    }
}

impl Scheduler for Wrr {
    fn name(&self) -> SchedulerName {
        SchedulerName::WRR
    }

    fn changed(&mut self, servers: &[Server], change: PoolChange) {
        if matches!(change, PoolChange::Flags(_)) {
            return;
        }
        self.measure(servers);
        let level = if change == PoolChange::Bound || self.level == 0 || self.level > self.top {
            self.top
        } else if self.step > 1 {
            self.level / self.step * self.step + 1
        } else {
            self.level
        };
        self.serving.clear();
        self.enter(level);
    }

    fn pick(&mut self, servers: &[Server], _: &Arrival) -> Option<usize> {
        let begun = self.next;
        self.serve(servers)
            .or_else(|| self.pick_below(servers, begun))
    }
}

#[cfg(test)]
mod tests;
