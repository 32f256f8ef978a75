//! An apply with its record: what is written before the first step and behind the last one.

use super::Record;
use super::former::{Former, Known};
use super::kept::Kept;
use super::session::{Purpose, Session};
use crate::cluster::apply::{Job, Takeover};
use crate::cluster::plan::{Plan, PlanOptions};
use crate::cluster::{ApplyError, ApplyEvent, DesiredState, Observed, ReadScope, Role};
use crate::error::{Error, Result};
use crate::host::Host;

/// Applies a desired state, and keeps the record of it true at every moment.
pub(super) struct RecordedApply<'a> {
    pub(super) session: &'a Session,
    /// The node as its file says.
    pub(super) file: &'a DesiredState,
    /// The same without what is absent because of health.
    pub(super) node: &'a DesiredState,
    pub(super) known: &'a Known,
    /// The record beside which the node is applied.
    pub(super) record: &'a Record,
    /// What a controller keeps, if it is not the caller.
    pub(super) kept: &'a Kept,
    /// What the last controller kept, if none runs.
    pub(super) left: Option<&'a Kept>,
    pub(super) options: PlanOptions,
    /// Whether the record cannot be read, and is not written therefore.
    pub(super) is_unread: bool,
}

/// What became of the record before the first step.
#[derive(Default)]
struct Recorded {
    /// Why nothing is recorded.
    failure: Option<Error>,
    /// What was written, if it is compared later.
    before: Option<Record>,
}

impl RecordedApply<'_> {
    /// Applies the state; `unread` is why the record cannot be read.
    pub(super) fn run(
        &self,
        unread: Option<Error>,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<Plan, ApplyError> {
        if let Some(error) = &self.session.lock.lacking {
            events(ApplyEvent::Unlocked(error));
        }
        let plan = |observed: &Observed| self.plan(observed);
        let scope = ReadScope::recorded(self.node, self.record);
        let job = Job {
            takeover: self.takeover(),
            ..self.session.job(scope, &plan, Some(self.node))
        };
        let mut recorded = Recorded {
            failure: unread,
            ..Recorded::default()
        };
        let prepare = |observed: &Observed, plan: &Plan| self.before(observed, plan);
        let write = |_: &Observed, plan: &Plan, before| self.begin(plan, before, &mut recorded);
        let (done, observed) = match job.run_prepared(prepare, write, host, events) {
            Ok((plan, observed)) => (Ok(plan), Some(observed)),
            Err(error) => (Err(error), None),
        };
        self.end(recorded, &done, observed, events);
        done
    }

    /// Returns the record that was found.
    const fn found(&self) -> &Record {
        &self.known.record
    }

    const fn former(&self) -> Option<&Former> {
        self.known.former.as_ref()
    }

    fn plan(&self, observed: &Observed) -> Plan {
        let (others, options) = (&self.known.others, self.options);
        let mut plan = Plan::with_records(self.node, observed, self.record, others, options);
        plan.notes.extend(self.known.notes());
        plan.notes.extend(self.session.controller_note(self.node));
        plan.notes.extend(self.kept.withdrawn_notes(self.file));
        plan.notes.extend(self.kept.other_weight(self.file));
        plan.notes.extend(self.abandoned_note(observed));
        if let Some(left) = self.left {
            let undone = left.undone_by(&plan);
            plan.notes.extend(undone);
        }
        plan.refusals.extend(self.known.claims.iter().cloned());
        match self.session.grows {
            true => plan.growing(),
            false => plan,
        }
    }

    /// Returns what a controller that was killed has left, unless the caller is one.
    fn abandoned_note(&self, observed: &Observed) -> Option<String> {
        let state = &self.session.state;
        match self.session.purpose {
            Purpose::Health => None,
            Purpose::File | Purpose::Role => {
                state.abandoned_note(self.node, self.found(), observed)
            }
        }
    }

    /// Returns whether a director was told to be active, or has been since the boot. A record from before it is not
    /// applied.
    fn takeover(&self) -> Takeover {
        let found = self.found();
        match self.session.purpose {
            Purpose::Role => Takeover::Given,
            _ if found.is_applied() && found.role == self.node.role => Takeover::Given,
            _ => Takeover::Remembered,
        }
    }

    /// Returns the record before the first step, and of a plan that is refused.
    fn before(&self, observed: &Observed, plan: &Plan) -> Record {
        match plan.refusals.is_empty() {
            false => self.found().refused(self.node, plan),
            true if plan.is_empty() => self.after(observed, plan),
            true => self.record.before_applying(self.node, observed, plan),
        }
    }

    /// Returns the record behind the last step.
    fn after(&self, observed: &Observed, plan: &Plan) -> Record {
        match self.session.grows {
            true => self.record.after_growing(self.node, observed, plan),
            false => self.record.after_applying(self.node, observed, plan),
        }
    }

    /// Refuses what must not be applied, and records what is about to be.
    fn begin(&self, plan: &Plan, before: Record, recorded: &mut Recorded) -> Result<()> {
        self.session
            .refuse_apply(self.file, plan, self.kept, self.former())?;
        let is_refused = !plan.refusals.is_empty();
        if !is_refused {
            self.begin_role();
        }
        if self.is_unread {
            return Ok(());
        }
        match self.write(&before, is_refused) {
            Err(error) if !is_refused && self.goes_on_without(&before) => {
                recorded.failure = Some(error);
                return Ok(());
            }
            written => written?,
        }
        recorded.before =
            Some(before).filter(|_| self.session.confirm_within.is_some() && !is_refused);
        Ok(())
    }

    fn write(&self, before: &Record, is_refused: bool) -> Result<()> {
        let found = self.found();
        let moves = !is_refused || before != found;
        self.session.take(self.former().filter(|_| moves))?;
        self.session.write(found, before)
    }

    /// Returns whether a record that cannot be written prevents nothing: clients wait for a role, and a controller
    /// repairs what the record names already.
    fn goes_on_without(&self, before: &Record) -> bool {
        match self.session.purpose {
            Purpose::Role => true,
            Purpose::Health => before.adds_nothing_to(self.found(), self.node),
            Purpose::File => false,
        }
    }

    /// Makes the record say how the change has ended.
    fn end(
        &self,
        recorded: Recorded,
        done: &Result<Plan, ApplyError>,
        observed: Option<Observed>,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) {
        // The role changed while this waited for its confirmation. That record knows all that either made.
        let is_replaced = recorded
            .before
            .is_some_and(|before| self.was_replaced(&before));
        match is_replaced {
            true => self.interrupted(done),
            false if self.is_unread => {}
            false => self.session.settle(self.found(), done),
        }
        let is_recorded = !is_replaced && recorded.failure.is_none();
        if let Some(error) = recorded.failure {
            events(ApplyEvent::Unrecorded(&error));
        }
        self.session.give_back(self.former(), done);
        if let (Ok(plan), Some(observed)) = (done, observed)
            && is_recorded
            && !plan.is_empty()
        {
            self.session
                .record_late(&self.after(&observed, plan), events);
        }
        // What a killed controller has decided stays so, and is told of.
        let ends = self.found().by_health.is_empty() && !self.session.grows;
        if done.is_ok() && self.left.is_some() && ends {
            self.session.state.unpublish(&self.node.cluster);
        }
    }

    /// Returns whether another process has written the record since this one did: only a change of the role
    /// can, while a confirmation is pending.
    fn was_replaced(&self, written: &Record) -> bool {
        let file = self.session.record_file(written);
        file.read()
            .is_ok_and(|found| found.is_some_and(|found| found != *written))
    }

    /// Marks the record of another process where this one has rolled back what is in it.
    fn interrupted(&self, done: &Result<Plan, ApplyError>) {
        let file = self.session.record_file(self.found());
        if let (Err(_), Ok(Some(found))) = (done, file.read()) {
            // If it cannot be written, it names objects that were rolled back, which does no harm.
            let _ = self.session.write(&found, &found.before_removal());
        }
    }

    /// Ends what an earlier standby that could not write the record has left, unless a newer one came.
    fn begin_role(&self) {
        let (state, node) = (&self.session.state, self.node);
        let file = state.record_file(&node.cluster, &node.name);
        let is_active = self.session.purpose == Purpose::Role && node.role == Some(Role::Active);
        if !is_active || !file.is_marked_standby() {
            return;
        }
        file.unmark_standby();
        if self.session.lock.has_new_role() {
            // Another role decides, and follows this one.
            let _ = file.mark_standby();
        }
    }
}
