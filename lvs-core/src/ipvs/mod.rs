//! The kernel's IPVS table: services and destinations, and the handle that reads and changes them.
//!
//! - [`Ipvs`] is the handle. Every change is a [`Command`]; [`Ipvs::batch`] sends many at once.
//! - [`Service`] and [`Destination`] are what is configured; [`ServiceStatus`] and
//!   [`DestinationStatus`] are what the kernel reports: the same with counters.
//! - [`ServiceEntry`] is a service together with its destinations. A [`Configuration`] is a whole table
//!   of them as a value, a [`Snapshot`] a whole table as the kernel reports it.
//! - [`ServiceId`] and [`DestinationId`] identify them, also as text: `tcp 172.16.5.11:80`.
//! - [`ipvsadm`] reads and writes the text format of `ipvsadm --save`.
//! - [`message`] is the netlink codec alone, for programs that have a socket of their own.

// In the order in which the methods of the handle are documented.
mod handle;
mod snapshot;

mod replace;

mod ensure;

mod verbs;

#[cfg(test)]
mod arbitrary;
mod batch;
mod channel;
mod command;
mod configuration;
mod connection;
mod connection_state;
mod daemon;
mod describe;
mod destination;
mod diff;
mod dump;
mod editor;
mod entry;
mod errno;
mod family;
mod flags;
mod flush;
mod forwarding;
pub mod ipvsadm;
#[cfg(feature = "cluster")]
mod known;
pub mod message;
#[cfg(feature = "cluster")]
mod overview;
mod protocol;
mod service;
mod stats;
mod timeouts;
mod validate;

pub use crate::name::{EngineName, SchedulerName};
pub use batch::BatchOutcome;
pub use command::Command;
pub use configuration::Configuration;
pub use connection::{Connection, Origin};
pub use connection_state::ConnectionState;
pub use daemon::{Daemon, DaemonRole};
pub use destination::{Destination, DestinationId, DestinationStatus, Thresholds, Weight};
#[cfg(feature = "cluster")]
pub(crate) use editor::ServicesEditor;
pub use entry::{ServiceEntry, ServiceEntryStatus, Snapshot};
pub use family::Family;
pub use flags::ServiceFlags;
pub use forwarding::{Encapsulation, Forwarding, TunnelChecksum};
pub use handle::Ipvs;
#[cfg(feature = "cluster")]
pub(crate) use known::KnownTable;
#[cfg(feature = "cluster")]
pub use overview::{DestinationOverview, ServiceOverview};
pub use protocol::Protocol;
pub use service::{Netmask, Persistence, Service, ServiceId, ServiceStatus};
pub use stats::{Info, Rates, Stats};
pub use timeouts::{Seconds, Timeouts};
