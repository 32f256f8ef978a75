//! What a cluster is: directors, real servers, services, and what fits together.

mod clock;
mod cluster;
mod director;
mod error;
mod name;
mod packet_match;
mod real_server;
mod role;
mod sync;
mod validate;
mod virtual_service;

pub use clock::Clock;
pub use cluster::Cluster;
pub use director::Director;
pub(in crate::cluster) use error::invalid;
pub use error::{DocumentError, Position};
pub use name::{ClusterName, NodeName};
pub use packet_match::Match;
pub(in crate::cluster) use packet_match::nftables;
pub use real_server::RealServer;
pub(in crate::cluster) use real_server::first_of;
pub use role::Role;
pub use sync::Sync;
pub use virtual_service::{VirtualDestination, VirtualService};
