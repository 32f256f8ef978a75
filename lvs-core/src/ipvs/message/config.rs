//! The attributes at the top level: the timeouts, and those of GET_INFO, which reuse the numbers 1 and 2.

use super::DecodeError;
use super::fields::{Fields, attributes};
use crate::ipvs::{Info, Seconds, Timeouts};
use crate::netlink::attributes::Writer;

attributes! {
    TIMEOUT_TCP = 4, "IPVS_CMD_ATTR_TIMEOUT_TCP";
    TIMEOUT_TCP_FIN = 5, "IPVS_CMD_ATTR_TIMEOUT_TCP_FIN";
    TIMEOUT_UDP = 6, "IPVS_CMD_ATTR_TIMEOUT_UDP";
    VERSION = 1, "IPVS_INFO_ATTR_VERSION";
    CONN_TAB_SIZE = 2, "IPVS_INFO_ATTR_CONN_TAB_SIZE";
}

/// Decodes the timeouts; an absent one, like 0, keeps the current value.
pub(super) fn decode_timeouts(fields: &Fields<'_>) -> Result<Timeouts, DecodeError> {
    Ok(Timeouts {
        tcp: Seconds(fields.u32(TIMEOUT_TCP)?.unwrap_or(0)),
        tcp_fin: Seconds(fields.u32(TIMEOUT_TCP_FIN)?.unwrap_or(0)),
        udp: Seconds(fields.u32(TIMEOUT_UDP)?.unwrap_or(0)),
    })
}

pub(super) fn encode_timeouts(out: &mut Writer<'_>, timeouts: &Timeouts) {
    for (attribute, Seconds(seconds)) in [
        (TIMEOUT_TCP, timeouts.tcp),
        (TIMEOUT_TCP_FIN, timeouts.tcp_fin),
        (TIMEOUT_UDP, timeouts.udp),
    ] {
        if seconds != 0 {
            out.put_u32(attribute.kind, seconds);
        }
    }
}

pub(super) fn decode_info(fields: &Fields<'_>) -> Result<Info, DecodeError> {
    let size = fields.u32(CONN_TAB_SIZE)?;
    Ok(Info {
        version: fields.u32(VERSION)?.ok_or_else(|| VERSION.missing())?,
        connection_table_size: size.ok_or_else(|| CONN_TAB_SIZE.missing())?,
    })
}

pub(super) fn encode_info(out: &mut Writer<'_>, info: &Info) {
    out.put_u32(VERSION.kind, info.version);
    out.put_u32(CONN_TAB_SIZE.kind, info.connection_table_size);
}
