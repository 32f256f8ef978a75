//! Maglev hashing.

use super::hash::{fold, hsiphash};
use super::{Arrival, PoolChange, Scheduler, Server};
use crate::ipvs::{SchedulerName, ServiceFlags};

/// The table's size, a prime: the kernel's default (`CONFIG_IP_VS_MH_TAB_INDEX` 12), and Debian's.
const SLOTS: u32 = 4093;
/// Bits of weight that the table resolves: half of the table index.
const WEIGHT_BITS: u32 = 6;
/// Keys of the two hashes; constants of the kernel's source, the same after every boot.
const OFFSET_KEY: u64 = 2_654_435_761;
const SKIP_KEY: u64 = 2_654_446_892;

/// Models Maglev hashing, `mh`: the client's address decides, and when a server is added or removed only the
/// clients that must move do (about one in n of n servers).
///
/// It suits services whose clients should stay with their server through changes of the pool and across
/// directors. Clients are spread by weight, but not perfectly evenly.
///
/// Each server walks the 4093 slots in an order of its own (from its address **and port**) and takes the free
/// ones it meets, in turn with the others, as many a turn as its weight allows (weights are scaled to 6
/// bits). The last weight above 0 counts, so a drained server keeps its slots: its own clients are refused
/// (or, with [`ServiceFlags::MH_FALLBACK`], spread over the others), all other clients stay with their
/// servers. Deletion gives its slots to the others. [`ServiceFlags::MH_PORT`] hashes the client's port too.
///
/// This is the table of a 64-bit kernel; on 32 bits the kernel has another hash and so another table.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_mh.c>, and Eisenbud
/// et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016.
#[doc(alias("maglev", "consistent hashing"))]
#[derive(Clone, Debug)]
pub struct Mh {
    flags: ServiceFlags,
    /// The index of the server of each slot; empty if no server ever had a weight.
    slots: Vec<u32>,
}

impl Mh {
    /// Returns a model with the flags of the service.
    #[must_use]
    pub const fn new(flags: ServiceFlags) -> Self {
        Self {
            flags,
            slots: Vec::new(),
        }
    }

    fn usable(&self, servers: &[Server], slot: u32) -> Option<usize> {
        let index = *self.slots.get(slot as usize)? as usize;
        servers.get(index)?.is_eligible().then_some(index)
    }

    fn fallback(&self, servers: &[Server], value: u32, first: u32) -> Option<usize> {
        (0..SLOTS)
            .map(|offset| hash_slot((offset + first) % SLOTS, value))
            .find_map(|slot| self.usable(servers, slot))
    }
}

fn hash_slot(offset: u32, value: u32) -> u32 {
    hsiphash(OFFSET_KEY, offset.wrapping_add(value)) % SLOTS
}

/// Walks over the slots in the order of one server.
struct Walk {
    server: u32,
    /// How many slots it takes in a turn.
    turns: u32,
    slot: u32,
    skip: u32,
}

impl Walk {
    fn new(index: usize, server: &Server, turns: u32) -> Self {
        let value = fold(server.id().address).wrapping_add(server.id().port.into());
        Self {
            server: index as u32,
            turns,
            slot: hsiphash(OFFSET_KEY, value) % SLOTS,
            skip: hsiphash(SKIP_KEY, value) % (SLOTS - 1) + 1,
        }
    }

    /// Takes the next slot on the way that is free. There must be one.
    fn take(&mut self, slots: &mut [u32]) {
        loop {
            let here = slots.get_mut(self.slot as usize);
            self.slot = (self.slot + self.skip) % SLOTS;
            match here {
                Some(free) if *free == FREE => return *free = self.server,
                _ => (),
            }
        }
    }
}

/// Marks a slot without a server.
const FREE: u32 = u32::MAX;

/// Returns how many slots each server takes in a turn, in list order; 0 for those that never had a weight.
fn turns(servers: &[Server]) -> Vec<u32> {
    let weights = || servers.iter().map(|server| server.last_weight.get());
    let divisor = weights().fold(0, super::wrr::gcd).max(1);
    let largest = weights().max().unwrap_or(0) / divisor;
    let shift = (u32::BITS - largest.leading_zeros()).saturating_sub(WEIGHT_BITS);
    let scaled = |weight: u32| match weight / divisor {
        0 => 0,
        weight => (weight >> shift).max(1),
    };
    weights().map(scaled).collect()
}

/// Returns the table: the index of the server of each slot.
fn deal(servers: &[Server]) -> Vec<u32> {
    let mut walks: Vec<Walk> = servers
        .iter()
        .zip(turns(servers))
        .enumerate()
        .filter(|(_, (_, turns))| *turns > 0)
        .map(|(index, (server, turns))| Walk::new(index, server, turns))
        .collect();
    if walks.is_empty() {
        return Vec::new();
    }
    let mut slots = vec![FREE; SLOTS as usize];
    let mut free = SLOTS;
    while free > 0 {
        for walk in &mut walks {
            for _ in 0..walk.turns.min(free) {
                walk.take(&mut slots);
                free -= 1;
            }
        }
    }
    slots
}

impl Scheduler for Mh {
    fn name(&self) -> SchedulerName {
        SchedulerName::MH
    }

    fn changed(&mut self, servers: &[Server], change: PoolChange) {
        match change {
            PoolChange::Flags(flags) => self.flags = flags,
            _ => self.slots = deal(servers),
        }
    }

    fn pick(&mut self, servers: &[Server], arrival: &Arrival) -> Option<usize> {
        let port = if self.flags.contains(ServiceFlags::MH_PORT) {
            arrival.flow.hashed_port()
        } else {
            0
        };
        let value = port.wrapping_add(fold(arrival.flow.client_address()));
        let slot = hash_slot(0, value);
        let own = self.usable(servers, slot);
        if own.is_some() || !self.flags.contains(ServiceFlags::MH_FALLBACK) {
            return own;
        }
        self.fallback(servers, value, slot)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CLIENTS, Pool, servers};
    use super::*;

    /// Returns the number of slots of A, B and C, and the first 20 slots as digits of A = 1, B = 2, C = 3.
    fn table(weights: &[u32; 3]) -> ([usize; 3], String) {
        let slots = deal(&servers(weights));
        let count = |index| slots.iter().filter(|&&slot| slot == index).count();
        let digit = |slot: &u32| ['3', '2', '1'][*slot as usize];
        (
            [count(2), count(1), count(0)],
            slots.iter().take(20).map(digit).collect(),
        )
    }

    #[test]
    fn offset_and_skip_as_in_the_kernel() {
        let servers = servers(&[1, 1, 1]);
        let walk = |index: usize| {
            let walk = Walk::new(index, &servers[index], 1);
            (walk.slot, walk.skip)
        };
        // A, B, C; the list is C, B, A.
        assert_eq!(
            [walk(2), walk(1), walk(0)],
            [(1355, 1615), (1813, 3870), (2543, 201)]
        );
    }

    #[test]
    fn tables_as_in_the_kernel() {
        let (slots, first) = table(&[1, 1, 1]);
        assert_eq!(slots, [1364, 1364, 1365]);
        assert_eq!(first, "13213323313223132121");
        let (slots, first) = table(&[4, 3, 2]);
        assert_eq!(slots, [1818, 1365, 910]);
        assert_eq!(first, "11213322113221132121");
        assert_eq!(table(&[1000, 1, 0]).0, [4028, 65, 0]);
        assert_eq!(table(&[100, 200, 300]).0, [682, 1364, 2047]);
    }

    #[test]
    fn clients_find_the_servers_they_find_in_the_kernel() {
        let slots = CLIENTS.map(|client| hash_slot(0, fold(client.parse().unwrap())));
        assert_eq!(slots, [3711, 1884, 3538, 2731]);
        assert_eq!(Pool::new("mh", &[1, 1, 1]).clients(), "B B B A");
        assert_eq!(Pool::new("mh", &[4, 3, 2]).clients(), "B B A A");
        assert_eq!(Pool::new("mh", &[100, 200, 300]).clients(), "B B B C");
    }

    #[test]
    fn draining_moves_no_other_client() {
        let mut pool = Pool::new("mh", &[1, 1, 1]);
        pool.weigh('A', 0);
        assert_eq!(pool.clients(), "B B B -");
    }

    #[test]
    fn fallback_finds_another_server() {
        let mut pool = Pool::flagged("mh", &[1, 1, 1], ServiceFlags::MH_FALLBACK);
        pool.weigh('B', 0);
        let found = pool.clients();
        assert!(!found.contains(['B', '-']), "{found}");
    }

    #[test]
    fn never_any_weight_refuses_everything() {
        assert_eq!(Pool::new("mh", &[0, 0]).clients(), "- - - -");
    }

    #[test]
    fn removing_one_of_n_moves_about_one_in_n() {
        for n in [5_usize, 20, 50] {
            let weights = vec![1; n];
            let before = servers(&weights);
            let after: Vec<_> = before.iter().skip(1).copied().collect();
            let (old, new) = (deal(&before), deal(&after));
            let share = old
                .iter()
                .zip(&new)
                .filter(|(old, new)| **old != **new + 1)
                .count() as f64
                / f64::from(SLOTS);
            let least = 1.0 / n as f64;
            assert!(
                share < 2.0 * least + 0.02 && share > 0.8 * least,
                "{n}: {share}"
            );
        }
    }
}
