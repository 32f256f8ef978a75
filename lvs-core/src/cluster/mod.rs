//! A whole cluster as one value: what each node must have, how that differs from what it has, and a safe
//! order of the steps that change it.
//!
//! ```text
//! file ──▶ Document ──▶ Cluster ──node()──▶ DesiredState ─┐
//!                                                         ├─▶ Plan ──▶ text, shell, JSON, apply
//! kernel ──────────────────────────────────▶ Observed ────┘
//! ```
//!
//! | module | |
//! |---|---|
//! | `model` | [`Cluster`] with its [`Director`]s, [`RealServer`]s and [`VirtualService`]s, and their validation |
//! | [`checks`] | how a service's destinations are tested, and what follows from it, as data |
//! | [`probe_path`] | the marked IPVS services by which probes go the clients' way |
//! | [`mod@file`] | the cluster file: [`Document`] and its tables, and their conversion to a [`Cluster`] |
//! | `desired` | [`DesiredState`]: what a node must have, by its forwarding methods and its [`Role`] |
//! | [`change`] | the steps of a plan |
//! | `observed` | [`Observed`]: what a node has |
//! | [`plan`] | [`Plan`]: the differences between the two, in phases |
//! | `arrival` | the links on which other hosts ask for an address |
//! | `apply` | carrying out a plan, with verification and rollback |
//! | `state` | [`StateDir`]: the [`Record`]s of original and applied configuration, and the lock |
//! | `drain` | draining a real server and waiting for its remaining connections |
//! | `order` | [`RolloutStep`]: the order across nodes |
//!
//! A [`Cluster`] is valid by construction, from a file or from plain Rust. Desired, observed and plan are three
//! types. Everything but reading and applying is pure.

mod apply;
mod arrival;
mod by_id;
pub mod change;
pub mod checks;
mod desired;
mod drain;
pub mod file;
mod model;
mod observed;
mod order;
mod picture;
pub mod plan;
pub mod probe_path;
mod shared_list;
mod state;

pub(crate) use arrival::{Arrival, Neighbourhood};

pub use apply::{
    Aftermath, Announcement, ApplyError, ApplyEvent, ApplyFailure, Evidence, HostIdentity,
    OtherNode, host_name,
};
pub use by_id::{ById, Identified};
pub use desired::{Desired, DesiredService, DesiredState, HealthPart};
pub use drain::{Drain, DrainOutcome, DrainTarget, Draining, Remaining};
pub use file::Document;
#[cfg(feature = "import")]
pub(crate) use file::check_sysctl;
pub use model::{
    Clock, Cluster, ClusterName, DestinationCheck, Director, DocumentError, DocumentErrorKind,
    DocumentErrors, Gateway, Match, NodeKind, NodeName, Position, RealServer, Role, Sync,
    VirtualDestination, VirtualService,
};
use observed::{IndexedService, ObservedIndex};
pub use observed::{IpvsState, Observed, ReadScope};
pub use order::{RolloutAction, RolloutStep};
pub use plan::{Plan, PlanOptions};
pub use shared_list::SharedList;
#[cfg(feature = "check")]
pub(crate) use state::AbandonedWeight;
#[cfg(any(feature = "run", feature = "check"))]
pub(crate) use state::Absent;
#[cfg(feature = "run")]
pub(crate) use state::{Kept, NamespaceLock, RecordStamp, Resident};
pub use state::{Record, Session, StateDir};
