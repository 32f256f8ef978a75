//! Draining by record: it lasts until it is undrained, through every apply.

use crate::cluster::Session;
use crate::cluster::plan::Plan;
use crate::cluster::state::Unread;
use crate::cluster::{ApplyError, DrainTarget, Draining, Event, Observed, Record, Scope};
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
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Vec<Plan>, ApplyError> {
        let observed = Observed::read(host, &Scope::of_drains()).map_err(ApplyError::untouched)?;
        let (records, mut unread) = self.state.readable();
        let unknown = target.unknown("drain", &records);
        let drained: Vec<_> = records
            .into_iter()
            .filter(Record::is_applied)
            .filter_map(|old| {
                let new = old.before_draining(&old.drains_of(target), how, &observed)?;
                Some((old, new))
            })
            .collect();
        if let (true, false) = (drained.is_empty(), unread.is_empty()) {
            return Err(ApplyError::untouched(unread.remove(0).0));
        }
        if drained.is_empty() {
            let error = unknown.unwrap_or_else(|| no_destination(target));
            return Err(ApplyError::untouched(error));
        }
        let changes = drained.into_iter().map(|(old, new)| {
            let notes: Vec<_> = unread.iter().map(Unread::note).collect();
            let drained = new.clone();
            let plan: Planning = Box::new(move |observed| {
                let mut plan = drained.plan_drains(observed);
                plan.notes.extend(notes.iter().cloned());
                plan
            });
            (old, new, plan)
        });
        self.change_all(changes.collect(), &observed, host, events)
    }

    /// Ends those of these drains that there are: the weights of the destinations are restored.
    ///
    /// # Errors
    /// There is none of them; otherwise what failed, and how that left the node.
    pub fn undrain(
        &mut self,
        target: &DrainTarget,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Vec<Plan>, ApplyError> {
        let (records, mut unread) = self.state.readable();
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
        if let (true, false) = (undrained.is_empty(), unread.is_empty()) {
            return Err(ApplyError::untouched(unread.remove(0).0));
        }
        if undrained.is_empty() {
            let error = unknown.unwrap_or_else(|| not_drained(target, &all));
            return Err(ApplyError::untouched(error));
        }
        let observed = Observed::read(host, &Scope::of_drains()).map_err(ApplyError::untouched)?;
        let changes = undrained.into_iter().map(|(old, new, restored)| {
            let mut notes: Vec<_> = unread.iter().map(Unread::note).collect();
            notes.extend(old.restored_by_health(&old.drains_of(target)));
            let undrained = new.clone();
            let plan: Planning = Box::new(move |observed| {
                let mut plan = undrained.plan_undrained(&restored, observed);
                plan.notes.extend(notes.iter().cloned());
                plan
            });
            (old, new, plan)
        });
        self.change_all(changes.collect(), &observed, host, events)
    }

    /// Changes all clusters, or none: where one fails, those before it are rolled back.
    fn change_all(
        &self,
        changes: Vec<(Record, Record, Planning)>,
        before: &Observed,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Vec<Plan>, ApplyError> {
        for (old, _, _) in &changes {
            self.state
                .refuse_beside_other_state("drain", old.cluster())
                .map_err(ApplyError::untouched)?;
        }
        let mut done: Vec<Plan> = Vec::new();
        for (old, new, plan) in &changes {
            match self.change(old, new, plan, host, events) {
                Ok(plan) => done.push(plan),
                Err(error) => {
                    let back = changes.iter().zip(&done).rev();
                    let failed = back.fold(None, |failed, ((old, new, _), plan)| {
                        let error = self.change_back((old, new), plan, before, host, events);
                        failed.or_else(|| error.err())
                    });
                    return Err(error.followed_by(failed));
                }
            }
        }
        Ok(done)
    }

    fn change_back(
        &self,
        (old, new): (&Record, &Record),
        plan: &Plan,
        before: &Observed,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Plan, ApplyError> {
        let back = |now: &Observed| plan.revert(before, now);
        self.change(new, old, &back, host, events)
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

/// Plans by what is observed.
type Planning = Box<dyn Fn(&Observed) -> Plan>;

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
