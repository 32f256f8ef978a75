//! Source ports of probes.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Takes source ports in turn for each destination, so that a port is used again as late as possible.
///
/// A probe to a dead real server leaves an entry of 60 s in the connection table, and IPVS does not look at
/// the mark of a packet that fits an entry: with 28,232 ports in turn up to 470 probes a second of one
/// virtual IP and port never meet one.
#[derive(Clone, Debug, Default)]
pub struct SourcePorts {
    seed: u16,
    next: BTreeMap<SocketAddr, u16>,
}

impl SourcePorts {
    /// The first port, the kernel's own default for ephemeral ports.
    const FIRST: u16 = 32_768;
    /// The number of ports; the last is 60,999.
    const COUNT: u16 = 28_232;

    /// Ports in turn, from a place that depends on the seed: a program that has just been restarted does not
    /// begin where it began before.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            // Below COUNT, which is 16 bits.
            seed: u16::try_from(seed % u64::from(Self::COUNT)).unwrap_or(0),
            next: BTreeMap::new(),
        }
    }

    /// Returns the next source port for a destination.
    pub fn take(&mut self, destination: SocketAddr) -> u16 {
        let place = self.next.entry(destination).or_insert(self.seed);
        let port = Self::FIRST + *place;
        *place = (*place + 1) % Self::COUNT;
        port
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_port_comes_again_only_after_all_others() {
        let mut ports = SourcePorts::new(123_456_789);
        let web = "172.16.5.11:80".parse().unwrap();
        let first: Vec<u16> = (0..SourcePorts::COUNT).map(|_| ports.take(web)).collect();
        let distinct: BTreeSet<u16> = first.iter().copied().collect();
        assert_eq!(distinct.len(), first.len());
        assert!(distinct.first() >= Some(&32_768) && distinct.last() <= Some(&60_999));
        assert_eq!(ports.take(web), first[0]);
        assert_eq!(ports.take("172.16.5.11:443".parse().unwrap()), first[0]);
    }
}
