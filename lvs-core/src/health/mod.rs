//! Health of real servers, tested by the path that clients use.
//!
//! ```text
//! Cluster ─ProbePlan─▶ Target ─Prober::run─▶ Outcome ─Tracker::record─▶ Health ─Policy::decide─▶ weights
//!            pure                 I/O                     pure                      pure
//! ```
//!
//! | | |
//! |---|---|
//! | [`Check`], [`CheckKind`] | what is tested, how often, and how many results count: data of the cluster file |
//! | [`ProbePlan`], [`ProbePath`] | the marked IPVS services, source addresses and sysctls that bring a probe to one real server by the clients' path |
//! | [`Prober`] | one probe: blocking, bounded in time and bytes |
//! | [`Tracker`], [`Schedule`] | the state machine of one probe, and when it is due |
//! | [`Policy`] | the weights of a service: minimum, slow start, drain |
//!
//! Everything but [`Prober`] is pure: time is an argument, a [`Duration`](std::time::Duration) since any fixed
//! moment of a monotonic clock.

mod decision;
mod member;
mod outcome;
mod probe;
mod schedule;
mod service;
mod state;

pub use crate::cluster::checks::{
    Argument, BelowMinimum, Check, CheckDefaults, CheckKind, CheckTable, DnsCheck, DnsName,
    DnsTransport, FileCheck, FilePath, HostName, HttpCheck, HttpMethod, HttpPath, Interval, Needle,
    OnFailure, Payload, Percent, Policy, ProbeRoute, ProgramCheck, RecordType, ServerName,
    SlowStart, SlowStartTime, StatusRanges, Timeout, Timing, TlsCheck, UdpCheck, UserName,
};
pub use crate::cluster::probe_path::{
    Marks, PathKey, PathNote, PlannedProbe, ProbePath, ProbePlan, ProbeService, ProbeSysctl,
    SourcePorts, Via,
};
pub use decision::{Decision, DesiredWeight, Posture, WeightReason};
pub use member::{Admission, Member};
pub use outcome::{Failure, Healthy, Outcome, Stage};
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use probe::fuzzing;
#[cfg(feature = "run")]
pub(crate) use probe::{Conversation, Interest, kill_programs};
pub use probe::{Prober, Subject, Target, TargetId};
pub use schedule::Schedule;
pub use state::{Health, Tracker, Transition};
