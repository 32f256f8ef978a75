//! The kernel's schedulers as native models: who gets the next connection, exact to the pick.
//!
//! A [`Scheduler`] is asked for a server and answers as the kernel's module of that name would, with
//! the same ties, the same reaction to edits and the same integer arithmetic. It has no clock and no
//! randomness: both come with the [`Arrival`]. [`ServiceModel`] puts a service around it
//! (connection counts, thresholds, persistence), and is what most programs want:
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
//! All models get the servers in the kernel's order, **newest first**: a destination is put at the head of
//! its service's list when it is added, and an edit leaves it where it is. The dump of
//! [`Ipvs::destinations`](crate::ipvs::Ipvs::destinations) has that order too; the listing of ipvsadm is
//! sorted and has not.
//!
//! | equal servers, who wins | schedulers |
//! |---|---|
//! | each in turn, the head first | [`Rr`], [`Wrr`] |
//! | the one nearest to the head, the most recently added | [`Lc`], [`Wlc`], [`Sed`], [`Nq`], [`Fo`], [`Ovf`], [`Lblc`], [`Lblcr`] |
//! | the hash decides | [`Dh`], [`Sh`], [`Mh`] |
//! | the draw decides | [`Twos`] |
//!
//! # Generations
//!
//! Kernels of autumn 2026 count connections a little differently, and so decide a little
//! differently; the change was also brought to older series, so a kernel's version number does not
//! tell. Every model is therefore told its [`Generation`].
//!
//! # Sources
//!
//! The models were written from the behaviour that `Documentation/networking/ipvs-sysctl.rst` and
//! the modules in <https://github.com/torvalds/linux/tree/v6.1/net/netfilter/ipvs> describe and
//! checked pick by pick against running kernels 6.1 and 7.2; each model names its module.

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

/// Chooses a server for a new connection. Deterministic: the same calls give the same answers.
///
/// Third parties can model their own kernel modules with it and hand them to
/// [`ServiceModel::with_scheduler`].
pub trait Scheduler: fmt::Debug + Send + Sync + CloneScheduler {
    /// The name under which the kernel knows it.
    fn name(&self) -> SchedulerName;

    /// The list, or a server in it, has changed; `servers` is how it is now.
    ///
    /// Counters and the overloaded mark change without this call: a model reads them at the pick.
    fn changed(&mut self, servers: &[Server], change: PoolChange) {
        let _ = (servers, change);
    }

    /// The index in `servers` of who gets the arriving connection; `None` refuses it.
    fn pick(&mut self, servers: &[Server], arrival: &Arrival) -> Option<usize>;
}

/// What [`Scheduler::changed`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolChange {
    /// The scheduler has just been bound to this list: a new service, or a scheduler switched in.
    Bound,
    /// A server was added; it is the first now, all others have moved back by one.
    Added,
    /// The server that was at this index is gone, those behind it have moved up.
    Removed(usize),
    /// The server at this index was written again, with whatever values (perhaps the same).
    Edited(usize),
    /// The flags of the service.
    Flags(ServiceFlags),
}

/// Lets a boxed [`Scheduler`] be cloned; everything that is `Clone` has it.
pub trait CloneScheduler {
    /// A copy with the same state: it will pick what this one would.
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

/// The model of a scheduler of the kernel's own tree, or of `none`; `None` for any other name.
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
