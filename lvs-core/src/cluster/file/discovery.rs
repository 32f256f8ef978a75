//! `file-sd`: destinations that another program finds, in the JSON format of Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::Deserialize;

use super::{DestinationTable, Document, RealServerTable};
use crate::cluster::model::{DocumentError, DocumentErrorKind, Mistakes};

/// Reads a file that the cluster file names, or says why it cannot be read.
pub(super) type Read<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// The label with the name of a real server.
const NAME: &str = "name";
/// The label with the weight of a destination.
const WEIGHT: &str = "weight";

/// A group of targets, as Prometheus writes it.
#[derive(Deserialize)]
struct Group {
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// A target, once it is checked.
struct Found {
    address: SocketAddr,
    name: String,
    weight: Option<i64>,
}

impl Document {
    /// Replaces each entry of `destinations` that names a file by those of its targets. A target whose address no real
    /// server of the file has is a real server that only this entry serves from.
    pub(super) fn discover(&mut self, read: Read<'_>, mistakes: &mut Mistakes) {
        let mut services = std::mem::take(&mut self.services);
        for (i, service) in services.iter_mut().enumerate() {
            let port = service
                .address
                .as_deref()
                .and_then(|text| text.parse().ok());
            let port = port.map(|address: SocketAddr| address.port());
            let Some(destinations) = &mut service.destinations else {
                continue;
            };
            let entries = std::mem::take(destinations);
            for (j, entry) in entries.into_iter().enumerate() {
                let Some(path) = entry.file_sd.clone() else {
                    destinations.push(entry);
                    continue;
                };
                service.is_discovered = true;
                let found = entry
                    .alone()
                    .and_then(|()| targets(&path, read))
                    .and_then(|found| self.take_found(found, &entry, port));
                let place = format!("services[{i}].destinations[{j}]");
                let found = mistakes.keep(found.map_err(|mistake| mistake.within(place)));
                destinations.extend(found.unwrap_or_default());
            }
        }
        self.services = services;
    }

    fn take_found(
        &mut self,
        found: Vec<Found>,
        entry: &DestinationTable,
        port: Option<u16>,
    ) -> Result<Vec<DestinationTable>, DocumentError> {
        let forwarding = entry.forwarding.as_ref().or(self.forwarding.as_ref());
        let is_mapped = forwarding.is_some_and(|method| {
            ["nat", "masquerade"].contains(&method.to_ascii_lowercase().as_str())
        });
        let destination = |found: Found| {
            let has_other_port = match port {
                Some(port) => found.address.port() != port,
                None => is_mapped,
            };
            let name = self.server_of(&found)?;
            Ok(DestinationTable {
                real_server: Some(name),
                file_sd: None,
                port: has_other_port.then(|| found.address.port().into()),
                weight: found.weight.or(entry.weight),
                ..entry.clone()
            })
        };
        found.into_iter().map(destination).collect()
    }

    /// Returns the name of the real server with a target's address, which is added if there is none.
    fn server_of(&mut self, found: &Found) -> Result<String, DocumentError> {
        let ip = found.address.ip();
        let known = self
            .real_servers
            .iter()
            .find(|server| server.has_address(ip));
        if let Some(name) = known.and_then(|server| server.name.clone()) {
            return Ok(name);
        }
        if self.defaults.interface.is_none() {
            let problem = format!(
                "{ip} is no real server of the file, and the interface of others is not known"
            );
            return Err(mistake(DocumentErrorKind::Missing, problem)
                .with_hint("add interface = \"eth0\" to [defaults]"));
        }
        let network = IpNet::new(ip, self.prefix_length(ip))
            .map_err(|error| mistake(DocumentErrorKind::InvalidValue, error.to_string()))?;
        self.real_servers
            .push(RealServerTable::found(found.name.clone(), network));
        Ok(found.name.clone())
    }

    /// Returns the length of the prefix that an address has on a network of a director.
    fn prefix_length(&self, ip: IpAddr) -> u8 {
        let whole = if ip.is_ipv4() { 32 } else { 128 };
        let directors = self.director.iter().chain(&self.directors);
        let addresses = directors.flat_map(|director| director.addresses.iter().flatten());
        addresses
            .filter_map(|table| table.address.as_ref()?.parse::<IpNet>().ok())
            .filter(|network| network.contains(&ip) && network.prefix_len() < whole)
            .map(|network| network.prefix_len())
            .max()
            .unwrap_or(whole)
    }
}

impl DestinationTable {
    /// Refuses other names beside the file.
    fn alone(&self) -> Result<(), DocumentError> {
        match self.real_server.is_some() || self.group.is_some() || self.port.is_some() {
            true => Err(mistake(
                DocumentErrorKind::Conflict,
                "excludes real-server, group and port: the file has the targets",
            )
            .with_hint("write it in an entry of its own")),
            false => Ok(()),
        }
    }
}

/// Reads the targets of a file. One without any is refused: it would leave the service without destinations.
fn targets(path: &str, read: Read<'_>) -> Result<Vec<Found>, DocumentError> {
    if !path.starts_with('/') {
        let problem = format!("{path:?} is not an absolute path");
        return Err(mistake(DocumentErrorKind::InvalidValue, problem));
    }
    let refused = |problem: String| mistake(DocumentErrorKind::InvalidValue, problem);
    let text = read(path).map_err(&refused)?;
    let groups: Vec<Group> = serde_json::from_str(&text).map_err(|error| {
        let problem = match error.is_data() {
            true => "expected a list of tables like {\"targets\": [\"192.168.1.12:80\"], \"labels\": {}}",
            false => "the text is not JSON",
        };
        refused(format!("{path}:{}:{}: {problem}", error.line(), error.column()))
    })?;
    let mut found: Vec<Found> = Vec::new();
    let mut addresses = BTreeSet::new();
    for group in &groups {
        for target in &group.targets {
            let target = group
                .found(target)
                .map_err(|problem| refused(format!("{path}: {problem}")))?;
            // The same target in two groups is one destination.
            if addresses.insert(target.address) {
                found.push(target);
            }
        }
    }
    match found.is_empty() {
        true => Err(refused(format!("{path}: has no targets"))
            .with_hint("to take all real servers from clients, drain them, or remove the service")),
        false => Ok(found),
    }
}

impl Group {
    fn found(&self, target: &str) -> Result<Found, String> {
        let address: SocketAddr = target.parse().map_err(|_| {
            format!("target {target:?} is not ADDRESS:PORT, like \"192.168.1.12:80\"")
        })?;
        let weight = self.labels.get(WEIGHT).map(|text| {
            text.parse::<u32>()
                .map(i64::from)
                .map_err(|_| format!("label weight {text:?} is not a number"))
        });
        let named = self.labels.get(NAME).filter(|_| self.targets.len() == 1);
        Ok(Found {
            address,
            // A colon cannot be in a name.
            name: named
                .cloned()
                .unwrap_or_else(|| address.ip().to_string().replace(':', "-")),
            weight: weight.transpose()?,
        })
    }
}

fn mistake(kind: DocumentErrorKind, problem: impl Into<String>) -> DocumentError {
    DocumentError::new(kind, "file-sd", problem)
}
