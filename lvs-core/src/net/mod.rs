//! Interfaces, addresses, routes, neighbours and tunnels of one network namespace, and which hosts answer for an
//! address.
//!
//! [`Net`] reads and changes them over rtnetlink, [`Fou`] the UDP ports of GUE. [`arp`] and [`ndp`] ask a link
//! who has an address, [`owners()`] asks for many at once, and [`announce()`] tells it.

mod address;
mod address_verbs;
mod announce;
pub mod arp;
#[cfg(feature = "check")]
mod arrivals;
mod batch;
mod errno;
#[cfg(feature = "check")]
mod exchanges;
pub(crate) mod fou;
mod handle;
mod link;
mod link_verbs;
mod lookup;
mod lookup_verbs;
pub(crate) mod message;
pub mod ndp;
mod neighbour;
mod owners;
#[cfg(feature = "check")]
pub(crate) mod packet_head;
mod packet_socket;
mod policy_rule;
mod qdisc;
mod raw_attribute;
mod refusing_route;
mod route;
mod route_verbs;
#[cfg(feature = "check")]
mod tap;
mod tunnel;

pub use crate::ipvs::BatchOutcome;
pub use address::{Address, AddressId, Scope};
pub use announce::announce;
#[cfg(feature = "check")]
pub(crate) use arrivals::Arrivals;
pub use batch::NetChange;
#[cfg(feature = "check")]
pub(crate) use exchanges::{Answer, Exchanges, Peer, Requested, Sent};
pub use fou::{Fou, GueListener};
pub use handle::Net;
pub use ipnet::IpNet;
pub use link::{Link, MacAddress};
pub use lookup::{RouteDecision, RouteQuery, Verdict};
pub use neighbour::{Neighbour, NeighbourState};
pub use owners::owners;
#[cfg(feature = "check")]
pub(crate) use packet_head::Arrival;
pub use policy_rule::{PolicyAction, PolicyRule};
pub use qdisc::Qdisc;
pub use raw_attribute::RawAttribute;
pub use refusing_route::RefusingRoute;
pub use route::{NextHop, Route, RouteDetails, RouteId};
pub use tunnel::{Tunnel, TunnelKind};
