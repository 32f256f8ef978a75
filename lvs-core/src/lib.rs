//! Linux Virtual Server as a library.
//!
//! Linux Virtual Server (LVS) is the layer-4 load balancer in the Linux kernel, whose engine is called
//! IPVS. Clients connect to a *virtual IP* (VIP) on the *director*; IPVS chooses a *real server* for
//! each connection and forwards its packets there:
//!
//! - by **masquerading** (NAT): addresses are rewritten, and answers come back through the director;
//! - by **direct routing** (DR): packets go unchanged to the real server's hardware address. The real
//!   server carries the VIP too, keeps quiet about it on the network, and answers the client itself;
//! - by a **tunnel**: packets are wrapped, so that real servers may be anywhere.
//!
//! Each way wants other addresses, routes and kernel switches, on the director *and* on every real
//! server, in the right order. A [`Cluster`] is the whole of it as one value. It tells what every
//! machine must look like, plans the way there from how the machine looks now, applies the plan
//! phase by phase, reads everything back, and takes it back where a step fails:
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
//!     println!("{done}"); // the plan that was carried out; empty if all was right already
//!     Ok(())
//! }
//! # #[cfg(not(feature = "toml"))]
//! # fn main() {}
//! ```
//!
//! # The rooms
//!
//! | | |
//! |---|---|
//! | [`Cluster`], [`cluster`] | machines and services declared; plan, apply, verify, remove, the order across machines |
//! | [`ipvs`] | the kernel's table: services, destinations, daemons, timeouts; [`ipvs::message`] is the codec alone |
//! | [`net`], [`sysctl`], [`proc`] | interfaces, addresses, routes, ARP; kernel switches; what IPVS shows as files |
//! | [`Host`], [`Netns`] | all of these of one network namespace; entering another one |
//! | `check` | what is wrong with a file or a machine, why it hurts, and how to mend it (feature `check`) |
//! | [`scheduler`] | native models of the kernel's schedulers: who gets the next connection |
//!
//! Without the feature `cluster` (on by default) there are [`ipvs`], [`proc`] and [`scheduler`] only; `toml`
//! adds [`Cluster::from_toml`](cluster::Cluster), and `check` the module of that name.
//!
//! # What to know
//!
//! - Calls block, for microseconds to milliseconds, and every one has a timeout. An async program
//!   wraps them in its runtime's blocking pool.
//! - IPVS needs `CAP_NET_ADMIN` in the *initial* user namespace, for reading too.
//! - An [`Error`] names the operation, the object, the errno, the likely reason and what to do.
//! - What the kernel reports and this version does not know is kept or skipped, never an error.
//! - It does not watch servers, does not fail over, and starts no other program.

#[cfg(feature = "check")]
pub mod check;
#[cfg(feature = "cluster")]
pub mod cluster;
mod error;
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "cluster")]
mod host;
#[cfg(feature = "import")]
pub mod import;
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
