//! Steps become verbs of the handles.

use super::announce::Announcer;
use super::{Event, Failure};
use crate::cluster::change::{Action, BoundDestination, Change, LinkState, Setting, Step};
use crate::cluster::plan::{Phase, Plan};
use crate::error::Result;
use crate::host::Host;
use crate::ipvs::{Command, Daemon, Service};
use crate::net::{Address, Listener, Route, Tunnel};

/// Carries out phase by phase; the next begins when everything in the last has succeeded and nobody
/// has said stop.
pub(super) fn execute(
    plan: &Plan,
    host: &mut Host,
    is_stopped: &dyn Fn() -> bool,
    announcer: &mut Announcer<'_>,
    events: &mut dyn FnMut(Event<'_>),
) -> Result<(), Failure> {
    let go_on = || match is_stopped() {
        true => Err(Failure::Stopped),
        false => Ok(()),
    };
    for phase in &plan.phases {
        go_on()?;
        self::phase(phase, host, events)?;
        announcer.phase_is_done(phase, host);
    }
    go_on()
}

/// One phase: its IPVS steps in one batch, the others one by one.
pub(super) fn phase(
    phase: &Phase,
    host: &mut Host,
    events: &mut dyn FnMut(Event<'_>),
) -> Result<(), Failure> {
    events(Event::Phase(phase));
    let (ipvs, others): (Vec<_>, Vec<_>) = phase
        .steps
        .iter()
        .partition(|step| is_batched(&step.action));
    for step in others {
        report(step, self::step(&step.action, host), events)?;
    }
    let commands: Vec<_> = ipvs
        .iter()
        .filter_map(|step| command(&step.action))
        .collect();
    if commands.is_empty() {
        return Ok(());
    }
    let results = host
        .ipvs()
        .and_then(|handle| handle.batch(&commands))
        .map_err(Failure::Unreadable)?;
    // All have been executed whatever became of the first: all are reported, the first failure counts.
    let reported: Vec<_> = ipvs
        .into_iter()
        .zip(results)
        .map(|(step, result)| report(step, result, events))
        .collect();
    reported.into_iter().collect()
}

fn report(
    step: &Step,
    result: Result<()>,
    events: &mut dyn FnMut(Event<'_>),
) -> Result<(), Failure> {
    match result {
        Ok(()) => {
            events(Event::Done(step));
            Ok(())
        }
        Err(error) => {
            events(Event::Failed(step, &error));
            Err(Failure::Step(Box::new(step.clone()), error))
        }
    }
}

impl Step {
    /// Carries out this step alone, without looking before or after: the tool of whoever orders steps
    /// in another way. [`Observed::after`](crate::cluster::Observed::after) says what it does.
    ///
    /// # Errors
    /// The kernel refused it, and then nothing has changed; or with `is_unsettled` it is not known what
    /// it did.
    pub fn execute(&self, host: &mut Host) -> Result<()> {
        match command(&self.action) {
            Some(command) => host.ipvs()?.batch(&[command])?.into_iter().collect(),
            None => step(&self.action, host),
        }
    }
}

/// Daemons are stopped one by one: the kernel may forget to answer that.
const fn is_batched(action: &Action) -> bool {
    action.is_ipvs() && !matches!(action, Action::Daemon(_))
}

fn step(action: &Action, host: &mut Host) -> Result<()> {
    match action {
        Action::Tunnel(change) => tunnel(change, host),
        Action::Listener(change) => listener(change, host),
        Action::Link(change) => change.after().map_or(Ok(()), |link| set_link(link, host)),
        Action::Sysctl(change) => change
            .after()
            .map_or(Ok(()), |setting| set_sysctl(setting, host)),
        Action::Address(change) => address(change, host),
        Action::Route(change) => route(change, host),
        Action::Daemon(change) => daemon(change, host),
        Action::Timeouts(_) | Action::Service(_) | Action::Destination(_) => Ok(()),
    }
}

fn tunnel(change: &Change<Tunnel>, host: &mut Host) -> Result<()> {
    match (change.before(), change.after()) {
        (_, Some(tunnel)) => host.net().add_tunnel(tunnel),
        (Some(tunnel), None) => host.net().delete_link(&tunnel.name),
        (None, None) => Ok(()),
    }
}

fn listener(change: &Change<Listener>, host: &mut Host) -> Result<()> {
    match (change.before(), change.after()) {
        (_, Some(listener)) => host.fou()?.add(listener),
        (Some(listener), None) => host.fou()?.delete(listener),
        (None, None) => Ok(()),
    }
}

/// The kernel cannot change one that runs.
fn daemon(change: &Change<Daemon>, host: &mut Host) -> Result<()> {
    let ipvs = host.ipvs()?;
    if let Some(daemon) = change.before() {
        ipvs.stop_daemon(daemon.role)?;
    }
    change
        .after()
        .map_or(Ok(()), |daemon| ipvs.start_daemon(daemon))
}

fn set_link(link: &LinkState, host: &mut Host) -> Result<()> {
    host.net().set_up(&link.name, link.up)
}

fn set_sysctl(setting: &Setting, host: &Host) -> Result<()> {
    host.sysctl().write(&setting.key, &setting.value)
}

fn address(change: &Change<Address>, host: &mut Host) -> Result<()> {
    match (change.before(), change.after()) {
        (_, Some(address)) => host.net().add_address(address),
        (Some(address), None) => host.net().delete_address(&address.id),
        (None, None) => Ok(()),
    }
}

fn route(change: &Change<Route>, host: &mut Host) -> Result<()> {
    match (change.before(), change.after()) {
        (None, Some(route)) => host.net().add_route(route),
        (Some(_), Some(route)) => host.net().replace_route(route),
        (Some(route), None) => host.net().delete_route(route),
        (None, None) => Ok(()),
    }
}

fn command(action: &Action) -> Option<Command> {
    match action {
        Action::Timeouts(change) => change
            .after()
            .map(|timeouts| Command::SetTimeouts(*timeouts)),
        Action::Service(change) => service(change),
        Action::Destination(change) => destination(change),
        Action::Tunnel(_)
        | Action::Listener(_)
        | Action::Link(_)
        | Action::Sysctl(_)
        | Action::Address(_)
        | Action::Route(_)
        | Action::Daemon(_) => None,
    }
}

fn service(change: &Change<Service>) -> Option<Command> {
    Some(match (change.before(), change.after()) {
        (None, service) => Command::AddService(service?.clone()),
        (Some(_), Some(service)) => Command::EditService(service.clone()),
        (Some(service), None) => Command::DeleteService(service.id),
    })
}

fn destination(change: &Change<BoundDestination>) -> Option<Command> {
    let bound = change.newest()?;
    let (service, destination) = (bound.service, bound.destination);
    Some(match (change.before(), change.after()) {
        (None, _) => Command::AddDestination(service, destination),
        (Some(_), Some(_)) => Command::EditDestination(service, destination),
        (Some(_), None) => Command::DeleteDestination(service, destination.id),
    })
}
