//! IPVS: services, destinations, and the handle that changes them.

mod advice;
#[cfg(test)]
mod arbitrary;
mod batch;
mod check;
mod command;
mod connection;
mod daemon;
mod destination;
mod family;
mod handle;
pub mod message;
mod protocol;
pub mod rules;
mod service;
mod snapshot;
mod stats;
mod table;
mod timeouts;

pub use crate::name::{EngineName, SchedulerName};
pub use command::Command;
pub use connection::{Connection, Origin};
pub use daemon::{Daemon, DaemonRole};
pub use destination::{
    Destination, DestinationId, DestinationStatus, Encapsulation, Forwarding, Thresholds,
    TunnelChecksum, Weight,
};
pub use family::Family;
pub use handle::Ipvs;
pub use protocol::Protocol;
pub use service::{Netmask, Persistence, Service, ServiceFlags, ServiceId, ServiceStatus};
pub use stats::{Info, Rates, Stats};
pub use table::{Table, TableEntry};
pub use timeouts::{Seconds, Timeouts};
