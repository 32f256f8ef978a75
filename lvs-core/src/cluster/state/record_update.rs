//! How a record grows and shrinks: by what is found, by what is going to be done, by a removal.

use std::collections::{HashMap, HashSet};

use super::record::{Drained, Record};
use crate::cluster::change::{BoundDestination, Change, LinkState, Object, ObjectId, Setting};
use crate::cluster::plan::Plan;
use crate::cluster::{DesiredState, Observed};
use crate::ipvs::{Service, ServiceId, Timeouts, Weight};
use crate::net::{Address, Route};

impl Record {
    /// The record as it must be written before a plan is carried out: whenever that is cut short, it
    /// knows everything that may have to be taken away.
    ///
    /// What the file names and stands there already is found, once and for all; what the plan makes is
    /// made. What the plan takes away is still known, for it may stay; what goes along with something
    /// else and is put back stays whose it was.
    #[doc(hidden)]
    #[must_use]
    pub fn before_applying(&self, node: &DesiredState, observed: &Observed, plan: &Plan) -> Self {
        if plan.is_empty() {
            return self.after_applying(node, observed, plan);
        }
        let mut record = self.applied_with(node, observed, plan, Gone::IsKnown);
        record.under_way = true;
        record.virtual_ips.extend(&self.virtual_ips);
        let known: Vec<_> = record.drained.iter().map(Drained::place).collect();
        let others = self
            .drained
            .iter()
            .filter(|it| !known.contains(&it.place()));
        record.drained.extend(others.cloned());
        record
    }

    /// The record beside a plan that is refused: but for the role, if that begins with letting go of
    /// addresses, nothing is done.
    pub(in crate::cluster) fn refused(&self, node: &DesiredState, plan: &Plan) -> Self {
        let (release, _) = plan.released_first();
        Self {
            role: match release.is_empty() {
                true => self.role,
                false => node.role,
            },
            ..self.clone()
        }
    }

    /// The record when the plan has been carried out: what it has taken away is forgotten.
    #[doc(hidden)]
    #[must_use]
    pub fn after_applying(&self, node: &DesiredState, observed: &Observed, plan: &Plan) -> Self {
        self.applied_with(node, observed, plan, Gone::IsForgotten)
    }

    fn applied_with(
        &self,
        node: &DesiredState,
        observed: &Observed,
        plan: &Plan,
        gone: Gone,
    ) -> Self {
        let file = node;
        let node = &*self.honoured(node);
        let mut update = RecordUpdate::of(self, observed, gone);
        for thing in named(node, observed) {
            update.found(thing);
        }
        let puts_back = |change: &Change<Object>| matches!(change, Change::Add(object) if observed.find(&object.id()).is_some());
        let changes = plan.steps().map(|step| &step.change);
        for change in changes.filter(|change| !puts_back(change)) {
            update.made(change, self.applied);
        }
        // Not by the steps alone: one switch changes others.
        let outcome = plan.outcome(observed);
        for change in sysctls(observed, &outcome) {
            update.made(&change, true);
        }
        Self {
            applied: true,
            under_way: false,
            role: node.role,
            virtual_ips: node.virtual_ips.clone(),
            drained: drained(file, node, observed, self),
            things: update.things(),
            ..self.clone()
        }
    }

    /// The record as it must be written before a removal.
    #[doc(hidden)]
    #[must_use]
    pub fn before_removal(&self) -> Self {
        Self {
            under_way: true,
            ..self.clone()
        }
    }

    /// The record after a removal: what was found is still known, so that a second removal or the next
    /// cluster does not take it for ours; and who was drained stays so.
    #[doc(hidden)]
    #[must_use]
    pub fn after_removal(&self) -> Self {
        let found = self.things.iter().filter_map(Change::before);
        Self {
            applied: false,
            under_way: false,
            role: None,
            things: found.map(as_found).collect(),
            drained: Vec::new(),
            ..self.clone()
        }
    }
}

/// What becomes of things that were made here and are to be taken away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gone {
    IsKnown,
    IsForgotten,
}

/// Things by their names, each once.
struct RecordUpdate {
    gone: Gone,
    things: Vec<Option<Change<Object>>>,
    places: HashMap<ObjectId, usize>,
}

impl RecordUpdate {
    fn of(record: &Record, observed: &Observed, gone: Gone) -> Self {
        let mut update = Self {
            gone,
            things: Vec::new(),
            places: HashMap::new(),
        };
        if record.applied {
            let things = record.things.iter();
            things
                .filter(|entry| entry.before().is_some() || observed.find(&entry.id()).is_some())
                .for_each(|entry| update.found(entry.clone()));
        }
        update
    }

    fn place(&mut self, entry: &Change<Object>) -> usize {
        let next = self.things.len();
        let place = *self.places.entry(entry.id()).or_insert(next);
        if place == next {
            self.things.push(None);
        }
        place
    }

    /// Only what is not known yet.
    fn found(&mut self, entry: Change<Object>) {
        let place = self.place(&entry);
        if let Some(slot) = self.things.get_mut(place) {
            slot.get_or_insert(entry);
        }
    }

    /// What strangers add later and is taken away from them is no memory of how it was before.
    fn made(&mut self, change: &Change<Object>, applied: bool) {
        let place = self.place(change);
        let Some(slot) = self.things.get_mut(place) else {
            return;
        };
        match slot.take() {
            Some(entry) => {
                let known = (self.gone == Gone::IsKnown).then(|| entry.clone());
                let both = entry.then(change);
                // What the change restores may be left as the cluster has made it.
                let both = both.filter(|both| known.is_none() || !both.is_void());
                *slot = both.or(known);
            }
            None if applied && matches!(change, Change::Delete(_)) => {}
            None => *slot = Some(change.clone()),
        }
    }

    /// Destinations of a service that was made here go with it, and need no memory of their own.
    fn things(self) -> Vec<Change<Object>> {
        let mut things: Vec<_> = self.things.into_iter().flatten().collect();
        let made: HashSet<ServiceId> = things.iter().filter_map(service_made).collect();
        things.retain(|entry| match entry.newest() {
            Object::Destination(bound) => !made.contains(&bound.service),
            _ => true,
        });
        things
    }
}

fn service_made(entry: &Change<Object>) -> Option<ServiceId> {
    match entry {
        Change::Add(Object::Service(service)) => Some(service.id),
        _ => None,
    }
}

/// Whatever the file names and is there, as found; unless it bears our mark from a time that nobody
/// remembers.
fn named(node: &DesiredState, observed: &Observed) -> Vec<Change<Object>> {
    let links = node.links.keys().filter_map(|name| {
        let up = *observed.links.get(name)?;
        let name = name.clone();
        Some(found(LinkState { name, up }, false))
    });
    let addresses = node.addresses.iter().filter_map(|wanted| {
        let address: &Address = observed.address(&wanted.value.id)?;
        let ours = node.attracts_traffic(&address.id) && address.protocol == Address::PROTOCOL;
        Some(found(address.clone(), ours))
    });
    let routes = node.routes.iter().filter_map(|wanted| {
        let route: &Route = observed.route(&wanted.value.id)?;
        let ours = !route.id.is_default() && route.protocol == Address::PROTOCOL;
        Some(found(route.clone(), ours))
    });
    let mut things: Vec<_> = links.chain(addresses).chain(routes).collect();
    things.extend(sysctls(observed, observed));
    things.extend(services(node, observed));
    things
}

fn services(node: &DesiredState, observed: &Observed) -> Vec<Change<Object>> {
    let mut things = Vec::new();
    if node.timeouts != Timeouts::default() {
        things.push(found(observed.timeouts(), false));
    }
    for wanted in &node.services {
        let Some(there) = observed.service(&wanted.service.id) else {
            continue;
        };
        let service: Service = there.service.clone();
        things.push(found(service, is_ours(&wanted.service.id, observed)));
        things.extend(there.destinations.iter().map(|destination| {
            let bound = BoundDestination {
                service: wanted.service.id,
                destination: *destination,
            };
            found(bound, false)
        }));
    }
    things
}

/// A service bears no mark, but its virtual IP may.
fn is_ours(id: &ServiceId, observed: &Observed) -> bool {
    let ServiceId::Socket { address, .. } = id else {
        return false;
    };
    let mut carried = observed
        .addresses
        .iter()
        .filter(|it| it.id.network.addr() == address.ip());
    carried.any(|it| it.protocol == Address::PROTOCOL)
}

fn found(object: impl Into<Object>, ours: bool) -> Change<Object> {
    let object = object.into();
    match ours {
        true => Change::Add(object),
        false => as_found(&object),
    }
}

/// As found, and left so.
fn as_found(object: &Object) -> Change<Object> {
    Change::Edit(object.clone(), object.clone())
}

/// Every switch that was looked at, from one state to another.
fn sysctls<'a>(
    before: &'a Observed,
    after: &'a Observed,
) -> impl Iterator<Item = Change<Object>> + 'a {
    before.sysctls.iter().map(|(key, value)| {
        let setting = |value: &String| {
            Object::Sysctl(Setting {
                key: key.clone(),
                value: value.clone(),
            })
        };
        Change::Edit(
            setting(value),
            setting(after.sysctls.get(key).unwrap_or(value)),
        )
    })
}

/// The weights that drained destinations get back: the file's, or where it leaves them to somebody
/// else, the last one that was seen.
fn drained(
    file: &DesiredState,
    node: &DesiredState,
    observed: &Observed,
    record: &Record,
) -> Vec<Drained> {
    let mut drained = Vec::new();
    for (file, wanted) in file.services.iter().zip(&node.services) {
        let service = wanted.service.id;
        for destination in &wanted.drained {
            let id = destination.id;
            let mut destination = *destination;
            if wanted.keep_weight {
                let seen = observed.destination(&service, &id).map(|it| it.weight);
                destination.weight = seen
                    .filter(|weight| *weight != Weight::DRAIN)
                    .or_else(|| record.weight_for_later(&service, &id))
                    .unwrap_or(destination.weight);
            }
            drained.push(Drained {
                service,
                destination,
                by_file: file.is_drained(&id),
            });
        }
    }
    drained
}
