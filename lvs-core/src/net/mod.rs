//! Interfaces, addresses and routes of one network namespace.

mod address;
mod advice;
pub mod arp;
mod handle;
mod link;
pub(crate) mod message;
pub mod ndp;
mod route;

pub use address::{Address, AddressId, Scope};
pub use handle::Net;
pub use ipnet::IpNet;
pub use link::{Link, MacAddress};
pub use route::{Route, RouteId};
