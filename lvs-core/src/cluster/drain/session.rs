//! Draining by record: it lasts until it is undrained, through every apply.

use crate::cluster::Session;
use crate::cluster::plan::Plan;
use crate::cluster::state::Unread;
use crate::cluster::{ApplyError, ApplyEvent, DrainTarget, Draining, Observed, ReadScope, Record};
use crate::error::{Cause, Error, Operation};
use crate::host::Host;

impl Session {
    /// Drains a real server in every service of every cluster on this node until
    /// [`undrain`](Self::undrain): it gets no new connections. Existing ones stay, unless it is to be
    /// [`Draining::Removed`]. One that has several addresses is drained by all of them, or by none.
    ///
    /// # Errors
    /// No cluster on this node has a destination with any of these addresses; otherwise what failed, and how that left the node.
    pub fn drain(
        &mut self,
        target: &DrainTarget,
        how: Draining,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<Vec<Plan>, ApplyError> {
        let observed =
            Observed::read(host, &ReadScope::of_drains()).map_err(ApplyError::untouched)?;
        let (records, unread) = self.state.readable();
        let unknown = target.unknown("drain", &records);
        let drained: Vec<_> = records
            .into_iter()
            .filter(Record::is_applied)
            .filter_map(|old| {
                let new = old.before_draining(&old.drains_of(target), how, &observed)?;
                Some((old, new))
            })
            .collect();
        if drained.is_empty() {
            return Err(nothing(unread, || {
                unknown.unwrap_or_else(|| no_destination(target))
            }));
        }
        let notes: Vec<_> = unread.iter().map(Unread::note).collect();
        let changes: Vec<_> = drained
            .into_iter()
            .map(|(old, new)| DrainChange {
                old,
                new,
                notes: notes.clone(),
                plan: Box::new(Record::plan_drains),
            })
            .collect();
        self.change_all(&changes, &observed, host, events)
    }

    /// Ends those of these drains that there are: the weights of the destinations are restored.
    ///
    /// # Errors
    /// There is none of them; otherwise what failed, and how that left the node.
    pub fn undrain(
        &mut self,
        target: &DrainTarget,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<Vec<Plan>, ApplyError> {
        let (records, unread) = self.state.readable();
        let unknown = target.unknown("undrain", &records);
        let all: Vec<_> = records
            .iter()
            .flat_map(|record| record.drains().keys())
            .map(ToString::to_string)
            .collect();
        let undrained: Vec<_> = records
            .into_iter()
            .filter_map(|old| {
                let (new, restored) = old.without_drains(&old.drains_of(target))?;
                Some((old, new, restored))
            })
            .collect();
        if undrained.is_empty() {
            return Err(nothing(unread, || {
                unknown.unwrap_or_else(|| not_drained(target, &all))
            }));
        }
        let observed =
            Observed::read(host, &ReadScope::of_drains()).map_err(ApplyError::untouched)?;
        let changes: Vec<_> = undrained
            .into_iter()
            .map(|(old, new, restored)| DrainChange {
                notes: unread
                    .iter()
                    .map(Unread::note)
                    .chain(old.restored_by_health(&old.drains_of(target)))
                    .collect(),
                old,
                new,
                plan: Box::new(move |new, observed| new.plan_undrained(&restored, observed)),
            })
            .collect();
        self.change_all(&changes, &observed, host, events)
    }

    /// Changes all clusters, or none: where one fails, those before it are rolled back.
    fn change_all(
        &self,
        changes: &[DrainChange],
        before: &Observed,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<Vec<Plan>, ApplyError> {
        for change in changes {
            self.state
                .refuse_beside_other_state("drain", change.old.cluster())
                .map_err(ApplyError::untouched)?;
        }
        let mut done: Vec<Plan> = Vec::new();
        for change in changes {
            let plan = |observed: &Observed| change.plan(observed);
            match self.change(&change.old, &change.new, &plan, host, events) {
                Ok(plan) => done.push(plan),
                Err(error) => {
                    let back = changes.iter().zip(&done).rev();
                    let failed = back.fold(None, |failed, (change, done)| {
                        let back = |now: &Observed| done.revert(before, now);
                        let changed = self.change(&change.new, &change.old, &back, host, events);
                        failed.or_else(|| changed.err())
                    });
                    return Err(error.followed_by(failed));
                }
            }
        }
        Ok(done)
    }

    fn change(
        &self,
        old: &Record,
        new: &Record,
        plan: &dyn Fn(&Observed) -> Plan,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<Plan, ApplyError> {
        let job = self.job(ReadScope::of_drains(), plan, None);
        let done = job.run(|_, _| self.write(old, new), host, events);
        self.settle(old, &done);
        done
    }
}

/// Plans what a record needs.
type PlanOfDrains = dyn Fn(&Record, &Observed) -> Plan;

/// A change of the drains in one record.
struct DrainChange {
    old: Record,
    new: Record,
    /// What the operator has to know beside the plan.
    notes: Vec<String>,
    plan: Box<PlanOfDrains>,
}

impl DrainChange {
    fn plan(&self, observed: &Observed) -> Plan {
        let mut plan = (self.plan)(&self.new, observed);
        plan.notes.extend(self.notes.iter().cloned());
        plan
    }
}

/// Returns why nothing is changed. A record that cannot be read may be the one that is meant.
fn nothing(unread: Vec<Unread>, otherwise: impl FnOnce() -> Error) -> ApplyError {
    let first = unread.into_iter().next().map(|unread| unread.0);
    ApplyError::untouched(first.unwrap_or_else(otherwise))
}

fn no_destination(target: &DrainTarget) -> Error {
    let problem = "is a destination of no cluster on this node".to_owned();
    Error::new(Operation::new("drain", target), Cause::Invalid(problem)).with_hint(
        "run it on the director, after `apply`, with the real server's own address; \
         `lvsctl list` shows the destinations",
    )
}

fn not_drained(target: &DrainTarget, all: &[String]) -> Error {
    let problem = "is not drained".to_owned();
    let operation = Operation::new("undrain", target);
    let error = Error::new(operation, Cause::Invalid(problem));
    if all.is_empty() {
        return error.with_hint("no real server is drained by `lvsctl drain`; to end `drain = true`, change the file and apply it");
    }
    error.with_hint(format!("these are drained: {}", all.join(" ")))
}
