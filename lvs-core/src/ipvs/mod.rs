//! IPVS: services, destinations, and the handle that changes them.

mod advice;
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
mod service;
mod snapshot;
mod stats;
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
pub use timeouts::{Seconds, Timeouts};
