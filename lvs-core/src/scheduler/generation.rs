//! The two ways in which kernels count connections, and what follows for thresholds and loads.

use super::Server;
use crate::ipvs::Thresholds;

/// Which rules a kernel has for loads and thresholds.
///
/// The newer ones came in autumn 2026, to 7.2 and to stable series alike: Debian's 6.1.192, 6.12.117
/// and 7.2.7 are `New`, 6.1.176 is `Old`. With n connections, u and l the upper and lower threshold,
/// and l' = l, or u - u/4 (rounded up) where l is 0:
///
/// | | `Old` | `New` |
/// |---|---|---|
/// | load of a server | 256 per active connection, 1 per inactive one | 257 and 1 |
/// | a connection came | n >= u: overloaded | n = u: overloaded |
/// | a connection went | n < l, or without l 4n < 3u: no longer | n < l': no longer |
/// | thresholds were edited | u is 0 or was raised: no longer | n >= u: overloaded; n < l' or u is 0: no longer |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// Before autumn 2026.
    Old,
    /// Since.
    #[default]
    New,
}

impl Generation {
    /// What the kernel takes for the load of a server, in its 32 bits: above some 8.3 million
    /// active connections it wraps.
    #[must_use]
    pub const fn load(self, server: &Server) -> i32 {
        let all = match self {
            Self::Old => server.inactive,
            Self::New => server.connections(),
        };
        (server.active << 8).wrapping_add(all) as i32
    }

    /// A connection has been counted.
    pub(super) fn connection_came(self, server: &mut Server) {
        let (connections, upper) = (server.connections(), server.destination.thresholds.upper());
        server.overloaded |= match self {
            Self::Old => upper != 0 && connections >= upper,
            Self::New => upper != 0 && connections == upper,
        };
    }

    /// A connection is no longer counted.
    pub(super) fn connection_went(self, server: &mut Server) {
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

    /// A persistence template came to the server or left it. It is not a connection, but old kernels
    /// judge anew all the same.
    pub(super) fn template_came(self, server: &mut Server) {
        if self == Self::Old {
            self.connection_came(server);
        }
    }

    /// See [`template_came`](Self::template_came).
    pub(super) fn template_went(self, server: &mut Server) {
        if self == Self::Old {
            self.connection_went(server);
        }
    }

    /// The thresholds were these before they were written.
    pub(super) fn edited(self, server: &mut Server, before: Thresholds) {
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

/// Below how many connections a newer kernel takes a server back.
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

    /// Seen on both kernels: full at four, and after two have gone (two are left) it depends on l.
    #[test]
    fn hysteresis_as_observed() {
        for generation in [Generation::Old, Generation::New] {
            for (lower, accepts_again) in [(0, true), (1, false), (2, false), (3, true)] {
                let mut server = with(4, 4, lower);
                generation.connection_came(&mut server);
                assert!(server.overloaded);
                for left in [3, 2] {
                    server.inactive = left;
                    generation.connection_went(&mut server);
                }
                assert_eq!(
                    !server.overloaded, accepts_again,
                    "{generation:?} l={lower}"
                );
            }
        }
    }

    /// Seen on both kernels: u set to 3 with 5 connections lets one more in on the old one only.
    #[test]
    fn lowering_the_threshold_below_the_count() {
        for (generation, overloaded) in [(Generation::Old, false), (Generation::New, true)] {
            let mut server = with(5, 3, 0);
            generation.edited(&mut server, Thresholds::OFF);
            assert_eq!(server.overloaded, overloaded);
            server.inactive = 6;
            generation.connection_came(&mut server);
            assert!(server.overloaded);
        }
    }

    #[test]
    fn raising_or_dropping_the_threshold_opens_an_old_kernel() {
        for (upper, overloaded) in [(4, true), (5, false), (0, false)] {
            let mut server = with(4, upper, 0);
            server.overloaded = true;
            Generation::Old.edited(&mut server, Thresholds::new(4, 0).unwrap());
            assert_eq!(server.overloaded, overloaded, "u={upper}");
        }
    }
}
