//! From `[[services]]` as written to virtual services.

use super::convert::{destination, each, number, parse};
use super::{PersistenceTable, ServiceTable};
use crate::cluster::model::invalid;
use crate::cluster::{DocumentError, Match, NodeName, VirtualDestination, VirtualService};
use crate::ipvs::{
    Encapsulation, EngineName, Family, Forwarding, Netmask, Persistence, Protocol, SchedulerName,
    Seconds, Service, ServiceFlags, ServiceId,
};
use crate::suggest::nearest;

/// The kernel multiplies by its ticks per second, up to 1000, in 32 bits, and wraps.
const MAX_PERSISTENCE: i64 = 4_294_967;

pub(super) fn service(
    table: ServiceTable,
    method: Forwarding,
    tunnel: Encapsulation,
    everyone: &[NodeName],
) -> Result<VirtualService, DocumentError> {
    let service = kernel_service(&table)?;
    let matches = matches(&table)?;
    let implied = || everyone.iter().cloned();
    let destinations = match table.destinations {
        Some(tables) => each("destinations", tables, |table| {
            destination(table, method, tunnel)
        })?,
        None => implied()
            .map(|name| VirtualDestination::new(name, method))
            .collect(),
    };
    Ok(VirtualService {
        service,
        matches,
        keep_weight: table.keep_weight,
        destinations,
    })
}

fn kernel_service(table: &ServiceTable) -> Result<Service, DocumentError> {
    let id = match (&table.address, table.fwmark) {
        (Some(address), None) => socket(table, address)?,
        (None, Some(mark)) => fwmark(table, mark)?,
        (Some(_), Some(_)) => {
            return Err(
                DocumentError::new("fwmark", "a service has an address or a mark")
                    .remedy("leave one of them out; addresses of what is marked stand in match"),
            );
        }
        (None, None) => {
            return Err(DocumentError::new("", "the key `address` is missing")
                .remedy("or fwmark, for a service by firewall mark"));
        }
    };
    let mut service = Service::new(id, scheduler(&table.scheduler)?);
    service.flags = flags(table)?;
    if let Some(table) = &table.persistence {
        service.persistence = Some(persistence(table, id.family())?);
        let engine = table.engine.clone().map(EngineName::new).transpose();
        service.engine = engine.map_err(invalid("persistence.engine"))?;
    }
    Ok(service)
}

fn socket(table: &ServiceTable, address: &str) -> Result<ServiceId, DocumentError> {
    const EXAMPLE: &str = "ADDRESS:PORT, like \"172.16.5.11:80\"";
    refuse("family", "address", table.family.is_some())?;
    refuse("match", "address", !table.matches.is_empty())?;
    Ok(ServiceId::Socket {
        protocol: table
            .protocol
            .as_deref()
            .map_or(Ok(Protocol::TCP), protocol)?,
        address: parse(address, "address", EXAMPLE)?,
    })
}

fn fwmark(table: &ServiceTable, mark: i64) -> Result<ServiceId, DocumentError> {
    refuse("protocol", "fwmark", table.protocol.is_some())?;
    let family = table.family.as_deref();
    Ok(ServiceId::Fwmark {
        mark: number(mark, "fwmark", 1..=i64::from(u32::MAX)).and_then(|mark: u32| {
            mark.try_into()
                .map_err(|_| DocumentError::new("fwmark", "0"))
        })?,
        family: family.map_or(Ok(Family::Ipv4), |text| {
            text.parse().map_err(invalid("family"))
        })?,
    })
}

fn refuse(key: &str, with: &str, is_there: bool) -> Result<(), DocumentError> {
    match is_there {
        true => Err(
            DocumentError::new(key, format!("means nothing with {with}")).remedy("leave it out"),
        ),
        false => Ok(()),
    }
}

fn matches(table: &ServiceTable) -> Result<Vec<Match>, DocumentError> {
    let matches = table.matches.iter().enumerate();
    matches
        .map(|(i, text)| {
            let key = format!("match[{i}]");
            parse(text, &key, "like \"tcp 172.16.5.11:80\"")
        })
        .collect()
}

fn protocol(text: &str) -> Result<Protocol, DocumentError> {
    match text {
        "tcp" => Ok(Protocol::TCP),
        "udp" => Ok(Protocol::UDP),
        "sctp" => Ok(Protocol::SCTP),
        _ => Err(
            DocumentError::new("protocol", format!("unknown protocol {text:?}"))
                .remedy("IPVS balances tcp, udp and sctp"),
        ),
    }
}

/// Refuses a scheduler that the kernel's own tree does not have: the kernel would look for its module
/// for a while and then say no more than "no such file". Who has another builds the cluster in Rust,
/// where any name is taken.
fn scheduler(text: &str) -> Result<SchedulerName, DocumentError> {
    let known = || SchedulerName::KNOWN.iter().map(SchedulerName::as_str);
    let name = SchedulerName::new(text).map_err(invalid("scheduler"))?;
    if SchedulerName::KNOWN.contains(&name) {
        return Ok(name);
    }
    let problem = format!("unknown scheduler {text:?}: Linux has no module ip_vs_{text}");
    Err(
        DocumentError::new("scheduler", problem).remedy(match nearest(text, known()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!(
                "the schedulers are {}",
                known().collect::<Vec<_>>().join(" ")
            ),
        }),
    )
}

fn flags(table: &ServiceTable) -> Result<ServiceFlags, DocumentError> {
    let mut flags = ServiceFlags::empty();
    flags.set(ServiceFlags::ONE_PACKET, table.one_packet);
    for (i, text) in table.scheduler_flags.iter().enumerate() {
        let flag = flag(text, &table.scheduler);
        flags |= flag.map_err(|error| error.within(format_args!("scheduler-flags[{i}]")))?;
    }
    Ok(flags)
}

fn flag(text: &str, scheduler: &str) -> Result<ServiceFlags, DocumentError> {
    match (text, scheduler) {
        ("sh-fallback", "sh") => Ok(ServiceFlags::SH_FALLBACK),
        ("sh-port", "sh") => Ok(ServiceFlags::SH_PORT),
        ("mh-fallback", "mh") => Ok(ServiceFlags::MH_FALLBACK),
        ("mh-port", "mh") => Ok(ServiceFlags::MH_PORT),
        ("flag-1", _) => Ok(ServiceFlags::FLAG_1),
        ("flag-2", _) => Ok(ServiceFlags::FLAG_2),
        ("flag-3", _) => Ok(ServiceFlags::FLAG_3),
        ("sh-fallback" | "sh-port" | "mh-fallback" | "mh-port", _) => {
            let problem = format!("{text:?} means nothing to the scheduler {scheduler:?}");
            Err(DocumentError::new("", problem).remedy("leave it out"))
        }
        _ => Err(
            DocumentError::new("", format!("unknown scheduler flag {text:?}")).remedy(
                "the flags are sh-fallback sh-port mh-fallback mh-port flag-1 flag-2 flag-3",
            ),
        ),
    }
}

fn persistence(table: &PersistenceTable, family: Family) -> Result<Persistence, DocumentError> {
    let netmask = match table.netmask {
        Some(length) => {
            let length = number(length, "persistence.netmask", 1..=family.bits().into())?;
            Netmask::from_prefix(family, length).map_err(invalid("persistence.netmask"))?
        }
        None => Netmask::host(family),
    };
    let timeout = number(table.timeout, "persistence.timeout", 0..=MAX_PERSISTENCE)?;
    Ok(Persistence {
        timeout: Seconds(timeout),
        netmask,
    })
}
