//! `[[services]]`: what clients connect to, how it is scheduled, and which nodes serve it.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::destination::{DestinationTable, Groups};
use super::destination_lists::DestinationLists;
use super::health::ChecksTable;
use super::node::FiledServer;
use super::persistence::PersistenceTable;
use super::value::{out_of_range, parse, refuse};
use crate::cluster::checks::{CheckDefaults, SlowStartTime};
use crate::cluster::model::{
    DocumentError, DocumentErrorKind, Match, Mistakes, ServicePlace, VirtualDestination,
    VirtualService, invalid,
};
use crate::ipvs::{
    Encapsulation, Family, Forwarding, Protocol, SchedulerName, Service, ServiceFlags, ServiceId,
};
use crate::suggest::nearest;

/// Holds one of `[[services]]` as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceTable {
    /// Virtual IP and port: `172.16.5.11:80`, `[2001:db8::1]:80`. Either this, `addresses` or `fwmark`.
    #[serde(default)]
    pub address: Option<String>,
    /// Several virtual IPs and ports: one service each, all else alike.
    #[serde(default)]
    pub addresses: Option<Vec<String>>,
    /// With `address` or `addresses`: `tcp` (default), `udp` or `sctp`.
    #[serde(default)]
    pub protocol: Option<String>,
    /// A firewall mark, 1 to 4294967295.
    #[serde(default)]
    pub fwmark: Option<i64>,
    /// With `fwmark`: `ipv4` (default) or `ipv6`.
    #[serde(default)]
    pub family: Option<String>,
    /// With `fwmark`: the packets that have to be marked, `tcp 172.16.5.11:80`; the plan prints nftables rules.
    #[serde(default, rename = "match")]
    pub matches: Vec<String>,
    /// The scheduler; `wlc` if absent, as in ipvsadm.
    #[serde(default = "default_scheduler")]
    pub scheduler: String,
    /// Flags of the scheduler: `sh-fallback`, `sh-port`, `mh-fallback`, `mh-port`, `flag-1`, `flag-2`, `flag-3`.
    #[serde(default)]
    pub scheduler_flags: Vec<String>,
    /// Whether every UDP datagram is scheduled by itself.
    #[serde(default)]
    pub one_packet: bool,
    /// How long clients return to the server that they had, `"5m"` or a table; absent: they do not.
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "super::schema::persistence")
    )]
    pub persistence: Option<PersistenceTable>,
    /// Whether weights apply only when a destination is added; another program sets them afterwards.
    #[serde(default)]
    pub keep_weight: bool,
    /// How each destination is tested: `tcp`, a table with a `type`, or a list; absent: not at all.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::checks"))]
    pub check: Option<ChecksTable>,
    /// So many destinations must be healthy, the fallback, drained ones and those of weight 0 not counted; 1 if absent.
    /// Above the number of destinations it is refused, but not where `file-sd` finds them.
    #[serde(default)]
    pub minimum: Option<i64>,
    /// What happens with fewer: `serve-all` (default), `fallback`, `withdraw` or `refuse`. A virtual IP is withdrawn
    /// from the director only while every service on it has fewer and says `withdraw`.
    #[serde(default)]
    pub below_minimum: Option<String>,
    /// A real server that has weight 0 (with on-failure `remove`: is deleted) until fewer than the minimum are healthy;
    /// absent: none. While it is drained, has weight 0, or is down beside one that is available, every other destination
    /// that is not drained serves then.
    #[serde(default)]
    pub fallback: Option<String>,
    /// What happens to a destination that is down: `drain` (default) or `remove`.
    #[serde(default)]
    pub on_failure: Option<String>,
    /// The time over which the weight of a destination rises that was down or drained, 1 second to 1 day; absent: it
    /// has its whole weight at once.
    #[serde(default)]
    pub slow_start: Option<SlowStartTime>,
    /// The nodes, groups or files of targets that serve it; absent: every real server of this file.
    #[serde(default)]
    pub destinations: Option<Vec<DestinationTable>>,
    /// Whether a file of targets was read for it.
    #[serde(skip)]
    pub is_discovered: bool,
}

/// Stands for a service whose address is wrong.
const ANY_SERVICE: ServiceId = ServiceId::Fwmark {
    mark: NonZeroU32::MIN,
    family: Family::Ipv4,
};

fn default_scheduler() -> String {
    "wlc".to_owned()
}

/// Holds what the services need to know of the rest of the file.
pub(super) struct ServiceContext<'a> {
    pub(super) forwarding: Forwarding,
    pub(super) tunnel: Encapsulation,
    pub(super) real_servers: &'a [FiledServer],
    pub(super) groups: &'a Groups,
    /// Whether groups or members of them may be missing because of mistakes.
    pub(super) may_lack_groups: bool,
    pub(super) checks: CheckDefaults,
}

impl ServiceContext<'_> {
    /// Returns the destinations of a service that names none; not those that a file of targets names.
    pub(super) fn every_real_server(&self) -> Vec<VirtualDestination> {
        let servers = self.real_servers.iter().filter(|filed| !filed.is_found);
        let names = servers.map(|filed| filed.server.name.clone());
        names
            .map(|name| VirtualDestination::new(name, self.forwarding))
            .collect()
    }
}

impl ServiceTable {
    /// Converts the table to one service for each address; the places lack the number of the entry.
    pub(super) fn into_services(
        mut self,
        context: &ServiceContext<'_>,
        lists: &mut DestinationLists,
        mistakes: &mut Mistakes,
    ) -> Vec<(VirtualService, ServicePlace)> {
        let health = self.take_health(&context.checks, mistakes);
        let ids = self.ids(mistakes);
        let matches = self.packet_matches(mistakes);
        let (tables, fallback) = (self.destinations.take(), health.fallback);
        let list = lists.convert(tables, fallback.clone(), context, mistakes);
        if ids.is_empty() {
            // The mistakes of the other keys.
            self.kernel_service(ANY_SERVICE, mistakes);
        }
        let lacks_protocol = self
            .protocol
            .as_deref()
            .map(protocol)
            .is_some_and(|given| given.is_err());
        let service = |(address, id)| {
            let service = VirtualService {
                service: self.kernel_service(id, mistakes),
                matches: matches.clone(),
                keep_weight: self.keep_weight,
                destinations: list.destinations.clone(),
                checks: health.checks.clone(),
                policy: health.policy,
                fallback: fallback.clone(),
            };
            let place = ServicePlace {
                entry: 0,
                address,
                destinations: list.entries.clone(),
                has_added_fallback: list.has_added_fallback,
                lacks_protocol,
                is_discovered: self.is_discovered,
            };
            (service, place)
        };
        ids.into_iter().map(service).collect()
    }

    fn kernel_service(&self, id: ServiceId, mistakes: &mut Mistakes) -> Service {
        let scheduler = mistakes.keep(self.scheduler());
        let flags = self.flags(scheduler.as_ref(), mistakes);
        let mut service = Service::new(id, scheduler.unwrap_or(SchedulerName::WLC));
        service.flags = flags;
        if let Some(table) = &self.persistence {
            mistakes.within("persistence", |mistakes| {
                service.persistence = Some(table.persistence(id.family(), mistakes));
                service.engine = mistakes.keep(table.engine()).flatten();
            });
        }
        service
    }

    /// Returns what clients connect to; with `addresses` each with its number.
    fn ids(&self, mistakes: &mut Mistakes) -> Vec<(Option<usize>, ServiceId)> {
        match (&self.address, &self.addresses, self.fwmark) {
            (Some(address), None, None) => {
                let id = self.socket(address, mistakes);
                let id = id.map_err(|mistake| mistake.within("address"));
                mistakes.keep(id).map(|id| (None, id)).into_iter().collect()
            }
            (None, Some(addresses), None) => self.sockets(addresses, mistakes),
            (None, None, Some(mark)) => {
                let id = mistakes.keep(self.mark(mark));
                id.map(|id| (None, id)).into_iter().collect()
            }
            (Some(_), Some(_), _) => {
                let problem = "a service has either an address or addresses";
                let mistake = DocumentError::new(DocumentErrorKind::Conflict, "addresses", problem);
                mistakes.push(mistake.with_hint("write all of them in addresses"));
                Vec::new()
            }
            (_, _, Some(_)) => {
                let problem = "a service has either an address or a mark";
                let mistake = DocumentError::new(DocumentErrorKind::Conflict, "fwmark", problem);
                mistakes.push(mistake.with_hint(
                    "leave one of them out; write the addresses that are marked in match",
                ));
                Vec::new()
            }
            (None, None, None) => {
                let hint = "add it, or fwmark for a service by firewall mark";
                mistakes.push(DocumentError::missing("address").with_hint(hint));
                Vec::new()
            }
        }
    }

    fn sockets(
        &self,
        addresses: &[String],
        mistakes: &mut Mistakes,
    ) -> Vec<(Option<usize>, ServiceId)> {
        if addresses.is_empty() {
            let kind = DocumentErrorKind::Missing;
            mistakes.push(DocumentError::new(kind, "addresses", "the list is empty"));
        }
        let addresses = addresses.iter().enumerate();
        addresses
            .filter_map(|(i, address)| {
                let id = self.socket(address, mistakes);
                let id = id.map_err(|mistake| mistake.within(format_args!("addresses[{i}]")));
                Some((Some(i), mistakes.keep(id)?))
            })
            .collect()
    }

    /// Returns the service at an address; an error is about the address, other mistakes are collected.
    fn socket(&self, address: &str, mistakes: &mut Mistakes) -> Result<ServiceId, DocumentError> {
        for (is_given, key) in [
            (self.family.is_some(), "family"),
            (!self.matches.is_empty(), "match"),
        ] {
            mistakes.keep(refuse(is_given, key, "has no effect beside address"));
        }
        let protocol = self.protocol.as_deref().map_or(Ok(Protocol::TCP), protocol);
        Ok(ServiceId::Socket {
            protocol: mistakes.keep(protocol).unwrap_or(Protocol::TCP),
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
                Some(text) => text
                    .to_ascii_lowercase()
                    .parse()
                    .map_err(invalid("family"))?,
                None => Family::Ipv4,
            },
        })
    }

    fn packet_matches(&self, mistakes: &mut Mistakes) -> Vec<Match> {
        let form = "like \"tcp 172.16.5.11:80\"";
        self.matches
            .iter()
            .enumerate()
            .filter_map(|(i, text)| {
                let packets = parse(&text.to_ascii_lowercase(), &format!("match[{i}]"), form);
                mistakes.keep(packets)
            })
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

    /// Returns the flags; with a wrong scheduler only words that are flags of none are refused.
    fn flags(&self, scheduler: Option<&SchedulerName>, mistakes: &mut Mistakes) -> ServiceFlags {
        let mut flags = ServiceFlags::empty();
        flags.set(ServiceFlags::ONE_PACKET, self.one_packet);
        for (i, word) in self.scheduler_flags.iter().enumerate() {
            let flag = match scheduler {
                Some(scheduler) => ServiceFlags::from_word(word, scheduler)
                    .map_err(|_| refused_flag(word, Some(scheduler))),
                None if ServiceFlags::words().any(|known| known == word) => continue,
                None => Err(refused_flag(word, None)),
            };
            let flag = flag.map_err(|mistake| mistake.within(format_args!("scheduler-flags[{i}]")));
            flags |= mistakes.keep(flag).unwrap_or_default();
        }
        flags
    }
}

fn refused_flag(word: &str, scheduler: Option<&SchedulerName>) -> DocumentError {
    let words: Vec<_> = ServiceFlags::words().collect();
    match scheduler.filter(|_| words.contains(&word)) {
        Some(scheduler) => DocumentError::new(
            DocumentErrorKind::Conflict,
            "",
            format!("{word:?} has no effect with the scheduler {scheduler}"),
        )
        .with_hint("leave it out"),
        None => DocumentError::new(
            DocumentErrorKind::UnknownName,
            "",
            format!("unknown scheduler flag {word:?}"),
        )
        .with_hint(match nearest(word, words.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("the flags are {}", words.join(" ")),
        }),
    }
}

fn socket_address(text: &str) -> Result<SocketAddr, DocumentError> {
    match text.parse::<IpAddr>() {
        Ok(ip) => Err(
            DocumentError::new(DocumentErrorKind::Missing, "", "port is missing")
                .with_hint(format!("write {}", SocketAddr::new(ip, 80))),
        ),
        Err(_) => parse(text, "", "ADDRESS:PORT, like \"172.16.5.11:80\""),
    }
}

fn protocol(text: &str) -> Result<Protocol, DocumentError> {
    match text.to_ascii_lowercase().as_str() {
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
