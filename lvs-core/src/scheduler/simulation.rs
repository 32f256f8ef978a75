//! Many connections, and the destinations that got them.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{Flow, Server, ServiceModel};
use crate::error::InvalidValue;
use crate::ipvs::{DestinationId, Protocol, Weight};

/// Describes clients with consecutive addresses.
///
/// Client n has the n-th address and the source port 40000; after the last address the first follows with the
/// next port, up to 65535.
///
/// ```
/// use lvs_core::scheduler::Clients;
/// let clients = Clients::new("10.0.0.1".parse().unwrap(), 2)?;
/// let text: Vec<_> = (0..3).map(|n| clients.nth(n).to_string()).collect();
/// assert_eq!(text, ["10.0.0.1:40000", "10.0.0.2:40000", "10.0.0.1:40001"]);
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clients {
    first: IpAddr,
    /// At least 1.
    addresses: u64,
}

impl Clients {
    /// Returns clients with so many addresses from the first one on.
    ///
    /// # Errors
    /// No address at all.
    pub fn new(first: IpAddr, addresses: u64) -> Result<Self, InvalidValue> {
        if addresses == 0 {
            return Err(InvalidValue::new("clients", first.to_string(), "are none"));
        }
        Ok(Self { first, addresses })
    }

    /// Returns the address and port of client `number`, counted from 0.
    #[must_use]
    pub fn nth(&self, number: u64) -> SocketAddr {
        let (round, offset) = (number / self.addresses, number % self.addresses);
        let address = match self.first {
            IpAddr::V4(first) => {
                Ipv4Addr::from_bits(first.to_bits().wrapping_add(offset as u32)).into()
            }
            IpAddr::V6(first) => {
                Ipv6Addr::from_bits(first.to_bits().wrapping_add(offset.into())).into()
            }
        };
        let port = 40_000 + (round % 25_536) as u16;
        SocketAddr::new(address, port)
    }
}

#[cfg(feature = "cluster")]
impl From<ipnet::IpNet> for Clients {
    /// Returns the hosts of a network, without its own address and the broadcast address of IPv4.
    fn from(network: ipnet::IpNet) -> Self {
        let host_bits = network.max_prefix_len() - network.prefix_len();
        let (first, addresses) = match host_bits {
            0 => (network.network(), 1),
            1 => (network.network(), 2),
            64.. => (network.network(), u64::MAX),
            bits => {
                let first = network.hosts().next().unwrap_or_else(|| network.addr());
                (first, (1 << bits) - 2)
            }
        };
        Self { first, addresses }
    }
}

/// Describes the connections to a service: one a second, each from the next client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The protocol: TCP is active while it lasts, UDP never.
    pub protocol: Protocol,
    /// The virtual address.
    pub target: SocketAddr,
    /// The clients.
    pub clients: Clients,
    /// How many connections there are.
    pub connections: u64,
    /// How long each lasts: with zero it ends before the next one arrives, with `None` never.
    pub hold: Option<Duration>,
    /// The seed of the draws of twos: the same seed gives the same picks.
    pub seed: u64,
}

impl Workload {
    /// Returns a workload of a thousand TCP connections that do not end.
    #[must_use]
    pub const fn new(target: SocketAddr, clients: Clients) -> Self {
        Self {
            protocol: Protocol::TCP,
            target,
            clients,
            connections: 1000,
            hold: None,
            seed: 0,
        }
    }
}

/// Holds the destinations that got the connections of a [`Workload`].
///
/// ```
/// use lvs_core::ipvs::{Destination, Forwarding, SchedulerName, Service};
/// use lvs_core::scheduler::{Clients, Generation, ServiceModel, Simulation, Workload};
///
/// let service = Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::RR);
/// let servers = ["192.168.1.12:80", "192.168.1.13:80"];
/// let servers = servers.map(|id| id.parse().map(|id| Destination::new(id, Forwarding::Masquerade)));
/// let [first, second] = servers;
/// let mut model = ServiceModel::built(service, [first?, second?], Generation::New)?;
///
/// let clients = Clients::new("10.0.0.1".parse().unwrap(), 1 << 24)?;
/// let workload = Workload::new("172.16.5.11:80".parse().unwrap(), clients);
/// let simulation = Simulation::run(&mut model, &workload);
/// assert!(simulation.shares.iter().all(|share| share.picked == 500));
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// The destination of each connection, in their order; `None` was refused.
    pub picks: Vec<Option<DestinationId>>,
    /// The share of each destination, in the order in which they were added.
    pub shares: Vec<Share>,
}

/// Holds the connections that a destination got.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Share {
    /// Its address and port.
    pub destination: DestinationId,
    /// Its weight.
    pub weight: Weight,
    /// How many connections it got.
    pub picked: u64,
    /// Its part of the connections that were not refused, 0 to 1.
    pub share: f64,
    /// Its part of the sum of weights, 0 to 1.
    pub expected: f64,
}

impl Simulation {
    /// Runs the workload on the model.
    pub fn run(model: &mut ServiceModel, workload: &Workload) -> Self {
        let mut draws = Draws(workload.seed);
        let mut open = VecDeque::new();
        let mut picks = Vec::new();
        for number in 0..workload.connections {
            let now = Duration::from_secs(number);
            let ended = open.partition_point(|(ends, _)| *ends <= now);
            for (_, connection) in open.drain(..ended) {
                model.close(connection);
            }
            let flow = Flow {
                protocol: workload.protocol,
                client: workload.clients.nth(number),
                target: workload.target,
            };
            let arrival = flow.at(now).drawing([draws.next(), draws.next()]);
            let connection = model.connect(arrival);
            picks.push(
                connection
                    .as_ref()
                    .map(|connection| connection.destination()),
            );
            if let (Some(connection), Some(hold)) = (connection, workload.hold) {
                open.push_back((now.saturating_add(hold), connection));
            }
        }
        Self {
            shares: Share::all(model, &picks),
            picks,
        }
    }

    /// Returns how many connections were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.picks.iter().filter(|pick| pick.is_none()).count() as u64
    }

    /// Returns the part of the clients, 0 to 1, that get another destination in the other simulation of the
    /// same workload.
    ///
    /// It is exact for sh, mh and dh, where the client (or target) alone decides; with the others it also
    /// counts clients that only change places.
    #[must_use]
    pub fn moved(&self, other: &Self) -> f64 {
        let moved = self
            .picks
            .iter()
            .zip(&other.picks)
            .filter(|(here, there)| here != there)
            .count();
        ratio(moved as u64, self.picks.len().min(other.picks.len()) as u64)
    }
}

impl Share {
    /// Returns the shares of all destinations, in the order in which they were added.
    fn all(model: &ServiceModel, picks: &[Option<DestinationId>]) -> Vec<Self> {
        let mut picked: HashMap<DestinationId, u64> = HashMap::new();
        for id in picks.iter().flatten() {
            *picked.entry(*id).or_default() += 1;
        }
        let served = picked.values().sum();
        let weights = model
            .servers()
            .iter()
            .map(|server| u64::from(server.weight()))
            .sum();
        let share = |server: &Server| {
            let count = picked.get(&server.id()).copied().unwrap_or_default();
            Self {
                destination: server.id(),
                weight: server.destination.weight,
                picked: count,
                share: ratio(count, served),
                expected: ratio(server.weight().into(), weights),
            }
        };
        model.servers().iter().rev().map(share).collect()
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => part as f64 / whole as f64,
    }
}

/// Draws random numbers by SplitMix64.
struct Draws(u64);

impl Draws {
    const fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Pool;
    use super::*;

    fn workload(connections: u64) -> Workload {
        let clients = Clients::new("10.0.0.1".parse().unwrap(), 1 << 24).unwrap();
        Workload {
            connections,
            ..Workload::new("172.16.5.11:80".parse().unwrap(), clients)
        }
    }

    fn picked(simulation: &Simulation) -> Vec<u64> {
        simulation.shares.iter().map(|share| share.picked).collect()
    }

    #[test]
    fn shares_follow_the_weights() {
        let mut model = Pool::new("wrr", &[2, 3]).model;
        let simulation = Simulation::run(&mut model, &workload(20));
        assert_eq!(picked(&simulation), [8, 12]);
        let [a, b] = simulation.shares[..] else {
            panic!("two servers");
        };
        assert!((a.share, b.share) == (0.4, 0.6) && (a.expected, b.expected) == (0.4, 0.6));
        assert_eq!(simulation.refused(), 0);
    }

    #[test]
    fn held_connections_count_and_ended_ones_do_not() {
        let of = |hold| {
            let mut model = Pool::new("wlc", &[1, 1]).model;
            let workload = Workload {
                hold,
                ..workload(10)
            };
            picked(&Simulation::run(&mut model, &workload))
        };
        assert_eq!(of(None), [5, 5]);
        assert_eq!(of(Some(Duration::ZERO)), [0, 10], "the head is always idle");
        assert_eq!(of(Some(Duration::from_secs(1))), [0, 10]);
        assert_eq!(of(Some(Duration::from_secs(2))), [5, 5]);
    }

    #[test]
    fn refused_are_counted_and_have_no_share() {
        let mut model = Pool::new("ovf", &[3]).model;
        let simulation = Simulation::run(&mut model, &workload(10));
        assert_eq!((simulation.refused(), picked(&simulation)), (6, vec![4]));
        assert_eq!(simulation.shares[0].share, 1.0);
    }

    #[test]
    fn few_clients_move_with_mh_and_most_with_sh() {
        let moved = |scheduler| {
            let run = |servers| {
                let mut model = Pool::new(scheduler, &vec![1; servers]).model;
                Simulation::run(&mut model, &workload(20_000))
            };
            run(10).moved(&run(9))
        };
        let (mh, sh) = (moved("mh"), moved("sh"));
        assert!(mh < 0.2 && sh > 0.7, "mh {mh}, sh {sh}");
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let run = |seed| {
            let mut model = Pool::new("twos", &[1, 1, 1]).model;
            let workload = Workload {
                seed,
                ..workload(100)
            };
            Simulation::run(&mut model, &workload)
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[cfg(feature = "cluster")]
    #[test]
    fn clients_of_a_network() {
        let first_two = |network: &str| {
            let clients = Clients::from(network.parse::<ipnet::IpNet>().unwrap());
            [0, 1].map(|number| clients.nth(number).to_string())
        };
        assert_eq!(
            first_two("10.0.0.0/8"),
            ["10.0.0.1:40000", "10.0.0.2:40000"]
        );
        assert_eq!(
            first_two("10.0.0.7/32"),
            ["10.0.0.7:40000", "10.0.0.7:40001"]
        );
        assert_eq!(
            first_two("10.0.0.8/30"),
            ["10.0.0.9:40000", "10.0.0.10:40000"]
        );
        let v6 = Clients::from("2001:db8::/32".parse::<ipnet::IpNet>().unwrap());
        assert_eq!(v6.nth(1).to_string(), "[2001:db8::1]:40000");
    }
}
