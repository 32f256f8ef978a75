//! A whole cluster as one value: what each machine must look like, the difference to how it looks
//! now, and the safe order of the steps between.
//!
//! ```text
//! file ──▶ Document ──▶ Cluster ──node()──▶ DesiredState ─┐
//!                                                      ├─▶ Plan ──▶ text, shell, JSON, apply
//! kernel ─────────────────────────────────▶ Observed ──┘
//! ```
//!
//! [`Cluster`] is valid by construction, from a file or from plain Rust. [`DesiredState`] (desired),
//! [`Observed`] (found) and [`Plan`] (the way from one to the other) are three types; all but reading
//! and applying is pure.

mod apply;
pub mod change;
mod desired;
mod drain;
pub mod file;
mod model;
mod observed;
mod order;
pub mod plan;
mod state;

pub use apply::{Aftermath, ApplyError, Event, Failure};
pub use desired::{Desired, DesiredService, DesiredState, NodeKind};
pub use drain::{Drain, DrainOutcome, Draining, Remaining};
pub use file::Document;
pub use model::{
    Clock, Cluster, ClusterName, Director, DocumentError, Match, NodeName, Position, RealServer,
    Role, Sync, VirtualDestination, VirtualService,
};
pub use observed::{IpvsState, Observed, Scope};
pub use order::{RolloutAction, RolloutStep};
pub use plan::{Plan, PlanOptions};
pub use state::{Record, Session, StateDir};
