//! The DAEMON nest, `IPVS_DAEMON_ATTR_*`.

use std::net::IpAddr;

use super::DecodeError;
use super::fields::{Fields, attributes};
use crate::IfName;
use crate::ipvs::{Daemon, DaemonRole};
use crate::netlink::attributes::Writer;

attributes! {
    STATE = 1, "IPVS_DAEMON_ATTR_STATE";
    MCAST_IFN = 2, "IPVS_DAEMON_ATTR_MCAST_IFN";
    SYNC_ID = 3, "IPVS_DAEMON_ATTR_SYNC_ID";
    SYNC_MAXLEN = 4, "IPVS_DAEMON_ATTR_SYNC_MAXLEN";
    MCAST_GROUP = 5, "IPVS_DAEMON_ATTR_MCAST_GROUP";
    MCAST_GROUP6 = 6, "IPVS_DAEMON_ATTR_MCAST_GROUP6";
    MCAST_PORT = 7, "IPVS_DAEMON_ATTR_MCAST_PORT";
    MCAST_TTL = 8, "IPVS_DAEMON_ATTR_MCAST_TTL";
}

/// Decodes the role, the only attribute that stopping a daemon needs.
pub(super) fn decode_role(fields: &Fields<'_>) -> Result<DaemonRole, DecodeError> {
    match fields.u32(STATE)? {
        None => Err(STATE.missing()),
        Some(1) => Ok(DaemonRole::Master),
        Some(2) => Ok(DaemonRole::Backup),
        Some(_) => Err(STATE.senseless()),
    }
}

/// Decodes a daemon. A length, port or TTL of 0 leaves the choice to the kernel, like an absent one.
pub(super) fn decode(fields: &Fields<'_>) -> Result<Daemon, DecodeError> {
    let interface = fields.name(MCAST_IFN, IfName::reported)?;
    Ok(Daemon {
        role: decode_role(fields)?,
        interface: interface.ok_or_else(|| MCAST_IFN.missing())?,
        sync_id: fields.u32(SYNC_ID)?.ok_or_else(|| SYNC_ID.missing())?,
        max_length: fields.u16(SYNC_MAXLEN)?.filter(|&length| length != 0),
        group: decode_group(fields)?,
        // In host order, unlike every other port.
        port: fields.u16(MCAST_PORT)?.filter(|&port| port != 0),
        ttl: fields.u8(MCAST_TTL)?.filter(|&ttl| ttl != 0),
    })
}

/// Decodes the group. If both groups are given, the kernel uses the IPv4 one.
fn decode_group(fields: &Fields<'_>) -> Result<Option<IpAddr>, DecodeError> {
    match fields.ipv4(MCAST_GROUP)? {
        Some(group) => Ok(Some(group.into())),
        None => Ok(fields.ipv6(MCAST_GROUP6)?.map(IpAddr::V6)),
    }
}

pub(super) fn encode_role(out: &mut Writer<'_>, role: DaemonRole) {
    let state = match role {
        DaemonRole::Master => 1,
        DaemonRole::Backup => 2,
    };
    out.put_u32(STATE.kind, state);
}

/// Encodes a daemon, in the kernel's order of attributes.
pub(super) fn encode(out: &mut Writer<'_>, daemon: &Daemon) {
    encode_role(out, daemon.role);
    out.put_str(MCAST_IFN.kind, daemon.interface.as_str());
    out.put_u32(SYNC_ID.kind, daemon.sync_id);
    if let Some(length) = daemon.max_length {
        out.put_u16(SYNC_MAXLEN.kind, length);
    }
    if let Some(port) = daemon.port {
        out.put_u16(MCAST_PORT.kind, port);
    }
    if let Some(ttl) = daemon.ttl {
        out.put_u8(MCAST_TTL.kind, ttl);
    }
    match daemon.group {
        Some(IpAddr::V4(group)) => out.put_bytes(MCAST_GROUP.kind, &group.octets()),
        Some(IpAddr::V6(group)) => out.put_bytes(MCAST_GROUP6.kind, &group.octets()),
        None => {}
    }
}
