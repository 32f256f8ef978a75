//! IPVS: services, destinations, and the handle that reads and changes them.
//!
//! - [`Ipvs`] is the handle. Every change is a [`Command`]; [`Ipvs::batch`] sends many at once.
//! - [`Service`] and [`Destination`] are what is configured, [`ServiceStatus`] and
//!   [`DestinationStatus`] what the kernel reports: the same with counters.
//! - [`ServiceId`] and [`DestinationId`] name them, also in text: `tcp 172.16.5.11:80`.
//! - [`message`] is the codec below, for those who bring a socket of their own.

#[cfg(test)]
mod arbitrary;
mod batch;
mod check;
mod command;
mod configuration;
mod connection;
mod daemon;
mod describe;
mod destination;
mod diff;
mod dump;
mod editor;
mod ensure;
mod entry;
mod errno;
mod family;
mod handle;
pub mod ipvsadm;
pub mod message;
mod protocol;
mod restore;
mod service;
mod snapshot;
mod stats;
mod timeouts;

pub use crate::name::{EngineName, SchedulerName};
pub use command::Command;
pub use configuration::Configuration;
pub use connection::{Connection, Origin};
pub use daemon::{Daemon, DaemonRole};
pub use destination::{
    Destination, DestinationId, DestinationStatus, Encapsulation, Forwarding, Thresholds,
    TunnelChecksum, Weight,
};
pub use entry::{ServiceEntry, ServiceEntryStatus, Snapshot};
pub use family::Family;
pub use handle::Ipvs;
pub use protocol::Protocol;
pub use service::{Netmask, Persistence, Service, ServiceFlags, ServiceId, ServiceStatus};
pub use stats::{Info, Rates, Stats};
pub use timeouts::{Seconds, Timeouts};
