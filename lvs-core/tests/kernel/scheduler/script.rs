//! A random script of changes and connections, made from a seed.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use lvs_core::ipvs::{
    Destination, DestinationId, Family, Forwarding, Netmask, Persistence, Protocol, Seconds,
    Service, ServiceFlags, ServiceId, Thresholds, Weight,
};
use lvs_core::scheduler::Flow;

use crate::scheduler::random::Random;
use crate::scheduler::wire::MARK;

#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) service: Service,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone)]
pub(crate) enum Step {
    Add(Destination),
    Edit(Destination),
    Remove(DestinationId),
    Service(Service),
    Connect(Flow),
    /// Those connections end whose servers exist.
    End(Vec<Flow>),
}

const CONNECTIONS: u32 = 330;

impl Script {
    pub(crate) fn random(seed: u64, schedulers: &[&str]) -> Self {
        let mut writer = Writer::new(seed, schedulers);
        for _ in 0..writer.pool {
            writer.add();
        }
        while writer.flows.len() < CONNECTIONS as usize {
            writer.step();
        }
        Self {
            seed,
            service: writer.first,
            steps: writer.steps,
        }
    }
}

/// Writes a script: its parameters, and the steps so far.
struct Writer<'a> {
    random: Random,
    schedulers: &'a [&'a str],
    family: Family,
    protocol: Protocol,
    /// How many servers it begins with.
    pool: u32,
    /// Thresholds of up to this many connections; 0 for none.
    thresholds: u32,
    /// The largest weight, and the common divisor of all weights.
    weights: (u32, u32),
    /// Addresses of clients and of targets, as numbers below these.
    clients: u32,
    targets: u32,
    first: Service,
    service: Service,
    present: BTreeSet<DestinationId>,
    flows: Vec<Flow>,
    ended: usize,
    steps: Vec<Step>,
}

impl<'a> Writer<'a> {
    fn new(seed: u64, schedulers: &'a [&'a str]) -> Self {
        let mut random = Random::new(seed);
        let family = *random.of(&[Family::Ipv4, Family::Ipv4, Family::Ipv6]);
        let protocol = *random.of(&[Protocol::TCP, Protocol::UDP]);
        let thresholds = *random.of(&[0, 0, 3, 12]);
        let mut weights = *random.of(&[(1, 1), (4, 1), (5, 3), (30, 10), (1000, 1), (1000, 25)]);
        // With thresholds the kernel would go through every level of a heavy server that is full.
        if thresholds == 0 && random.once_in(8) {
            weights = (i32::MAX as u32, 1);
        }
        let marked = random.once_in(3);
        let service = service(&mut random, schedulers, family, protocol, marked);
        Self {
            pool: *random.of(&[1, 2, 3, 3, 4, 5, 8, 13, 40]),
            clients: *random.of(&[2, 40, u32::MAX]),
            targets: if marked { *random.of(&[1, 5, 60]) } else { 1 },
            random,
            schedulers,
            family,
            protocol,
            thresholds,
            weights,
            first: service.clone(),
            service,
            present: BTreeSet::new(),
            flows: Vec::new(),
            ended: 0,
            steps: Vec::new(),
        }
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..4 => self.add(),
            4..6 => self.remove(),
            6..14 => self.edit(),
            14 if self.schedulers.len() > 1 => self.edit_service(),
            15 if self.random.once_in(4) => self.edit_service(),
            16 if self.random.once_in(2) => self.end(),
            _ => self.connect(),
        }
    }

    fn add(&mut self) {
        let number = self.random.below(self.pool + 4);
        // Only with a mark may ports differ, unless by masquerading.
        let port = match self.service.id {
            ServiceId::Fwmark { .. } => 80 + (number % 3) as u16,
            ServiceId::Socket { .. } => 80,
        };
        let id = DestinationId::new(self.address(1, number), port);
        if self.present.insert(id) {
            let destination = self.destination(id);
            self.steps.push(Step::Add(destination));
        }
    }

    fn remove(&mut self) {
        if let Some(id) = self.any_present() {
            self.present.remove(&id);
            self.steps.push(Step::Remove(id));
        }
    }

    fn edit(&mut self) {
        if let Some(id) = self.any_present() {
            let destination = self.destination(id);
            self.steps.push(Step::Edit(destination));
        }
    }

    fn edit_service(&mut self) {
        let scheduler = self.random.of(self.schedulers);
        self.service.scheduler = scheduler.parse().unwrap();
        if self.random.once_in(2) {
            self.service.flags = flags(&mut self.random);
        }
        self.steps.push(Step::Service(self.service.clone()));
    }

    /// Ends some of the open connections.
    fn end(&mut self) {
        let open = self.flows.split_off(self.ended);
        let share = *self.random.of(&[2, 4, 10]);
        let (ended, open): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|_| !self.random.once_in(share));
        self.flows.extend(&ended);
        self.ended = self.flows.len();
        self.flows.extend(open);
        self.steps.push(Step::End(ended));
    }

    fn connect(&mut self) {
        let client = self.random.draw() % self.clients;
        // Every connection has a port of its own, so no two are the same.
        let port = 20_000 + self.flows.len() as u16;
        let target = self.random.below(self.targets);
        let flow = Flow {
            protocol: self.protocol,
            client: SocketAddr::new(self.address(2, client), port),
            target: SocketAddr::new(self.address(9, target), 80),
        };
        self.flows.push(flow);
        self.steps.push(Step::Connect(flow));
    }

    fn any_present(&mut self) -> Option<DestinationId> {
        if self.present.is_empty() {
            return None;
        }
        let number = self.random.below(self.present.len() as u32) as usize;
        self.present.iter().nth(number).copied()
    }

    fn destination(&mut self, id: DestinationId) -> Destination {
        let (most, step) = self.weights;
        let mut destination = Destination::new(id, Forwarding::DirectRouting);
        let weight = match self.random.below(8) {
            0 => 0,
            1 => most,
            _ => self.random.draw() % (most / step + 1) * step,
        };
        destination.weight = Weight::new(weight.min(i32::MAX as u32)).unwrap();
        if self.thresholds > 0 && !self.random.once_in(3) {
            let upper = self.random.below(self.thresholds + 1);
            let lower = *self.random.of(&[0, 0, upper / 2, upper]);
            destination.thresholds = Thresholds::new(upper, lower).unwrap();
        }
        destination
    }

    fn address(&self, network: u8, number: u32) -> IpAddr {
        address(self.family, network, number)
    }
}

/// Returns an address; the servers are in network 1, the clients in 2, the targets in 9.
fn address(family: Family, network: u8, number: u32) -> IpAddr {
    match family {
        Family::Ipv4 => {
            let [_, a, b, c] = (number % 0x00ff_ff00 + 1).to_be_bytes();
            let first = if network == 2 { 100 } else { 10 };
            let second = if network == 2 { a } else { network };
            Ipv4Addr::new(first, second, b, c).into()
        }
        Family::Ipv6 => {
            let network = u16::from(network);
            let (high, low) = ((number >> 16) as u16, number as u16);
            Ipv6Addr::new(0xfd00, network, high, low, 0, 0, 0, low / 3 + 1).into()
        }
    }
}

fn service(
    random: &mut Random,
    schedulers: &[&str],
    family: Family,
    protocol: Protocol,
    marked: bool,
) -> Service {
    let id = if marked {
        let mark = MARK.try_into().unwrap();
        ServiceId::Fwmark { mark, family }
    } else {
        let address = SocketAddr::new(address(family, 9, 0), 80);
        ServiceId::Socket { protocol, address }
    };
    let mut service = Service::new(id, random.of(schedulers).parse().unwrap());
    service.flags = flags(random);
    if random.once_in(6) {
        let length = *random.of(&[8, 23, 30, 32]);
        service.persistence = Some(Persistence {
            timeout: Seconds(3600),
            netmask: Netmask::from_prefix(family, family.bits() / 32 * length).unwrap(),
        });
    }
    service
}

fn flags(random: &mut Random) -> ServiceFlags {
    [ServiceFlags::FLAG_1, ServiceFlags::FLAG_2]
        .into_iter()
        .filter(|_| random.once_in(2))
        .collect()
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_service(f, "service", &self.service)?;
        self.steps.iter().try_for_each(|step| step.fmt(f))
    }
}

fn write_service(f: &mut fmt::Formatter<'_>, verb: &str, service: &Service) -> fmt::Result {
    let (id, scheduler, flags) = (&service.id, &service.scheduler, service.flags);
    write!(f, "{verb} {id} {scheduler} flags {:#x}", flags.bits())?;
    if let Some(persistence) = service.persistence {
        let (timeout, netmask) = (persistence.timeout, persistence.netmask);
        write!(f, " persistent {timeout} {netmask}")?;
    }
    writeln!(f)
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut destination = |verb: &str, d: &Destination| {
            let (upper, lower) = (d.thresholds.upper(), d.thresholds.lower());
            writeln!(f, "{verb} {} weight {} u {upper} l {lower}", d.id, d.weight)
        };
        match self {
            Self::Add(d) => destination("add", d),
            Self::Edit(d) => destination("edit", d),
            Self::Remove(id) => writeln!(f, "remove {id}"),
            Self::Service(service) => write_service(f, "edit service", service),
            Self::Connect(flow) => {
                writeln!(
                    f,
                    "connect {} {} to {}",
                    flow.protocol, flow.client, flow.target
                )
            }
            Self::End(flows) => {
                let clients: Vec<_> = flows.iter().map(|flow| flow.client.to_string()).collect();
                writeln!(f, "end {}", clients.join(" "))
            }
        }
    }
}
