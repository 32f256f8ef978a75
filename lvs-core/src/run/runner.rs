//! Runs the controller: threads, the kernel and the state directory.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::running::Running;
use super::server::Request;
use super::{Notice, ProbeRun, WeightChange};
use crate::cluster::{ApplyError, Cluster, NodeName, Plan, Role, StateDir};
use crate::error::Error;
use crate::health::Outcome;
use crate::ipvs::{DestinationId, ServiceId};

/// Keeps one node as its cluster says: applies it and repairs what other programs change; on a director it
/// probes the real servers, too, and sets weights.
///
/// ```no_run
/// use lvs_core::cluster::StateDir;
/// use lvs_core::run::{RunEvent, Runner};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "toml")] {
/// let cluster = lvs_core::Cluster::from_toml(&std::fs::read_to_string("web.toml")?)?;
/// let (runner, handle) = Runner::new(cluster, "director".parse()?, StateDir::default());
/// // Another thread gives it a new cluster, or stops it: handle.load(…), handle.stop().
/// runner.run(&mut |event| {
///     if let RunEvent::Notice(notice) = event {
///         println!("{notice:?}");
///     }
/// })?;
/// # drop(handle);
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Runner {
    pub(super) cluster: Cluster,
    pub(super) node: NodeName,
    pub(super) state: StateDir,
    /// What other processes call it.
    pub(super) name: String,
    pub(super) repairs: bool,
    pub(super) removes_on_exit: bool,
    pub(super) metrics: Option<SocketAddr>,
    pub(super) poll: Duration,
    pub(super) input: Receiver<Input>,
    pub(super) handle: RunnerHandle,
}

/// Gives a [`Runner`] another cluster, or stops it, from any thread.
#[derive(Clone, Debug)]
pub struct RunnerHandle {
    pub(super) input: Sender<Input>,
    pub(super) stop: Arc<AtomicBool>,
}

/// What the loop is told.
#[derive(Debug)]
pub(super) enum Input {
    Probed {
        run: ProbeRun,
        took: Duration,
        outcome: Outcome,
    },
    /// The result of a probe straight to a real server, of which the clients' path says that it is down.
    Straight {
        service: ServiceId,
        destination: DestinationId,
        outcome: Outcome,
    },
    Load(Box<Cluster>),
    Refuse(String),
    Ask(Request, Sender<String>),
    Stop,
}

/// What a [`Runner`] does.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunEvent<'a> {
    /// The cluster is applied, and probes begin; and again after each [`RunnerHandle::load`].
    Ready,
    /// This was applied: at the start, after a new cluster, or because virtual IPs are withdrawn or announced.
    Applied(&'a Plan),
    /// This was repaired, which another program had changed.
    Repaired(&'a Plan),
    /// One of two directors goes on in another role, which another process has applied.
    Role(&'a NodeName, Role),
    /// The runner ends, and leaves the node as it is.
    Left,
    /// The node is not as it must be, and is not repaired because that was not asked for.
    Drifted(&'a Plan),
    /// A new cluster, or its file, is refused; the old one stays.
    Refused(String),
    /// Health, minimum or weights changed: see [`Notice`].
    Notice(&'a Notice),
    /// A weight was set.
    Weight(&'a WeightChange),
    /// An operation failed, and is tried again.
    Failed(String),
}

/// Says why a [`Runner`] ended without being asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The cluster could not be applied at the start, or not removed at the end.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The state directory or the kernel cannot be used, or another controller runs.
    #[error(transparent)]
    Failed(#[from] Error),
    /// The cluster has no such node.
    #[error("{0}: is no node of the cluster {1}")]
    NoNode(NodeName, crate::cluster::ClusterName),
}

impl Runner {
    /// How often the kernel's table and the record are read.
    const POLL: Duration = Duration::from_secs(1);

    /// Describes a controller of one node; [`run`](Self::run) starts it. One of two directors has the role on
    /// record; without one it is standby until a role is applied.
    #[must_use]
    pub fn new(cluster: Cluster, node: NodeName, state: StateDir) -> (Self, RunnerHandle) {
        let (sender, input) = channel();
        let handle = RunnerHandle {
            input: sender,
            stop: Arc::default(),
        };
        let runner = Self {
            cluster,
            node,
            state,
            name: "run".to_owned(),
            repairs: true,
            removes_on_exit: false,
            metrics: None,
            poll: Self::POLL,
            input,
            handle: handle.clone(),
        };
        (runner, handle)
    }

    /// Names the file that is kept: messages of other processes refer to it.
    #[must_use]
    pub fn of_file(mut self, file: &str) -> Self {
        self.name = format!("run {file}");
        self
    }

    /// Reports what other programs change, and does not repair it; weights follow health all the same.
    #[must_use]
    pub const fn report_only(mut self) -> Self {
        self.repairs = false;
        self
    }

    /// Removes the cluster from the node at the end; otherwise the table stays as it is.
    #[must_use]
    pub const fn remove_on_exit(mut self) -> Self {
        self.removes_on_exit = true;
        self
    }

    /// Answers scrapes of metrics by HTTP, from the first apply on: the address may be one that the cluster brings.
    /// While it cannot listen there it tells why, once, and tries again.
    #[must_use]
    pub const fn serve_metrics(mut self, address: SocketAddr) -> Self {
        self.metrics = Some(address);
        self
    }

    /// Runs until it is stopped: applies the cluster first, and keeps it from then on. Tells systemd what it
    /// does, if `NOTIFY_SOCKET` is set.
    ///
    /// # Errors
    /// The cluster cannot be applied, or another controller runs; later failures are reported and tried
    /// again.
    pub fn run(self, events: &mut dyn FnMut(RunEvent<'_>)) -> Result<(), RunError> {
        #[cfg(feature = "tracing")]
        let events = &mut |event: RunEvent<'_>| {
            crate::trace::run(&event);
            events(event);
        };
        Running::begin(self, events)?.keep(events)
    }
}

impl RunnerHandle {
    /// Replaces the cluster. Checks that did not change keep their state; one that cannot be applied is
    /// refused, and the old one stays.
    pub fn load(&self, cluster: Cluster) {
        self.tell(Input::Load(Box::new(cluster)));
    }

    /// Reports that there is a new cluster which cannot be read.
    pub fn refuse(&self, problem: impl Into<String>) {
        self.tell(Input::Refuse(problem.into()));
    }

    /// Ends the runner, soon: a change that is being made is rolled back.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.tell(Input::Stop);
    }

    fn tell(&self, input: Input) {
        // A runner that has ended needs to know nothing.
        let _ = self.input.send(input);
    }
}
