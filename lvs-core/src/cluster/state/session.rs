//! The verbs that change a node and record it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::lock::Lock;
use super::{Confirmation, StateDir, file};
use crate::cluster::apply::{Job, Takeover};
use crate::cluster::plan::{Plan, PlanOptions};
use crate::cluster::{
    ApplyError, DesiredService, DesiredState, Event, HealthPart, Observed, Record, Role, Scope,
};
use crate::error::{Error, Result};
use crate::host::Host;

/// Is a locked state directory: no other process changes anything until it is dropped.
///
/// ```
/// use lvs_core::cluster::StateDir;
///
/// let directory = std::env::temp_dir().join(format!("lvs-core-{}", std::process::id()));
/// let state = StateDir::at(&directory);
/// let session = state.lock("apply")?;
/// assert!(state.records()?.is_empty(), "no cluster has been applied");
/// assert!(state.confirm().is_err(), "no change waits for a confirmation");
/// drop(session);
/// # std::fs::remove_dir_all(directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the directory is unlocked as soon as this is dropped"]
pub struct Session {
    pub(in crate::cluster) state: StateDir,
    lock: Lock,
    /// Whether it changes a role, which a record that cannot be written does not prevent.
    pub(super) is_role: bool,
    stop: Arc<AtomicBool>,
    confirm_within: Option<Duration>,
    grows: bool,
    /// Whether the caller sets the weights of services with checks.
    pub(super) is_by_health: bool,
}

impl Session {
    pub(super) fn new(state: StateDir, lock: Lock, is_role: bool) -> Self {
        Self {
            state,
            lock,
            is_role,
            stop: Arc::default(),
            confirm_within: None,
            grows: false,
            is_by_health: false,
        }
    }

    /// Applies only what the desired state adds: what it no longer names stays, and so does what it would
    /// replace. See [`Plan::growing`].
    pub const fn grow(mut self) -> Self {
        self.grows = true;
        self
    }

    /// Rolls everything back as soon as the flag is raised, between two phases: for a signal handler, or
    /// another thread. A rollback itself is not stopped.
    pub fn stop_by(mut self, flag: Arc<AtomicBool>) -> Self {
        self.stop = flag;
        self
    }

    /// Rolls everything back unless [`StateDir::confirm`] is called in time, by any process.
    pub const fn confirm_within(mut self, time: Duration) -> Self {
        self.confirm_within = Some(time);
        self
    }

    /// Applies the desired state to a node as [`DesiredState::apply`] does, and records the original
    /// configuration before the first change, and what was changed. What was made before and is no longer in
    /// the file is cleaned up.
    ///
    /// # Errors
    /// What failed, and how that left the node: see [`ApplyError`].
    pub fn apply(
        &mut self,
        node: &DesiredState,
        host: &mut Host,
        options: PlanOptions,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Plan, ApplyError> {
        let known = match self.is_role {
            true => self.state.known_of_role(node),
            false => self.state.known(node).map(|known| (known, None)),
        };
        let (known, unread) = known.map_err(ApplyError::untouched)?;
        let kept = self.kept(node);
        let (file, node) = (node, &*node.without(&kept.absent));
        let (found, former) = (&known.record, known.former.as_ref());
        let record = &*self.led(node, found);
        let options = PlanOptions {
            // A record that is none says at least that the cluster was applied here.
            take_over: options.take_over || unread.as_ref().is_some_and(Error::is_invalid),
        };
        let controller = self.controller_note(node);
        let left = match self.is_by_health {
            true => None,
            false => self.state.left(&node.cluster),
        };
        let plan = |observed: &Observed| {
            let mut plan = Plan::with_records(node, observed, record, &known.others, options);
            plan.notes.extend(known.notes());
            plan.notes.extend(controller.clone());
            plan.notes.extend(kept.other_weight(file));
            if !self.is_by_health {
                let left = self.state.abandoned_note(node, found, observed);
                plan.notes.extend(left);
            }
            if let Some(left) = &left {
                let undone = left.undone_by(&plan);
                plan.notes.extend(undone);
            }
            plan.refusals.extend(known.claims.iter().cloned());
            match self.grows {
                true => plan.growing(),
                false => plan,
            }
        };
        let scope = Scope::recorded(node, record);
        if let Some(error) = &self.lock.lacking {
            events(Event::Unlocked(error));
        }
        // What was written before the first step, if it is compared later.
        let mut written = None;
        let is_unread = unread.is_some();
        let mut unrecorded = unread;
        let job = Job {
            takeover: self.takeover(node, found),
            ..self.job(scope, &plan, Some(node))
        };
        let after = |observed: &Observed, plan: &Plan| match self.grows {
            true => record.after_growing(node, observed, plan),
            false => record.after_applying(node, observed, plan),
        };
        let prepare = |observed: &Observed, plan: &Plan| match plan.refusals.is_empty() {
            false => found.refused(node, plan),
            true if plan.is_empty() => after(observed, plan),
            true => record.before_applying(node, observed, plan),
        };
        let write = |_: &Observed, plan: &Plan, before: Record| {
            self.refuse_apply(file, plan, &kept, former)?;
            if plan.refusals.is_empty() {
                self.begin_role(node);
            }
            if is_unread {
                return Ok(());
            }
            let is_refused = !plan.refusals.is_empty();
            let recorded = self
                .take(former.filter(|_| !is_refused || before != *found))
                .and_then(|()| self.write(found, &before));
            match recorded {
                // A controller repairs all the same: the record names it all.
                Err(error)
                    if !is_refused
                        && (self.is_role
                            || self.is_by_health && before.adds_nothing_to(found, node)) =>
                {
                    unrecorded = Some(error);
                    return Ok(());
                }
                recorded => recorded?,
            }
            written = Some(before).filter(|_| self.confirm_within.is_some() && !is_refused);
            Ok(())
        };
        let done = job.run_prepared((prepare, write), host, events);
        let (done, observed) = match done {
            Ok((plan, observed)) => (Ok(plan), Some(observed)),
            Err(error) => (Err(error), None),
        };
        // The role changed while this waited for its confirmation. That record knows all that either made.
        let is_replaced = written.is_some_and(|written| self.was_replaced(&written));
        match is_replaced {
            true => self.interrupted(found, &done),
            false if is_unread => {}
            false => self.settle(found, &done),
        }
        let is_recorded = !is_replaced && unrecorded.is_none();
        if let Some(error) = unrecorded {
            events(Event::Unrecorded(&error));
        }
        self.give_back(former, &done);
        if let (Ok(plan), Some(observed)) = (&done, observed)
            && is_recorded
            && !plan.is_empty()
        {
            self.record_late(&after(&observed, plan), events);
        }
        // What a killed controller has decided stays so, and is told of.
        let ends = found.by_health.is_empty() && !self.grows;
        if done.is_ok() && left.is_some() && ends {
            self.state.unpublish(&node.cluster);
        }
        done
    }

    /// Returns whether a director was told to be active, or has been since the boot. A record from before it is not
    /// applied.
    fn takeover(&self, node: &DesiredState, record: &Record) -> Takeover {
        match self.is_role || record.is_applied() && record.role == node.role {
            true => Takeover::Given,
            false => Takeover::Remembered,
        }
    }

    /// Returns the record beside which a state is applied: by a controller, weights are its own.
    fn led<'a>(&self, node: &DesiredState, record: &'a Record) -> Cow<'a, Record> {
        let checked = |desired: &&DesiredService| desired.health == HealthPart::Checked;
        let services = node.services.iter().filter(checked);
        match self.is_by_health {
            true => Cow::Owned(Record {
                by_health: services.map(|desired| desired.service.id).collect(),
                ..record.clone()
            }),
            false => Cow::Borrowed(record),
        }
    }

    /// Removes the cluster from a node: restores the original configuration, except what was modified since.
    /// See [`Plan::removal_with_records`]. What another cluster on the node needs stays, and its record gets the
    /// recorded original.
    ///
    /// # Errors
    /// What failed, and how that left the node: see [`ApplyError`].
    pub fn remove(
        &mut self,
        node: &DesiredState,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Plan, ApplyError> {
        self.refuse_removal(node).map_err(ApplyError::untouched)?;
        let known = self
            .state
            .known_for_removal(node)
            .map_err(ApplyError::untouched)?;
        let (record, former) = (&known.record, known.former.as_ref());
        let plan = |observed: &Observed| known.removal(node, observed);
        let scope = Scope::recorded(node, record);
        let done = self.job(scope, &plan, None).run(
            |_, plan| {
                if plan.refusals.is_empty() {
                    self.take(former)?;
                }
                if plan.refusals.is_empty() && !plan.is_empty() {
                    // The record knows everything already: a full disk does not prevent a removal.
                    let _ = self.write(record, &record.before_removal());
                }
                Ok(())
            },
            host,
            events,
        );
        self.settle(record, &done);
        self.give_back(former, &done);
        let done = done?;
        // First: if this is interrupted, a second removal finds all of it again.
        for other in &known.others {
            let inheriting = other.inheriting(record);
            if inheriting != *other {
                self.record_late(&inheriting, events);
            }
        }
        self.record_late(&record.after_removal(), events);
        self.state.unpublish(&node.cluster);
        Ok(done)
    }

    /// A change that this session can stop and have confirmed.
    pub(in crate::cluster) fn job<'a>(
        &'a self,
        scope: Scope,
        plan: &'a dyn Fn(&Observed) -> Plan,
        announced: Option<&'a DesiredState>,
    ) -> Job<'a> {
        Job {
            scope,
            plan,
            announced,
            takeover: Takeover::Given,
            sources: announced.filter(|_| !self.grows),
            stop: &self.stop,
            lock: Some(&self.lock),
            confirmation: self
                .confirm_within
                .map(|within| Confirmation::new(&self.lock, within)),
        }
    }

    /// Returns whether another process has written the record since this one did: only a change of the role
    /// can, while a confirmation is pending.
    fn was_replaced(&self, written: &Record) -> bool {
        self.confirm_within.is_some()
            && file::read(&self.state.path(written.cluster(), written.node()))
                .is_ok_and(|found| found.is_some_and(|found| found != *written))
    }

    /// Marks the record of another process where this one has rolled back what is in it.
    fn interrupted(&self, old: &Record, done: &Result<Plan, ApplyError>) {
        let path = self.state.path(old.cluster(), old.node());
        if let (Err(_), Ok(Some(found))) = (done, file::read(&path)) {
            // If it cannot be written, it names objects that were rolled back, which does no harm.
            let _ = self.write(&found, &found.before_removal());
        }
    }

    /// Ends what an earlier standby that could not write the record has left, unless a newer one came.
    fn begin_role(&self, node: &DesiredState) {
        let path = self.state.path(&node.cluster, &node.name);
        if !self.is_role || node.role != Some(Role::Active) || !file::is_marked_standby(&path) {
            return;
        }
        file::unmark_standby(&path);
        if self.lock.has_new_role() {
            // Another role decides, and follows this one.
            let _ = file::mark_standby(&path);
        }
    }

    /// Writes a record that has changed.
    pub(in crate::cluster) fn write(&self, old: &Record, new: &Record) -> Result<()> {
        if old == new {
            return Ok(());
        }
        file::write(&self.state.path(new.cluster(), new.node()), new)
    }

    /// When all is done, it is not rolled back any more: that the record names deleted objects does no harm.
    fn record_late(&self, new: &Record, events: &mut dyn FnMut(Event<'_>)) {
        if let Err(error) = file::write(&self.state.path(new.cluster(), new.node()), new) {
            events(Event::Unrecorded(&error));
        }
    }

    /// Where everything was rolled back, the record is, too. If that cannot be written, it names objects that
    /// were never made, which does no harm.
    pub(in crate::cluster) fn settle(&self, old: &Record, done: &Result<Plan, ApplyError>) {
        if done.is_ok() || done.as_ref().is_err_and(|error| !error.is_clean()) {
            return;
        }
        let path = self.state.path(old.cluster(), old.node());
        let restored = match file::read(&path) {
            Ok(Some(written)) if written != *old && old.is_empty() => file::delete(&path),
            Ok(Some(written)) => self.write(&written, old),
            _ => Ok(()),
        };
        if restored.is_err() && old.role == Some(Role::Standby) {
            let _ = file::mark_standby(&path);
        }
    }
}
