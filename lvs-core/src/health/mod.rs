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

mod check;
mod outcome;
mod path;
mod percent;
mod probe;
mod schedule;
mod service;
mod span;
mod state;

pub use check::{
    Argument, Check, CheckDefaults, CheckKind, CheckTable, DnsCheck, DnsName, DnsTransport,
    FileCheck, FilePath, HostName, HttpCheck, HttpMethod, HttpPath, Needle, Payload, ProbeRoute,
    ProgramCheck, RecordType, ServerName, StatusRanges, Timing, TlsCheck, UdpCheck, UserName,
};
pub use outcome::{Failure, Healthy, Outcome, Stage};
pub use path::{
    MarkCollision, Marks, PathKey, PathNote, PlannedProbe, ProbePath, ProbePlan, ProbeService,
    ProbeSysctl, SourcePorts, Via,
};
pub use percent::Percent;
#[doc(hidden)]
pub use probe::fuzzing;
pub use probe::{Prober, Subject, Target, TargetId};
pub use schedule::Schedule;
pub use service::{
    Admission, BelowMinimum, Decision, DesiredWeight, Member, OnFailure, Policy, Posture,
    SlowStart, WeightReason,
};
pub use span::{Interval, SlowStartTime, Timeout};
pub use state::{Health, Tracker, Transition};
