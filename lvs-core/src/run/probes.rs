//! The probes of all targets: one for each distinct target and timing, whichever services share it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Action, CheckedTarget, Notice, ProbeId, ProbeRun};
use crate::health::{Outcome, Schedule, Target, TargetId, Timing, Tracker};

/// What makes two probes the same one.
type Key = (TargetId, Timing);

/// So long after its timeout a probe that was not reported counts as lost.
const LOST: Duration = Duration::from_secs(30);

/// The probes of one target.
#[derive(Debug)]
struct Probe {
    key: Key,
    target: Arc<Target>,
    tracker: Tracker,
    /// The number of the one that runs, and when it began.
    running: Option<(u64, Duration)>,
    /// The last result did not count because the director was stalled.
    was_late: bool,
    /// The last one could not be made.
    was_not_probed: bool,
}

/// The probes of all targets, and when they are due.
#[derive(Debug)]
pub(super) struct Probes {
    schedule: Schedule<ProbeId>,
    probes: BTreeMap<ProbeId, Probe>,
    ids: BTreeMap<Key, ProbeId>,
    next_id: u64,
    next_run: u64,
}

impl Probes {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            schedule: Schedule::new(seed),
            probes: BTreeMap::new(),
            ids: BTreeMap::new(),
            next_id: 0,
            next_run: 0,
        }
    }

    /// Returns the probe of a target, which is new or has its state from before.
    pub(super) fn of(&mut self, checked: &CheckedTarget, now: Duration) -> ProbeId {
        let key = (checked.target.id(), checked.timing);
        if let Some(id) = self.ids.get(&key) {
            if let Some(probe) = self.probes.get_mut(id)
                && *probe.target != checked.target
            {
                // Another mark or source: the same target all the same.
                probe.target = Arc::new(checked.target.clone());
            }
            return *id;
        }
        let id = ProbeId(self.next_id);
        self.next_id += 1;
        self.schedule.begin(id, &checked.timing, now);
        self.ids.insert(key.clone(), id);
        let probe = Probe {
            key,
            target: Arc::new(checked.target.clone()),
            tracker: Tracker::new(now),
            running: None,
            was_late: false,
            was_not_probed: false,
        };
        self.probes.insert(id, probe);
        id
    }

    /// Keeps the probes that are used, and returns those that are not.
    pub(super) fn retain(&mut self, is_used: impl Fn(ProbeId) -> bool) -> Vec<ProbeId> {
        let unused: Vec<ProbeId> = self
            .probes
            .keys()
            .copied()
            .filter(|id| !is_used(*id))
            .collect();
        for id in &unused {
            self.schedule.remove(id);
            if let Some(probe) = self.probes.remove(id) {
                self.ids.remove(&probe.key);
            }
        }
        unused
    }

    pub(super) fn tracker(&self, id: ProbeId) -> Option<&Tracker> {
        self.probes.get(&id).map(|probe| &probe.tracker)
    }

    /// Takes a result; true if weights may follow from it, because the health or the share that the real server asks
    /// for has changed. One that is late, unknown or of an earlier run does not count.
    pub(super) fn record(
        &mut self,
        run: ProbeRun,
        took: Duration,
        outcome: &Outcome,
        now: Duration,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some(probe) = self.probes.get_mut(&run.probe) else {
            return false;
        };
        let Some((_, began)) = probe.running.filter(|(number, _)| *number == run.number) else {
            return false;
        };
        probe.running = None;
        let timing = probe.key.1;
        // Once: a director that is always late must find dead servers all the same.
        let is_late = matches!(outcome, Err(failure) if failure.is_late(took, timing.timeout));
        if is_late && !std::mem::replace(&mut probe.was_late, is_late) {
            actions.push(Action::Notify(Notice::Late(Arc::clone(&probe.target))));
            self.schedule.set(run.probe, now);
            return false;
        }
        probe.was_late = false;
        let not_probed = outcome
            .as_ref()
            .err()
            .filter(|failure| failure.is_inconclusive());
        if let Some(failure) = not_probed
            && !probe.was_not_probed
        {
            let notice = Notice::NotProbed(Arc::clone(&probe.target), failure.clone());
            actions.push(Action::Notify(notice));
        }
        probe.was_not_probed = not_probed.is_some();
        let state = |tracker: &Tracker| (tracker.health(), tracker.share());
        let before = state(&probe.tracker);
        probe.tracker.record(outcome, &timing, now);
        let after = state(&probe.tracker);
        self.schedule.again(run.probe, after.0, &timing, began);
        before != after
    }

    /// Begins the probes that are due.
    pub(super) fn begin(&mut self, now: Duration, actions: &mut Vec<Action>) {
        while let Some(id) = self.schedule.take_due(now) {
            let Some(probe) = self.probes.get_mut(&id) else {
                continue;
            };
            if probe.running.is_some() {
                actions.push(Action::Notify(Notice::Lost(Arc::clone(&probe.target))));
            }
            let number = self.next_run;
            self.next_run += 1;
            probe.running = Some((number, now));
            let timeout = probe.key.1.timeout;
            self.schedule.set(id, now + timeout.get() + LOST);
            actions.push(Action::Probe {
                run: ProbeRun { probe: id, number },
                target: Arc::clone(&probe.target),
                timeout,
            });
        }
    }

    /// Returns when the next probe is due, or lost.
    pub(super) fn next(&self) -> Option<Duration> {
        self.schedule.next()
    }
}
