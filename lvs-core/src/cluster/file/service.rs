//! `[[services]]`: what clients connect to, how it is scheduled, and which nodes serve it.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use serde::Deserialize;

use super::destination::DestinationTable;
use super::health::ChecksTable;
use super::persistence::PersistenceTable;
use super::value::{each, out_of_range, parse, refuse};
use crate::cluster::checks::{CheckDefaults, SlowStartTime};
use crate::cluster::model::{
    DocumentError, DocumentErrorKind, Match, NodeName, VirtualDestination, VirtualService, invalid,
};
use crate::ipvs::{
    Encapsulation, Family, Forwarding, Protocol, SchedulerName, Service, ServiceFlags, ServiceId,
};
use crate::suggest::nearest;

/// Holds one of `[[services]]` as written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceTable {
    /// Virtual IP and port: `172.16.5.11:80`, `[2001:db8::1]:80`. Either this or `fwmark`.
    #[serde(default)]
    pub address: Option<String>,
    /// With `address`: `tcp` (default), `udp` or `sctp`.
    #[serde(default)]
    pub protocol: Option<String>,
    /// A firewall mark, 1 to 4294967295.
    #[serde(default)]
    pub fwmark: Option<i64>,
    /// With `fwmark`: `ipv4` (default) or `ipv6`.
    #[serde(default)]
    pub family: Option<String>,
    /// With `fwmark`: the packets that have to be marked, `tcp 172.16.5.11:80`.
    #[serde(default, rename = "match")]
    pub matches: Vec<String>,
    /// The scheduler; `wlc` if absent, as in ipvsadm.
    #[serde(default = "default_scheduler")]
    pub scheduler: String,
    /// `sh-fallback`, `sh-port`, `mh-fallback`, `mh-port`, `flag-1`, `flag-2`, `flag-3`.
    #[serde(default)]
    pub scheduler_flags: Vec<String>,
    /// Whether every UDP datagram is scheduled by itself.
    #[serde(default)]
    pub one_packet: bool,
    /// How long clients return to the server that they had; absent: they do not.
    #[serde(default)]
    pub persistence: Option<PersistenceTable>,
    /// Whether weights apply only when a destination is added; another program sets them afterwards.
    #[serde(default)]
    pub keep_weight: bool,
    /// How each destination is tested: `tcp`, a table with a `type`, or a list.
    #[serde(default)]
    pub check: Option<ChecksTable>,
    /// So many destinations must be healthy; 1 if absent.
    #[serde(default)]
    pub minimum: Option<i64>,
    /// What happens with fewer: `serve-all` (default), `fallback`, `withdraw` or `refuse`.
    #[serde(default)]
    pub below_minimum: Option<String>,
    /// A real server that has weight 0 until fewer than the minimum are healthy.
    #[serde(default)]
    pub fallback: Option<String>,
    /// What happens to a destination that is down: `drain` (default) or `remove`.
    #[serde(default)]
    pub on_failure: Option<String>,
    /// The time over which the weight of a destination rises that was down or drained.
    #[serde(default)]
    pub slow_start: Option<SlowStartTime>,
    /// The nodes that serve it; absent: every real server.
    #[serde(default)]
    pub destinations: Option<Vec<DestinationTable>>,
}

fn default_scheduler() -> String {
    "wlc".to_owned()
}

impl ServiceTable {
    pub(super) fn into_service(
        mut self,
        method: Forwarding,
        tunnel: Encapsulation,
        real_servers: &[NodeName],
        defaults: &CheckDefaults,
    ) -> Result<VirtualService, DocumentError> {
        let health = self.take_health(defaults)?;
        let mut service = VirtualService {
            service: self.kernel_service()?,
            matches: self.packet_matches()?,
            keep_weight: self.keep_weight,
            destinations: match self.destinations {
                Some(tables) => each("destinations", tables, |table| {
                    table.into_destination(method, tunnel)
                })?,
                None => real_servers
                    .iter()
                    .map(|name| VirtualDestination::new(name.clone(), method))
                    .collect(),
            },
            checks: health.checks,
            policy: health.policy,
            fallback: None,
        };
        if let Some(fallback) = health.fallback {
            service.add_fallback(fallback, method);
        }
        Ok(service)
    }

    fn kernel_service(&self) -> Result<Service, DocumentError> {
        let id = self.id()?;
        let mut service = Service::new(id, self.scheduler()?);
        service.flags = self.flags(&service.scheduler)?;
        if let Some(table) = &self.persistence {
            let within = |error: DocumentError| error.within("persistence");
            service.persistence = Some(table.persistence(id.family()).map_err(within)?);
            service.engine = table.engine().map_err(within)?;
        }
        Ok(service)
    }

    fn id(&self) -> Result<ServiceId, DocumentError> {
        match (&self.address, self.fwmark) {
            (Some(address), None) => self.socket(address),
            (None, Some(mark)) => self.mark(mark),
            (Some(_), Some(_)) => Err(DocumentError::new(
                DocumentErrorKind::Conflict,
                "fwmark",
                "a service has either an address or a mark",
            )
            .with_hint("leave one of them out; write the addresses that are marked in match")),
            (None, None) => Err(DocumentError::new(
                DocumentErrorKind::Missing,
                "",
                "the key `address` is missing",
            )
            .with_hint("add it, or fwmark for a service by firewall mark")),
        }
    }

    fn socket(&self, address: &str) -> Result<ServiceId, DocumentError> {
        refuse(
            self.family.is_some(),
            "family",
            "has no effect beside address",
        )?;
        refuse(
            !self.matches.is_empty(),
            "match",
            "has no effect beside address",
        )?;
        Ok(ServiceId::Socket {
            protocol: self
                .protocol
                .as_deref()
                .map_or(Ok(Protocol::TCP), protocol)?,
            address: socket_address(address)?,
        })
    }

    fn mark(&self, mark: i64) -> Result<ServiceId, DocumentError> {
        refuse(
            self.protocol.is_some(),
            "protocol",
            "has no effect beside fwmark",
        )?;
        Ok(ServiceId::Fwmark {
            mark: u32::try_from(mark)
                .ok()
                .and_then(NonZeroU32::new)
                .ok_or_else(|| out_of_range(mark, "fwmark", &(1..=u32::MAX.into())))?,
            family: match &self.family {
                Some(text) => text.parse().map_err(invalid("family"))?,
                None => Family::Ipv4,
            },
        })
    }

    fn packet_matches(&self) -> Result<Vec<Match>, DocumentError> {
        self.matches
            .iter()
            .enumerate()
            .map(|(i, text)| parse(text, &format!("match[{i}]"), "like \"tcp 172.16.5.11:80\""))
            .collect()
    }

    /// Refuses a scheduler that the Linux source tree does not have: the kernel would search for its module
    /// for a while and then report only "no such file". A cluster built in plain Rust may name any scheduler.
    fn scheduler(&self) -> Result<SchedulerName, DocumentError> {
        let text = self.scheduler.as_str();
        let name = SchedulerName::new(text).map_err(invalid("scheduler"))?;
        if SchedulerName::KNOWN.contains(&name) {
            return Ok(name);
        }
        let known: Vec<_> = SchedulerName::KNOWN
            .iter()
            .map(SchedulerName::as_str)
            .collect();
        Err(DocumentError::new(
            DocumentErrorKind::UnknownName,
            "scheduler",
            format!("unknown scheduler {text:?}: Linux has no module ip_vs_{text}"),
        )
        .with_hint(match nearest(text, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("the schedulers are {}", known.join(" ")),
        }))
    }

    fn flags(&self, scheduler: &SchedulerName) -> Result<ServiceFlags, DocumentError> {
        let mut flags = ServiceFlags::empty();
        flags.set(ServiceFlags::ONE_PACKET, self.one_packet);
        for (i, word) in self.scheduler_flags.iter().enumerate() {
            flags |= ServiceFlags::from_word(word, scheduler).map_err(|_| {
                refused_flag(word, scheduler).within(format_args!("scheduler-flags[{i}]"))
            })?;
        }
        Ok(flags)
    }
}

impl VirtualService {
    /// Names the fallback, which need not be written among the destinations.
    fn add_fallback(&mut self, name: NodeName, method: Forwarding) {
        let mut destinations = self.destinations.iter();
        if destinations.all(|destination| destination.real_server != name) {
            let destination = VirtualDestination::new(name.clone(), method);
            self.destinations.push(destination);
        }
        self.fallback = Some(name);
    }
}

fn refused_flag(word: &str, scheduler: &SchedulerName) -> DocumentError {
    let words: Vec<_> = ServiceFlags::words().collect();
    match words.contains(&word) {
        true => DocumentError::new(
            DocumentErrorKind::Conflict,
            "",
            format!("{word:?} has no effect with the scheduler {scheduler}"),
        )
        .with_hint("leave it out"),
        false => DocumentError::new(
            DocumentErrorKind::UnknownName,
            "",
            format!("unknown scheduler flag {word:?}"),
        )
        .with_hint(format!("the flags are {}", words.join(" "))),
    }
}

fn socket_address(text: &str) -> Result<SocketAddr, DocumentError> {
    match text.parse::<IpAddr>() {
        Ok(ip) => Err(
            DocumentError::new(DocumentErrorKind::Missing, "address", "port is missing")
                .with_hint(format!("write {}", SocketAddr::new(ip, 80))),
        ),
        Err(_) => parse(text, "address", "ADDRESS:PORT, like \"172.16.5.11:80\""),
    }
}

fn protocol(text: &str) -> Result<Protocol, DocumentError> {
    match text {
        "tcp" => Ok(Protocol::TCP),
        "udp" => Ok(Protocol::UDP),
        "sctp" => Ok(Protocol::SCTP),
        _ => Err(DocumentError::new(
            DocumentErrorKind::UnknownName,
            "protocol",
            format!("unknown protocol {text:?}"),
        )
        .with_hint("IPVS balances tcp, udp and sctp")),
    }
}
