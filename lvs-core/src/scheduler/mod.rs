//! Native models of the kernel's schedulers, which tell the server of the next connection, exact to the pick.
//!
//! A [`Scheduler`] picks a server as the kernel's module of that name would, with the same ties, the same
//! reaction to edits and the same integer arithmetic. It has no clock and no randomness: both come with the
//! [`Arrival`]. [`ServiceModel`] puts a service around it (connection counts, thresholds, persistence), and
//! is what most programs need:
//!
//! ```
//! use lvs_core::ipvs::{Destination, Forwarding, SchedulerName, Service, Weight};
//! use lvs_core::scheduler::{Flow, Generation, ServiceModel};
//!
//! let service = Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::WRR);
//! let mut model = ServiceModel::fresh(service, Generation::New)?;
//! for (address, weight) in [("192.168.1.12:80", 2), ("192.168.1.13:80", 3)] {
//!     let mut destination = Destination::new(address.parse()?, Forwarding::DirectRouting);
//!     destination.weight = Weight::new(weight)?;
//!     model.add(destination)?;
//! }
//! let flow = Flow::tcp("10.0.0.1:40000".parse().unwrap(), "172.16.5.11:80".parse().unwrap());
//! let connection = model.connect(flow).unwrap();
//! assert_eq!(connection.destination().to_string(), "192.168.1.13:80"); // the last one added
//! # Ok::<(), lvs_core::InvalidValue>(())
//! ```
//!
//! # The order of servers
//!
//! All models get the servers in the kernel's order, **newest first**: the kernel adds a destination at the
//! head of its service's list, and an edit keeps its place. The dump of
//! [`Ipvs::destinations`](crate::ipvs::Ipvs::destinations) has that order too; the listing of ipvsadm is
//! sorted.
//!
//! | of equal servers is picked | schedulers |
//! |---|---|
//! | each in turn, the head first | [`Rr`], [`Wrr`] |
//! | the one nearest to the head, the most recently added | [`Lc`], [`Wlc`], [`Sed`], [`Nq`], [`Fo`], [`Ovf`], [`Lblc`], [`Lblcr`] |
//! | the hash decides | [`Dh`], [`Sh`], [`Mh`] |
//! | the draw decides | [`Twos`] |
//!
//! # Generations
//!
//! Kernels since autumn 2026 count connections in a slightly different way, and so make slightly different
//! decisions. The change was also made in older series, so a kernel's version number does not show it. Every
//! model therefore has a [`Generation`].
//!
//! # Sources
//!
//! The models were written from the behaviour that `Documentation/networking/ipvs-sysctl.rst` and the modules
//! in <https://github.com/torvalds/linux/tree/v6.1/net/netfilter/ipvs> describe, and checked pick by pick
//! against running kernels 6.1 and 7.2; each model names its module.

mod arrival;
mod cache;
mod connection;
mod dh;
mod fo;
mod generation;
mod hash;
mod lblc;
mod lblcr;
mod lc;
mod least;
mod mh;
mod none;
mod nq;
mod ovf;
mod persistence;
mod rr;
mod sed;
mod server;
mod service;
mod sh;
mod simulation;
#[cfg(test)]
mod testing;
mod twos;
mod wlc;
mod wrr;

use std::fmt;

use crate::ipvs::{SchedulerName, ServiceFlags};

pub use arrival::{Arrival, Flow};
pub use connection::ModelConnection;
pub use dh::Dh;
pub use fo::Fo;
pub use generation::Generation;
pub use lblc::Lblc;
pub use lblcr::Lblcr;
pub use lc::Lc;
pub use mh::Mh;
pub use none::NoScheduler;
pub use nq::Nq;
pub use ovf::Ovf;
pub use rr::Rr;
pub use sed::Sed;
pub use server::Server;
pub use service::ServiceModel;
pub use sh::Sh;
pub use simulation::{Clients, Share, Simulation, Workload};
pub use twos::Twos;
pub use wlc::Wlc;
pub use wrr::Wrr;

/// Picks the server of a new connection. It is deterministic: the same calls give the same picks.
///
/// Third parties can model their own kernel modules with it and pass them to [`ServiceModel::with_scheduler`].
pub trait Scheduler: fmt::Debug + Send + Sync + CloneScheduler {
    /// Returns the name under which the kernel knows it.
    fn name(&self) -> SchedulerName;

    /// Reacts to a change of the list or of a server in it; `servers` is the list after the change.
    ///
    /// Counters and the overloaded mark change without this call: a model reads them at the pick.
    fn changed(&mut self, servers: &[Server], change: PoolChange) {
        let _ = (servers, change);
    }

    /// Returns the index in `servers` of the server that gets the arriving connection; `None` refuses it.
    fn pick(&mut self, servers: &[Server], arrival: &Arrival) -> Option<usize>;
}

/// Describes a change of a service's pool to [`Scheduler::changed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolChange {
    /// The scheduler was bound to this list: a new service, or another scheduler for an existing one.
    Bound,
    /// A server was added; it is the first now, and all others have moved back by one.
    Added,
    /// The server at this index was removed, and those behind it have moved up.
    Removed(usize),
    /// The server at this index was written again, with new values or the same.
    Edited(usize),
    /// The flags of the service were written.
    Flags(ServiceFlags),
}

/// Clones a boxed [`Scheduler`]; every scheduler that is `Clone` has it.
pub trait CloneScheduler {
    /// Returns a copy with the same state, which makes the same picks.
    fn clone_boxed(&self) -> Box<dyn Scheduler>;
}

impl<T: Scheduler + Clone + 'static> CloneScheduler for T {
    fn clone_boxed(&self) -> Box<dyn Scheduler> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Scheduler> {
    fn clone(&self) -> Self {
        (**self).clone_boxed()
    }
}

/// Returns the model of a scheduler of the kernel's own tree, or of `none`; `None` for any other name.
///
/// Bind it to a list with [`PoolChange::Bound`] before the first pick.
///
/// ```
/// use lvs_core::ipvs::{SchedulerName, ServiceFlags};
/// use lvs_core::scheduler::{self, Generation};
/// for name in SchedulerName::KNOWN {
///     let model = scheduler::model(name, ServiceFlags::empty(), Generation::New);
///     assert_eq!(model.unwrap().name(), *name);
/// }
/// ```
#[must_use]
pub fn model(
    name: &SchedulerName,
    flags: ServiceFlags,
    generation: Generation,
) -> Option<Box<dyn Scheduler>> {
    Some(match name.as_str() {
        "dh" => Box::new(Dh::default()),
        "fo" => Box::new(Fo),
        "lblc" => Box::new(Lblc::new(generation)),
        "lblcr" => Box::new(Lblcr::new(generation)),
        "lc" => Box::new(Lc::new(generation)),
        "mh" => Box::new(Mh::new(flags)),
        "none" => Box::new(NoScheduler),
        "nq" => Box::new(Nq),
        "ovf" => Box::new(Ovf),
        "rr" => Box::new(Rr::default()),
        "sed" => Box::new(Sed),
        "sh" => Box::new(Sh::new(flags)),
        "twos" => Box::new(Twos::new(generation)),
        "wlc" => Box::new(Wlc::new(generation)),
        "wrr" => Box::new(Wrr::default()),
        _ => return None,
    })
}
