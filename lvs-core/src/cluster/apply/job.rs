//! A change of a node from beginning to end: observe, plan, record, execute, verify, confirm.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::address_in_use::{Conflicts, Takeover};
use super::announce::Announcer;
use super::execute::{Guards, execute};
use super::rollback::Rollback;
use super::source;
use super::{Aftermath, ApplyError, ApplyEvent, ApplyFailure};
use crate::cluster::change::Object;
use crate::cluster::plan::{Phase, Plan};
use crate::cluster::state::{Confirmation, Lock};
use crate::cluster::{DesiredState, IpvsState, Observed, ReadScope, Role};
use crate::error::Result;
use crate::host::Host;
use crate::ipvs::KnownTable;

static NEVER_STOPPED: AtomicBool = AtomicBool::new(false);

/// A change that is to be made on a node.
pub(in crate::cluster) struct Job<'a> {
    /// What to read.
    pub(in crate::cluster) scope: ReadScope,
    /// Plans by what was read; after the last step it must find nothing to do.
    pub(in crate::cluster) plan: &'a dyn Fn(&Observed) -> Plan,
    /// The node whose addresses are announced.
    pub(in crate::cluster) announced: Option<&'a DesiredState>,
    /// Whether an active director may take floating addresses from the other one.
    pub(in crate::cluster) takeover: Takeover,
    /// The node whose source addresses are verified when all is done.
    pub(in crate::cluster) sources: Option<&'a DesiredState>,
    /// Asked before each phase; once it is raised, everything is rolled back.
    pub(in crate::cluster) stop: &'a AtomicBool,
    /// Tells of a newer change of the role: then no address of an active director is added or announced.
    pub(in crate::cluster) lock: Option<&'a Lock>,
    /// Awaited when everything is verified; without it in time, everything is rolled back.
    pub(in crate::cluster) confirmation: Option<Confirmation<'a>>,
}

impl<'a> Job<'a> {
    /// Returns a change that cannot be stopped and need not be confirmed.
    pub(in crate::cluster) fn plain(scope: ReadScope, plan: &'a dyn Fn(&Observed) -> Plan) -> Self {
        Self {
            scope,
            plan,
            announced: None,
            takeover: Takeover::Given,
            sources: None,
            stop: &NEVER_STOPPED,
            lock: None,
            confirmation: None,
        }
    }

    /// Makes the change. `record` writes the record before the first step, and if it fails none is made.
    pub(in crate::cluster) fn run(
        &self,
        record: impl FnOnce(&Observed, &Plan) -> Result<()>,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<Plan, ApplyError> {
        let write = |observed: &Observed, plan: &Plan, ()| record(observed, plan);
        let done = self.run_prepared(|_, _| (), write, host, events);
        done.map(|(plan, _)| plan)
    }

    /// Makes the change as [`run`](Self::run) does, and returns what was observed before. What is written is prepared
    /// while other hosts are asked for addresses: it may be long.
    ///
    /// A plan that is refused is recorded, too: a standby director releases what the active one carries
    /// whatever prevents the rest.
    pub(in crate::cluster) fn run_prepared<T>(
        &self,
        prepare: impl Fn(&Observed, &Plan) -> T,
        write: impl FnOnce(&Observed, &Plan, T) -> Result<()>,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<(Plan, Observed), ApplyError> {
        #[cfg(feature = "tracing")]
        let events = &mut |event: ApplyEvent<'_>| {
            crate::trace::apply(&event);
            events(event);
        };
        let read_at = Instant::now();
        let before = Observed::read(host, &self.scope).map_err(ApplyError::untouched)?;
        let plan = (self.plan)(&before);
        events(ApplyEvent::Planned(&plan));
        let mut conflicts = Conflicts::of(self.announced, self.takeover, &plan, &before);
        let prepare = || prepare(&before, &plan);
        let recorded = match plan.refusals.is_empty() {
            true => {
                let mut prepared = None;
                let mut meanwhile = || prepared = Some(prepare());
                probe(&plan, host)
                    .map_err(ApplyFailure::Unreadable)
                    .and_then(|()| self.refuse_once_loaded(&before, host))
                    .and_then(|()| conflicts.ask_early(host, &mut meanwhile, events))
                    .and_then(|()| {
                        let prepared = prepared.unwrap_or_else(prepare);
                        write(&before, &plan, prepared).map_err(ApplyFailure::Unreadable)
                    })
            }
            false => {
                // If even that cannot be recorded, releasing is still right.
                let _ = write(&before, &plan, prepare());
                Err(ApplyFailure::Refused(plan.refusals.clone()))
            }
        };
        let (release, rest) = plan.released_first();
        let is_begun = recorded.is_ok() || !release.is_empty();
        let mut verified = None;
        let done = self.carry_out(
            (&before, release, rest),
            recorded,
            &mut conflicts,
            &mut verified,
            host,
            events,
        );
        let Err(failure) = done else {
            return Ok((plan, before));
        };
        let rollback = Rollback {
            scope: &self.scope,
            before: &before,
            read_at,
            plan: &plan,
            release,
            verified: verified.as_ref(),
        };
        let aftermath = match is_begun {
            true => rollback.after(&failure, host, events),
            false => Aftermath::Untouched,
        };
        Err(ApplyError::new(failure, aftermath))
    }

    fn carry_out(
        &self,
        (before, release, rest): (&Observed, &[Phase], &[Phase]),
        recorded: Result<(), ApplyFailure>,
        conflicts: &mut Conflicts<'a>,
        verified: &mut Option<Observed>,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<(), ApplyFailure> {
        let mut announcer = Announcer::new(self.announced);
        let is_superseded = || self.takes_over(rest) && self.has_new_role();
        let mut guards = Guards {
            stop: self.stop,
            is_superseded: &is_superseded,
            conflicts,
            announcer: &mut announcer,
        };
        let released = execute(release, host, &mut guards, events);
        recorded?;
        released?;
        execute(rest, host, &mut guards, events)?;
        let is_done_already = release.is_empty() && rest.is_empty();
        if !is_done_already {
            let steps = release.iter().chain(rest).flat_map(|phase| &phase.steps);
            let known = before.known_after(steps);
            *verified = Some(self.verify(&known, host)?);
        }
        source::verify(self.sources, host)?;
        events(ApplyEvent::Verified);
        if !self.has_new_role() {
            announcer.all_is_done(host, events);
        }
        match is_done_already {
            true => Ok(()),
            false => self.confirm(verified, events),
        }
    }

    /// Returns whether a plan adds addresses that only an active director carries.
    fn takes_over(&self, phases: &[Phase]) -> bool {
        let node = self.announced;
        node.filter(|node| node.role == Some(Role::Active))
            .is_some_and(|node| {
                let mut steps = phases.iter().flat_map(|phase| &phase.steps);
                steps.any(|step| match step.change.after() {
                    Some(Object::Address(address)) => {
                        node.floating.contains(&address.id.network.addr())
                    }
                    _ => false,
                })
            })
    }

    fn has_new_role(&self) -> bool {
        self.lock.is_some_and(Lock::has_new_role)
    }

    /// Refuses what only shows when ip_vs is loaded: a sysctl that this kernel's has not.
    fn refuse_once_loaded(&self, before: &Observed, host: &mut Host) -> Result<(), ApplyFailure> {
        if !matches!(before.ipvs, IpvsState::NotLoaded) || !host.is_ipvs_loaded() {
            return Ok(());
        }
        let found = Observed::read(host, &self.scope).map_err(ApplyFailure::Unreadable)?;
        let refusals = (self.plan)(&found).refusals;
        match refusals.is_empty() {
            true => Ok(()),
            false => Err(ApplyFailure::Refused(refusals)),
        }
    }

    /// Reads again: what the kernel has silently not done would have to be planned again.
    ///
    /// Of what looks as it was made, flags, thresholds and the like are not read again where it has none of its own:
    /// they were observed before the first step, or the kernel has acknowledged them since.
    fn verify(&self, known: &KnownTable<'_>, host: &mut Host) -> Result<Observed, ApplyFailure> {
        // While another program changes the table, or the kernel makes it larger, a service can be missing in one look
        // at it, and in no snapshot.
        for _ in 0..2 {
            let found = Observed::read_beside(host, &self.scope, Some(known))
                .map_err(ApplyFailure::Unreadable)?;
            if (self.plan)(&found).is_empty() {
                return Ok(found);
            }
        }
        let found = Observed::read(host, &self.scope).map_err(ApplyFailure::Unreadable)?;
        let left = (self.plan)(&found);
        match left.is_empty() {
            true => Ok(found),
            false => Err(ApplyFailure::Unverified(Box::new(left))),
        }
    }

    /// Waits for the confirmation. What was verified counts for the rollback only if the role has changed since.
    fn confirm(
        &self,
        verified: &mut Option<Observed>,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<(), ApplyFailure> {
        let Some(confirmation) = &self.confirmation else {
            *verified = None;
            return Ok(());
        };
        let pending = confirmation.ask().map_err(ApplyFailure::Unreadable)?;
        events(ApplyEvent::Confirming(confirmation.within));
        let is_confirmed = pending.wait(|| self.stop.load(Ordering::Relaxed));
        if !pending.has_new_role() {
            *verified = None;
        }
        match is_confirmed {
            true => Ok(()),
            false if self.stop.load(Ordering::Relaxed) => Err(ApplyFailure::Stopped),
            false => Err(ApplyFailure::Unconfirmed),
        }
    }
}

/// Finds out that IPVS cannot be used, or sysctls not be written, before anything has been changed.
fn probe(plan: &Plan, host: &mut Host) -> Result<()> {
    for step in plan.steps() {
        if let Some(Object::Sysctl(setting)) = step.change.after() {
            host.sysctl()
                .expect_writable(&setting.key, &setting.value)?;
        }
    }
    if plan.steps().any(|step| step.change.is_ipvs()) {
        host.ipvs()?.info()?;
    }
    Ok(())
}
