//! From a cluster back to the document that says it, so that serde writes a cluster as its file.

use serde::ser::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    AddressTable, ChecksTable, DefaultsTable, DestinationTable, DirectorTable, Document,
    HealthTable, IpvsTable, NotChecked, PersistenceTable, RealServerTable, ServiceTable, SyncTable,
    TimeTable, TunnelTable,
};
use crate::cluster::checks::{CheckTable, OnFailure, Policy};
use crate::cluster::model::{
    Clock, Cluster, DestinationCheck, Director, DocumentError, DocumentErrorKind, DocumentErrors,
    RealServer, Sync, VirtualDestination, VirtualService,
};
use crate::cluster::probe_path::Marks;
use crate::ipvs::{Encapsulation, Family, Forwarding, Protocol, ServiceFlags, ServiceId};
use crate::net::Address;

impl TryFrom<&Cluster> for Document {
    type Error = DocumentErrors;

    /// Returns a document from which the same cluster follows. It has every value that the cluster has: groups,
    /// defaults and files of targets of an earlier document are written out.
    ///
    /// # Errors
    /// The cluster was built in Rust with something that no file says: two encapsulations beside IP in IP, or a scheduler
    /// that is not of the Linux source tree. Or a service has fewer destinations of files of targets than its minimum.
    fn try_from(cluster: &Cluster) -> Result<Self, DocumentErrors> {
        let document = Self::of(cluster);
        match Cluster::try_from(document.clone())? == *cluster {
            true => Ok(document),
            false => Err(DocumentError::new(
                DocumentErrorKind::Conflict,
                "",
                "the cluster has values for which the cluster file has no key",
            )
            .into()),
        }
    }
}

/// Writes the [`Document`] of the cluster.
impl Serialize for Cluster {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = Document::try_from(self).map_err(S::Error::custom)?;
        document.serialize(serializer)
    }
}

/// Reads a [`Document`], and validates it.
impl<'de> Deserialize<'de> for Cluster {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Document::deserialize(deserializer)?;
        Self::try_from(document).map_err(de::Error::custom)
    }
}

impl Document {
    fn of(cluster: &Cluster) -> Self {
        let methods = || {
            let services = cluster.services().iter();
            let destinations = services.flat_map(|service| &service.destinations);
            destinations.map(|destination| destination.forwarding)
        };
        let tunnel = methods().find_map(|method| match method {
            Forwarding::Tunnel(Encapsulation::Ipip) => None,
            Forwarding::Tunnel(encapsulation) => Some(encapsulation),
            _ => None,
        });
        let usual = methods().next().unwrap_or_default();
        let mut directors: Vec<_> = cluster
            .directors()
            .iter()
            .map(DirectorTable::from)
            .collect();
        let director = match directors.len() {
            1 => directors.pop(),
            _ => None,
        };
        let servers = cluster.real_servers().iter();
        let services = cluster.services().iter();
        Self {
            name: Some(cluster.name().to_string()),
            forwarding: Some(word(usual).to_owned()),
            tunnel: tunnel.map(TunnelTable::from),
            defaults: DefaultsTable::default(),
            director,
            directors,
            services: services
                .map(|service| ServiceTable::of(service, usual))
                .collect(),
            real_servers: servers.map(RealServerTable::from).collect(),
            time: TimeTable::of(cluster.clock()),
            sync: cluster.sync().map(SyncTable::from),
            ipvs: IpvsTable::of(cluster.timeouts(), cluster.ipvs_sysctls()),
            health: HealthTable {
                marks: (cluster.marks() != Marks::default())
                    .then(|| cluster.marks().first().get().into()),
                ..HealthTable::default()
            },
        }
    }
}

/// Returns the word for a forwarding method; `tunnel` is the one of the document.
const fn word(method: Forwarding) -> &'static str {
    match method {
        Forwarding::DirectRouting => "dr",
        Forwarding::Tunnel(Encapsulation::Ipip) => "ipip",
        Forwarding::Tunnel(_) => "tunnel",
        _ => "nat",
    }
}

impl From<Encapsulation> for TunnelTable {
    fn from(encapsulation: Encapsulation) -> Self {
        let (kind, port, checksum) = match encapsulation {
            Encapsulation::Gue { port, checksum } => {
                ("gue", Some(port.get().into()), Some(checksum))
            }
            Encapsulation::Gre { checksum } => ("gre", None, Some(checksum)),
            _ => ("ipip", None, None),
        };
        Self {
            kind: kind.to_owned(),
            port,
            checksum: checksum.map(|checksum| checksum.to_string()),
        }
    }
}

impl From<&Director> for DirectorTable {
    fn from(director: &Director) -> Self {
        let addresses = director.addresses.iter().map(|address| AddressTable {
            floating: director.is_floating(address),
            ..AddressTable::from(address)
        });
        Self {
            name: director.name.to_string(),
            gateway: director.gateway.as_ref().map(Into::into),
            ip_forward: director.ip_forward,
            addresses: Some(addresses.collect()),
        }
    }
}

impl From<&RealServer> for RealServerTable {
    fn from(server: &RealServer) -> Self {
        Self {
            name: Some(server.name.to_string()),
            address: None,
            addresses: Some(server.addresses.iter().map(Into::into).collect()),
            groups: Vec::new(),
            gateway: server.gateway.as_ref().map(Into::into),
            weight: server.weight.get().into(),
            drain: server.drain,
            is_found: false,
        }
    }
}

impl From<&Address> for AddressTable {
    fn from(address: &Address) -> Self {
        Self {
            interface: Some(address.id.interface.to_string()),
            address: Some(address.id.network.to_string()),
            label: address.label.clone(),
            broadcast: address.broadcast.map(|broadcast| broadcast.to_string()),
            floating: false,
        }
    }
}

impl ServiceTable {
    fn of(filed: &VirtualService, usual: Forwarding) -> Self {
        let service = &filed.service;
        let (mut address, mut protocol, mut fwmark, mut family) = (None, None, None, None);
        match service.id {
            ServiceId::Socket {
                protocol: used,
                address: socket,
            } => {
                address = Some(socket.to_string());
                protocol = (used != Protocol::TCP).then(|| used.to_string());
            }
            ServiceId::Fwmark { mark, family: used } => {
                fwmark = Some(mark.get().into());
                family = (used == Family::Ipv6).then(|| used.to_string());
            }
        }
        let destinations = filed.destinations.iter();
        let engine = service.engine.as_ref();
        let persistence = service.persistence.as_ref();
        let has_checks = !filed.checks.is_empty();
        let Policy {
            minimum,
            below_minimum,
            on_failure,
            slow_start,
        } = filed.policy;
        Self {
            address,
            addresses: None,
            protocol,
            fwmark,
            family,
            matches: filed.matches.iter().map(ToString::to_string).collect(),
            scheduler: service.scheduler.to_string(),
            scheduler_flags: service
                .scheduler_flags()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            one_packet: service.flags.contains(ServiceFlags::ONE_PACKET),
            persistence: persistence.map(|persistence| PersistenceTable::of(persistence, engine)),
            keep_weight: filed.keep_weight,
            check: has_checks.then(|| {
                ChecksTable::All(filed.checks.iter().cloned().map(CheckTable::from).collect())
            }),
            minimum: has_checks.then(|| minimum.into()),
            below_minimum: has_checks.then(|| below_minimum.to_string()),
            fallback: filed.fallback.as_ref().map(ToString::to_string),
            on_failure: has_checks.then(|| match on_failure {
                OnFailure::Drain => "drain".to_owned(),
                OnFailure::Remove => "remove".to_owned(),
            }),
            slow_start: slow_start.map(|slow_start| slow_start.0),
            destinations: Some(
                destinations
                    .map(|destination| DestinationTable::of(destination, usual))
                    .collect(),
            ),
            is_discovered: false,
        }
    }
}

impl DestinationTable {
    fn of(destination: &VirtualDestination, usual: Forwarding) -> Self {
        let method = destination.forwarding;
        Self {
            real_server: Some(destination.real_server.to_string()),
            group: None,
            file_sd: None,
            port: destination.port.map(i64::from),
            weight: destination.weight.map(|weight| weight.get().into()),
            forwarding: (method != usual).then(|| word(method).to_owned()),
            upper_threshold: destination.thresholds.upper().into(),
            lower_threshold: destination.thresholds.lower().into(),
            check: match destination.check {
                DestinationCheck::OfService => None,
                DestinationCheck::Never => Some(NotChecked),
            },
        }
    }
}

impl TimeTable {
    fn of(clock: &Clock) -> Option<Self> {
        let usual = Clock::default();
        (*clock != usual).then(|| Self {
            ntp_server: clock.ntp_server.clone(),
            max_offset: (clock.max_offset != usual.max_offset).then(|| clock.max_offset.into()),
        })
    }
}

impl From<&Sync> for SyncTable {
    fn from(sync: &Sync) -> Self {
        Self {
            id: Some(sync.id.into()),
            interface: Some(sync.interface.to_string()),
            group: Some(sync.group.to_string()),
            port: Some(sync.port.into()),
            ttl: Some(sync.ttl.into()),
            max_length: Some(sync.max_length.into()),
        }
    }
}
