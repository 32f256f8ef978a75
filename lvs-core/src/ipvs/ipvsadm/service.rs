//! The options of a service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::str::FromStr;

use super::error::{Parsed, Problem};
use super::line::{Given, Line};
use super::option::{Name, ServiceKind};
use crate::ipvs::flags::FlagError;
use crate::ipvs::{
    EngineName, Family, Netmask, Persistence, Protocol, SchedulerName, Seconds, Service,
    ServiceFlags, ServiceId,
};

/// The timeout of `-p` alone. The manual of ipvsadm says 300, ipvsadm 1.31 means this.
const PERSISTENCE_DEFAULT: Seconds = Seconds(360);
const NO_NAMES: &str = "names are not looked up: write the number, as \"ipvsadm -Sn\" does";

/// An address and, if it was written, a port.
pub(super) struct Endpoint {
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
}

/// `10.0.0.1:80`, `10.0.0.1`, `[2001:db8::1]:80`, `[2001:db8::1]` or `2001:db8::1`.
pub(super) fn endpoint(text: &str) -> Parsed<Endpoint> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = match rest.split_once(']') {
            Some((address, "")) => (address, None),
            Some((address, port)) if port.starts_with(':') => (address, port.get(1..)),
            _ => return Err(Problem::new(text, "is not [ADDRESS] or [ADDRESS]:PORT")),
        };
        return Ok(Endpoint {
            address: parse_address::<Ipv6Addr>(address, "an IPv6 address")?.into(),
            port: port.map(parse_port).transpose()?,
        });
    }
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        let address = address.into();
        return Ok(Endpoint {
            address,
            port: None,
        });
    }
    let (address, port) = match text.split_once(':') {
        Some((address, port)) => (address, Some(port)),
        None => (text, None),
    };
    Ok(Endpoint {
        address: parse_address::<IpAddr>(address, "an IP address")?,
        port: port.map(parse_port).transpose()?,
    })
}

fn parse_address<T: FromStr>(text: &str, what: &str) -> Parsed<T> {
    text.parse()
        .map_err(|_| Problem::new(text, format!("is not {what}")).remedy(NO_NAMES))
}

fn parse_port(text: &str) -> Parsed<u16> {
    text.parse()
        .map_err(|_| Problem::new(text, "is not a port in 0..65535").remedy(NO_NAMES))
}

/// A number, or the reason why not.
pub(super) fn number<T: FromStr>(given: &Given<'_>, what: &str) -> Parsed<T> {
    given
        .text()
        .parse()
        .map_err(|_| Problem::new(given.text(), format!("is not {what}")))
}

/// Which service a line is about, if any, and whether its port was left out.
pub(super) fn id(line: &mut Line<'_>) -> Parsed<Option<(ServiceId, bool)>> {
    let given = line.take(|name| matches!(name, Name::Service(_)))?;
    let Some(given) = given else {
        return Ok(None);
    };
    let Name::Service(ServiceKind::Protocol(protocol)) = given.name else {
        return fwmark(line, &given).map(|id| Some((id, false)));
    };
    let Endpoint { address, port } = endpoint(given.text())?;
    let id = ServiceId::Socket {
        protocol: Protocol(protocol),
        address: SocketAddr::new(address, port.unwrap_or(0)),
    };
    Ok(Some((id, port.is_none())))
}

/// ipvsadm prints marks above 2147483647 as negative numbers; that is undone here.
fn fwmark(line: &mut Line<'_>, given: &Given<'_>) -> Parsed<ServiceId> {
    let text = given.text();
    let negative = || text.parse::<i32>().ok().map(i32::cast_unsigned);
    let mark = text.parse::<u32>().ok().or_else(negative);
    let mark = mark
        .and_then(NonZeroU32::new)
        .ok_or_else(|| Problem::new(text, "is not a firewall mark in 1..4294967295"))?;
    let family = match line.take_one(Name::Ipv6)? {
        Some(_) => Family::Ipv6,
        None => Family::Ipv4,
    };
    Ok(ServiceId::Fwmark { mark, family })
}

/// Which service, where a line cannot do without.
pub(super) fn needed_id(line: &mut Line<'_>) -> Parsed<ServiceId> {
    match id(line)? {
        Some((id, _)) => Ok(id),
        None => Err(Problem::new(line.command.word, "names no service")
            .remedy("add -t, -u, --sctp-service or -f")),
    }
}

/// A whole service.
pub(super) fn service(line: &mut Line<'_>, notes: &mut Vec<String>) -> Parsed<Service> {
    let (id, port_left_out) = match id(line)? {
        Some(found) => found,
        None => (needed_id(line)?, false),
    };
    let scheduler = scheduler(line)?;
    let persistence = persistence(line, id.family(), notes)?;
    if port_left_out && persistence.is_none() {
        return Err(
            Problem::new(id.to_string(), "has no port, and is not persistent")
                .remedy("write ADDRESS:PORT, or add -p for a service of every port"),
        );
    }
    let mut flags = scheduler_flags(line, &scheduler, notes)?;
    if line.take_one(Name::OnePacket)?.is_some() {
        flags |= ServiceFlags::ONE_PACKET;
    }
    let engine = line.take_one(Name::Engine)?;
    Ok(Service {
        id,
        scheduler,
        flags,
        persistence,
        engine: engine.map(|given| engine_name(&given)).transpose()?,
    })
}

fn scheduler(line: &mut Line<'_>) -> Parsed<SchedulerName> {
    match line.take_one(Name::Scheduler)? {
        None => Ok(SchedulerName::WLC),
        Some(given) => SchedulerName::new(given.text())
            .map_err(|invalid| Problem::invalid(given.text(), &invalid)),
    }
}

fn engine_name(given: &Given<'_>) -> Parsed<EngineName> {
    EngineName::new(given.text()).map_err(|invalid| Problem::invalid(given.text(), &invalid))
}

fn persistence(
    line: &mut Line<'_>,
    family: Family,
    notes: &mut Vec<String>,
) -> Parsed<Option<Persistence>> {
    let mask = line.take_one(Name::Netmask)?;
    let netmask = match &mask {
        None => Netmask::host(family),
        Some(given) => netmask(given.text(), family)?,
    };
    let Some(given) = line.take_one(Name::Persistent)? else {
        if let Some(mask) = mask {
            notes.push(format!("{:?} without -p has no effect", mask.word));
        }
        return Ok(None);
    };
    let timeout = match given.value {
        None => PERSISTENCE_DEFAULT,
        Some(_) => Seconds(number(&given, "a number of seconds")?),
    };
    Ok(Some(Persistence { timeout, netmask }))
}

fn netmask(text: &str, family: Family) -> Parsed<Netmask> {
    if family == Family::Ipv6 {
        let length = text.parse().ok();
        return length
            .and_then(|length| Netmask::from_prefix(family, length).ok())
            .ok_or_else(|| Problem::new(text, "is not a prefix length in 1..128"));
    }
    text.parse().map(Netmask::Ipv4).map_err(|_| {
        let problem = Problem::new(text, "is not an IPv4 netmask like 255.255.255.0");
        // ipvsadm would take 24 for the mask 0.0.0.24, which nobody means.
        match text
            .parse()
            .map(|length| Netmask::from_prefix(family, length))
        {
            Ok(Ok(Netmask::Ipv4(mask))) => problem.remedy(suggestion(text, mask)),
            _ => problem,
        }
    })
}

fn suggestion(length: &str, mask: Ipv4Addr) -> String {
    format!("write {mask} for a prefix of {length} bits")
}

fn scheduler_flags(
    line: &mut Line<'_>,
    scheduler: &SchedulerName,
    notes: &mut Vec<String>,
) -> Parsed<ServiceFlags> {
    let Some(given) = line.take_one(Name::SchedulerFlags)? else {
        return Ok(ServiceFlags::empty());
    };
    if given.value.is_none() {
        notes.push(
            "\"-b\" without flags: ipvsadm prints this where flag-3 is set, which is lost"
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

fn scheduler_flag(word: &str, scheduler: &SchedulerName) -> Parsed<ServiceFlags> {
    match ServiceFlags::from_word(word, scheduler) {
        Ok(flag) => Ok(flag),
        Err(FlagError::Unknown) => unnamed_flags(word),
        Err(FlagError::OfScheduler(other)) => {
            let reason = format!("is a flag of {other}, but the scheduler is {scheduler}");
            Err(Problem::new(word, reason))
        }
    }
}

/// Our own `0x40`, for bits that have no name. The first two bits are not the scheduler's.
fn unnamed_flags(word: &str) -> Parsed<ServiceFlags> {
    word.strip_prefix("0x")
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .filter(|bits| bits & 0x3 == 0)
        .map(ServiceFlags::from_bits_retain)
        .ok_or_else(|| {
            Problem::new(word, "is no scheduler flag").remedy(
                "there are sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2 and flag-3",
            )
        })
}
