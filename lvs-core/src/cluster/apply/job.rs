//! A plan from looking to proving: carried out, read back, and taken back where something failed.

use std::time::Duration;

use super::announce::Announcer;
use super::execute::{self, execute};
use super::{Aftermath, ApplyError, Event, Failure};
use crate::cluster::plan::Plan;
use crate::cluster::{DesiredState, Observed, Scope};
use crate::error::Result;
use crate::host::Host;

/// The time there is to confirm, and who waits for it: it is told what to call when it can be done.
pub(in crate::cluster) type Confirmation<'a> =
    (Duration, &'a dyn Fn(&mut dyn FnMut()) -> Result<bool>);

/// What is to be done on a machine, and who has a say in it.
pub(in crate::cluster) struct Job<'a> {
    /// What to look at.
    pub(in crate::cluster) scope: Scope,
    /// What to do about it; asked again afterwards, it must have nothing left to say.
    pub(in crate::cluster) plan: &'a dyn Fn(&Observed) -> Plan,
    /// Told before the first change; where it fails there is none. Of a refused plan no more is done than
    /// that a standby lets go of floating addresses.
    pub(in crate::cluster) remember: &'a dyn Fn(&Observed, &Plan) -> Result<()>,
    /// Asked before each phase; once it says yes, everything is taken back.
    pub(in crate::cluster) is_stopped: &'a dyn Fn() -> bool,
    /// Whose addresses neighbours are told of.
    pub(in crate::cluster) announced: Option<&'a DesiredState>,
    /// Asked when something is done and proven; where it says no, everything is taken back.
    pub(in crate::cluster) confirmation: Option<Confirmation<'a>>,
}

impl<'a> Job<'a> {
    /// One that nobody remembers, stops or has to confirm.
    pub(super) fn plain(scope: Scope, plan: &'a dyn Fn(&Observed) -> Plan) -> Self {
        Self {
            scope,
            plan,
            remember: &|_, _| Ok(()),
            is_stopped: &|| false,
            announced: None,
            confirmation: None,
        }
    }

    pub(in crate::cluster) fn run(
        &self,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Plan, ApplyError> {
        let before = Observed::read(host, &self.scope).map_err(ApplyError::untouched)?;
        let planned = (self.plan)(&before);
        events(Event::Planned(&planned));
        let (release, rest) = planned.released_first();
        let ready = self.ready(&planned, &before, host);
        // Who stands by lets go of what the active director carries, whatever stands in the way of the rest.
        let mut announcer = Announcer::new(self.announced);
        let released = execute(&release, host, self.is_stopped, &mut announcer, events);
        let is_begun = ready.is_ok() || !release.is_empty();
        let done = ready
            .and(released)
            .and_then(|()| self.carry_out(&rest, announcer, host, events))
            .and_then(|()| self.confirmed(&planned, events));
        let Err(failure) = done else {
            return Ok(planned);
        };
        let aftermath = match is_begun {
            true => self.aftermath(&failure, &planned, &before, host, events),
            false => Aftermath::Untouched,
        };
        Err(ApplyError::new(failure, aftermath))
    }

    /// Whether it may begin.
    fn ready(&self, planned: &Plan, before: &Observed, host: &mut Host) -> Result<(), Failure> {
        if !planned.refusals.is_empty() {
            // What is let go all the same is remembered all the same, if it can be.
            let _ = (self.remember)(before, planned);
            return Err(Failure::Refused(planned.refusals.clone()));
        }
        probe(planned, host).map_err(Failure::Unreadable)?;
        (self.remember)(before, planned).map_err(Failure::Unreadable)
    }

    fn carry_out(
        &self,
        plan: &Plan,
        mut announcer: Announcer<'_>,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Failure> {
        execute(plan, host, self.is_stopped, &mut announcer, events)?;
        self.verify(host)?;
        events(Event::Verified);
        announcer.all_is_done(host, events);
        Ok(())
    }

    fn confirmed(&self, plan: &Plan, events: &mut dyn FnMut(Event<'_>)) -> Result<(), Failure> {
        let Some((time, wait)) = self.confirmation.filter(|_| !plan.is_empty()) else {
            return Ok(());
        };
        let confirmed = wait(&mut || events(Event::Confirming(time)));
        match confirmed.map_err(Failure::Unreadable)? {
            true => Ok(()),
            false => Err(Failure::Unconfirmed),
        }
    }

    /// Reads back: whatever the kernel has quietly not done would have to be planned again.
    fn verify(&self, host: &mut Host) -> Result<(), Failure> {
        let found = Observed::read(host, &self.scope).map_err(Failure::Unreadable)?;
        let left = (self.plan)(&found);
        if left.is_empty() {
            return Ok(());
        }
        Err(Failure::Unverified(Box::new(left)))
    }

    /// What stands after a failure: nothing but what a standby has let go of. Only who says so, or says
    /// nothing when asked to, gets that back too.
    fn aftermath(
        &self,
        failure: &Failure,
        planned: &Plan,
        before: &Observed,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Aftermath {
        let (release, _) = planned.released_first();
        if release.is_empty() || matches!(failure, Failure::Stopped | Failure::Unconfirmed) {
            return self.revert(planned, before, host, events);
        }
        match self.revert(planned, &release.outcome(before), host, events) {
            Aftermath::Untouched | Aftermath::Reverted => Aftermath::Released,
            other => other,
        }
    }

    /// Takes back what is there of a plan, goes on where a step fails, and looks what is left.
    fn revert(
        &self,
        plan: &Plan,
        before: &Observed,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Aftermath {
        let left = |host: &mut Host| {
            Observed::read(host, &self.scope).map(|now| plan.revert(before, &now))
        };
        let back = match left(host) {
            Ok(back) if back.is_empty() => return Aftermath::Untouched,
            Ok(back) => back,
            Err(error) => return Aftermath::Unknown(error),
        };
        events(Event::Reverting(&back));
        for phase in &back.phases {
            // Whatever fails here is found by the next look.
            let _ = execute::phase(phase, host, events);
        }
        match left(host) {
            Ok(left) if left.is_empty() => Aftermath::Reverted,
            Ok(left) => Aftermath::Stands(Box::new(left)),
            Err(error) => Aftermath::Unknown(error),
        }
    }
}

/// Finds out that IPVS cannot be used before anything has been changed.
fn probe(plan: &Plan, host: &mut Host) -> Result<()> {
    if plan.steps().any(|step| step.change.is_ipvs()) {
        host.ipvs()?.info()?;
    }
    Ok(())
}
