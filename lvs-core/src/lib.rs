//! Linux Virtual Server as a library.

#[cfg(feature = "check")]
pub mod check;
#[cfg(feature = "cluster")]
pub mod cluster;
mod error;
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "cluster")]
mod host;
pub mod ipvs;
mod name;
#[cfg(feature = "cluster")]
pub mod net;
mod netlink;
#[cfg(feature = "cluster")]
mod netns;
pub mod proc;
pub mod scheduler;
#[cfg(feature = "cluster")]
pub mod sysctl;
#[cfg(test)]
mod testing;

#[cfg(feature = "cluster")]
pub use cluster::Cluster;
pub use error::{Cause, Error, InvalidValue, Operation, Result};
#[cfg(feature = "cluster")]
pub use host::Host;
pub use name::IfName;
#[cfg(feature = "cluster")]
pub use netns::Netns;
