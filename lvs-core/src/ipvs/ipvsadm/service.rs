//! The options of a service.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::str::FromStr;

use super::error::{Parsed, Problem};
use super::line::{Given, Line};
use super::names::{Names, is_host_name};
use super::option::{OptionName, ServiceKind};
use crate::ipvs::flags::FlagError;
use crate::ipvs::{
    EngineName, Family, Netmask, Persistence, Protocol, SchedulerName, Seconds, Service,
    ServiceFlags, ServiceId,
};

/// The timeout of `-p` alone. The manual of ipvsadm says 300, ipvsadm 1.31 sets this.
const PERSISTENCE_DEFAULT: Seconds = Seconds(360);
const NO_NAMES: &str = "names are not looked up: write the number, as \"ipvsadm -Sn\" does";

/// Is an address with a port, if one was written.
pub(super) struct Endpoint {
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
}

/// Gives names in an endpoint their meaning, if they may have one.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a> {
    pub(super) names: Option<&'a dyn Names>,
    /// The protocol of the service, which decides what its names mean.
    pub(super) protocol: Protocol,
}

impl Lookup<'_> {
    fn address(self, text: &str) -> Parsed<IpAddr> {
        let problem = || Problem::value(text, "is not an IP address");
        if let Ok(address) = text.parse() {
            return Ok(address);
        }
        let Some(names) = self.names else {
            return Err(problem().hint(NO_NAMES));
        };
        if !is_host_name(text) {
            return Err(problem().hint("write four numbers without leading zeros"));
        }
        names.address(text).map(IpAddr::V4).ok_or_else(|| {
            problem().hint("this host finds no IPv4 address of this name; write the address")
        })
    }

    fn port(self, text: &str) -> Parsed<u16> {
        let problem = || Problem::value(text, "is not a port in 0..65535");
        if let Ok(port) = text.parse() {
            return Ok(port);
        }
        let Some(names) = self.names else {
            return Err(problem().hint(NO_NAMES));
        };
        names
            .port(text, self.protocol)
            .ok_or_else(|| problem().hint("/etc/services has no such service; write the number"))
    }
}

impl Endpoint {
    /// Parses `10.0.0.1:80`, `10.0.0.1`, `[2001:db8::1]:80`, `[2001:db8::1]` or `2001:db8::1`; instead of an
    /// IPv4 address and a port there may be names.
    pub(super) fn parse(text: &str, lookup: Lookup<'_>) -> Parsed<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = match rest.split_once(']') {
                Some((address, "")) => (address, None),
                Some((address, port)) if port.starts_with(':') => (address, port.get(1..)),
                _ => {
                    return Err(Problem::value(text, "is not [ADDRESS] or [ADDRESS]:PORT"));
                }
            };
            return Ok(Self {
                address: parse_ipv6(address)?.into(),
                port: port.map(|port| lookup.port(port)).transpose()?,
            });
        }
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self {
                address: address.into(),
                port: None,
            });
        }
        let (address, port) = match text.split_once(':') {
            Some((address, port)) => (address, Some(port)),
            None => (text, None),
        };
        Ok(Self {
            address: lookup.address(address)?,
            port: port.map(|port| lookup.port(port)).transpose()?,
        })
    }
}

fn parse_ipv6(text: &str) -> Parsed<Ipv6Addr> {
    text.parse()
        .map_err(|_| Problem::value(text, "is not an IPv6 address").hint(NO_NAMES))
}

impl Given<'_> {
    /// Parses the value as a number; `what` describes what is expected.
    pub(super) fn number<T: FromStr>(&self, what: &str) -> Parsed<T> {
        self.text()
            .parse()
            .map_err(|_| Problem::value(self.text(), format!("is not {what}")))
    }
}

impl Line<'_> {
    /// Parses the service that a line is about, if any, and whether its port was omitted.
    pub(super) fn service_endpoint(&mut self) -> Parsed<Option<(ServiceId, bool)>> {
        let given = self.take(|name| matches!(name, OptionName::Service(_)))?;
        let Some(given) = given else {
            return Ok(None);
        };
        let OptionName::Service(ServiceKind::Protocol(protocol)) = given.name else {
            return self.fwmark(&given).map(|id| Some((id, false)));
        };
        let protocol = Protocol(protocol);
        let lookup = self.lookup(protocol);
        let Endpoint { address, port } = Endpoint::parse(given.text(), lookup)?;
        let id = ServiceId::Socket {
            protocol,
            address: SocketAddr::new(address, port.unwrap_or(0)),
        };
        Ok(Some((id, port.is_none())))
    }

    pub(super) const fn lookup(&self, protocol: Protocol) -> Lookup<'_> {
        Lookup {
            names: self.names,
            protocol,
        }
    }

    /// Parses a firewall mark. ipvsadm prints marks above 2147483647 as negative numbers, which are
    /// accepted too.
    fn fwmark(&mut self, given: &Given<'_>) -> Parsed<ServiceId> {
        let text = given.text();
        let mark = text
            .parse::<u32>()
            .ok()
            .or_else(|| text.parse::<i32>().ok().map(i32::cast_unsigned))
            .and_then(NonZeroU32::new)
            .ok_or_else(|| Problem::value(text, "is not a firewall mark in 1..4294967295"))?;
        let family = match self.take_one(OptionName::Ipv6)? {
            Some(_) => Family::Ipv6,
            None => Family::Ipv4,
        };
        Ok(ServiceId::Fwmark { mark, family })
    }

    /// Parses the service of a line that needs one.
    pub(super) fn service_id(&mut self) -> Parsed<ServiceId> {
        self.needed_service_endpoint().map(|(id, _)| id)
    }

    fn needed_service_endpoint(&mut self) -> Parsed<(ServiceId, bool)> {
        self.service_endpoint()?.ok_or_else(|| {
            Problem::missing(self.command.word, "names no service")
                .hint("add -t, -u, --sctp-service or -f")
        })
    }

    /// Parses a complete service.
    pub(super) fn service(&mut self) -> Parsed<Service> {
        let (id, is_port_omitted) = self.needed_service_endpoint()?;
        let scheduler = self.scheduler()?;
        let persistence = self.persistence(id.family())?;
        let is_exact = self.take_one(OptionName::ExactPort)?.is_some();
        let is_every_port = matches!(&id, ServiceId::Socket { address, .. } if address.port() == 0);
        if is_every_port && persistence.is_none() && !is_exact {
            let reason = match is_port_omitted {
                true => "has no port, and is not persistent",
                false => "has port 0 (every port), and is not persistent",
            };
            return Err(Problem::missing(id.to_string(), reason)
                .hint("write ADDRESS:PORT, or add -p for a service of every port"));
        }
        let mut flags = self.scheduler_flags(&scheduler)?;
        if self.take_one(OptionName::OnePacket)?.is_some() {
            flags |= ServiceFlags::ONE_PACKET;
        }
        Ok(Service {
            id,
            scheduler,
            flags,
            persistence,
            engine: self.engine()?,
        })
    }

    fn scheduler(&mut self) -> Parsed<SchedulerName> {
        match self.take_one(OptionName::Scheduler)? {
            None => Ok(SchedulerName::WLC),
            Some(given) => SchedulerName::new(given.text())
                .map_err(|invalid| Problem::invalid(given.text(), &invalid)),
        }
    }

    fn engine(&mut self) -> Parsed<Option<EngineName>> {
        match self.take_one(OptionName::Engine)? {
            None => Ok(None),
            Some(given) => EngineName::new(given.text())
                .map(Some)
                .map_err(|invalid| Problem::invalid(given.text(), &invalid)),
        }
    }

    fn persistence(&mut self, family: Family) -> Parsed<Option<Persistence>> {
        let mask = self.take_one(OptionName::Netmask)?;
        let netmask = match &mask {
            None => Netmask::host(family),
            Some(given) => netmask(given.text(), family)?,
        };
        let Some(given) = self.take_one(OptionName::Persistent)? else {
            self.notes
                .extend(mask.map(|mask| format!("{:?} without -p has no effect", mask.word)));
            return Ok(None);
        };
        let timeout = match given.value {
            None => PERSISTENCE_DEFAULT,
            Some(_) => Seconds(given.number("a number of seconds")?),
        };
        Ok(Some(Persistence { timeout, netmask }))
    }

    fn scheduler_flags(&mut self, scheduler: &SchedulerName) -> Parsed<ServiceFlags> {
        let Some(given) = self.take_one(OptionName::SchedulerFlags)? else {
            return Ok(ServiceFlags::empty());
        };
        if given.value.is_none() {
            self.notes.push(
                "\"-b\" without flags: ipvsadm prints this if flag-3 is set, which is then lost"
                    .to_owned(),
            );
        }
        given
            .text()
            .split(',')
            .filter(|word| !word.is_empty())
            .map(|word| scheduler_flag(word, scheduler))
            .collect()
    }
}

fn netmask(text: &str, family: Family) -> Parsed<Netmask> {
    let from_prefix = || {
        let length = text.parse().ok()?;
        Netmask::from_prefix(family, length).ok()
    };
    if family == Family::Ipv6 {
        return from_prefix()
            .ok_or_else(|| Problem::value(text, "is not a prefix length in 1..128"));
    }
    text.parse().map(Netmask::Ipv4).map_err(|_| {
        let problem = Problem::value(text, "is not an IPv4 netmask like 255.255.255.0");
        // ipvsadm would read 24 as the mask 0.0.0.24, which is never meant.
        match from_prefix() {
            Some(Netmask::Ipv4(mask)) => {
                problem.hint(format!("write {mask} for a prefix of {text} bits"))
            }
            _ => problem,
        }
    })
}

fn scheduler_flag(word: &str, scheduler: &SchedulerName) -> Parsed<ServiceFlags> {
    match ServiceFlags::from_word(word, scheduler) {
        Ok(flag) => Ok(flag),
        Err(FlagError::Unknown) => unnamed_flags(word),
        Err(FlagError::OfScheduler(other)) => {
            let reason = format!("is a flag of {other}, but the scheduler is {scheduler}");
            Err(Problem::conflict(word, reason))
        }
    }
}

/// Parses `0x40`, which is not of ipvsadm, for bits that have no name. The first two bits are not the
/// scheduler's.
fn unnamed_flags(word: &str) -> Parsed<ServiceFlags> {
    word.strip_prefix("0x")
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .filter(|bits| bits & 0x3 == 0)
        .map(ServiceFlags::from_bits_retain)
        .ok_or_else(|| {
            let words: Vec<_> = ServiceFlags::words().collect();
            Problem::value(word, "is not a scheduler flag")
                .hint(format!("the flags are {}", words.join(" ")))
        })
}
