//! Cluster files of which each differs a little from the one before.

use std::collections::BTreeMap;
use std::fmt::Write;

use lvs_core::Cluster;

use crate::random::Random;

/// These stay, whatever else happens.
const STABLE: [u8; 2] = [1, 2];
/// These come and go.
const OTHERS: [u8; 3] = [3, 4, 5];
/// As many as there can be.
const ALL: [u8; 5] = [1, 2, 3, 4, 5];

#[derive(Clone, Debug)]
pub(crate) struct File {
    method: &'static str,
    /// Weights by real server; 0 is being drained.
    servers: BTreeMap<u8, u8>,
    scheduler: &'static str,
    threshold: u16,
    tcp_timeout: u16,
    second_service: bool,
    second_vip: bool,
}

impl File {
    pub(crate) fn new(method: &'static str) -> Self {
        Self {
            method,
            servers: STABLE.map(|server| (server, 1)).into(),
            scheduler: "rr",
            threshold: 0,
            tcp_timeout: 900,
            second_service: false,
            second_vip: false,
        }
    }

    /// With everything that can be in such a file: the machines for it are those for every other one.
    pub(crate) fn widest(method: &'static str) -> Self {
        Self {
            servers: ALL.map(|server| (server, 1)).into(),
            second_vip: true,
            ..Self::new(method)
        }
    }

    pub(crate) fn with(mut self, server: u8, weight: u8) -> Self {
        self.servers.insert(server, weight);
        self
    }

    pub(crate) fn without(mut self, server: u8) -> Self {
        self.servers.remove(&server);
        self
    }

    /// The servers that this file names and the other one does not.
    pub(crate) fn more_than(&self, other: &Self) -> Vec<u8> {
        self.servers
            .keys()
            .filter(|server| !other.servers.contains_key(server))
            .copied()
            .collect()
    }

    /// One thing is different afterwards. A server is drained before it goes.
    pub(crate) fn step(&self, random: &mut Random) -> Self {
        let mut next = self.clone();
        let other = random.pick(&OTHERS);
        match random.below(10) {
            0..=3 => match next.servers.get(&other) {
                None => next = next.with(other, random.pick(&[1, 2, 5])),
                Some(0) if !random.once_in(3) => next = next.without(other),
                Some(_) => next = next.with(other, random.pick(&[0, 0, 3])),
            },
            4 => next = next.with(random.pick(&STABLE), random.pick(&[1, 2, 3])),
            5 => next.scheduler = random.pick(&["rr", "wrr", "wlc"]),
            // Far more than the visitors open in the walk: at a threshold the kernel refuses clients.
            6 => next.threshold = random.pick(&[0, 20_000, 40_000]),
            7 => next.tcp_timeout = random.pick(&[300, 600, 900]),
            8 => next.second_service = !self.second_service,
            _ => next.second_vip = !self.second_vip,
        }
        next
    }

    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::from_toml(&self.toml().unwrap()).unwrap()
    }

    fn toml(&self) -> Result<String, std::fmt::Error> {
        let Self {
            method,
            scheduler,
            tcp_timeout,
            ..
        } = self;
        let mut text = format!(
            "name = \"web\"\nforwarding = \"{method}\"\n[ipvs]\ntcp-timeout = {tcp_timeout}\n"
        );
        let (inside, gateway) = match *method {
            "nat" => ("eth1", "gateway = \"192.168.1.11\""),
            _ => ("eth0", "gateway = \"192.168.1.254\""),
        };
        let prefix = if *method == "nat" { 16 } else { 32 };
        writeln!(text, "[director]")?;
        if *method != "nat" {
            writeln!(text, "{gateway}")?;
        }
        writeln!(
            text,
            "addresses = [{{ interface = \"eth0\", address = \"172.16.5.11/{prefix}\" }},"
        )?;
        if self.second_vip {
            writeln!(
                text,
                "{{ interface = \"eth0\", address = \"172.16.5.12/{prefix}\" }},"
            )?;
        }
        writeln!(
            text,
            "{{ interface = \"{inside}\", address = \"192.168.1.11/24\" }}]"
        )?;
        for service in self.services() {
            writeln!(
                text,
                "[[services]]\naddress = \"{service}\"\nscheduler = \"{scheduler}\"\ndestinations = ["
            )?;
            for server in self.servers.keys() {
                let threshold = self.threshold;
                writeln!(
                    text,
                    "{{ real-server = \"rs{server}\", upper-threshold = {threshold} }},"
                )?;
            }
            writeln!(text, "]")?;
        }
        for (server, weight) in &self.servers {
            writeln!(
                text,
                "[[real-servers]]\nname = \"rs{server}\"\nweight = {weight}\n{gateway}"
            )?;
            writeln!(
                text,
                "addresses = [{{ interface = \"eth0\", address = \"192.168.1.2{server}/24\" }}]"
            )?;
        }
        Ok(text)
    }

    fn services(&self) -> Vec<&'static str> {
        let mut services = vec!["172.16.5.11:80", "172.16.5.11:7"];
        services.extend(self.second_service.then_some("172.16.5.11:443"));
        services.extend(self.second_vip.then_some("172.16.5.12:80"));
        services
    }
}
