//! Interfaces, addresses and routes of one network namespace.

mod address;
mod link;
mod message;
mod route;

pub use address::{Address, AddressId, Scope};
pub use ipnet::IpNet;
pub use link::{Link, MacAddress};
pub use route::{Route, RouteId};
