//! Carrying out steps by the verbs of the handles.

use std::sync::atomic::{AtomicBool, Ordering};

use super::address_in_use::Conflicts;
use super::announce::Announcer;
use super::{ApplyEvent, ApplyFailure};
use crate::cluster::change::{Change, Kind, Object, Step};
use crate::cluster::plan::Phase;
use crate::error::Result;
use crate::host::Host;
use crate::ipvs::Daemon;
use crate::net::{Address, NetChange, Route};

/// How many steps of IPVS become commands at a time: there may be millions, and a send takes some hundreds.
const AT_ONCE: usize = 1 << 13;

/// What is asked before each phase, and told after it.
pub(super) struct Guards<'a, 'b> {
    pub(super) stop: &'a AtomicBool,
    /// Whether the addresses of an active director are added although a newer change of the role came.
    pub(super) is_superseded: &'a dyn Fn() -> bool,
    pub(super) conflicts: &'a mut Conflicts<'b>,
    pub(super) announcer: &'a mut Announcer<'b>,
}

impl Guards<'_, '_> {
    fn go_on(&self) -> Result<(), ApplyFailure> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(ApplyFailure::Stopped);
        }
        match (self.is_superseded)() {
            true => Err(ApplyFailure::Superseded),
            false => Ok(()),
        }
    }
}

/// Carries out phase by phase; the next begins when everything in the last has succeeded and the caller has not
/// stopped it.
pub(super) fn execute(
    phases: &[Phase],
    host: &mut Host,
    guards: &mut Guards<'_, '_>,
    events: &mut dyn FnMut(ApplyEvent<'_>),
) -> Result<(), ApplyFailure> {
    for phase in phases {
        guards.go_on()?;
        guards.conflicts.before_phase(phase, host, events)?;
        self::phase(phase, host, events)?;
        // A standby that came before this has found no address to release.
        guards.go_on()?;
        guards.announcer.phase_is_done(phase, host);
    }
    guards.go_on()
}

/// Executes one phase: its steps on addresses and routes in batches, and its IPVS steps in others; the rest one by
/// one.
pub(super) fn phase(
    phase: &Phase,
    host: &mut Host,
    events: &mut dyn FnMut(ApplyEvent<'_>),
) -> Result<(), ApplyFailure> {
    events(ApplyEvent::Phase(phase));
    let (ipvs, others): (Vec<_>, Vec<_>) = phase
        .steps
        .iter()
        .partition(|step| is_batched(&step.change));
    let is_network = |step: &&Step| network(&step.change).is_some();
    for steps in others.chunk_by(|one, next| is_network(one) && is_network(next)) {
        let changes: Vec<_> = steps
            .iter()
            .filter_map(|step| network(&step.change))
            .collect();
        match changes.is_empty() {
            true => report_all(
                steps
                    .iter()
                    .map(|step| (*step, self::step(&step.change, host))),
                events,
            )?,
            false => {
                let results = host
                    .net()
                    .batch(&changes)
                    .map_err(ApplyFailure::Unreadable)?;
                report_all(steps.iter().copied().zip(results), events)?;
            }
        }
    }
    let mut first = Ok(());
    for steps in ipvs.chunks(AT_ONCE) {
        let commands: Vec<_> = steps
            .iter()
            .flat_map(|step| step.change.commands())
            .collect();
        let results = host
            .ipvs()
            .and_then(|handle| handle.batch(&commands))
            .map_err(ApplyFailure::Unreadable)?;
        let reported = report_all(steps.iter().copied().zip(results), events);
        first = first.and(reported);
    }
    first
}

/// All have been executed even if the first has failed: all are reported, the first failure counts.
fn report_all<'a>(
    results: impl Iterator<Item = (&'a Step, Result<()>)>,
    events: &mut dyn FnMut(ApplyEvent<'_>),
) -> Result<(), ApplyFailure> {
    let mut first = Ok(());
    for (step, result) in results {
        let reported = report(step, result, events);
        first = first.and(reported);
    }
    first
}

fn report(
    step: &Step,
    result: Result<()>,
    events: &mut dyn FnMut(ApplyEvent<'_>),
) -> Result<(), ApplyFailure> {
    match result {
        Ok(()) => {
            events(ApplyEvent::Done(step));
            Ok(())
        }
        Err(error) => {
            events(ApplyEvent::Failed(step, &error));
            Err(ApplyFailure::Step(Box::new(step.clone()), error))
        }
    }
}

impl Step {
    /// Carries out this step alone, without observing before or after: for a program that orders steps in
    /// another way. [`Observed::after`](crate::cluster::Observed::after) models what it does.
    ///
    /// # Errors
    /// The kernel refused it, and nothing has changed; or with `is_unsettled` it is not known what it did.
    pub fn execute(&self, host: &mut Host) -> Result<()> {
        if !is_batched(&self.change) {
            return step(&self.change, host);
        }
        let commands: Vec<_> = self.change.commands().collect();
        host.ipvs()?.batch(&commands)?.into_result()
    }
}

/// Daemons are stopped one by one: the kernel may forget to answer that.
fn is_batched(change: &Change<Object>) -> bool {
    change.is_ipvs() && !matches!(change.newest(), Object::Daemon(_))
}

/// Returns a change of addresses or routes that needs no other request than its own.
fn network(change: &Change<Object>) -> Option<NetChange> {
    match (change.kind(), change.newest()) {
        (Kind::Add, Object::Address(address)) => {
            Some(NetChange::AddAddress(Address::clone(address)))
        }
        (Kind::Delete, Object::Address(address)) => {
            Some(NetChange::DeleteAddress(Address::clone(address)))
        }
        (Kind::Add, Object::Route(route)) => Some(NetChange::AddRoute(Route::clone(route))),
        (Kind::Edit, Object::Route(route)) => Some(NetChange::ReplaceRoute(Route::clone(route))),
        (Kind::Delete, Object::Route(route)) => Some(NetChange::DeleteRoute(Route::clone(route))),
        _ => None,
    }
}

fn step(change: &Change<Object>, host: &mut Host) -> Result<()> {
    match change.after() {
        Some(object) => set(object, change.kind(), host),
        None => delete(change.newest(), host),
    }
}

fn set(object: &Object, kind: Kind, host: &mut Host) -> Result<()> {
    match object {
        Object::Tunnel(tunnel) => host.net().add_tunnel(tunnel),
        Object::Listener(listener) => host.fou()?.add(listener),
        Object::Link(link) if link.up => host.net().set_up(&link.name),
        Object::Link(link) => host.net().set_down(&link.name),
        Object::Sysctl(setting) => host.sysctl().write(&setting.key, &setting.value),
        Object::Address(address) if kind == Kind::Edit => host.net().replace_address(address),
        Object::Address(address) => host.net().add_address(address),
        Object::Route(route) if kind == Kind::Edit => host.net().replace_route(route),
        Object::Route(route) => host.net().add_route(route),
        Object::Daemon(daemon) => start(daemon, kind, host),
        Object::Timeouts(_) | Object::Service(_) | Object::Destination(_) => Ok(()),
    }
}

fn delete(object: &Object, host: &mut Host) -> Result<()> {
    match object {
        Object::Tunnel(tunnel) => host.net().delete_link(&tunnel.name),
        Object::Listener(listener) => host.fou()?.delete(listener),
        Object::Address(address) => host.net().delete_address(&address.id),
        Object::Route(route) => host.net().delete_route(route),
        Object::Daemon(daemon) => host.ipvs()?.stop_daemon(daemon.role),
        Object::Link(_)
        | Object::Sysctl(_)
        | Object::Timeouts(_)
        | Object::Service(_)
        | Object::Destination(_) => Ok(()),
    }
}

/// The kernel cannot change one that runs.
fn start(daemon: &Daemon, kind: Kind, host: &mut Host) -> Result<()> {
    let ipvs = host.ipvs()?;
    if kind == Kind::Edit {
        ipvs.stop_daemon(daemon.role)?;
    }
    ipvs.start_daemon(daemon)
}
