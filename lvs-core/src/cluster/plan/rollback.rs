//! The rollback of a plan: from how a node looks now to how it looked before.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use super::{Phase, PhaseName, Plan};
use crate::cluster::Observed;
use crate::cluster::ObservedIndex;
use crate::cluster::change::{Object, Setting, Step};
use crate::net::{Address, Route};

const WHY: &str = "rolled back";

impl Plan {
    /// Returns the plan that rolls back what has been done of this one, however far it came.
    ///
    /// Each step is judged by how its object looks `now`: what was never done is not undone, and what
    /// another program has rolled back is not rolled back twice. What the kernel has changed besides comes
    /// last: IPv6 addresses of an interface that is down again, routes that it removed together with an
    /// interface's last address, and sysctls that follow others (`ip_forward` changes `forwarding` of every
    /// interface). Other addresses and routes that are missing `now` are missing because another program
    /// deleted them: they stay so.
    #[must_use]
    pub fn revert(&self, before: &Observed, now: &Observed) -> Self {
        let mut seen = now.clone();
        let found = ObservedIndex::new(before);
        let mut phases: Vec<_> = self
            .phases
            .iter()
            .rev()
            .map(|phase| phase.rolled_back(&found, &mut seen))
            .collect();
        let outcome = self.outcome(before);
        for (name, lost) in LOST {
            let steps = lost(&Taken {
                before,
                outcome: &outcome,
                now,
                seen: &seen,
            });
            seen.apply(steps.iter().map(|step| &step.change));
            phases.push(Phase { name, steps });
        }
        // Connections that the change has made live on, and the kernel keeps one way for all of a destination.
        let neighbours = now.restored_neighbours(phases.iter().flat_map(|phase| &phase.steps));
        let routes = Phase {
            name: PhaseName::NeighbourRoutes,
            steps: neighbours,
        };
        phases.insert(0, routes);
        phases.retain(|phase| !phase.steps.is_empty());
        Self {
            phases,
            refusals: Vec::new(),
            unmanaged: Vec::new(),
            notes: Vec::new(),
            of_whole: Vec::new(),
            announcements: BTreeSet::new(),
            nftables: None,
            ..self.clone()
        }
    }
}

impl Plan {
    /// Returns the plan without the steps whose objects were changed from one reading to another.
    pub(in crate::cluster) fn without_changed(&self, then: &Observed, now: &Observed) -> Self {
        let (then, now) = (ObservedIndex::new(then), ObservedIndex::new(now));
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
        // A director that speaks BGP has many.
        let of = |routes: &[Route]| -> HashSet<Route> { routes.iter().cloned().collect() };
        let (known, old, present) = (of(&self.routes), of(&then.routes), of(&now.routes));
        changed
            .routes
            .retain(|route| !old.contains(route) || present.contains(route));
        let new = now
            .routes
            .iter()
            .filter(|new| !old.contains(new) && !known.contains(new));
        changed.routes.extend(new.cloned());
        changed
    }
}

impl Phase {
    /// What a step restores may take other objects along, except services and destinations: the steps of these
    /// are judged together.
    fn rolled_back(&self, before: &ObservedIndex<'_>, seen: &mut Observed) -> Self {
        let mut steps = Vec::new();
        let is_ipvs = |step: &Step| {
            let object = step.change.newest();
            matches!(object, Object::Service(_) | Object::Destination(_))
        };
        let rest: Vec<_> = self.steps.iter().rev().collect();
        for run in rest.chunk_by(|one, next| is_ipvs(one) && is_ipvs(next)) {
            let now = ObservedIndex::new(seen);
            let back = |step: &&Step| {
                let original = before.find(&step.change.id());
                now.restore(&step.change, original)
            };
            let changes: Vec<_> = run.iter().filter_map(back).collect();
            seen.apply(&changes);
            steps.extend(changes.into_iter().map(|change| Step::new(change, WHY)));
        }
        Self {
            name: self.name,
            steps,
        }
    }
}

/// Four states of a node, which together tell what the kernel took along.
struct Taken<'a> {
    before: &'a Observed,
    /// As the plan makes it.
    outcome: &'a Observed,
    now: &'a Observed,
    /// As the rollback makes it.
    seen: &'a Observed,
}

/// What no step names, but what is lost or different all the same.
type Lost = fn(&Taken<'_>) -> Vec<Step>;

const LOST: [(PhaseName, Lost); 3] = [
    (PhaseName::LostAddresses, |taken| taken.lost_addresses()),
    (PhaseName::LostRoutes, |taken| taken.lost_routes()),
    (PhaseName::LostSysctls, |taken| taken.lost_sysctls()),
];

impl Taken<'_> {
    /// Returns the objects that were there before, and that the plan or the rollback removed or changed.
    fn of<T: Clone + Eq + Hash + 'static>(
        &self,
        of: fn(&Observed) -> &[T],
        timeless: fn(T) -> T,
    ) -> impl Iterator<Item = &T> {
        let set = |state| {
            of(state)
                .iter()
                .cloned()
                .map(timeless)
                .collect::<HashSet<T>>()
        };
        let [outcome, now, seen] = [self.outcome, self.now, self.seen].map(set);
        of(self.before).iter().filter(move |object| {
            let object = timeless(T::clone(object));
            let is_taken = !outcome.contains(&object) || now.contains(&object);
            is_taken && !seen.contains(&object)
        })
    }

    fn lost_addresses(&self) -> Vec<Step> {
        let seen: HashSet<_> = self.seen.addresses.iter().map(|found| &found.id).collect();
        self.of(|state| &state.addresses, Address::timeless)
            .filter(|address| !seen.contains(&address.id) && address.can_be_restored())
            .map(|address| Step::add(address.clone(), WHY))
            .collect()
    }

    /// Routes that were lost with an address or an interface, or have lost their source.
    fn lost_routes(&self) -> Vec<Step> {
        let seen: HashMap<_, _> = self
            .seen
            .routes
            .iter()
            .map(|found| (found.id.trunc(), found))
            .collect();
        self.of(|state| &state.routes, Route::timeless)
            .filter(|route| route.can_be_restored())
            .map(|route| match seen.get(&route.id.trunc()) {
                Some(found) => Step::edit(Route::clone(found), route.clone(), WHY),
                None => Step::add(route.clone(), WHY),
            })
            .collect()
    }

    /// Sysctls that have followed others.
    fn lost_sysctls(&self) -> Vec<Step> {
        let steps = self.before.sysctls.iter().filter_map(|(key, value)| {
            let found = self.seen.sysctls.get(key).filter(|found| *found != value)?;
            let setting = |value: &String| Setting {
                key: key.clone(),
                value: value.clone(),
            };
            Some(Step::edit(setting(found), setting(value), WHY))
        });
        steps.collect()
    }
}
