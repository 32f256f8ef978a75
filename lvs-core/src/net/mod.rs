//! Interfaces, addresses and routes of one network namespace.

mod address;
mod announce;
pub mod arp;
mod errno;
pub(crate) mod fou;
mod handle;
mod link;
pub(crate) mod message;
pub mod ndp;
mod packet_socket;
mod route;
mod tunnel;

pub use address::{Address, AddressId, Scope};
pub use announce::announce;
pub use fou::{Fou, Listener};
pub use handle::Net;
pub use ipnet::IpNet;
pub use link::{Link, MacAddress};
pub use route::{Route, RouteId};
pub use tunnel::{Tunnel, TunnelKind};
