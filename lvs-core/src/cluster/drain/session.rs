//! Draining by record: it lasts until it is taken back, and every apply honours it.

use crate::cluster::Session;
use crate::cluster::plan::Plan;
use crate::cluster::{ApplyError, Drain, Draining, Event, Observed, Record, Scope};
use crate::error::{Cause, Error, Operation, Result};
use crate::host::Host;

impl Session {
    /// Sends nobody new to a real server, in no service of any cluster on this machine, until
    /// [`undrain`](Self::undrain). Who is there stays, unless it is to be [`Draining::Removed`].
    ///
    /// # Errors
    /// No cluster here sends anybody there; otherwise what failed, and what stands now.
    pub fn drain(
        &mut self,
        drain: Drain,
        how: Draining,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Vec<Plan>, ApplyError> {
        let observed = observe(host).map_err(ApplyError::untouched)?;
        let records = self.applied().map_err(ApplyError::untouched)?;
        let drained = records.into_iter().filter_map(|old| {
            let new = old.before_draining(drain, how, &observed)?;
            Some((old, new))
        });
        let drained: Vec<_> = drained.collect();
        if drained.is_empty() {
            return Err(ApplyError::untouched(nobody(drain)));
        }
        let each = drained.into_iter().map(|(old, new)| {
            let plan = |observed: &Observed| new.plan_drains(observed);
            self.change(&old, &new, &plan, host, events)
        });
        each.collect()
    }

    /// Takes a drain back: destinations get their weight again.
    ///
    /// # Errors
    /// There is no such drain; otherwise what failed, and what stands now.
    pub fn undrain(
        &mut self,
        drain: Drain,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Vec<Plan>, ApplyError> {
        let records = self.state.records().map_err(ApplyError::untouched)?;
        let drains: Vec<_> = records
            .iter()
            .flat_map(|record| record.drains().keys())
            .map(ToString::to_string)
            .collect();
        let undrained = records.into_iter().filter_map(|old| {
            let (new, back) = old.without_drain(drain)?;
            Some((old, new, back))
        });
        let undrained: Vec<_> = undrained.collect();
        if undrained.is_empty() {
            return Err(ApplyError::untouched(not_drained(drain, &drains)));
        }
        let each = undrained.into_iter().map(|(old, new, back)| {
            let plan = |observed: &Observed| new.plan_back(&back, observed);
            self.change(&old, &new, &plan, host, events)
        });
        each.collect()
    }

    fn applied(&self) -> Result<Vec<Record>> {
        let records = self.state.records()?.into_iter();
        Ok(records.filter(Record::is_applied).collect())
    }

    fn change(
        &self,
        old: &Record,
        new: &Record,
        plan: &dyn Fn(&Observed) -> Plan,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Plan, ApplyError> {
        let job = self.job(Scope::of_drains(), plan, None);
        let done = job.run(|_, _| self.write(old, new), host, events);
        self.settle(old, &done);
        done
    }
}

fn observe(host: &mut Host) -> Result<Observed> {
    Observed::read(host, &Scope::of_drains())
}

fn nobody(drain: Drain) -> Error {
    let problem = "no cluster on this machine sends anybody there".to_owned();
    Error::new(Operation::new("drain", drain), Cause::Invalid(problem)).with_hint(
        "is this the director, is the cluster applied, is it the real server's own address? \
         `lvsctl list` shows the destinations",
    )
}

fn not_drained(drain: Drain, drains: &[String]) -> Error {
    let problem = "it is not drained".to_owned();
    let error = Error::new(Operation::new("undrain", drain), Cause::Invalid(problem));
    if drains.is_empty() {
        return error.with_hint("nothing is; `drain = true` in the file is taken back in the file");
    }
    error.with_hint(format!("these are: {}", drains.join(" ")))
}
