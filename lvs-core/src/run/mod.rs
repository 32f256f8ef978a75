//! The resident writer: keeps kernel, health and drains in agreement.
//!
//! [`Controller`] decides everything and does nothing: events go in, actions come out, and time is an
//! argument. What runs it opens sockets, reads the kernel and carries the actions out:
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
mod desired;
mod event;
mod probes;
mod service;
#[cfg(test)]
mod tests;
mod view;

pub use controller::Controller;
pub use desired::{CheckedDestination, CheckedService, CheckedTarget};
pub use event::{
    Action, Event, KernelWeights, Notice, ProbeId, ProbeRun, WeightChange, WeightVerb,
};
pub use view::{DestinationView, ServiceView};
