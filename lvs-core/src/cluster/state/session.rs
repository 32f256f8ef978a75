//! The verbs that change a node and record it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::lock::Lock;
use super::record_file::RecordFile;
use super::recorded_apply::RecordedApply;
use super::{Confirmation, StateDir};
use crate::cluster::apply::{Job, Takeover};
use crate::cluster::plan::{Plan, PlanOptions};
use crate::cluster::{
    ApplyError, ApplyEvent, DesiredState, HealthPart, Observed, ReadScope, Record, Role,
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
    pub(super) lock: Lock,
    pub(super) purpose: Purpose,
    stop: Arc<AtomicBool>,
    pub(super) confirm_within: Option<Duration>,
    pub(super) grows: bool,
}

/// What a session changes a node for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The cluster file, or what an operator types.
    File,
    /// The role of a director, which a record that cannot be written does not prevent.
    Role,
    /// A controller, which sets the weights of services with checks.
    #[cfg_attr(
        not(feature = "run"),
        expect(dead_code, reason = "only a controller is one")
    )]
    Health,
}

impl Session {
    pub(super) fn new(state: StateDir, lock: Lock, purpose: Purpose) -> Self {
        Self {
            state,
            lock,
            purpose,
            stop: Arc::default(),
            confirm_within: None,
            grows: false,
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
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<Plan, ApplyError> {
        let (known, unread) = match self.purpose {
            Purpose::Role => self.state.known_of_role(node),
            Purpose::File | Purpose::Health => self.state.known(node).map(|known| (known, None)),
        }
        .map_err(ApplyError::untouched)?;
        let kept = self.kept(node);
        let present = node.without(&kept.absent);
        let left = match self.purpose {
            Purpose::Health => None,
            Purpose::File | Purpose::Role => self.state.left(&node.cluster),
        };
        RecordedApply {
            session: self,
            file: node,
            node: &present,
            record: &self.led(&present, &known.record),
            known: &known,
            kept: &kept,
            left: left.as_ref(),
            // A record that is none says at least that the cluster was applied here.
            options: PlanOptions {
                take_over: options.take_over || unread.as_ref().is_some_and(Error::is_invalid),
            },
            is_unread: unread.is_some(),
        }
        .run(unread, host, events)
    }

    /// Returns the record beside which a state is applied: by a controller, weights are its own.
    fn led<'a>(&self, node: &DesiredState, record: &'a Record) -> Cow<'a, Record> {
        let services = node
            .services
            .iter()
            .filter(|desired| desired.health == HealthPart::Checked);
        match self.purpose {
            Purpose::Health => Cow::Owned(Record {
                by_health: services.map(|desired| desired.service.id).collect(),
                ..record.clone()
            }),
            Purpose::File | Purpose::Role => Cow::Borrowed(record),
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
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<Plan, ApplyError> {
        self.refuse_removal(node).map_err(ApplyError::untouched)?;
        let known = self
            .state
            .known_for_removal(node)
            .map_err(ApplyError::untouched)?;
        let (record, former) = (&known.record, known.former.as_ref());
        let plan = |observed: &Observed| known.removal(node, observed);
        let scope = ReadScope::recorded(node, record);
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
        scope: ReadScope,
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

    /// Writes a record that has changed.
    pub(in crate::cluster) fn write(&self, old: &Record, new: &Record) -> Result<()> {
        if old == new {
            return Ok(());
        }
        self.record_file(new).write(new)
    }

    pub(super) fn record_file(&self, record: &Record) -> RecordFile {
        self.state.record_file(record.cluster(), record.node())
    }

    /// When all is done, it is not rolled back any more: that the record names deleted objects does no harm.
    pub(super) fn record_late(&self, new: &Record, events: &mut dyn FnMut(ApplyEvent<'_>)) {
        if let Err(error) = self.record_file(new).write(new) {
            events(ApplyEvent::Unrecorded(&error));
        }
    }

    /// Where everything was rolled back, the record is, too. If that cannot be written, it names objects that
    /// were never made, which does no harm.
    pub(in crate::cluster) fn settle(&self, old: &Record, done: &Result<Plan, ApplyError>) {
        if done.is_ok() || done.as_ref().is_err_and(|error| !error.is_clean()) {
            return;
        }
        let file = self.record_file(old);
        let restored = match file.read() {
            Ok(Some(written)) if written != *old && old.is_empty() => file.delete(),
            Ok(Some(written)) => self.write(&written, old),
            _ => Ok(()),
        };
        if restored.is_err() && old.role == Some(Role::Standby) {
            let _ = file.mark_standby();
        }
    }
}
