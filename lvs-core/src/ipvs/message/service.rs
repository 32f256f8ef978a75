//! The SERVICE nest, `IPVS_SVC_ATTR_*`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;

use super::fields::{Attribute, Fields, address_bytes, attributes};
use super::{DecodeError, stats};
use crate::ipvs::{
    EngineName, Family, Netmask, Persistence, Protocol, SchedulerName, Seconds, Service,
    ServiceFlags, ServiceId, ServiceStatus, Stats,
};
use crate::netlink::attributes::{Writer, read_u32};

attributes! {
    AF = 1, "IPVS_SVC_ATTR_AF";
    PROTOCOL = 2, "IPVS_SVC_ATTR_PROTOCOL";
    ADDR = 3, "IPVS_SVC_ATTR_ADDR";
    PORT = 4, "IPVS_SVC_ATTR_PORT";
    FWMARK = 5, "IPVS_SVC_ATTR_FWMARK";
    SCHED_NAME = 6, "IPVS_SVC_ATTR_SCHED_NAME";
    FLAGS = 7, "IPVS_SVC_ATTR_FLAGS";
    TIMEOUT = 8, "IPVS_SVC_ATTR_TIMEOUT";
    NETMASK = 9, "IPVS_SVC_ATTR_NETMASK";
    STATS = 10, "IPVS_SVC_ATTR_STATS";
    PE_NAME = 11, "IPVS_SVC_ATTR_PE_NAME";
    STATS64 = 12, "IPVS_SVC_ATTR_STATS64";
}

/// `IP_VS_SVC_F_PERSISTENT`, which a [`Service`] expresses by having a [`Persistence`].
const PERSISTENT: u32 = 0x1;
/// `IP_VS_SVC_F_HASHED`, which only the kernel sets.
const HASHED: u32 = 0x2;

/// Decodes the identity of a service. A mark of 0 is no mark: the kernel treats it as a TCP service of
/// the unspecified address.
pub(super) fn decode_id(fields: &Fields<'_>) -> Result<ServiceId, DecodeError> {
    let family = fields.u16(AF)?.ok_or_else(|| AF.missing())?;
    let family = Family::from_number(family).ok_or_else(|| AF.senseless())?;
    match fields.u32(FWMARK)?.map(NonZeroU32::new) {
        Some(Some(mark)) => Ok(ServiceId::Fwmark { mark, family }),
        Some(None) => Ok(ServiceId::tcp(SocketAddr::new(unspecified(family), 0))),
        None => decode_socket(fields, family),
    }
}

fn decode_socket(fields: &Fields<'_>, family: Family) -> Result<ServiceId, DecodeError> {
    let protocol = fields.u16(PROTOCOL)?.ok_or_else(|| PROTOCOL.missing())?;
    let port = fields.be16(PORT)?.ok_or_else(|| PORT.missing())?;
    Ok(ServiceId::Socket {
        protocol: Protocol(protocol),
        address: SocketAddr::new(fields.address(ADDR, family)?, port),
    })
}

const fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// Decodes a complete service, without its counters.
pub(super) fn decode(fields: &Fields<'_>) -> Result<Service, DecodeError> {
    let id = decode_id(fields)?;
    let scheduler = fields.name(SCHED_NAME, decode_scheduler)?;
    let flags = decode_flags(fields)?;
    let persistent = flags & PERSISTENT != 0;
    Ok(Service {
        id,
        scheduler: scheduler.ok_or_else(|| SCHED_NAME.missing())?,
        flags: ServiceFlags::from_bits_retain(flags & !(PERSISTENT | HASHED)),
        persistence: persistent
            .then(|| decode_persistence(fields, id.family()))
            .transpose()?,
        engine: decode_engine(fields)?,
    })
}

/// Returns the name of a scheduler, without a copy if it is one of the kernel, as nearly always.
fn decode_scheduler(name: &[u8]) -> Option<SchedulerName> {
    let mut known = SchedulerName::KNOWN.iter();
    match known.find(|known| known.as_str().as_bytes() == name) {
        Some(known) => Some(known.clone()),
        None => SchedulerName::reported(name),
    }
}

/// Decodes two words, the flags and the mask of those that count; a short attribute is filled up with
/// zeros.
fn decode_flags(fields: &Fields<'_>) -> Result<u32, DecodeError> {
    let bytes = fields.bytes(FLAGS).ok_or_else(|| FLAGS.missing())?;
    let flags = read_u32(bytes).ok_or_else(|| FLAGS.short())?;
    Ok(flags & bytes.get(4..).and_then(read_u32).unwrap_or(0))
}

fn decode_persistence(fields: &Fields<'_>, family: Family) -> Result<Persistence, DecodeError> {
    let timeout = fields.u32(TIMEOUT)?.ok_or_else(|| TIMEOUT.missing())?;
    Ok(Persistence {
        timeout: Seconds(timeout),
        netmask: decode_netmask(fields, family)?,
    })
}

/// Decodes a mask: for IPv4 an address, for IPv6 the length of the prefix, in host order.
fn decode_netmask(fields: &Fields<'_>, family: Family) -> Result<Netmask, DecodeError> {
    match family {
        Family::Ipv4 => fields
            .ipv4(NETMASK)?
            .map(Netmask::Ipv4)
            .ok_or_else(|| NETMASK.missing()),
        Family::Ipv6 => {
            let length = fields.u32(NETMASK)?.ok_or_else(|| NETMASK.missing())?;
            let length = u8::try_from(length).map_err(|_| NETMASK.senseless())?;
            Ok(Netmask::Ipv6(length))
        }
    }
}

/// Decodes an engine; in an edit, an empty name means none.
fn decode_engine(fields: &Fields<'_>) -> Result<Option<EngineName>, DecodeError> {
    let engine = fields.name(PE_NAME, |name| match name {
        b"" => Some(None),
        name if name == EngineName::SIP.as_str().as_bytes() => Some(Some(EngineName::SIP)),
        name => EngineName::reported(name).map(Some),
    })?;
    Ok(engine.flatten())
}

/// Decodes the counters; returns `None` if the nest has none and is therefore a request.
pub(super) fn decode_stats(fields: &Fields<'_>) -> Result<Option<Stats>, DecodeError> {
    stats::decode(fields, STATS, STATS64)
}

/// Encodes the identity of a service.
pub(super) fn encode_id(out: &mut Writer<'_>, id: &ServiceId) {
    out.put_u16(AF.kind, id.family().number());
    match id {
        ServiceId::Fwmark { mark, .. } => out.put_u32(FWMARK.kind, mark.get()),
        ServiceId::Socket { protocol, address } => {
            out.put_u16(PROTOCOL.kind, protocol.0);
            out.put_bytes(ADDR.kind, &address_bytes(address.ip()));
            out.put_be16(PORT.kind, address.port());
        }
    }
}

/// Encodes a complete service, to add or to edit. The mask covers every flag except the one that only the
/// kernel sets, so that after an edit the service has exactly these flags.
pub(super) fn encode(out: &mut Writer<'_>, service: &Service) {
    encode_body(out, service, flag_bits(service), !HASHED);
}

/// Encodes a service as the kernel reports it.
pub(super) fn encode_status(out: &mut Writer<'_>, status: &ServiceStatus) {
    let service = &status.service;
    encode_body(out, service, flag_bits(service) | HASHED, !0);
    stats::encode(out, STATS, STATS64, &status.stats);
}

fn encode_body(out: &mut Writer<'_>, service: &Service, flags: u32, mask: u32) {
    encode_id(out, &service.id);
    out.put_str(SCHED_NAME.kind, service.scheduler.as_str());
    if let Some(engine) = &service.engine {
        out.put_str(PE_NAME.kind, engine.as_str());
    }
    put_pair(out, FLAGS, flags, mask);
    let timeout = service
        .persistence
        .map_or(0, |persistence| persistence.timeout.0);
    out.put_u32(TIMEOUT.kind, timeout);
    encode_netmask(out, service);
}

fn flag_bits(service: &Service) -> u32 {
    let persistent = if service.persistence.is_some() {
        PERSISTENT
    } else {
        0
    };
    service.flags.bits() & !(PERSISTENT | HASHED) | persistent
}

fn put_pair(out: &mut Writer<'_>, attribute: Attribute, first: u32, second: u32) {
    let ([a, b, c, d], [e, f, g, h]) = (first.to_ne_bytes(), second.to_ne_bytes());
    out.put_bytes(attribute.kind, &[a, b, c, d, e, f, g, h]);
}

/// Encodes the mask. The kernel requires one of the service's family, with and without persistence.
fn encode_netmask(out: &mut Writer<'_>, service: &Service) {
    let host = Netmask::host(service.id.family());
    match service
        .persistence
        .map_or(host, |persistence| persistence.netmask)
    {
        Netmask::Ipv4(mask) => out.put_bytes(NETMASK.kind, &mask.octets()),
        Netmask::Ipv6(length) => out.put_u32(NETMASK.kind, length.into()),
    }
}
