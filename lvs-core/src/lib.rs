//! Linux Virtual Server as a library.
//!
//! Linux Virtual Server (LVS) is the layer-4 load balancer in the Linux kernel; its engine is called IPVS.
//! Clients connect to a *virtual IP* (VIP) on the *director*. IPVS chooses a *real server* for each connection
//! and forwards its packets there:
//!
//! - by **masquerading** (NAT): IPVS rewrites addresses, and answers return through the director;
//! - by **direct routing** (DR): packets go unchanged to the real server's hardware address. The real server
//!   carries the VIP too, does not answer ARP for it, and answers the client itself;
//! - by a **tunnel**: IPVS encapsulates packets, so that real servers may be on any network.
//!
//! Each method needs other addresses, routes and sysctls, on the director *and* on every real server, in the
//! right order.
#![cfg_attr(feature = "cluster", doc = "A [`Cluster`]")]
#![cfg_attr(not(feature = "cluster"), doc = "A `Cluster`")]
//! holds all of it as one value. It knows what every node must look like, plans the steps from how the node
//! looks now, applies the plan phase by phase, verifies the result by reading it back, and rolls back where a
//! step fails:
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
//!     println!("{done}"); // the plan that was applied; empty if nothing had to change
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
    doc = "| [`Cluster`], [`cluster`] | declared nodes and services; plan, apply, verify, remove, the order of nodes |"
)]
//! | [`ipvs`] | the kernel's table: services, destinations, daemons, timeouts; [`ipvs::message`] is the codec alone |
//! | [`proc`] | the files in `/proc` in which IPVS shows itself |
#![cfg_attr(
    feature = "cluster",
    doc = "| [`net`], [`sysctl`] | interfaces, addresses, routes, ARP; sysctls |
| [`Host`], [`Netns`] | all of these for one network namespace; entering another one |"
)]
#![cfg_attr(
    feature = "check",
    doc = "| [`check`] | findings: what is wrong with a file or a node, its impact and the fix |"
)]
#![cfg_attr(
    feature = "health",
    doc = "| [`health`] | probes of real servers by the clients' path, and the weights that follow |"
)]
#![cfg_attr(
    feature = "run",
    doc = "| [`run`] | the controller that keeps kernel, file, health and drains in agreement |"
)]
#![cfg_attr(
    feature = "import",
    doc = "| [`import`] | cluster files from keepalived.conf, ldirectord.cf, rules of ipvsadm and the kernel |"
)]
//! | [`guide`] | clusters step by step, daily work, troubleshooting, embedding |
//! | [`scheduler`] | native models of the kernel's schedulers, which tell the server of the next connection |
//!
//! # Features
//!
//! | feature | adds | default |
//! |---|---|---|
//! | `cluster` | the modules `cluster`, `net` and `sysctl`, `Host` and `Netns` | yes |
//! | `toml` | `Cluster::from_toml`: the cluster file as TOML, errors with line and column | |
//! | `check` | the module `check` | |
//! | `health` | the module `health` | |
//! | `run` | the module `run`, with `health` | |
//! | `import` | the module `import`, with `toml` | |
//! | `schema` | `Document::schema`, the JSON Schema of the cluster file | |
//! | `tracing` | events for the crate tracing: `lvs_core::apply` (what is done to a node), `lvs_core::run` (health, weights), `lvs_core::netlink` (each exchange with the kernel, at debug) | |
//!
//! Features add API and never change behaviour. Without default features there are [`ipvs`], [`proc`] and
//! [`scheduler`].
//!
//! # What to know
//!
//! - Calls block, for microseconds to milliseconds, and each has a timeout. An async program runs them on its
//!   runtime's blocking pool.
//! - IPVS needs `CAP_NET_ADMIN` in the *initial* user namespace, also for reading.
//! - An [`Error`] names the operation, the object and the errno, and adds a hint: the likely reason and what to do
//!   next.
//! - What the kernel reports and this version does not know is kept or skipped, and never an error.
//! - A struct whose fields are all public may get more of them in a later version. Make it with its `new` or `default` and
//!   `..`, as in `Service { flags, ..Service::new(id, scheduler) }`, and match it with `..`.
//! - It does not decide which director is active: a VRRP daemon does. It starts no other program, except for health
//!   checks of the kind `program`.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "check")]
pub mod check;
#[cfg(feature = "cluster")]
pub mod cluster;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod guide;
#[cfg(feature = "health")]
pub mod health;
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
#[cfg(feature = "run")]
pub mod run;
pub mod scheduler;
mod shared_text;
mod shell;
#[cfg(feature = "cluster")]
mod suggest;
#[cfg(feature = "cluster")]
pub mod sysctl;
#[cfg(test)]
mod testing;
mod text;
#[cfg(feature = "tracing")]
mod trace;

#[cfg(feature = "cluster")]
pub use cluster::Cluster;
pub use error::{Cause, Error, InvalidValue, Operation, Result};
#[cfg(feature = "cluster")]
pub use host::Host;
pub use name::IfName;
#[cfg(feature = "cluster")]
pub use netns::Netns;
pub use text::{escape_control, escape_line};

/// Compiles the program of the README.
#[cfg(all(doctest, feature = "toml"))]
#[doc = include_str!("../../README.md")]
struct Readme;
