//! Round robin.

use super::{Arrival, PoolChange, Scheduler, Server};
use crate::ipvs::SchedulerName;

/// Models round robin, `rr`: one server after the other, each equally often. A weight only includes (above 0)
/// or excludes (0) a server.
///
/// It suits equal servers with short and similar connections. Where they are not, use [`Wlc`](super::Wlc).
///
/// The first pick is the head of the list, the server added last: A, B, C added in this order are picked C B
/// A C B A ... A new server becomes the head and waits until the round is over; when the server that was just
/// picked is removed, the round goes on behind it. A refusal leaves the round where it is.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_rr.c>
#[doc(alias = "round robin")]
#[derive(Clone, Debug, Default)]
pub struct Rr {
    /// One behind the server picked last; 0 stands for the head of the list.
    next: usize,
}

impl Scheduler for Rr {
    fn name(&self) -> SchedulerName {
        SchedulerName::RR
    }

    fn changed(&mut self, _: &[Server], change: PoolChange) {
        match change {
            PoolChange::Bound => self.next = 0,
            PoolChange::Added if self.next > 0 => self.next += 1,
            PoolChange::Removed(index) if index < self.next => self.next -= 1,
            _ => (),
        }
    }

    fn pick(&mut self, servers: &[Server], _: &Arrival) -> Option<usize> {
        let (done, ahead) = servers.split_at_checked(self.next)?;
        let index = match ahead.iter().position(Server::is_eligible) {
            Some(distance) => self.next + distance,
            None => done.iter().position(Server::is_eligible)?,
        };
        self.next = index + 1;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Pool;

    #[test]
    fn rotates_with_any_weights() {
        assert_eq!(Pool::new("rr", &[1, 1, 1]).picks(10), "C B A C B A C B A C");
        assert_eq!(Pool::new("rr", &[1, 5, 9]).picks(10), "C B A C B A C B A C");
    }

    #[test]
    fn goes_on_behind_a_removed_server() {
        let mut pool = Pool::new("rr", &[1, 1, 1, 1]);
        assert_eq!(pool.picks(2), "D C");
        pool.remove('C');
        assert_eq!(pool.picks(5), "B A D B A");

        let mut pool = Pool::new("rr", &[1, 1, 1, 1]);
        assert_eq!(pool.picks(2), "D C");
        pool.remove('D');
        assert_eq!(pool.picks(5), "B A C B A");
    }

    #[test]
    fn a_new_server_waits_for_the_next_round() {
        let mut pool = Pool::new("rr", &[1, 1, 1]);
        assert_eq!(pool.picks(2), "C B");
        pool.add('D', 1);
        assert_eq!(pool.picks(6), "A D C B A D");
    }

    #[test]
    fn a_drained_server_is_skipped_and_keeps_its_place() {
        let mut pool = Pool::new("rr", &[1, 1, 1]);
        assert_eq!(pool.picks(1), "C");
        pool.weigh('B', 0);
        assert_eq!(pool.picks(4), "A C A C");
        pool.weigh('B', 1);
        assert_eq!(pool.picks(4), "B A C B");
    }
}
