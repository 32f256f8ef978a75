//! The rollback of a plan: from how a node looks now to how it looked before.

use super::{Phase, PhaseName, Plan};
use crate::cluster::Observed;
use crate::cluster::change::{Object, Setting, Step};

const WHY: &str = "rolled back";

impl Plan {
    /// Returns the plan that rolls back what has been done of this one, however far it came.
    ///
    /// Each step is judged by how its object looks `now`: what was never done is not undone, and what
    /// another program has rolled back is not rolled back twice. What the kernel has changed besides comes
    /// last: IPv6 addresses of an interface that is down again, routes that it removed together with an
    /// interface's last address, and sysctls that follow others (`ip_forward` changes `forwarding` of every
    /// interface).
    #[must_use]
    pub fn revert(&self, before: &Observed, now: &Observed) -> Self {
        let mut seen = now.clone();
        let mut phases: Vec<_> = self
            .phases
            .iter()
            .rev()
            .map(|phase| phase.rolled_back(before, &mut seen))
            .collect();
        for (name, lost) in LOST {
            let steps = lost(before, &seen);
            seen.apply(steps.iter().map(|step| &step.change));
            phases.push(Phase { name, steps });
        }
        phases.retain(|phase| !phase.steps.is_empty());
        Self {
            phases,
            refusals: Vec::new(),
            unmanaged: Vec::new(),
            notes: Vec::new(),
            nftables: None,
            ..self.clone()
        }
    }
}

impl Plan {
    /// Returns the plan without the steps whose objects were changed from one reading to another.
    pub(in crate::cluster) fn without_changed(&self, then: &Observed, now: &Observed) -> Self {
        let is_same = |step: &Step| {
            let id = step.change.id();
            Object::are_alike(then.find(&id).as_ref(), now.find(&id).as_ref())
        };
        let mut plan = self.clone();
        for phase in &mut plan.phases {
            phase.steps.retain(is_same);
        }
        plan.phases.retain(|phase| !phase.steps.is_empty());
        plan
    }
}

impl Observed {
    /// Returns it with those addresses and routes that were added or removed from one reading to another.
    pub(in crate::cluster) fn with_changed(&self, then: &Self, now: &Self) -> Self {
        let mut changed = self.clone();
        changed
            .addresses
            .retain(|old| then.address(&old.id).is_none() || now.address(&old.id).is_some());
        let new = now
            .addresses
            .iter()
            .filter(|new| then.address(&new.id).is_none() && self.address(&new.id).is_none());
        changed.addresses.extend(new.cloned());
        changed
            .routes
            .retain(|old| !then.routes.contains(old) || now.routes.contains(old));
        let new = now
            .routes
            .iter()
            .filter(|new| !then.routes.contains(new) && !self.routes.contains(new));
        changed.routes.extend(new.cloned());
        changed
    }
}

impl Phase {
    fn rolled_back(&self, before: &Observed, seen: &mut Observed) -> Self {
        let mut steps = Vec::new();
        for step in self.steps.iter().rev() {
            let original = before.find(&step.change.id());
            if let Some(change) = seen.restore(&step.change, original) {
                seen.apply([&change]);
                steps.push(Step::new(change, WHY));
            }
        }
        Self {
            name: self.name,
            steps,
        }
    }
}

/// What no step names, but what is lost or different all the same: from how a node looked before to how it
/// looks now.
type Lost = fn(&Observed, &Observed) -> Vec<Step>;

const LOST: [(PhaseName, Lost); 3] = [
    (PhaseName::LostAddresses, Observed::lost_addresses),
    (PhaseName::LostRoutes, Observed::lost_routes),
    (PhaseName::LostSysctls, Observed::lost_sysctls),
];

impl Observed {
    fn lost_addresses(&self, now: &Self) -> Vec<Step> {
        self.addresses
            .iter()
            .filter(|address| now.address(&address.id).is_none())
            .map(|address| Step::add(address.clone(), WHY))
            .collect()
    }

    /// Routes that were lost with an address or an interface, or have lost their source.
    fn lost_routes(&self, now: &Self) -> Vec<Step> {
        let steps = self
            .routes
            .iter()
            .filter_map(|route| match now.route(&route.id) {
                Some(found) if found == route => None,
                Some(found) => Some(Step::edit(found.clone(), route.clone(), WHY)),
                None => Some(Step::add(route.clone(), WHY)),
            });
        steps.collect()
    }

    /// Sysctls that have followed others.
    fn lost_sysctls(&self, now: &Self) -> Vec<Step> {
        let steps = self.sysctls.iter().filter_map(|(key, value)| {
            let found = now.sysctls.get(key).filter(|found| *found != value)?;
            let setting = |value: &String| Setting {
                key: key.clone(),
                value: value.clone(),
            };
            Some(Step::edit(setting(found), setting(value), WHY))
        });
        steps.collect()
    }
}
