//! The objects that a plan can change on a node.

use serde::{Deserialize, Serialize};

use super::ObjectId;
use crate::ipvs::{Daemon, Destination, Service, ServiceId, Timeouts};
use crate::name::IfName;
use crate::net::{Address, GueListener, Route, Scope, Tunnel};
use crate::sysctl::SysctlKey;

/// An object of a node that a plan can change. Serialized it is the value alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Object {
    /// A device that decapsulates packets.
    Tunnel(Tunnel),
    /// A UDP port whose packets are decapsulated.
    Listener(GueListener),
    /// An interface that is up or down.
    Link(LinkState),
    /// A sysctl with its value.
    Sysctl(Setting),
    /// An address on an interface; in a box, as a route and a service are, because there are many more destinations,
    /// which are smaller.
    Address(Box<Address>),
    /// A route of the main table.
    Route(Box<Route>),
    /// The timeouts of connections.
    Timeouts(Timeouts),
    /// A sync daemon.
    Daemon(Daemon),
    /// A service.
    Service(Box<Service>),
    /// A destination of a service.
    Destination(BoundDestination),
}

/// An interface as far as plans are concerned: up or down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkState {
    /// The interface.
    pub name: IfName,
    /// Whether it is set up.
    pub up: bool,
}

/// A sysctl and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Setting {
    /// The sysctl.
    pub key: SysctlKey,
    /// Its value as text.
    pub value: String,
}

/// A destination with the service it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BoundDestination {
    /// The service.
    pub service: ServiceId,
    /// The destination.
    pub destination: Destination,
}

impl Object {
    /// Returns the object's identity.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        match self {
            Self::Tunnel(tunnel) => ObjectId::Tunnel(tunnel.name.clone()),
            Self::Listener(listener) => ObjectId::Listener(*listener),
            Self::Link(link) => ObjectId::Link(link.name.clone()),
            Self::Sysctl(setting) => ObjectId::Sysctl(setting.key.clone()),
            Self::Address(address) => ObjectId::Address(address.id.clone()),
            Self::Route(route) => ObjectId::Route(route.id),
            Self::Timeouts(_) => ObjectId::Timeouts,
            Self::Daemon(daemon) => ObjectId::Daemon(daemon.role),
            Self::Service(service) => ObjectId::Service(service.id),
            Self::Destination(bound) => ObjectId::Destination(bound.service, bound.destination.id),
        }
    }

    /// Returns whether there is no difference to another state of the same object that a step could
    /// change.
    ///
    /// The kernel cannot change an address's label and broadcast in place; of its lifetimes it counts whether
    /// it is deprecated. Of a route it does not count
    /// who made it or how much time is left to it, and an interface that is not named is any.
    pub(in crate::cluster) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Address(one), Self::Address(two)) => {
                one.id == two.id && one.is_deprecated() == two.is_deprecated()
            }
            (Self::Route(one), Self::Route(two)) => {
                let interfaces = one.interface.as_ref().zip(two.interface.as_ref());
                // All else counts, for it can be restored.
                let rest = |route: &Route| Route {
                    id: route.id.trunc(),
                    interface: None,
                    scope: Scope::GLOBAL,
                    protocol: 0,
                    ..route.clone().timeless()
                };
                interfaces.is_none_or(|(one, two)| one == two) && rest(one) == rest(two)
            }
            _ => self == other,
        }
    }

    /// Returns whether two states of an object, either of which may be its absence, are alike.
    pub(in crate::cluster) fn are_alike(one: Option<&Self>, two: Option<&Self>) -> bool {
        match (one, two) {
            (Some(one), Some(two)) => one.is_like(two),
            (None, None) => true,
            _ => false,
        }
    }

    /// Returns whether it can be deleted: the kernel's own tunnel device comes with its module and stays
    /// until that is unloaded.
    pub(in crate::cluster) fn can_be_deleted(&self) -> bool {
        !matches!(self, Self::Tunnel(tunnel) if tunnel.is_fallback())
    }
}

macro_rules! object_from {
    ($($noun:ident($value:ty)),+ $(,)?) => {$(
        impl From<$value> for Object {
            fn from(value: $value) -> Self {
                Self::$noun(value)
            }
        }
    )+};
}

object_from!(
    Tunnel(Tunnel),
    Listener(GueListener),
    Link(LinkState),
    Sysctl(Setting),
    Timeouts(Timeouts),
    Daemon(Daemon),
    Destination(BoundDestination),
);

impl From<Address> for Object {
    fn from(address: Address) -> Self {
        Self::Address(Box::new(address))
    }
}

impl From<Service> for Object {
    fn from(service: Service) -> Self {
        Self::Service(Box::new(service))
    }
}

impl From<Route> for Object {
    fn from(route: Route) -> Self {
        Self::Route(Box::new(route))
    }
}
