//! A plan while it is being made: each phase is planned on what the phases before it will leave.

use super::{Phase, Plan, Refusal, Step, addresses, foreign};
use crate::cluster::observed::{IpvsState, Observed};
use crate::cluster::{NodeState, Role};

pub(super) struct Draft<'a> {
    node: &'a NodeState,
    observed: &'a Observed,
    seen: Observed,
    phases: Vec<Phase>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(node: &'a NodeState, observed: &'a Observed) -> Self {
        Self {
            node,
            observed,
            seen: observed.clone(),
            phases: Vec::new(),
        }
    }

    /// Plans a phase on what the machine will look like by then; one without steps is none.
    pub(super) fn phase(&mut self, name: &'static str, plan: impl FnOnce(&Observed) -> Vec<Step>) {
        let steps = plan(&self.seen);
        for step in &steps {
            step.action.effect(&mut self.seen);
        }
        if !steps.is_empty() {
            self.phases.push(Phase { name, steps });
        }
    }

    pub(super) fn finish(self, refusals: Vec<Refusal>) -> Plan {
        let mut notes = self.node.notes.clone();
        notes.extend(addresses::notes(self.node, self.observed));
        notes.extend(self.loading());
        let foreign = foreign::foreign(self.node, self.observed);
        self.plan(refusals, foreign, notes)
    }

    pub(super) fn plan(
        self,
        refusals: Vec<Refusal>,
        foreign: Vec<foreign::Foreign>,
        notes: Vec<String>,
    ) -> Plan {
        Plan {
            cluster: self.node.cluster.clone(),
            node: self.node.name.clone(),
            role: self.node.role,
            phases: self.phases,
            refusals,
            foreign,
            notes,
        }
    }

    /// Only a changing verb may make the kernel load a module, and it says so.
    fn loading(&self) -> Option<String> {
        let absent = matches!(self.observed.ipvs, IpvsState::NotLoaded);
        (absent && self.node.role == Role::Director).then(|| {
            "ip_vs is not loaded yet: the first step that needs it makes the kernel load it"
                .to_owned()
        })
    }
}
