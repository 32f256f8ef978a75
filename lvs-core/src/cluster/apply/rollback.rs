//! The rollback of a change that has failed.

use std::time::Instant;

use super::execute;
use super::{Aftermath, ApplyEvent, ApplyFailure};
use crate::cluster::plan::{Phase, Plan};
use crate::cluster::{Observed, ReadScope};
use crate::error::Result;
use crate::host::Host;

/// What is known of a change when it begins, so that it can be rolled back.
pub(super) struct Rollback<'a> {
    pub(super) scope: &'a ReadScope,
    pub(super) before: &'a Observed,
    /// When that was read: lifetimes pass meanwhile.
    pub(super) read_at: Instant,
    pub(super) plan: &'a Plan,
    /// The beginning of the plan that makes room for an active director.
    pub(super) release: &'a [Phase],
    /// How the node looked before it waited for a confirmation: a role may have changed meanwhile, and stays.
    pub(super) verified: Option<&'a Observed>,
}

impl Rollback<'_> {
    /// Rolls everything back, except what a standby director has released: two directors would carry it.
    /// That is restored only where the operator stopped the change or did not confirm it.
    pub(super) fn after(
        &self,
        failure: &ApplyFailure,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Aftermath {
        let is_wanted = matches!(failure, ApplyFailure::Stopped | ApplyFailure::Unconfirmed);
        if self.release.is_empty() || is_wanted {
            return self.to(self.before, host, events);
        }
        match self.to(&Plan::outcome_of(self.release, self.before), host, events) {
            Aftermath::Untouched | Aftermath::Reverted => Aftermath::Released,
            other => other,
        }
    }

    /// Rolls back whatever of the plan is done, continues where a step fails, and reads what is left.
    fn to(
        &self,
        original: &Observed,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Aftermath {
        let now = match Observed::read(host, self.scope) {
            Ok(now) => now,
            Err(error) => return Aftermath::Unknown(error),
        };
        let (plan, original) = match self.verified {
            Some(verified) => (
                self.plan.without_changed(verified, &now),
                original.with_changed(verified, &now),
            ),
            None => (self.plan.clone(), original.clone()),
        };
        let left = |host: &mut Host| -> Result<Plan> {
            let now = Observed::read(host, self.scope)?;
            let passed = u32::try_from(self.read_at.elapsed().as_secs()).unwrap_or(u32::MAX);
            Ok(plan.revert(&original.clone().aged(passed), &now))
        };
        let back = match left(host) {
            Ok(back) if back.is_empty() => return Aftermath::Untouched,
            Ok(back) => back,
            Err(error) => return Aftermath::Unknown(error),
        };
        events(ApplyEvent::Reverting(&back));
        for phase in &back.phases {
            // What fails here is found by the next reading.
            let _ = execute::phase(phase, host, events);
        }
        match left(host) {
            Ok(left) if left.is_empty() => Aftermath::Reverted,
            Ok(left) => Aftermath::Incomplete(Box::new(left)),
            Err(error) => Aftermath::Unknown(error),
        }
    }
}
