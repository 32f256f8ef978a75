//! What a finding is about.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::cluster::change::ObjectId;
use crate::ipvs::{DestinationId, ServiceId};
use crate::name::IfName;
use crate::net::{AddressId, GueListener, RouteId};
use crate::sysctl::SysctlKey;

/// Names what a finding is about.
///
/// Its text, in JSON too, is the name alone; read from JSON it is therefore [`Named`](Self::Named).
///
/// ```
/// use lvs_core::check::FindingObject;
/// use lvs_core::cluster::change::ObjectId;
/// let service = "tcp 172.16.5.11:80".parse()?;
/// let object = FindingObject::Object(ObjectId::Service(service));
/// assert_eq!(object.to_string(), "tcp 172.16.5.11:80");
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum FindingObject {
    /// An object of a node that a plan can change.
    Object(ObjectId),
    /// Anything else by its name: a virtual IP without its interface, a program, a module, a time server.
    Named(String),
}

impl fmt::Display for FindingObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(id) => fmt::Display::fmt(id, f),
            Self::Named(name) => f.pad(name),
        }
    }
}

impl From<FindingObject> for String {
    fn from(object: FindingObject) -> Self {
        object.to_string()
    }
}

/// Makes an object of everything that has a name, and of what an [`ObjectId`] can be.
macro_rules! object_from {
    (named: $($named:ty),+; $($value:ident: $type:ty => $id:expr),+ $(,)?) => {
        $(impl From<$named> for FindingObject {
            fn from(name: $named) -> Self {
                Self::Named(name.to_string())
            }
        })+
        $(impl From<$type> for FindingObject {
            fn from($value: $type) -> Self {
                Self::Object($id)
            }
        })+
    };
}

object_from!(
    named: String, &str, &String, IpAddr, SocketAddr;
    id: ObjectId => id,
    interface: &IfName => ObjectId::Link(interface.clone()),
    key: &SysctlKey => ObjectId::Sysctl(key.clone()),
    id: &AddressId => ObjectId::Address(id.clone()),
    id: RouteId => ObjectId::Route(id),
    id: ServiceId => ObjectId::Service(id),
    listener: &GueListener => ObjectId::Listener(*listener),
    destination: (ServiceId, DestinationId) => ObjectId::Destination(destination.0, destination.1),
);
