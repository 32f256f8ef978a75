//! Making a machine look as it must, proving that it does, and taking it back where it failed.

mod error;
mod execute;

pub use error::{Aftermath, ApplyError, Failure};
use execute::execute;

use super::plan::{Phase, Plan, PlanOptions, Step};
use super::{NodeState, Observed, Scope};
use crate::error::{Error, Result};
use crate::host::Host;

/// What happens while a plan is carried out, in order.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// This is going to be done; nothing has been yet.
    Planned(&'a Plan),
    /// The next phase begins.
    Phase(&'a Phase),
    /// A step is done.
    Done(&'a Step),
    /// A step has failed.
    Failed(&'a Step, &'a Error),
    /// Everything has been read back, and nothing is left to do.
    Verified,
    /// This is going to be taken back.
    Reverting(&'a Plan),
}

impl NodeState {
    /// What would have to change on this machine. Nothing is touched, not even a module loaded.
    ///
    /// # Errors
    /// Those of [`Observed::read`].
    pub fn plan(&self, host: &mut Host, options: PlanOptions) -> Result<Plan> {
        let observed = Observed::read(host, &Scope::of(self))?;
        Ok(Plan::new(self, &observed, options))
    }

    /// What would have to be taken away here. Nothing is touched.
    ///
    /// # Errors
    /// Those of [`Observed::read`].
    pub fn plan_removal(&self, host: &mut Host) -> Result<Plan> {
        let observed = Observed::read(host, &Scope::of(self))?;
        Ok(Plan::removal(self, &observed))
    }

    /// Makes this machine look as it must: observes, plans, carries out phase by phase, reads back.
    /// What was done before a failure is taken back. Returns what was done: an empty plan if the
    /// machine looked right already.
    ///
    /// ```no_run
    /// use lvs_core::cluster::PlanOptions;
    /// use lvs_core::{Cluster, Host};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # #[cfg(feature = "toml")] {
    /// let cluster = Cluster::from_toml(&std::fs::read_to_string("web.toml")?)?;
    /// let node = cluster.node("director").ok_or("no such machine")?;
    /// let done = node.apply(&mut Host::open()?, PlanOptions::default(), &mut |_| ())?;
    /// println!("{} changes", done.steps().count());
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What failed, and what stands now: see [`ApplyError`].
    pub fn apply(
        &self,
        host: &mut Host,
        options: PlanOptions,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Plan, ApplyError> {
        self.carry_out(host, &|observed| Plan::new(self, observed, options), events)
    }

    /// Takes the cluster off this machine: see [`Plan::removal`] for what goes and what stays.
    ///
    /// # Errors
    /// What failed, and what stands now: see [`ApplyError`].
    pub fn remove(
        &self,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Plan, ApplyError> {
        self.carry_out(host, &|observed| Plan::removal(self, observed), events)
    }

    fn carry_out(
        &self,
        host: &mut Host,
        plan: &dyn Fn(&Observed) -> Plan,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Plan, ApplyError> {
        let scope = Scope::of(self);
        let before = Observed::read(host, &scope).map_err(ApplyError::untouched)?;
        let planned = plan(&before);
        events(Event::Planned(&planned));
        if !planned.refusals.is_empty() {
            return Err(ApplyError::refused(planned.refusals));
        }
        probe(&planned, host).map_err(ApplyError::untouched)?;
        let done = execute(&planned, host, events).and_then(|()| verify(host, &scope, plan));
        if let Err(failure) = done {
            let aftermath = revert(&planned, &before, host, &scope, events);
            return Err(ApplyError::new(failure, aftermath));
        }
        events(Event::Verified);
        Ok(planned)
    }
}

/// Finds out that IPVS cannot be used before anything has been changed.
fn probe(plan: &Plan, host: &mut Host) -> Result<()> {
    if plan.steps().any(|step| step.action.is_ipvs()) {
        host.ipvs()?.info()?;
    }
    Ok(())
}

/// Reads back: whatever the kernel has quietly not done would have to be planned again.
fn verify(host: &mut Host, scope: &Scope, plan: &dyn Fn(&Observed) -> Plan) -> Result<(), Failure> {
    let left = plan(&Observed::read(host, scope).map_err(Failure::Unreadable)?);
    if left.is_empty() {
        return Ok(());
    }
    Err(Failure::Unverified(Box::new(left)))
}

/// Takes back what is there of a plan, goes on where a step fails, and looks what is left.
fn revert(
    plan: &Plan,
    before: &Observed,
    host: &mut Host,
    scope: &Scope,
    events: &mut dyn FnMut(Event<'_>),
) -> Aftermath {
    let left = |host: &mut Host| Observed::read(host, scope).map(|now| plan.revert(before, &now));
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
