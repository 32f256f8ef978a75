//! The way back after a failure: from what is there now to what was there before.

use super::{Action, Change, Phase, Plan, Setting, Step};
use crate::cluster::Observed;

const WHY: &str = "as it was before";

impl Plan {
    /// Takes back what of this plan has been done, however far it came.
    ///
    /// Each step is judged by what is there `now`: what was never done is not undone, and what somebody
    /// else has taken back is not taken back twice. What the kernel changed of itself along with it
    /// comes last: routes that went with an interface's last address, and switches that went with others
    /// (`ip_forward` changes `forwarding` of every interface).
    #[must_use]
    pub fn revert(&self, before: &Observed, now: &Observed) -> Self {
        let mut seen = now.clone();
        let mut phases: Vec<_> = self
            .phases
            .iter()
            .rev()
            .map(|phase| back(phase, &mut seen))
            .collect();
        phases.push(Phase {
            name: "lost routes",
            steps: lost_routes(before, &seen),
        });
        phases.push(Phase {
            name: "sysctls",
            steps: switches(before, &seen),
        });
        phases.retain(|phase| !phase.steps.is_empty());
        Self {
            phases,
            refusals: Vec::new(),
            foreign: Vec::new(),
            notes: Vec::new(),
            ..self.clone()
        }
    }
}

fn back(phase: &Phase, seen: &mut Observed) -> Phase {
    let mut steps = Vec::new();
    for step in phase.steps.iter().rev() {
        if let Some(action) = step.action.back(seen) {
            action.effect(seen);
            steps.push(Step::new(action, WHY));
        }
    }
    Phase {
        name: phase.name,
        steps,
    }
}

fn lost_routes(before: &Observed, seen: &Observed) -> Vec<Step> {
    let lost = before
        .routes
        .iter()
        .filter(|route| seen.route(&route.id).is_none());
    lost.map(|route| Step::new(Action::Route(Change::add(route.clone())), WHY))
        .collect()
}

fn switches(before: &Observed, seen: &Observed) -> Vec<Step> {
    let differing = before.sysctls.iter().filter_map(|(key, value)| {
        let found = seen.sysctls.get(key).filter(|found| *found != value)?;
        let setting = |value: &String| Setting {
            key: key.clone(),
            value: value.clone(),
        };
        Some(Change::edit(setting(found), setting(value)))
    });
    differing
        .map(|change| Step::new(Action::Sysctl(change), WHY))
        .collect()
}
