//! IPVS: services, destinations, and the handle that changes them.

mod connection;
mod daemon;
mod destination;
mod family;
mod protocol;
mod service;
mod stats;
mod timeouts;

pub use crate::name::{EngineName, SchedulerName};
pub use connection::{Connection, Origin};
pub use daemon::{Daemon, DaemonRole};
pub use destination::{
    Destination, DestinationId, DestinationStatus, Encapsulation, Forwarding, Thresholds,
    TunnelChecksum, Weight,
};
pub use family::Family;
pub use protocol::Protocol;
pub use service::{Netmask, Persistence, Service, ServiceFlags, ServiceId, ServiceStatus};
pub use stats::{Info, Rates, Stats};
pub use timeouts::{Seconds, Timeouts};
