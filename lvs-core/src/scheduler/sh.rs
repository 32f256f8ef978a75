//! Source hashing.

use super::hash::{fold, hash32};
use super::{Arrival, Flow, PoolChange, Scheduler, Server};
use crate::ipvs::{SchedulerName, ServiceFlags};

/// The table's size as a power of two, the kernel's default (`CONFIG_IP_VS_SH_TAB_BITS`).
const BITS: u32 = 8;
const SLOTS: usize = 1 << BITS;

/// Models source hashing, `sh`: the client's address decides, so a client always gets the same server.
///
/// It suits two directors that must decide alike without communication (both know the same list, in the same
/// order), and clients that must stay with their server without a table. But when servers are added or
/// removed, most clients move: [`Mh`](super::Mh) moves few.
///
/// 256 slots are dealt from the head of the list, each server as many in a row as its weight, round after
/// round until all are dealt: with a sum of weights above 256 the tail of the list (the servers added first)
/// gets none. A server of weight 0 gets one slot a round, and clients that hash there are refused, unless
/// [`ServiceFlags::SH_FALLBACK`] sends them to another slot's server. [`ServiceFlags::SH_PORT`] hashes the
/// client's port too. Every add, edit and delete deals anew.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_sh.c>
#[doc(alias = "source hashing")]
#[derive(Clone, Debug)]
pub struct Sh {
    flags: ServiceFlags,
    /// The index of the server of each slot; empty or `SLOTS` long.
    slots: Vec<usize>,
}

impl Sh {
    /// Returns a model with the flags of the service.
    #[must_use]
    pub const fn new(flags: ServiceFlags) -> Self {
        Self {
            flags,
            slots: Vec::new(),
        }
    }

    fn hash(&self, flow: &Flow) -> u32 {
        let port = if self.flags.contains(ServiceFlags::SH_PORT) {
            flow.hashed_port()
        } else {
            0
        };
        hash32(port.wrapping_add(fold(flow.client_address())), BITS)
    }

    fn usable(&self, servers: &[Server], slot: u32) -> Option<usize> {
        let index = *self.slots.get(slot as usize % SLOTS)?;
        servers.get(index)?.is_eligible().then_some(index)
    }
}

/// Returns the table: the index of the server of each slot.
fn deal(servers: &[Server]) -> Vec<usize> {
    let turn = |(index, server): (usize, &Server)| {
        let slots = (server.weight().max(1) as usize).min(SLOTS);
        std::iter::repeat_n(index, slots)
    };
    servers
        .iter()
        .enumerate()
        .flat_map(turn)
        .cycle()
        .take(SLOTS)
        .collect()
}

impl Scheduler for Sh {
    fn name(&self) -> SchedulerName {
        SchedulerName::SH
    }

    fn changed(&mut self, servers: &[Server], change: PoolChange) {
        match change {
            PoolChange::Flags(flags) => self.flags = flags,
            _ => self.slots = deal(servers),
        }
    }

    fn pick(&mut self, servers: &[Server], arrival: &Arrival) -> Option<usize> {
        let hash = self.hash(&arrival.flow);
        let own = self.usable(servers, hash);
        if own.is_some() || !self.flags.contains(ServiceFlags::SH_FALLBACK) {
            return own;
        }
        // The search goes round from the slot, and the kernel adds the slot once more: it begins at twice the
        // hash, not beside it.
        (0..SLOTS as u32)
            .map(|offset| (offset + hash) % SLOTS as u32 + hash)
            .find_map(|slot| self.usable(servers, slot))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CLIENTS, Pool, servers};
    use super::*;

    fn letters(slots: &[usize], count: usize) -> String {
        // With three servers, index 0 is C.
        let letter = |index: &usize| ['3', '2', '1'][*index];
        slots.iter().take(count).map(letter).collect()
    }

    #[test]
    fn slots_as_dealt_by_the_kernel() {
        assert_eq!(letters(&deal(&servers(&[1, 1, 1])), 6), "321321");
        assert_eq!(letters(&deal(&servers(&[4, 3, 2])), 12), "332221111332");
    }

    #[test]
    fn clients_hash_as_in_the_kernel() {
        let hashes = |flags| CLIENTS.map(|client| Sh::new(flags).hash(&Pool::flow(client)));
        assert_eq!(hashes(ServiceFlags::empty()), [39, 137, 115, 57]);
        assert_eq!(hashes(ServiceFlags::SH_PORT), [203, 45, 23, 221]);
    }

    #[test]
    fn clients_find_the_servers_they_find_in_the_kernel() {
        assert_eq!(Pool::new("sh", &[1, 1, 1]).clients(), "C A B C");
        assert_eq!(Pool::new("sh", &[4, 3, 2]).clients(), "B B A B");
        let mut with_port = Pool::flagged("sh", &[1, 1, 1], ServiceFlags::SH_PORT);
        assert_eq!(with_port.clients(), "A C A A");
    }

    #[test]
    fn weights_beyond_the_table_starve_the_tail() {
        let slots = deal(&servers(&[1, 1, 255, 100]));
        assert_eq!(slots.iter().filter(|&&index| index == 0).count(), 100);
        assert_eq!(slots.iter().filter(|&&index| index == 1).count(), 156);
        assert!(!slots.contains(&2) && !slots.contains(&3));
    }

    #[test]
    fn fallback_begins_at_twice_the_hash() {
        // Client 0 hashes to slot 39, which is C's; 78 is C's too, the next usable is 79, B's.
        let mut plain = Pool::new("sh", &[1, 1, 1]);
        plain.weigh('C', 0);
        assert_eq!(plain.clients().split(' ').next(), Some("-"));
        let mut fallback = Pool::flagged("sh", &[1, 1, 1], ServiceFlags::SH_FALLBACK);
        fallback.weigh('C', 0);
        assert_eq!(fallback.clients().split(' ').next(), Some("B"));
    }
}
