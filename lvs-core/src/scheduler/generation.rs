//! The two ways in which kernels count connections, and the thresholds and loads that follow.

use super::Server;
use crate::ipvs::Thresholds;

/// Selects the rules of a kernel for loads and thresholds.
///
/// The newer rules were added in autumn 2026, to 7.2 and to stable series alike: Debian's 6.1.192, 6.12.117
/// and 7.2.7 are `New`, 6.1.176 is `Old`. With n connections, u and l the upper and lower threshold,
/// and l' = l, or u - u/4 (rounded up) where l is 0:
///
/// | | `Old` | `New` |
/// |---|---|---|
/// | load of a server | 256 per active connection, 1 per inactive one | 257 and 1 |
/// | a connection was added | n >= u: overloaded | n = u: overloaded |
/// | a connection was removed | n < l, or without l 4n < 3u: no longer | n < l': no longer |
/// | thresholds were edited | u is 0 or was raised: no longer | n >= u: overloaded; n < l' or u is 0: no longer |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// Before autumn 2026.
    Old,
    /// Since autumn 2026.
    #[default]
    New,
}

impl Generation {
    /// Returns what the kernel takes for the load of a server, in 32 bits: above some 8.3 million active
    /// connections it wraps.
    #[must_use]
    pub const fn load(self, server: &Server) -> i32 {
        let all = match self {
            Self::Old => server.inactive,
            Self::New => server.connections(),
        };
        (server.active << 8).wrapping_add(all) as i32
    }

    /// Updates the overloaded mark after a connection was counted.
    pub(super) fn connection_added(self, server: &mut Server) {
        let (connections, upper) = (server.connections(), server.destination.thresholds.upper());
        server.overloaded |= match self {
            Self::Old => upper != 0 && connections >= upper,
            Self::New => upper != 0 && connections == upper,
        };
    }

    /// Updates the overloaded mark after a connection was removed from the counts.
    pub(super) fn connection_removed(self, server: &mut Server) {
        let thresholds = server.destination.thresholds;
        let (upper, lower) = (thresholds.upper(), thresholds.lower());
        let connections = server.connections();
        server.overloaded &= match self {
            Self::Old if lower != 0 => connections >= lower,
            Self::Old if upper != 0 => connections.wrapping_mul(4) >= upper.wrapping_mul(3),
            Self::Old => false,
            Self::New => connections >= release(thresholds),
        };
    }

    /// Updates the overloaded mark after a persistence template was added. It is not a connection, but old
    /// kernels update the mark all the same.
    pub(super) fn template_added(self, server: &mut Server) {
        if self == Self::Old {
            self.connection_added(server);
        }
    }

    /// Updates the overloaded mark after a persistence template was removed: see
    /// [`template_added`](Self::template_added).
    pub(super) fn template_removed(self, server: &mut Server) {
        if self == Self::Old {
            self.connection_removed(server);
        }
    }

    /// Updates the overloaded mark after the thresholds were written; `before` are the former ones.
    pub(super) fn thresholds_written(self, server: &mut Server, before: Thresholds) {
        let now = server.destination.thresholds;
        let connections = server.connections();
        server.overloaded = match self {
            Self::Old => server.overloaded && now.upper() != 0 && now.upper() <= before.upper(),
            Self::New if now == before => server.overloaded,
            Self::New if now.upper() == 0 || connections < release(now) => false,
            Self::New => server.overloaded || connections >= now.upper(),
        };
    }
}

/// Returns the number of connections below which a newer kernel uses a server again.
const fn release(thresholds: Thresholds) -> u32 {
    match thresholds.lower() {
        0 => thresholds.upper() - thresholds.upper() / 4,
        lower => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::server;
    use super::*;

    fn with(connections: u32, upper: u32, lower: u32) -> Server {
        let mut server = server(1);
        server.inactive = connections;
        server.destination.thresholds = Thresholds::new(upper, lower).unwrap();
        server
    }

    #[test]
    fn one_active_connection_weighs_256_or_257() {
        let mut server = with(3, 0, 0);
        server.active = 2;
        assert_eq!(Generation::Old.load(&server), 2 * 256 + 3);
        assert_eq!(Generation::New.load(&server), 2 * 257 + 3);
        server.active = 1 << 23;
        assert!(
            Generation::Old.load(&server) < 0,
            "32 bits, as in the kernel"
        );
    }

    /// Observed on both kernels: full at four, and after two have ended (two remain) it depends on l.
    #[test]
    fn hysteresis_as_observed() {
        for generation in [Generation::Old, Generation::New] {
            for (lower, accepts_again) in [(0, true), (1, false), (2, false), (3, true)] {
                let mut server = with(4, 4, lower);
                generation.connection_added(&mut server);
                assert!(server.overloaded);
                for left in [3, 2] {
                    server.inactive = left;
                    generation.connection_removed(&mut server);
                }
                assert_eq!(
                    !server.overloaded, accepts_again,
                    "{generation:?} l={lower}"
                );
            }
        }
    }

    /// Observed on both kernels: u set to 3 with 5 connections lets one more in on the old one only.
    #[test]
    fn lowering_the_threshold_below_the_count() {
        for (generation, overloaded) in [(Generation::Old, false), (Generation::New, true)] {
            let mut server = with(5, 3, 0);
            generation.thresholds_written(&mut server, Thresholds::OFF);
            assert_eq!(server.overloaded, overloaded);
            server.inactive = 6;
            generation.connection_added(&mut server);
            assert!(server.overloaded);
        }
    }

    #[test]
    fn raising_or_dropping_the_threshold_opens_an_old_kernel() {
        for (upper, overloaded) in [(4, true), (5, false), (0, false)] {
            let mut server = with(4, upper, 0);
            server.overloaded = true;
            Generation::Old.thresholds_written(&mut server, Thresholds::new(4, 0).unwrap());
            assert_eq!(server.overloaded, overloaded, "u={upper}");
        }
    }
}
