//! Helpers of the models' tests: pools of servers A, B, C ... and their picks as text.

use std::time::Duration;

use super::{Arrival, Flow, Generation, ModelConnection, Server, ServiceModel};
use crate::ipvs::{
    Destination, DestinationId, Forwarding, Service, ServiceFlags, Thresholds, Weight,
};

/// The four clients whose picks were observed in the kernel.
pub(super) const CLIENTS: [&str; 4] = ["10.0.0.1", "10.0.0.2", "172.16.5.9", "203.0.113.77"];

fn id(letter: char) -> DestinationId {
    let host = letter as u32 - 'A' as u32 + 1;
    let address = std::net::Ipv4Addr::from_bits(0xc0a8_0000 + host);
    DestinationId::new(address.into(), 80)
}

fn letter(id: DestinationId) -> char {
    let std::net::IpAddr::V4(address) = id.address else {
        return '?';
    };
    char::from_u32(address.to_bits() - 0xc0a8_0001 + 'A' as u32).unwrap()
}

pub(super) fn destination(letter: char, weight: u32) -> Destination {
    let mut destination = Destination::new(id(letter), Forwarding::DirectRouting);
    destination.weight = Weight::new(weight).unwrap();
    destination
}

/// Returns a server of that weight.
pub(super) fn server(weight: u32) -> Server {
    Server::new(destination('A', weight))
}

/// Returns servers A, B, C ... of these weights in the kernel's order: the last one first.
pub(super) fn servers(weights: &[u32]) -> Vec<Server> {
    let mut servers: Vec<_> = (0..)
        .map(|number| char::from_u32('A' as u32 + number).unwrap())
        .zip(weights)
        .map(|(letter, weight)| Server::new(destination(letter, *weight)))
        .collect();
    servers.reverse();
    servers
}

pub(super) fn arrival() -> Arrival {
    Pool::flow(CLIENTS[0]).into()
}

/// Models a service whose servers have letters, and whose picks are written as `C B A`, refusals as `-`.
pub(super) struct Pool {
    pub(super) model: ServiceModel,
    target: std::net::SocketAddr,
    open: Vec<ModelConnection>,
    now: Duration,
}

impl Pool {
    /// Returns a pool of A, B, C ... with these weights, added one after the other.
    pub(super) fn new(scheduler: &str, weights: &[u32]) -> Self {
        Self::flagged(scheduler, weights, ServiceFlags::empty())
    }

    pub(super) fn flagged(scheduler: &str, weights: &[u32], flags: ServiceFlags) -> Self {
        let id = "tcp 172.16.5.11:80".parse().unwrap();
        let mut service = Service::new(id, scheduler.parse().unwrap());
        service.flags = flags;
        let mut pool = Self {
            model: ServiceModel::fresh(service, Generation::New).unwrap(),
            target: "172.16.5.11:80".parse().unwrap(),
            open: Vec::new(),
            now: Duration::ZERO,
        };
        for server in servers(weights).iter().rev() {
            pool.model.add(server.destination).unwrap();
        }
        pool
    }

    /// Sends later connections to this address.
    pub(super) fn target(mut self, address: &str) -> Self {
        self.target.set_ip(address.parse().unwrap());
        self
    }

    pub(super) fn flow(client: &str) -> Flow {
        let client = std::net::SocketAddr::new(client.parse().unwrap(), 40_000);
        Flow::tcp(client, "172.16.5.11:80".parse().unwrap())
    }

    fn connect(&mut self, flow: Flow) -> char {
        let picked = self.model.connect(flow.at(self.now));
        let name = picked
            .as_ref()
            .map_or('-', |connection| letter(connection.destination()));
        self.open.extend(picked);
        name
    }

    fn line(&mut self, count: usize, flow: Flow) -> String {
        let picks: Vec<_> = (0..count).map(|_| self.connect(flow).to_string()).collect();
        picks.join(" ")
    }

    /// Opens TCP connections that stay open.
    pub(super) fn tcp(&mut self, count: usize) -> String {
        let client = "10.0.0.1:40000".parse().unwrap();
        self.line(count, Flow::tcp(client, self.target))
    }

    /// Opens UDP flows that stay.
    pub(super) fn udp(&mut self, count: usize) -> String {
        let client = "10.0.0.1:40000".parse().unwrap();
        self.line(count, Flow::udp(client, self.target))
    }

    /// Opens connections whose number does not matter to the scheduler.
    pub(super) fn picks(&mut self, count: usize) -> String {
        self.tcp(count)
    }

    /// Opens one connection of each of [`CLIENTS`].
    pub(super) fn clients(&mut self) -> String {
        CLIENTS
            .map(|client| self.line(1, Self::flow(client)))
            .join(" ")
    }

    pub(super) fn add(&mut self, letter: char, weight: u32) {
        self.model.add(destination(letter, weight)).unwrap();
    }

    pub(super) fn remove(&mut self, letter: char) {
        self.model.remove(id(letter)).unwrap();
    }

    fn edit(&mut self, letter: char, change: impl FnOnce(&mut Destination)) {
        let mut server = *self
            .model
            .servers()
            .iter()
            .find(|server| server.id() == id(letter))
            .unwrap();
        change(&mut server.destination);
        self.model.edit(server.destination).unwrap();
    }

    pub(super) fn weigh(&mut self, letter: char, weight: u32) {
        self.edit(letter, |d| d.weight = Weight::new(weight).unwrap());
    }

    pub(super) fn limit(&mut self, letter: char, upper: u32) {
        self.edit(letter, |d| {
            d.thresholds = Thresholds::new(upper, 0).unwrap()
        });
    }

    /// Closes connections of a server, the oldest first.
    pub(super) fn close(&mut self, letter: char, count: usize) {
        for _ in 0..count {
            let index = self
                .open
                .iter()
                .position(|connection| connection.destination() == id(letter))
                .unwrap();
            self.model.close(self.open.remove(index));
        }
    }

    pub(super) fn set_scheduler(&mut self, scheduler: &str) {
        let mut service = self.model.service().clone();
        service.scheduler = scheduler.parse().unwrap();
        self.model.edit_service(service).unwrap();
    }

    pub(super) fn persist(&mut self, timeout: u32, prefix: u8) {
        use crate::ipvs::{Family, Netmask, Persistence, Seconds};
        let mut service = self.model.service().clone();
        service.persistence = Some(Persistence {
            timeout: Seconds(timeout),
            netmask: Netmask::from_prefix(Family::Ipv4, prefix).unwrap(),
        });
        self.model.edit_service(service).unwrap();
    }

    /// Advances the time by seconds.
    pub(super) fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.model.advance(self.now);
    }
}
