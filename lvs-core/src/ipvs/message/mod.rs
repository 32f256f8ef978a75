//! The messages of the generic netlink family `IPVS`, as bytes and as the types of this crate.
//!
//! The codec is pure: it uses no socket, clock or file. [`IpvsMessage`] covers every command and every
//! attribute of the kernel's `include/uapi/linux/ip_vs.h`, requests and replies, and converts directly
//! between bytes and [`Service`], [`Destination`] and the other types. It also implements the traits of
//! `netlink-packet-generic`, so that a program can send it in a `GenlMessage` by the netlink library that
//! it already uses. These traits, of netlink-packet-core 0.9 and netlink-packet-generic 0.5, are a part of this API: a
//! newer version of them comes with a new major version of this crate.
//!
//! Additions of the kernel are skipped: attributes of an unknown number, bytes behind an integer, padding.
//! Bytes that cannot be decoded are a [`DecodeError`] that names the attribute.
//!
//! ```
//! use lvs_core::ipvs::message::IpvsMessage;
//! use lvs_core::ipvs::{SchedulerName, Service};
//!
//! let service = Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::WRR);
//! let message = IpvsMessage::NewService(service);
//! let mut bytes = Vec::new();
//! message.encode(&mut bytes);
//! assert_eq!(IpvsMessage::decode(message.command(), &bytes).unwrap(), message);
//! # Ok::<(), lvs_core::InvalidValue>(())
//! ```

mod config;
mod daemon;
mod destination;
mod fields;
mod service;
mod stats;
mod vendor;

use super::{
    Daemon, DaemonRole, Destination, DestinationId, DestinationStatus, Info, Service, ServiceId,
    ServiceStatus, Timeouts,
};
use crate::netlink::attributes::Writer;
use fields::{Fields, attributes};

attributes! {
    SERVICE = 1, "IPVS_CMD_ATTR_SERVICE";
    DEST = 2, "IPVS_CMD_ATTR_DEST";
    DAEMON = 3, "IPVS_CMD_ATTR_DAEMON";
}

/// The name under which the kernel registers the family; its number is assigned at run time.
pub const FAMILY_NAME: &str = "IPVS";
/// The version of the family, which the kernel ignores.
pub const FAMILY_VERSION: u8 = 1;

/// Is a message of the IPVS family: a request, or the kernel's reply to one.
///
/// Commands have the kernel's numbers. Three replies have the form of a request and share its variant: a
/// daemon, the timeouts, and (without counters) a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum IpvsMessage {
    /// Adds a service (command 1).
    NewService(Service),
    /// Replies to GET_SERVICE with a service and its counters (command 1 too).
    Service(ServiceStatus),
    /// Edits a service; everything is replaced (command 2).
    SetService(Service),
    /// Deletes a service and its destinations (command 3).
    DelService(ServiceId),
    /// Requests one service, or, as a dump with `None`, all services (command 4).
    GetService(Option<ServiceId>),
    /// Adds a destination to a service (command 5).
    NewDest(ServiceId, Destination),
    /// Replies to GET_DEST with a destination, its connections and counters (command 5 too).
    Dest(DestinationStatus),
    /// Edits a destination; everything is replaced (command 6).
    SetDest(ServiceId, Destination),
    /// Deletes a destination (command 7).
    DelDest(ServiceId, DestinationId),
    /// Requests the destinations of a service, as a dump (command 8).
    GetDest(ServiceId),
    /// Starts a daemon; also the reply to GET_DAEMON, then with every value (command 9).
    NewDaemon(Daemon),
    /// Stops a daemon (command 10).
    DelDaemon(DaemonRole),
    /// Requests the daemons, as a dump (command 11).
    GetDaemon,
    /// Sets timeouts, where 0 keeps the current one; also the reply to GET_CONFIG (command 12).
    SetConfig(Timeouts),
    /// Requests the timeouts (command 13).
    GetConfig,
    /// Replies to GET_INFO (command 14, never a request).
    SetInfo(Info),
    /// Requests the version and the table size (command 15).
    GetInfo,
    /// Zeroes the counters of one service or of all (command 16).
    Zero(Option<ServiceId>),
    /// Deletes every service (command 17).
    Flush,
}

/// Describes bytes that are not a message: the attribute, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{attribute} {problem}")]
pub struct DecodeError {
    attribute: &'static str,
    problem: &'static str,
}

impl DecodeError {
    const fn new(attribute: &'static str, problem: &'static str) -> Self {
        Self { attribute, problem }
    }

    /// Returns the kernel's name of the attribute, `"IPVS_SVC_ATTR_AF"`, or `"command"`.
    #[must_use]
    pub const fn attribute(&self) -> &'static str {
        self.attribute
    }

    /// Returns what is wrong with it: `"is missing"`, `"is too short"`, `"has a value without meaning"`.
    #[must_use]
    pub const fn problem(&self) -> &'static str {
        self.problem
    }
}

impl IpvsMessage {
    /// Returns the command in the generic netlink header, 1 to 17.
    #[must_use]
    pub const fn command(&self) -> u8 {
        match self {
            Self::NewService(_) | Self::Service(_) => 1,
            Self::SetService(_) => 2,
            Self::DelService(_) => 3,
            Self::GetService(_) => 4,
            Self::NewDest(..) | Self::Dest(_) => 5,
            Self::SetDest(..) => 6,
            Self::DelDest(..) => 7,
            Self::GetDest(_) => 8,
            Self::NewDaemon(_) => 9,
            Self::DelDaemon(_) => 10,
            Self::GetDaemon => 11,
            Self::SetConfig(_) => 12,
            Self::GetConfig => 13,
            Self::SetInfo(_) => 14,
            Self::GetInfo => 15,
            Self::Zero(_) => 16,
            Self::Flush => 17,
        }
    }

    /// Decodes the attributes of a command, which follow the 4 bytes of the generic netlink header.
    ///
    /// # Errors
    /// An unknown command; an attribute that the command needs and that is missing, too short for its
    /// type, or has a value that the kernel cannot hold either (a weight above 2147483647).
    pub fn decode(command: u8, attributes: &[u8]) -> Result<Self, DecodeError> {
        let fields = Fields::new(attributes);
        match command {
            1 => decode_service(&fields),
            2 => Ok(Self::SetService(service::decode(&need_service(&fields)?)?)),
            3 => Ok(Self::DelService(service_id(&fields)?)),
            4 => Ok(Self::GetService(optional_service_id(&fields)?)),
            5 => decode_destination(&fields),
            6 => destination(&fields).map(|(id, destination)| Self::SetDest(id, destination)),
            7 => decode_destination_id(&fields),
            8 => Ok(Self::GetDest(service_id(&fields)?)),
            9 => Ok(Self::NewDaemon(daemon::decode(&need_daemon(&fields)?)?)),
            10 => Ok(Self::DelDaemon(daemon::decode_role(&need_daemon(
                &fields,
            )?)?)),
            11 => Ok(Self::GetDaemon),
            12 => Ok(Self::SetConfig(config::decode_timeouts(&fields)?)),
            13 => Ok(Self::GetConfig),
            14 => Ok(Self::SetInfo(config::decode_info(&fields)?)),
            15 => Ok(Self::GetInfo),
            16 => Ok(Self::Zero(optional_service_id(&fields)?)),
            17 => Ok(Self::Flush),
            _ => Err(DecodeError::new("command", "is unknown")),
        }
    }

    /// Appends the attributes to `out`, without the generic netlink header.
    ///
    /// Requests contain everything for which the kernel would otherwise use a default: a destination
    /// always has its address family and the three tunnel attributes, a service a netmask and a flags
    /// mask. Replies have the kernel's order of attributes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let out = &mut Writer::new(out);
        match self {
            Self::NewService(service) | Self::SetService(service) => {
                out.nested(SERVICE.kind, |out| service::encode(out, service));
            }
            Self::Service(status) => {
                out.plain_nest(SERVICE.kind, |out| service::encode_status(out, status));
            }
            Self::DelService(id)
            | Self::GetDest(id)
            | Self::GetService(Some(id))
            | Self::Zero(Some(id)) => encode_service_id(out, id),
            Self::NewDest(id, destination) | Self::SetDest(id, destination) => {
                encode_service_id(out, id);
                out.nested(DEST.kind, |out| destination::encode(out, destination));
            }
            Self::Dest(status) => {
                out.plain_nest(DEST.kind, |out| destination::encode_status(out, status));
            }
            Self::DelDest(id, destination) => {
                encode_service_id(out, id);
                out.nested(DEST.kind, |out| destination::encode_id(out, destination));
            }
            Self::NewDaemon(daemon) => out.nested(DAEMON.kind, |out| daemon::encode(out, daemon)),
            Self::DelDaemon(role) => out.nested(DAEMON.kind, |out| daemon::encode_role(out, *role)),
            Self::SetConfig(timeouts) => config::encode_timeouts(out, timeouts),
            Self::SetInfo(info) => config::encode_info(out, info),
            Self::GetService(None)
            | Self::GetDaemon
            | Self::GetConfig
            | Self::GetInfo
            | Self::Zero(None)
            | Self::Flush => {}
        }
    }

    /// Appends the generic netlink header and the attributes: the payload of a netlink message.
    pub(crate) fn encode_with_header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.command(), FAMILY_VERSION, 0, 0]);
        self.encode(out);
    }

    /// Decodes the payload of a netlink message: the generic netlink header and the attributes.
    pub(crate) fn decode_with_header(payload: &[u8]) -> Result<Self, DecodeError> {
        match payload {
            [command, _version, _, _, attributes @ ..] => Self::decode(*command, attributes),
            _ => Err(DecodeError::new("command", "is missing")),
        }
    }
}

fn encode_service_id(out: &mut Writer<'_>, id: &ServiceId) {
    out.nested(SERVICE.kind, |out| service::encode_id(out, id));
}

fn need_service<'a>(fields: &Fields<'a>) -> Result<Fields<'a>, DecodeError> {
    fields.nest(SERVICE).ok_or_else(|| SERVICE.missing())
}

fn need_destination<'a>(fields: &Fields<'a>) -> Result<Fields<'a>, DecodeError> {
    fields.nest(DEST).ok_or_else(|| DEST.missing())
}

fn need_daemon<'a>(fields: &Fields<'a>) -> Result<Fields<'a>, DecodeError> {
    fields.nest(DAEMON).ok_or_else(|| DAEMON.missing())
}

fn service_id(fields: &Fields<'_>) -> Result<ServiceId, DecodeError> {
    service::decode_id(&need_service(fields)?)
}

fn optional_service_id(fields: &Fields<'_>) -> Result<Option<ServiceId>, DecodeError> {
    fields
        .nest(SERVICE)
        .map(|nest| service::decode_id(&nest))
        .transpose()
}

/// Decodes command 1: with counters it is a reply, without them a request.
fn decode_service(fields: &Fields<'_>) -> Result<IpvsMessage, DecodeError> {
    let nest = need_service(fields)?;
    let service = service::decode(&nest)?;
    Ok(match service::decode_stats(&nest)? {
        Some(stats) => IpvsMessage::Service(ServiceStatus { service, stats }),
        None => IpvsMessage::NewService(service),
    })
}

/// Decodes command 5: with the service it is a request, without it a reply.
fn decode_destination(fields: &Fields<'_>) -> Result<IpvsMessage, DecodeError> {
    if fields.bytes(SERVICE).is_some() {
        return destination(fields).map(|(id, destination)| IpvsMessage::NewDest(id, destination));
    }
    destination::decode_status(&need_destination(fields)?).map(IpvsMessage::Dest)
}

fn destination(fields: &Fields<'_>) -> Result<(ServiceId, Destination), DecodeError> {
    let service = service_id(fields)?;
    let nest = need_destination(fields)?;
    Ok((service, destination::decode(&nest, Some(service.family()))?))
}

fn decode_destination_id(fields: &Fields<'_>) -> Result<IpvsMessage, DecodeError> {
    let service = service_id(fields)?;
    let id = destination::decode_id(&need_destination(fields)?, Some(service.family()))?;
    Ok(IpvsMessage::DelDest(service, id))
}
