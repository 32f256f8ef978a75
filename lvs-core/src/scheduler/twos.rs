//! Power of two choices.

use super::{Arrival, Generation, Scheduler, Server};
use crate::ipvs::SchedulerName;

/// Models the power of two choices, `twos`: two servers are drawn, each with a chance by its weight, and the
/// less loaded of the two is picked.
///
/// It suits many directors that share servers without communication: unlike least connection they do not all
/// pick the same server. It is in the kernel since 5.11; not every distribution builds it.
///
/// A number is drawn from 0 to the sum of weights, *both included*, and the list walked from the head until
/// the weights reach it; so of sum + 1 chances the head has one more than its weight. The second choice is
/// picked only if strictly less loaded for its weight, in products of 32 bits, which wrap at large loads. The
/// two numbers come from [`Arrival::draws`], mapped onto the range by a multiplication; the kernel's own
/// draws cannot be known, so only the distribution is comparable.
///
/// Source: <https://github.com/torvalds/linux/blob/v6.1/net/netfilter/ipvs/ip_vs_twos.c>
#[doc(alias = "power of two choices")]
#[derive(Clone, Copy, Debug)]
pub struct Twos {
    generation: Generation,
}

impl Twos {
    /// Returns a model with the loads of that generation.
    #[must_use]
    pub const fn new(generation: Generation) -> Self {
        Self { generation }
    }
}

/// Returns the first eligible server at which the weights add up to what is drawn of `0..=total`.
fn choose(servers: &[Server], total: u64, draw: u32) -> Option<(usize, &Server)> {
    let mut left = (u64::from(draw) * (total + 1)) >> u32::BITS;
    servers
        .iter()
        .enumerate()
        .filter(|(_, server)| server.is_eligible())
        .find(|(_, server)| {
            let reached = left <= u64::from(server.weight());
            left = left.saturating_sub(server.weight().into());
            reached
        })
}

impl Scheduler for Twos {
    fn name(&self) -> SchedulerName {
        SchedulerName::TWOS
    }

    fn pick(&mut self, servers: &[Server], arrival: &Arrival) -> Option<usize> {
        let total = servers
            .iter()
            .filter(|server| server.is_eligible())
            .map(|server| u64::from(server.weight()))
            .sum();
        let [first, second] = arrival.draws.map(|draw| choose(servers, total, draw));
        let ((first, one), (second, two)) = (first?, second?);
        let per_weight = |load_of: &Server, weight_of: &Server| {
            let load = self.generation.load(load_of);
            load.wrapping_mul(weight_of.weight() as i32)
        };
        let better = per_weight(one, two) > per_weight(two, one);
        Some(if better { second } else { first })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{arrival, servers};
    use super::*;
    use crate::testing::Random;

    /// Returns how often each of the servers is picked, in the order of their weights.
    fn histogram(weights: &[u32], active: &[u32], picks: u32) -> Vec<u32> {
        let mut servers = servers(weights);
        for (server, active) in servers.iter_mut().rev().zip(active) {
            server.active = *active;
        }
        let mut draws = Random::new(42);
        let mut counts = vec![0; weights.len()];
        for _ in 0..picks {
            let arrival = arrival().drawing([draws.draw(), draws.draw()]);
            let index = Twos::new(Generation::New).pick(&servers, &arrival).unwrap();
            counts[weights.len() - 1 - index] += 1;
        }
        counts
    }

    fn chi_square(seen: &[u32], chances: &[f64]) -> f64 {
        let all: u32 = seen.iter().sum();
        let term = |(seen, chance): (&u32, &f64)| {
            let expected = f64::from(all) * chance;
            (f64::from(*seen) - expected).powi(2) / expected
        };
        seen.iter().zip(chances).map(term).sum()
    }

    /// Idle servers tie, so the first draw decides: weight / (sum + 1), the head one chance more.
    #[test]
    fn idle_servers_are_drawn_by_weight() {
        let seen = histogram(&[1, 2, 3], &[0; 3], 70_000);
        let chances = [1.0 / 7.0, 2.0 / 7.0, 4.0 / 7.0];
        let chi = chi_square(&seen, &chances);
        assert!(
            chi < 13.8,
            "0.1 % of chance at 2 degrees of freedom: {chi} {seen:?}"
        );
    }

    /// A loaded server is picked only if drawn twice.
    #[test]
    fn the_less_loaded_of_two_is_picked() {
        let seen = histogram(&[1, 1, 1], &[5, 0, 0], 40_000);
        let twice = 1.0 / 16.0;
        // The head C has 2 chances of 4, B one: C first, or A first and C second; B likewise.
        let chances = [twice, 0.25 + 0.25 * 0.25, 0.5 + 0.25 * 0.5];
        let chi = chi_square(&seen, &chances);
        assert!(
            chi < 13.8,
            "0.1 % of chance at 2 degrees of freedom: {chi} {seen:?}"
        );
    }

    #[test]
    fn never_a_drained_server() {
        assert_eq!(histogram(&[0, 5, 0], &[0; 3], 1000), [0, 1000, 0]);
    }
}
