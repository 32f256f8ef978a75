//! A controller that runs: the loop, and everything that it touches.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::counters::Counters;
use super::pool::ProbePool;
use super::runner::{Input, RunError, RunEvent, Runner};
use super::server::{self, Request};
use super::supervisor::Supervisor;
use super::{Action, CheckedService, Controller, Event, ProbeId, WeightChange, WeightVerb};
use crate::cluster::{
    Absent, Cluster, DesiredState, Drain, Draining, NamespaceLock, Plan, RecordStamp, Resident,
    Role, Session,
};
use crate::error::Result;
use crate::health::{Outcome, Prober, SourcePorts, kill_programs};
use crate::host::Host;
use crate::ipvs::{DestinationId, ServiceId};
use crate::proc::Listing;

/// How often the whole node is compared with what it must be.
const COMPARE: Duration = Duration::from_secs(5);
/// Comparing takes at most one part in so many of the time.
const COMPARE_PART: u32 = 20;

/// Results of probes are taken, and probes begun, at most once in so long a time: a processor that is woken for each one
/// makes fewer.
const BATCH: Duration = Duration::from_millis(5);

/// A failure that lasts is told again after so long.
const REPEATED: Duration = Duration::from_secs(60);

/// A controller that runs.
pub(super) struct Running {
    pub(super) runner: Runner,
    pub(super) host: Host,
    pub(super) controller: Controller,
    pub(super) node: DesiredState,
    pub(super) drift: Option<Plan>,
    pub(super) counters: Counters,
    /// What a probe straight to a real server says, of those that are down by the clients' path.
    pub(super) straight: BTreeMap<(ServiceId, DestinationId), Outcome>,
    clock: Instant,
    pub(super) pool: ProbePool,
    pub(super) probers: BTreeMap<ProbeId, Arc<Prober>>,
    pub(super) ports: SourcePorts,
    pub(super) drains: BTreeMap<Drain, Draining>,
    pub(super) stamp: RecordStamp,
    pub(super) listing: Listing,
    /// What other processes were told.
    pub(super) published: Option<Absent>,
    /// The virtual IPs that health withdraws, or announces again, and that are not moved yet.
    pub(super) moving: BTreeSet<IpAddr>,
    /// Why the newest file is refused, while an older one is in force.
    pub(super) refused: Option<String>,
    /// When failures were told that may last.
    failures: BTreeMap<String, Instant>,
    /// Why scrapes cannot be listened for, as it was told.
    unheard: Option<String>,
    next_poll: Instant,
    pub(super) next_compare: Instant,
    pub(super) supervisor: Supervisor,
    pub(super) resident: Resident,
    namespace: NamespaceLock,
}

pub(super) type Events<'a> = &'a mut dyn FnMut(RunEvent<'_>);

impl Running {
    /// Applies the cluster, and begins to probe.
    pub(super) fn begin(runner: Runner, events: Events<'_>) -> Result<Self, RunError> {
        let (resident, namespace) = runner
            .state
            .reside_alone(runner.cluster.name(), &runner.name)?;
        let stop = Arc::clone(&runner.handle.stop);
        let mut session = runner.state.lock_unless("run", stop)?.by_health();
        let seed = seed();
        let clock = Instant::now();
        // A role that came before the lock counts.
        let node = runner.desired(&runner.cluster)?;
        let mut running = Self {
            host: Host::open()?,
            controller: Controller::new(seed),
            node,
            drift: None,
            counters: Counters::default(),
            straight: BTreeMap::new(),
            clock,
            pool: ProbePool::new(),
            probers: BTreeMap::new(),
            ports: SourcePorts::new(seed),
            drains: BTreeMap::new(),
            stamp: RecordStamp::default(),
            listing: Listing::default(),
            published: None,
            moving: BTreeSet::new(),
            refused: None,
            failures: BTreeMap::new(),
            unheard: None,
            next_poll: clock,
            next_compare: clock + COMPARE,
            supervisor: Supervisor::from_environment(),
            resident,
            namespace,
            runner,
        };
        let absent = running.absent_virtual_ips()?;
        running.step(Event::Withdrawn(absent), events);
        let plan = running.apply_first(&mut session, events)?;
        drop(session);
        events(RunEvent::Applied(&plan));
        let input = running.runner.handle.input.clone();
        server::serve_unix(running.resident.listen()?, input);
        running.take_record(events);
        running.load(events);
        running.poll(events);
        running.supervisor.ready();
        events(RunEvent::Ready);
        Ok(running)
    }

    /// Applies the node for the first time: as standby where the record remembers it as active, and the other director
    /// is by now.
    fn apply_first(&mut self, session: &mut Session, events: Events<'_>) -> Result<Plan, RunError> {
        let refused = match self.apply(session, events) {
            Err(error) if error.is_active_elsewhere() => error,
            applied => return Ok(applied?),
        };
        let name = self.node.name.as_str();
        let Some(standby) = self.runner.cluster.node_as(name, Role::Standby) else {
            return Err(refused.into());
        };
        events(RunEvent::Failed(format!(
            "{}; begins as standby until a role is applied",
            refused.failure()
        )));
        self.node = standby;
        self.step(Event::Withdrawn(BTreeSet::new()), events);
        Ok(self.apply(session, events)?)
    }

    /// The loop.
    pub(super) fn keep(mut self, events: Events<'_>) -> Result<(), RunError> {
        loop {
            self.supervisor.feed();
            let mut received = match self.runner.input.recv_timeout(self.until_next()) {
                Err(RecvTimeoutError::Disconnected) => return self.end(events),
                received => received.ok(),
            };
            let began = Instant::now();
            let mut results = Vec::new();
            while let Some(input) = received.or_else(|| self.runner.input.try_recv().ok()) {
                match input {
                    Input::Stop => return self.end(events),
                    Input::Probed { run, took, outcome } => {
                        results.push(Event::Probed { run, took, outcome });
                    }
                    input => self.take(input, events),
                }
                received = None;
            }
            self.take_results(results, events);
            if began >= self.next_poll {
                self.poll(events);
            }
            // What comes meanwhile is taken together, and what is due begins together.
            thread::sleep(BATCH.saturating_sub(began.elapsed()));
        }
    }

    fn until_next(&self) -> Duration {
        let now = Instant::now();
        let poll = self.next_poll.saturating_duration_since(now);
        let wake = self.controller.wake();
        let wake = wake.map(|wake| wake.saturating_sub(now - self.clock));
        [wake, self.supervisor.interval()]
            .into_iter()
            .flatten()
            .fold(poll, Duration::min)
    }

    fn take_results(&mut self, results: Vec<Event>, events: Events<'_>) {
        for result in &results {
            if let Event::Probed { run, took, outcome } = result {
                let prober = self.probers.get(&run.probe);
                let target = prober.map(|prober| prober.target());
                self.counters.count(target, *took, outcome);
            }
        }
        self.step_all(results, events);
    }

    /// Returns the time of the controller.
    pub(super) fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    fn take(&mut self, input: Input, events: Events<'_>) {
        match input {
            Input::Straight {
                service,
                destination,
                outcome,
            } => {
                self.straight.insert((service, destination), outcome);
            }
            Input::Load(cluster) => {
                self.supervisor.reloading();
                match self.replace(*cluster, events) {
                    Ok(()) => self.supervisor.ready(),
                    Err(problem) => self.refuse(problem, events),
                }
            }
            Input::Refuse(problem) => {
                self.supervisor.reloading();
                self.refuse(problem, events);
            }
            Input::Ask(request, answer) => {
                // What was done just before counts: a drain, a change of the table.
                self.poll(events);
                let text = match request {
                    Request::Status => self.status_text(),
                    Request::Metrics(dialect) => self.metrics_text(dialect),
                };
                // One that has hung up asks no more.
                let _ = answer.send(text);
            }
            Input::Probed { .. } | Input::Stop => {}
        }
    }

    /// Tells that an operation failed, which is tried again; the same failure once a minute.
    pub(super) fn fail(&mut self, error: &dyn std::fmt::Display, events: Events<'_>) {
        let (now, text) = (Instant::now(), error.to_string());
        self.failures.retain(|_, told| now - *told < REPEATED);
        self.failures.entry(text).or_insert_with_key(|text| {
            events(RunEvent::Failed(text.clone()));
            now
        });
    }

    fn refuse(&mut self, problem: String, events: Events<'_>) {
        self.supervisor.refused(&problem);
        self.refused = Some(problem.clone());
        events(RunEvent::Refused(problem));
    }

    pub(super) fn step(&mut self, event: Event, events: Events<'_>) {
        self.step_all(vec![event], events);
    }

    /// Takes events that came together.
    pub(super) fn step_all(&mut self, taken: Vec<Event>, events: Events<'_>) {
        let actions = self.controller.step_all(taken, self.now());
        let mut changes = Vec::new();
        for action in actions {
            match action {
                Action::Probe {
                    run,
                    target,
                    timeout,
                } => self.probe(run, &target, timeout),
                Action::Forget(id) => drop(self.probers.remove(&id)),
                Action::Weight(change) => changes.push(change),
                // The virtual IPs are those of the whole node's state.
                Action::Withdraw(ip) | Action::Announce(ip) => {
                    self.moving.insert(ip);
                    self.next_compare = Instant::now();
                }
                Action::Notify(notice) => {
                    self.explain(&notice);
                    events(RunEvent::Notice(&notice));
                }
            }
        }
        let is_deleted = |change: &WeightChange| change.verb == WeightVerb::Delete;
        if changes.iter().any(is_deleted) {
            self.publish(events);
        }
        self.set_weights(&changes, events);
        if self.next_compare <= Instant::now() {
            self.next_poll = self.next_poll.min(self.next_compare);
        }
    }

    fn poll(&mut self, events: Events<'_>) {
        self.next_poll = Instant::now() + self.runner.poll;
        self.listen_for_scrapes(events);
        self.namespace.forget_askers();
        if !self.resident.is_seen()
            && let Err(error) = self.reside_again(events)
        {
            self.fail(&error, events);
        }
        match self.read_settled(events) {
            Ok(weights) => self.step(Event::Observed(weights), events),
            Err(error) => self.fail(&error, events),
        }
        self.publish(events);
        if Instant::now() >= self.next_compare {
            let began = Instant::now();
            self.compare(events);
            self.next_compare = Instant::now() + COMPARE.max(began.elapsed() * COMPARE_PART);
        }
    }

    /// Listens for scrapes as soon as it can, and tells once why it cannot: the address may be one that the cluster
    /// brings, or that the active director has, and metrics never keep a cluster down.
    fn listen_for_scrapes(&mut self, events: Events<'_>) {
        let Some(address) = self.runner.metrics else {
            return;
        };
        match server::listen_http(address) {
            Ok(listener) => {
                server::serve_http(listener, self.runner.handle.input.clone());
                self.runner.metrics = None;
            }
            Err(error) => {
                let told = self.unheard.replace(error.to_string());
                if told != self.unheard {
                    events(RunEvent::Failed(error.to_string()));
                }
            }
        }
    }

    /// Takes its place in a state directory that was deleted, so that other processes see it.
    fn reside_again(&mut self, events: Events<'_>) -> Result<()> {
        let (state, cluster) = (&self.runner.state, self.runner.cluster.name());
        // The socket of the old place is deleted with it, before there is a new one.
        self.resident = state.reside(cluster, &self.runner.name)?;
        server::serve_unix(self.resident.listen()?, self.runner.handle.input.clone());
        self.published = None;
        let directory = state.directory().display();
        events(RunEvent::Failed(format!(
            "{directory}: the state directory was deleted, with the record of the original configuration; it is made again"
        )));
        Ok(())
    }

    pub(super) fn load(&mut self, events: Events<'_>) {
        let role = self.node.role.unwrap_or(Role::Active);
        let director = self.node.name.as_str();
        let services = CheckedService::of(&self.runner.cluster, director, role);
        self.published = None;
        self.step(Event::Load(services), events);
    }

    /// Applies another cluster, and keeps the old one if that fails.
    fn replace(&mut self, cluster: Cluster, events: Events<'_>) -> Result<(), String> {
        if cluster.name() != self.runner.cluster.name() {
            return Err(format!(
                "name: is {}, but this controller is that of {}; start one for the other cluster",
                cluster.name(),
                self.runner.cluster.name()
            ));
        }
        let stop = Arc::clone(&self.runner.handle.stop);
        let locked = self.runner.state.lock_unless("run", stop);
        let mut session = locked.map_err(|error| error.to_string())?.by_health();
        // A role that came before the lock counts: the other director may be active by now.
        let node = self
            .runner
            .desired(&cluster)
            .map_err(|error| error.to_string())?;
        let old = std::mem::replace(&mut self.node, node);
        self.supervisor.feed();
        match self.apply(&mut session, events) {
            Ok(plan) => {
                drop(session);
                self.runner.cluster = cluster;
                self.refused = None;
                events(RunEvent::Applied(&plan));
                self.load(events);
                self.poll(events);
                events(RunEvent::Ready);
                Ok(())
            }
            Err(error) => {
                self.node = old;
                Err(error.to_string())
            }
        }
    }

    fn end(mut self, events: Events<'_>) -> Result<(), RunError> {
        self.supervisor.stopping();
        self.pool = ProbePool::new();
        kill_programs(self.runner.cluster.name());
        self.runner.handle.stop.store(false, Ordering::Relaxed);
        let mut session = self.runner.state.lock("run")?.by_health();
        if self.runner.removes_on_exit {
            let plan = session.remove(&self.node, &mut self.host, &mut |_| ())?;
            events(RunEvent::Applied(&plan));
            return Ok(());
        }
        // What health has decided stays so, and is told of.
        self.publish(events);
        // The table is as it must be: that the record says otherwise is no failure of it.
        if let Err(error) = session.leave_weights(&self.node) {
            events(RunEvent::Failed(error.to_string()));
        }
        events(RunEvent::Left);
        Ok(())
    }
}

fn seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanoseconds = since.unwrap_or_default().as_nanos();
    u64::try_from(nanoseconds & u128::from(u64::MAX)).unwrap_or_default()
        ^ u64::from(std::process::id())
}
