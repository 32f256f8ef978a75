//! The resident writer: keeps kernel, file, health, drains and role in agreement.
//!
//! [`Controller`] decides everything and does nothing: events go in, actions come out, and time is an
//! argument. [`Runner`] runs it on a director: it probes, reads and changes the kernel, takes drains and the
//! role from the record, and answers who asks. [`ProbePool`] makes its probes.
//! [`StateDir::status`](crate::cluster::StateDir::status) tells what each real server is, and
//! [`StateDir::metrics`](crate::cluster::StateDir::metrics) counts.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::time::Duration;
//! use lvs_core::run::{Action, Controller, Event};
//!
//! let mut controller = Controller::new(1);
//! let services = Vec::new(); // what the cluster file says
//! let mut actions = controller.step(Event::Load(services), Duration::ZERO);
//! actions.extend(controller.step(Event::Observed(BTreeMap::new()), Duration::ZERO));
//! for action in actions {
//!     match action {
//!         Action::Probe { target, .. } => println!("probe {}", target.path.destination),
//!         Action::Weight(change) => println!("{change:?}"),
//!         other => println!("{other:?}"),
//!     }
//! }
//! assert_eq!(controller.wake(), None); // nothing is due
//! ```

mod controller;
mod counters;
mod desired;
mod event;
mod metrics;
mod poller;
mod pool;
mod probes;
mod probing;
mod recorded;
mod repair;
mod runner;
mod running;
mod server;
mod service;
mod status;
mod supervisor;
mod table;
#[cfg(feature = "toml")]
mod targets;
#[cfg(test)]
mod tests;
mod threads;
mod view;

pub use controller::Controller;
pub use desired::{CheckedDestination, CheckedService, CheckedTarget};
pub use event::{
    Action, Event, KernelWeights, Notice, ProbeId, ProbeRun, WeightChange, WeightVerb,
};
pub use pool::ProbePool;
pub use runner::{RunError, RunEvent, Runner, RunnerHandle};
pub use status::{ClusterStatus, DestinationReport, DrainStatus, ServiceReport, Status};
#[cfg(feature = "toml")]
pub use targets::TargetFiles;
pub use view::{DestinationView, ServiceView};
