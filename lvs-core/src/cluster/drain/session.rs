//! Draining by record: it lasts until it is undrained, through every apply.

use crate::cluster::Session;
use crate::cluster::plan::Plan;
use crate::cluster::{ApplyError, Drain, Draining, Event, Observed, Record, Scope};
use crate::error::{Cause, Error, Operation};
use crate::host::Host;

impl Session {
    /// Drains a real server in every service of every cluster on this node until
    /// [`undrain`](Self::undrain): it gets no new connections. Existing ones stay, unless it is to be
    /// [`Draining::Removed`].
    ///
    /// # Errors
    /// No cluster on this node has it as a destination; otherwise what failed, and how that left the node.
    pub fn drain(
        &mut self,
        drain: Drain,
        how: Draining,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Vec<Plan>, ApplyError> {
        let observed = Observed::read(host, &Scope::of_drains()).map_err(ApplyError::untouched)?;
        let records = self.state.records().map_err(ApplyError::untouched)?;
        let drained: Vec<_> = records
            .into_iter()
            .filter(Record::is_applied)
            .filter_map(|old| {
                let new = old.before_draining(drain, how, &observed)?;
                Some((old, new))
            })
            .collect();
        if drained.is_empty() {
            return Err(ApplyError::untouched(no_destination(drain)));
        }
        drained
            .into_iter()
            .map(|(old, new)| {
                let plan = |observed: &Observed| new.plan_drains(observed);
                self.change(&old, &new, &plan, host, events)
            })
            .collect()
    }

    /// Ends a drain: the weights of the destinations are restored.
    ///
    /// # Errors
    /// There is no such drain; otherwise what failed, and how that left the node.
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
        let undrained: Vec<_> = records
            .into_iter()
            .filter_map(|old| {
                let (new, restored) = old.without_drain(drain)?;
                Some((old, new, restored))
            })
            .collect();
        if undrained.is_empty() {
            return Err(ApplyError::untouched(not_drained(drain, &drains)));
        }
        undrained
            .into_iter()
            .map(|(old, new, restored)| {
                let plan = |observed: &Observed| new.plan_undrained(&restored, observed);
                self.change(&old, &new, &plan, host, events)
            })
            .collect()
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

fn no_destination(drain: Drain) -> Error {
    let problem = "is a destination of no cluster on this node".to_owned();
    Error::new(Operation::new("drain", drain), Cause::Invalid(problem)).with_hint(
        "is this node the director, is the cluster applied, is it the real server's own address? \
         `lvsctl list` shows the destinations",
    )
}

fn not_drained(drain: Drain, drains: &[String]) -> Error {
    let problem = "is not drained".to_owned();
    let error = Error::new(Operation::new("undrain", drain), Cause::Invalid(problem));
    if drains.is_empty() {
        return error.with_hint("no real server is; `drain = true` in the file ends in the file");
    }
    error.with_hint(format!("these are drained: {}", drains.join(" ")))
}
