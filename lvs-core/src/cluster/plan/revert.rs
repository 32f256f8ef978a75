//! The way back after a failure: from what is there now to what was there before.

use super::{Phase, PhaseName, Plan};
use crate::cluster::Observed;
use crate::cluster::change::{Change, Object, Setting, Step};

const WHY: &str = "as it was before";

impl Plan {
    /// Takes back what of this plan has been done, however far it came.
    ///
    /// Each step is judged by what is there `now`: what was never done is not undone, and what somebody
    /// else has taken back is not taken back twice. What the kernel changed of itself along with it
    /// comes last: IPv6 addresses of an interface that is down again, routes that went with an
    /// interface's last address, and switches that went with others (`ip_forward` changes `forwarding`
    /// of every interface).
    #[must_use]
    pub fn revert(&self, before: &Observed, now: &Observed) -> Self {
        let mut seen = now.clone();
        let mut phases: Vec<_> = self
            .phases
            .iter()
            .rev()
            .map(|phase| back(phase, before, &mut seen))
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
            foreign: Vec::new(),
            notes: Vec::new(),
            nftables: None,
            ..self.clone()
        }
    }
}

fn back(phase: &Phase, before: &Observed, seen: &mut Observed) -> Phase {
    let mut steps = Vec::new();
    for step in phase.steps.iter().rev() {
        if let Some(change) = seen.restore(&step.change, before.find(&step.change.id())) {
            seen.apply([&change]);
            steps.push(Step::new(change, WHY));
        }
    }
    Phase {
        name: phase.name,
        steps,
    }
}

/// What no step has taken, but what is gone or different nevertheless.
type Lost = fn(&Observed, &Observed) -> Vec<Step>;

const LOST: [(PhaseName, Lost); 3] = [
    (PhaseName::LostAddresses, lost_addresses),
    (PhaseName::LostRoutes, lost_routes),
    (PhaseName::LostSysctls, sysctls),
];

fn lost_addresses(before: &Observed, seen: &Observed) -> Vec<Step> {
    let addresses = before.addresses.iter();
    addresses
        .filter(|address| seen.address(&address.id).is_none())
        .map(|address| Step::add(address.clone(), WHY))
        .collect()
}

/// Gone with an address or an interface, or without its source.
fn lost_routes(before: &Observed, seen: &Observed) -> Vec<Step> {
    let changes = before.routes.iter().filter_map(|route| {
        let found = seen.route(&route.id);
        let differs = found != Some(route);
        differs.then(|| Change::between(found.cloned(), Some(route.clone())))?
    });
    changes
        .map(|change| Step::new(change.map(Object::Route), WHY))
        .collect()
}

fn sysctls(before: &Observed, seen: &Observed) -> Vec<Step> {
    let steps = before.sysctls.iter().filter_map(|(key, value)| {
        let found = seen.sysctls.get(key).filter(|found| *found != value)?;
        let setting = |value: &String| Setting {
            key: key.clone(),
            value: value.clone(),
        };
        Some(Step::edit(setting(found), setting(value), WHY))
    });
    steps.collect()
}
