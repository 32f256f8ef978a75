//! The DEST nest, `IPVS_DEST_ATTR_*`.

use super::fields::{Fields, address_bytes, attributes};
use super::{DecodeError, stats};
use crate::ipvs::{
    Destination, DestinationId, DestinationStatus, Encapsulation, Family, Forwarding, Thresholds,
    Weight,
};
use crate::netlink::attributes::Writer;

attributes! {
    ADDR = 1, "IPVS_DEST_ATTR_ADDR";
    PORT = 2, "IPVS_DEST_ATTR_PORT";
    FWD_METHOD = 3, "IPVS_DEST_ATTR_FWD_METHOD";
    WEIGHT = 4, "IPVS_DEST_ATTR_WEIGHT";
    U_THRESH = 5, "IPVS_DEST_ATTR_U_THRESH";
    L_THRESH = 6, "IPVS_DEST_ATTR_L_THRESH";
    ACTIVE_CONNS = 7, "IPVS_DEST_ATTR_ACTIVE_CONNS";
    INACT_CONNS = 8, "IPVS_DEST_ATTR_INACT_CONNS";
    PERSIST_CONNS = 9, "IPVS_DEST_ATTR_PERSIST_CONNS";
    STATS = 10, "IPVS_DEST_ATTR_STATS";
    ADDR_FAMILY = 11, "IPVS_DEST_ATTR_ADDR_FAMILY";
    STATS64 = 12, "IPVS_DEST_ATTR_STATS64";
    TUN_TYPE = 13, "IPVS_DEST_ATTR_TUN_TYPE";
    TUN_PORT = 14, "IPVS_DEST_ATTR_TUN_PORT";
    TUN_FLAGS = 15, "IPVS_DEST_ATTR_TUN_FLAGS";
}

/// The forwarding method is the low 3 bits of its word.
const METHOD: u32 = 7;

/// Decodes the identity of a destination. `service` is the family of its service, if it is known.
pub(super) fn decode_id(
    fields: &Fields<'_>,
    service: Option<Family>,
) -> Result<DestinationId, DecodeError> {
    let port = fields.be16(PORT)?.ok_or_else(|| PORT.missing())?;
    let family = match fields.u16(ADDR_FAMILY)? {
        None | Some(0) => service.unwrap_or_else(|| guess_family(fields)),
        Some(number) => Family::from_number(number).ok_or_else(|| ADDR_FAMILY.senseless())?,
    };
    Ok(DestinationId::new(fields.address(ADDR, family)?, port))
}

/// Guesses the family, which kernels before 3.18 do not report; they fill an IPv4 address up with zeros.
fn guess_family(fields: &Fields<'_>) -> Family {
    match fields.bytes(ADDR).and_then(|address| address.get(4..16)) {
        Some(rest) if rest.iter().any(|&byte| byte != 0) => Family::Ipv6,
        _ => Family::Ipv4,
    }
}

/// Decodes a complete destination, without its connections and counters.
pub(super) fn decode(
    fields: &Fields<'_>,
    service: Option<Family>,
) -> Result<Destination, DecodeError> {
    let weight = fields.u32(WEIGHT)?.ok_or_else(|| WEIGHT.missing())?;
    let upper = fields.u32(U_THRESH)?.ok_or_else(|| U_THRESH.missing())?;
    let lower = fields.u32(L_THRESH)?.ok_or_else(|| L_THRESH.missing())?;
    Ok(Destination {
        id: decode_id(fields, service)?,
        forwarding: decode_forwarding(fields)?,
        weight: Weight::new(weight).map_err(|_| WEIGHT.senseless())?,
        thresholds: Thresholds::new(upper, lower).map_err(|_| L_THRESH.senseless())?,
    })
}

fn decode_forwarding(fields: &Fields<'_>) -> Result<Forwarding, DecodeError> {
    let method = fields
        .u32(FWD_METHOD)?
        .ok_or_else(|| FWD_METHOD.missing())?;
    Ok(match method & METHOD {
        0 => Forwarding::Masquerade,
        1 => Forwarding::Local,
        2 => Forwarding::Tunnel(decode_encapsulation(fields)?),
        3 => Forwarding::DirectRouting,
        4 => Forwarding::Bypass,
        other => Forwarding::Other(other),
    })
}

fn decode_encapsulation(fields: &Fields<'_>) -> Result<Encapsulation, DecodeError> {
    let kind = fields.u8(TUN_TYPE)?.unwrap_or(0);
    let port = fields.be16(TUN_PORT)?.unwrap_or(0);
    let flags = fields.u16(TUN_FLAGS)?.unwrap_or(0);
    Ok(Encapsulation::from_numbers(kind, port, flags))
}

/// Decodes a destination as the kernel reports it.
pub(super) fn decode_status(fields: &Fields<'_>) -> Result<DestinationStatus, DecodeError> {
    Ok(DestinationStatus {
        destination: decode(fields, None)?,
        active: fields.u32(ACTIVE_CONNS)?.unwrap_or(0),
        inactive: fields.u32(INACT_CONNS)?.unwrap_or(0),
        persistent: fields.u32(PERSIST_CONNS)?.unwrap_or(0),
        stats: stats::decode(fields, STATS, STATS64)?.unwrap_or_default(),
    })
}

/// Encodes the identity of a destination, always with the family: without it the kernel would cut an IPv6
/// destination of an IPv4 service to its first 4 bytes.
pub(super) fn encode_id(out: &mut Writer<'_>, id: &DestinationId) {
    encode_address(out, id);
    out.put_u16(ADDR_FAMILY.kind, id.family().number());
}

fn encode_address(out: &mut Writer<'_>, id: &DestinationId) {
    out.put_bytes(ADDR.kind, &address_bytes(id.address));
    out.put_be16(PORT.kind, id.port);
}

/// Encodes a complete destination, to add or to edit, always with the tunnel attributes: an edit without
/// them resets them, which would be right without a tunnel but is not relied on.
pub(super) fn encode(out: &mut Writer<'_>, destination: &Destination) {
    encode_address(out, &destination.id);
    encode_body(out, destination);
    out.put_u16(ADDR_FAMILY.kind, destination.id.family().number());
}

fn encode_body(out: &mut Writer<'_>, destination: &Destination) {
    let (method, kind, port, flags) = numbers(destination.forwarding);
    out.put_u32(FWD_METHOD.kind, method);
    out.put_u32(WEIGHT.kind, destination.weight.get());
    out.put_u8(TUN_TYPE.kind, kind);
    out.put_be16(TUN_PORT.kind, port);
    out.put_u16(TUN_FLAGS.kind, flags);
    out.put_u32(U_THRESH.kind, destination.thresholds.upper());
    out.put_u32(L_THRESH.kind, destination.thresholds.lower());
}

/// Returns the method, tunnel type, tunnel port and tunnel flags.
fn numbers(forwarding: Forwarding) -> (u32, u8, u16, u16) {
    match forwarding {
        Forwarding::Masquerade => (0, 0, 0, 0),
        Forwarding::Local => (1, 0, 0, 0),
        Forwarding::DirectRouting => (3, 0, 0, 0),
        Forwarding::Bypass => (4, 0, 0, 0),
        Forwarding::Other(method) => (method, 0, 0, 0),
        Forwarding::Tunnel(encapsulation) => {
            let (kind, port, flags) = encapsulation.numbers();
            (2, kind, port, flags)
        }
    }
}

/// Encodes a destination as the kernel reports it.
pub(super) fn encode_status(out: &mut Writer<'_>, status: &DestinationStatus) {
    encode_address(out, &status.destination.id);
    encode_body(out, &status.destination);
    out.put_u32(ACTIVE_CONNS.kind, status.active);
    out.put_u32(INACT_CONNS.kind, status.inactive);
    out.put_u32(PERSIST_CONNS.kind, status.persistent);
    out.put_u16(ADDR_FAMILY.kind, status.destination.id.family().number());
    stats::encode(out, STATS, STATS64, &status.stats);
}
