//! The identity of an object: what makes it the same one before and after a change.

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::ipvs::{DaemonRole, DestinationId, ServiceId};
use crate::name::IfName;
use crate::net::{AddressId, GueListener, RouteId};
use crate::sysctl::SysctlKey;

/// Identifies an [`Object`](super::Object) of a node.
///
/// Its text is the name alone, without the kind word of [`what`](Self::what):
///
/// ```
/// use lvs_core::cluster::change::ObjectId;
/// let id = ObjectId::Service("tcp 172.16.5.11:80".parse()?);
/// assert_eq!(id.what(), "service");
/// assert_eq!(id.to_string(), "tcp 172.16.5.11:80");
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
///
/// Serialized it is `{"what": "service", "name": "tcp 172.16.5.11:80"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ObjectId {
    /// A tunnel device, by its interface.
    Tunnel(IfName),
    /// A UDP port whose packets are decapsulated; it has no other properties.
    Listener(GueListener),
    /// An interface.
    Link(IfName),
    /// A sysctl.
    Sysctl(SysctlKey),
    /// An address on an interface.
    Address(AddressId),
    /// A route of the main table.
    Route(RouteId),
    /// The timeouts of connections; a network namespace has them once.
    Timeouts,
    /// A sync daemon; at most one of each role runs.
    Daemon(DaemonRole),
    /// A service.
    Service(ServiceId),
    /// A destination of a service.
    Destination(ServiceId, DestinationId),
}

impl ObjectId {
    /// Returns the kind of the object: `tunnel`, `listener`, `link`, `sysctl`, `address`, `route`,
    /// `timeouts`, `daemon`, `service` or `destination`.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Tunnel(_) => "tunnel",
            Self::Listener(_) => "listener",
            Self::Link(_) => "link",
            Self::Sysctl(_) => "sysctl",
            Self::Address(_) => "address",
            Self::Route(_) => "route",
            Self::Timeouts => "timeouts",
            Self::Daemon(_) => "daemon",
            Self::Service(_) => "service",
            Self::Destination(..) => "destination",
        }
    }

    /// Returns whether it appears and disappears with an interface, and cannot be added or deleted alone.
    pub(in crate::cluster) const fn is_part_of_interface(&self) -> bool {
        matches!(self, Self::Link(_) | Self::Sysctl(_))
    }
}

/// `eth0`, `172.16.5.11/16 on eth0`, `192.168.1.12:80 of tcp 172.16.5.11:80`
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tunnel(name) | Self::Link(name) => fmt::Display::fmt(name, f),
            Self::Listener(listener) => fmt::Display::fmt(listener, f),
            Self::Sysctl(key) => fmt::Display::fmt(key, f),
            Self::Address(id) => fmt::Display::fmt(id, f),
            Self::Route(id) => fmt::Display::fmt(id, f),
            Self::Timeouts => f.pad("tcp tcp-fin udp"),
            Self::Daemon(role) => fmt::Display::fmt(role, f),
            Self::Service(id) => fmt::Display::fmt(id, f),
            Self::Destination(service, id) => write!(f, "{id} of {service}"),
        }
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut id = serializer.serialize_struct("ObjectId", 2)?;
        id.serialize_field("what", self.what())?;
        id.serialize_field("name", &self.to_string())?;
        id.end()
    }
}
