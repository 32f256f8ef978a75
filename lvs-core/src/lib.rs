//! Linux Virtual Server as a library.

mod error;
pub mod ipvs;
mod name;
#[cfg(feature = "cluster")]
pub mod net;
pub mod scheduler;

pub use error::{Cause, Error, InvalidValue, Operation, Result};
pub use name::IfName;
