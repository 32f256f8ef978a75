//! Linux Virtual Server as a library.

#[cfg(feature = "cluster")]
pub mod cluster;
mod error;
pub mod ipvs;
mod name;
#[cfg(feature = "cluster")]
pub mod net;
#[cfg(feature = "cluster")]
pub mod sysctl;

#[cfg(feature = "cluster")]
pub use cluster::Cluster;
pub use error::{Cause, Error, InvalidValue, Operation, Result};
pub use name::IfName;
