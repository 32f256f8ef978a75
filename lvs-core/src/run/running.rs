//! A controller that runs: the loop, and everything that it touches.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant, SystemTime};

use super::counters::Counters;
use super::pool::{Job, Pool};
use super::runner::{Input, RunError, RunEvent, Runner};
use super::server::{self, Request};
use super::supervisor::Supervisor;
use super::{
    Action, CheckedService, Controller, Event, KernelWeights, Notice, ProbeId, ProbeRun,
    WeightChange, WeightVerb,
};
use crate::cluster::{
    Cluster, DesiredState, Drain, Draining, Plan, PlanOptions, RecordStamp, Resident, Role, Session,
};
use crate::error::Result;
use crate::health::{Health, Outcome, ProbePath, Prober, SourcePorts, Target, Timeout};
use crate::host::Host;
use crate::ipvs::{Command, Destination, DestinationId, ServiceId, Weight};
use crate::proc::{ListedChange, ListedId, Listing};

/// How often the whole node is compared with what it must be.
const COMPARE: Duration = Duration::from_secs(5);
/// Comparing takes at most one part in so many of the time.
const COMPARE_PART: u32 = 20;

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
    pool: Pool,
    probers: BTreeMap<ProbeId, Arc<Prober>>,
    ports: SourcePorts,
    drains: BTreeMap<Drain, Draining>,
    stamp: RecordStamp,
    listing: Listing,
    next_poll: Instant,
    next_compare: Instant,
    supervisor: Supervisor,
    _resident: Resident,
}

type Events<'a> = &'a mut dyn FnMut(RunEvent<'_>);

impl Running {
    /// Applies the cluster, and begins to probe.
    pub(super) fn begin(runner: Runner, events: Events<'_>) -> Result<Self, RunError> {
        let resident = runner.state.reside(runner.cluster.name())?;
        let seed = seed();
        let (clock, input) = (Instant::now(), runner.handle.input.clone());
        let node = runner.desired(&runner.cluster)?;
        let mut running = Self {
            host: Host::open()?,
            controller: Controller::new(seed),
            node,
            drift: None,
            counters: Counters::default(),
            straight: BTreeMap::new(),
            clock,
            pool: Pool::default(),
            probers: BTreeMap::new(),
            ports: SourcePorts::new(seed),
            drains: BTreeMap::new(),
            stamp: RecordStamp::default(),
            listing: Listing::default(),
            next_poll: clock,
            next_compare: clock + COMPARE,
            supervisor: Supervisor::from_environment(),
            _resident: resident,
            runner,
        };
        let http = running
            .runner
            .metrics
            .map(server::listen_http)
            .transpose()?;
        let stop = Arc::clone(&running.runner.handle.stop);
        let mut session = running.runner.state.lock_unless("run", stop)?.by_health();
        let plan = running.apply(&mut session)?;
        drop(session);
        events(RunEvent::Applied(&plan));
        server::serve_unix(running._resident.listen()?, input.clone());
        if let Some(listener) = http {
            server::serve_http(listener, input);
        }
        running.take_record(events);
        running.load(events);
        running.poll(events);
        running.supervisor.ready();
        events(RunEvent::Ready);
        Ok(running)
    }

    /// The loop.
    pub(super) fn keep(mut self, events: Events<'_>) -> Result<(), RunError> {
        loop {
            self.supervisor.feed();
            match self.runner.input.recv_timeout(self.until_next()) {
                Ok(Input::Stop) | Err(RecvTimeoutError::Disconnected) => return self.end(events),
                Ok(input) => self.take(input, events),
                Err(RecvTimeoutError::Timeout) => self.step(Event::Tick, events),
            }
            if Instant::now() >= self.next_poll {
                self.poll(events);
            }
        }
    }

    fn until_next(&self) -> Duration {
        let now = self.now();
        let poll = self.next_poll.saturating_duration_since(Instant::now());
        let wake = self.controller.wake().map(|wake| wake.saturating_sub(now));
        [wake, self.supervisor.interval()]
            .into_iter()
            .flatten()
            .fold(poll, Duration::min)
    }

    /// Returns the time of the controller.
    pub(super) fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    fn take(&mut self, input: Input, events: Events<'_>) {
        match input {
            Input::Probed { run, took, outcome } => {
                self.counters.count(
                    self.probers.get(&run.probe).map(|prober| prober.target()),
                    took,
                    &outcome,
                );
                self.step(Event::Probed { run, took, outcome }, events);
            }
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
            Input::Stop => {}
        }
    }

    fn refuse(&self, problem: String, events: Events<'_>) {
        self.supervisor.refused(&problem);
        events(RunEvent::Refused(problem));
    }

    fn step(&mut self, event: Event, events: Events<'_>) {
        let actions = self.controller.step(event, self.now());
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
                Action::Withdraw(_) | Action::Announce(_) => self.next_compare = Instant::now(),
                Action::Notify(notice) => {
                    self.explain(&notice);
                    events(RunEvent::Notice(&notice));
                }
            }
        }
        self.set_weights(&changes, events);
        if self.next_compare <= Instant::now() {
            self.next_poll = self.next_poll.min(self.next_compare);
        }
    }

    fn probe(&mut self, run: ProbeRun, target: &Arc<Target>, timeout: Timeout) {
        let known = self.probers.get(&run.probe);
        let prober = match known.filter(|prober| *prober.target() == **target) {
            Some(prober) => Arc::clone(prober),
            None => {
                let prober = Arc::new(Prober::new((**target).clone()));
                self.probers.insert(run.probe, Arc::clone(&prober));
                prober
            }
        };
        let port = match target.path.source {
            Some(_) => self.ports.take(target.path.destination),
            None => 0,
        };
        let input = self.runner.handle.input.clone();
        let report = move |outcome, took| {
            let _ = input.send(Input::Probed { run, took, outcome });
        };
        self.pool.submit(Job {
            prober,
            port,
            timeout,
            report: Box::new(report),
        });
    }

    /// Asks a real server straight that is down by the clients' path: what is different tells what is wrong.
    fn explain(&mut self, notice: &Notice) {
        let Notice::Health {
            service,
            destination,
            transition,
            ..
        } = notice
        else {
            return;
        };
        self.straight.remove(&(*service, *destination));
        if transition.to != Health::Down {
            return;
        }
        let is_it = |target: &&Target| {
            let subject = &target.subject;
            target.via.is_some()
                && subject.service == *service
                && subject.destination == *destination
        };
        let mut targets = self.probers.values().map(|prober| prober.target());
        let Some(target) = targets.find(is_it).cloned() else {
            return;
        };
        let port = match destination.port {
            0 => target.path.destination.port(),
            port => port,
        };
        let straight = Target {
            path: ProbePath::direct((destination.address, port).into()),
            via: None,
            ..target
        };
        let (input, service, destination) =
            (self.runner.handle.input.clone(), *service, *destination);
        let report = move |outcome, _| {
            let _ = input.send(Input::Straight {
                service,
                destination,
                outcome,
            });
        };
        self.pool.submit(Job {
            prober: Arc::new(Prober::new(straight)),
            port: 0,
            timeout: Timeout::DEFAULT,
            report: Box::new(report),
        });
    }

    /// Sets weights in one batch. What fails is decided again when the table is read next.
    fn set_weights(&mut self, changes: &[WeightChange], events: Events<'_>) {
        if changes.is_empty() {
            return;
        }
        let (changes, commands): (Vec<_>, Vec<_>) = changes
            .iter()
            .filter_map(|change| Some((change, self.command(change)?)))
            .unzip();
        let results = match self.host.ipvs().and_then(|ipvs| ipvs.batch(&commands)) {
            Ok(results) => results,
            Err(error) => return events(RunEvent::Failed(error.to_string())),
        };
        for (change, result) in changes.into_iter().zip(results) {
            match result {
                Ok(()) => events(RunEvent::Weight(change)),
                // The plan was faster: it is added already, or deleted.
                Err(error) if error.is_already_exists() || error.is_not_found() => {}
                Err(error) => events(RunEvent::Failed(error.to_string())),
            }
        }
    }

    fn command(&self, change: &WeightChange) -> Option<Command> {
        let destination = |weight| {
            let found = self.desired(&change.service, &change.destination)?;
            Some(Destination { weight, ..found })
        };
        let service = change.service;
        Some(match change.verb {
            WeightVerb::Add(weight) => Command::AddDestination(service, destination(weight)?),
            WeightVerb::Edit(weight) => Command::EditDestination(service, destination(weight)?),
            WeightVerb::Delete => Command::DeleteDestination(service, change.destination),
        })
    }

    fn desired(&self, service: &ServiceId, id: &DestinationId) -> Option<Destination> {
        let desired = self.node.services.find(service)?;
        let mut destinations = desired.destinations.iter().map(|desired| desired.value);
        destinations.find(|destination| destination.id == *id)
    }

    /// Reads the table and then the record: a drain is on record before it is in the table.
    fn poll(&mut self, events: Events<'_>) {
        self.next_poll = Instant::now() + self.runner.poll;
        match self.read_table() {
            Ok(weights) => {
                self.take_record(events);
                self.step(Event::Observed(weights), events);
            }
            Err(error) => events(RunEvent::Failed(error.to_string())),
        }
        if Instant::now() >= self.next_compare {
            let began = Instant::now();
            self.compare(events);
            self.next_compare = Instant::now() + COMPARE.max(began.elapsed() * COMPARE_PART);
        }
    }

    fn read_table(&mut self) -> Result<KernelWeights> {
        let listing = match self.host.is_ipvs_loaded() {
            true => self.host.proc().listing()?,
            false => Listing::default(),
        };
        let changes = listing.changes_since(&self.listing);
        let is_weight =
            |change: &ListedChange| matches!(change, ListedChange::DestinationEdited(..));
        if !changes.iter().all(is_weight) {
            self.next_compare = Instant::now();
        }
        self.listing = listing;
        let services = self.controller.services();
        let weights = services
            .iter()
            .filter_map(|view| Some((view.id, weights(&self.listing, &view.id)?)));
        Ok(weights.collect())
    }

    /// Takes drains and the role from the record, if it has changed.
    fn take_record(&mut self, events: Events<'_>) {
        let stamp = self.runner.state.record_stamp(&self.node);
        if stamp == self.stamp {
            return;
        }
        let record = match self.runner.state.record(&self.node) {
            Ok(record) => record,
            Err(error) => return events(RunEvent::Failed(error.to_string())),
        };
        self.stamp = stamp;
        let before = std::mem::replace(&mut self.drains, record.drains().clone());
        for drain in before
            .keys()
            .filter(|drain| !record.drains().contains_key(drain))
        {
            self.step(Event::Undrain(*drain), events);
        }
        for (drain, how) in record.drains() {
            if before.get(drain) != Some(how) {
                self.step(Event::Drain(*drain, *how), events);
            }
        }
        if self.node.role.is_some() && record.role().is_some() && record.role() != self.node.role {
            self.take_role(events);
        }
    }

    /// Goes on in another role, which another process has applied.
    fn take_role(&mut self, events: Events<'_>) {
        match self.runner.desired(&self.runner.cluster) {
            Ok(node) => {
                self.node = node;
                self.load(events);
            }
            Err(error) => events(RunEvent::Failed(error.to_string())),
        }
    }

    fn load(&mut self, events: Events<'_>) {
        let role = self.node.role.unwrap_or(Role::Active);
        let director = self.node.name.as_str();
        let services = CheckedService::of(&self.runner.cluster, director, role);
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
        let node = self
            .runner
            .desired(&cluster)
            .map_err(|error| error.to_string())?;
        let stop = Arc::clone(&self.runner.handle.stop);
        let locked = self.runner.state.lock_unless("run", stop);
        let mut session = locked.map_err(|error| error.to_string())?.by_health();
        let old = std::mem::replace(&mut self.node, node);
        match self.apply(&mut session) {
            Ok(plan) => {
                drop(session);
                self.runner.cluster = cluster;
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

    /// Compares the node with what it must be, and repairs it, or reports.
    fn compare(&mut self, events: Events<'_>) {
        let plan =
            match self
                .runner
                .state
                .plan(&self.present(), &mut self.host, PlanOptions::default())
            {
                Ok(plan) => plan,
                Err(error) => return events(RunEvent::Failed(error.to_string())),
            };
        if plan.is_empty() {
            self.drift = None;
            return;
        }
        if !self.runner.repairs && !self.moves_virtual_ips(&plan) {
            if self.drift.as_ref() != Some(&plan) {
                events(RunEvent::Drifted(&plan));
            }
            self.drift = Some(plan);
            return;
        }
        let is_news = self.drift.as_ref() != Some(&plan);
        self.drift = Some(plan);
        self.repair(is_news, events);
    }

    /// Whether a plan removes or adds what the controller has withdrawn.
    fn moves_virtual_ips(&self, plan: &Plan) -> bool {
        use crate::cluster::change::ObjectId;
        let withdrawn = self.controller.withdrawn();
        plan.steps().any(|step| match step.change.id() {
            ObjectId::Address(id) => {
                withdrawn.contains(&id.network.addr()) || self.node.is_virtual(&id)
            }
            _ => false,
        })
    }

    /// Repairs the node, unless another process is changing it: then later.
    fn repair(&mut self, is_news: bool, events: Events<'_>) {
        let stop = Arc::clone(&self.runner.handle.stop);
        let Ok(session) = self.runner.state.lock_now("run", stop) else {
            return;
        };
        // What came before the lock counts.
        self.take_record(events);
        match self.apply(&mut session.by_health()) {
            Ok(plan) => {
                self.drift = None;
                if !plan.is_empty() {
                    events(RunEvent::Applied(&plan));
                }
            }
            Err(error) if is_news => events(RunEvent::Failed(error.to_string())),
            Err(_) => {}
        }
    }

    /// Applies what the node must be now.
    fn apply(&mut self, session: &mut Session) -> Result<Plan, crate::cluster::ApplyError> {
        let node = self.present();
        session.apply(&node, &mut self.host, PlanOptions::default(), &mut |_| ())
    }

    /// Returns what the node must be now: without virtual IPs that are withdrawn, and without destinations that
    /// are deleted because they are down.
    fn present(&self) -> DesiredState {
        let mut node = self.node.clone();
        node.withdraw(self.controller.withdrawn());
        let views = self.controller.services();
        let deleted: BTreeSet<(ServiceId, DestinationId)> = views
            .iter()
            .flat_map(|service| {
                let destinations = service.destinations.iter();
                let deleted = destinations
                    .filter(|view| view.desired.is_some_and(|desired| desired.weight.is_none()));
                deleted.map(|view| (service.id, view.id))
            })
            .collect();
        node.services.update(|desired| {
            let id = desired.service.id;
            desired
                .destinations
                .retain(|destination| !deleted.contains(&(id, destination.value.id)));
        });
        node
    }

    fn end(mut self, events: Events<'_>) -> Result<(), RunError> {
        self.supervisor.stopping();
        self.runner.handle.stop.store(false, Ordering::Relaxed);
        let mut session = self.runner.state.lock("run")?.by_health();
        if self.runner.removes_on_exit {
            let plan = session.remove(&self.node, &mut self.host, &mut |_| ())?;
            events(RunEvent::Applied(&plan));
            return Ok(());
        }
        // The table is as it must be: that the record says otherwise is no failure of it.
        if let Err(error) = session.leave_weights(&self.node) {
            events(RunEvent::Failed(error.to_string()));
        }
        Ok(())
    }
}

impl Runner {
    /// Returns what the node must be: one of two directors in the role on record, or else standby.
    fn desired(&self, cluster: &Cluster) -> Result<DesiredState, RunError> {
        let name = self.node.as_str();
        let missing = || RunError::NoNode(self.node.clone(), cluster.name().clone());
        let node = cluster.node(name).ok_or_else(missing)?;
        if node.role.is_none() {
            return Ok(node);
        }
        let role = self.state.record(&node)?.role().unwrap_or(Role::Standby);
        cluster.node_as(name, role).ok_or_else(missing)
    }
}

impl DesiredState {
    /// Moves virtual IPs to the addresses that must be absent.
    fn withdraw(&mut self, withdrawn: &BTreeSet<IpAddr>) {
        let addresses = Vec::from(std::mem::take(&mut self.addresses));
        let (absent, present): (Vec<_>, Vec<_>) = addresses
            .into_iter()
            .partition(|desired| withdrawn.contains(&desired.value.id.network.addr()));
        self.addresses = present.into();
        self.absent.extend(absent);
    }
}

/// Returns the weights of a service in a listing, which does not tell the family of a mark.
fn weights(listing: &Listing, id: &ServiceId) -> Option<BTreeMap<DestinationId, Weight>> {
    let listed = ListedId::from(*id);
    let mut services = listing
        .services
        .iter()
        .filter(|service| service.id == listed)
        .peekable();
    services.peek()?;
    let destinations = services.flat_map(|service| &service.destinations);
    Some(
        destinations
            .map(|destination| (destination.id, destination.weight))
            .collect(),
    )
}

fn seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanoseconds = since.unwrap_or_default().as_nanos();
    u64::try_from(nanoseconds & u128::from(u64::MAX)).unwrap_or_default()
        ^ u64::from(std::process::id())
}
