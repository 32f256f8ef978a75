//! The model of a cluster: directors, real servers and services, and the rules that a valid one satisfies.

mod clock;
mod cluster;
mod director;
mod error;
mod fwmark;
mod gateway;
mod index;
mod interfaces;
mod name;
mod nat_gateway;
mod nftables;
mod node_kind;
mod real_server;
mod role;
mod serving;
mod sync;
mod tunnel_mss;
mod validate;
mod virtual_service;

pub use clock::Clock;
pub use cluster::Cluster;
pub use director::Director;
pub(in crate::cluster) use error::invalid;
pub use error::{DocumentError, DocumentErrorKind, Position};
pub use fwmark::Match;
pub use gateway::Gateway;
pub use name::{ClusterName, NodeName};
pub use node_kind::NodeKind;
pub use real_server::RealServer;
pub use role::Role;
pub use sync::Sync;
pub(in crate::cluster) use tunnel_mss::Tunnelled;
pub use virtual_service::{VirtualDestination, VirtualService};
