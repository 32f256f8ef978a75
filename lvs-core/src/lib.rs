//! Linux Virtual Server as a library.
//!
//! Linux Virtual Server (LVS) is the layer-4 load balancer in the Linux kernel, whose engine is called
//! IPVS. Clients connect to a *virtual IP* (VIP) on the *director*; IPVS chooses a *real server* for
//! each connection and forwards its packets there:
//!
//! - by **masquerading** (NAT): addresses are rewritten, and answers return through the director;
//! - by **direct routing** (DR): packets go unchanged to the real server's hardware address. The real
//!   server has the VIP too, does not answer ARP for it, and answers the client itself;
//! - by a **tunnel**: packets are encapsulated, so that real servers may be on any network.
//!
//! Each method needs other addresses, routes and sysctls, on the director *and* on every real server, in
//! the right order.
#![cfg_attr(feature = "cluster", doc = "A [`Cluster`]")]
#![cfg_attr(not(feature = "cluster"), doc = "A `Cluster`")]
//! describes all of it as one value. It knows what every node must look like, plans the changes from what
//! is observed, applies the plan phase by phase, verifies the result, and rolls back if a step fails:
//!
//! ```no_run
//! # #[cfg(feature = "toml")]
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     use lvs_core::cluster::PlanOptions;
//!     use lvs_core::{Cluster, Host};
//!
//!     let cluster = Cluster::from_toml(&std::fs::read_to_string("web.toml")?)?;
//!     let node = cluster.node("director").ok_or("the file has no such node")?;
//!     let done = node.apply(&mut Host::open()?, PlanOptions::default(), &mut |_| ())?;
//!     println!("{done}"); // the plan that was carried out; empty if nothing had to change
//!     Ok(())
//! }
//! # #[cfg(not(feature = "toml"))]
//! # fn main() {}
//! ```
//!
//! # Modules
//!
//! | | |
//! |---|---|
#![cfg_attr(
    feature = "cluster",
    doc = "| [`Cluster`], [`cluster`] | nodes and services declared: plan, apply, verify, remove, the order across nodes |"
)]
//! | [`ipvs`] | the kernel's table: services, destinations, daemons, timeouts; [`ipvs::message`] is the codec alone |
#![cfg_attr(
    feature = "cluster",
    doc = "| [`net`], [`sysctl`] | interfaces, addresses, routes, ARP; sysctls |"
)]
//! | [`proc`] | the files of IPVS in `/proc` |
#![cfg_attr(
    feature = "cluster",
    doc = "| [`Host`], [`Netns`] | all of these in one network namespace; entering another one |"
)]
#![cfg_attr(
    feature = "check",
    doc = "| [`check`] | what is wrong with a file or a node, its impact, and how to fix it |"
)]
//! | [`scheduler`] | native models of the kernel's schedulers, which choose the server of each connection |
//!
//! The feature `cluster` is on by default; without it there are only [`ipvs`], [`proc`] and
//! [`scheduler`]. The feature `toml` adds `Cluster::from_toml`, and `check` the module of that name.
//!
//! # General rules
//!
//! - Calls block, for microseconds to milliseconds, and each one has a timeout. An async program calls
//!   them in its runtime's blocking pool.
//! - IPVS needs `CAP_NET_ADMIN` in the *initial* user namespace, for reading too.
//! - An [`Error`] names the operation, the object, the errno, the likely reason and what to do next.
//! - Reports of the kernel that this version does not know are kept or skipped; they are never an error.
//! - The library does not watch servers, does not fail over, and starts no other program.

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
mod suggest;
#[cfg(feature = "cluster")]
pub mod sysctl;
#[cfg(test)]
mod testing;
mod text;

#[cfg(feature = "cluster")]
pub use cluster::Cluster;
pub use error::{Cause, Error, InvalidValue, Operation, Result};
#[cfg(feature = "cluster")]
pub use host::Host;
pub use name::IfName;
#[cfg(feature = "cluster")]
pub use netns::Netns;

/// The README's program compiles.
#[cfg(all(doctest, feature = "toml"))]
#[doc = include_str!("../../README.md")]
struct Readme;
