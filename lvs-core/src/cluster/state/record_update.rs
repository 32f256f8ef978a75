//! How a record changes: by what is found, by what a plan is going to do, by a removal.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::record::{Drained, Record};
use crate::cluster::ObservedIndex;
use crate::cluster::change::{BoundDestination, Change, LinkState, Object, ObjectId, Setting};
use crate::cluster::drain::Drain;
use crate::cluster::plan::Plan;
use crate::cluster::{DesiredState, Observed};
use crate::ipvs::{ServiceId, Timeouts, Weight};
use crate::net::Address;

impl Record {
    /// Returns the record as it must be written before a plan is carried out: if that is interrupted, it
    /// knows everything that may have to be deleted or restored.
    ///
    /// What the file names and exists already is found, once and for all; what the plan makes is made. What
    /// the plan deletes is still known, because it may stay; what the kernel removes together with another
    /// object and the plan restores keeps its entry.
    #[doc(hidden)]
    #[must_use]
    pub fn before_applying(&self, node: &DesiredState, observed: &Observed, plan: &Plan) -> Self {
        if plan.is_empty() {
            return self.after_applying(node, observed, plan);
        }
        let mut record = self.applied_with(node, observed, plan, Moment::Before);
        record.under_way = true;
        record.keep_former(self);
        record
    }

    /// Returns the record when only what is new was applied: all that was known is known still.
    pub(in crate::cluster) fn after_growing(
        &self,
        node: &DesiredState,
        observed: &Observed,
        plan: &Plan,
    ) -> Self {
        let mut record = self.applied_with(node, observed, plan, Moment::Before);
        record.keep_former(self);
        record
    }

    fn keep_former(&mut self, former: &Self) {
        self.virtual_ips.extend(&former.virtual_ips);
        self.floating.extend(former.floating.iter().cloned());
        self.probes.extend(former.probes.iter().copied());
        // Real servers that exchange their addresses take their drains along.
        let servers = &self.servers;
        let stays = |drain: &Drain| {
            let now = servers.get(&drain.address);
            now.is_none_or(|now| former.server(drain.address) == Some(now))
        };
        let drains = former.drains.iter().filter(|(drain, _)| stays(drain));
        self.drains.extend(drains);
        for (address, name) in &former.servers {
            self.servers.entry(*address).or_insert_with(|| name.clone());
        }
        let known: Vec<_> = self.drained.iter().map(Drained::id).collect();
        let drained = former
            .drained
            .iter()
            .filter(|drained| !known.contains(&drained.id()));
        self.drained.extend(drained.cloned());
    }

    /// Returns the record beside a plan that is refused: nothing is done, except that a standby director
    /// releases addresses and so begins its role.
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

    /// Returns the record when the plan has been carried out: what it has deleted is forgotten.
    #[doc(hidden)]
    #[must_use]
    pub fn after_applying(&self, node: &DesiredState, observed: &Observed, plan: &Plan) -> Self {
        self.applied_with(node, observed, plan, Moment::After)
    }

    fn applied_with(
        &self,
        file: &DesiredState,
        observed: &Observed,
        plan: &Plan,
        moment: Moment,
    ) -> Self {
        let node = &*self.with_drains(file);
        let mut update = RecordUpdate::of(self, observed, moment);
        for entry in node.named_objects(observed) {
            update.found(entry);
        }
        let lookup = ObservedIndex::new(observed);
        let changes = || plan.steps().map(|step| &step.change);
        // Deleted by a step, or by the kernel, and added again as it was.
        let restored: HashSet<_> = changes()
            .filter_map(|change| match change {
                Change::Add(object) => Some((object.id(), object)),
                Change::Edit(_) | Change::Delete(_) => None,
            })
            .filter(|(id, object)| Object::are_alike(lookup.find(id).as_ref(), Some(*object)))
            .map(|(id, _)| id)
            .collect();
        for change in changes().filter(|change| !restored.contains(&change.id())) {
            update.made(change, self.applied);
        }
        // Not by the steps alone, because sysctls follow others.
        let mut later = observed.beside_services();
        later.apply(changes().filter(|change| !change.is_ipvs()));
        for change in observed.sysctls_until(&later) {
            update.made(&change, true);
        }
        Self {
            schema: self.schema,
            cluster: self.cluster.clone(),
            node: self.node.clone(),
            applied: true,
            under_way: false,
            role: node.role,
            virtual_ips: BTreeSet::clone(&node.virtual_ips),
            floating: node.floating_addresses(),
            drains: self.drains_in(file),
            drained: self.drained_destinations(file, node, observed),
            probes: node
                .services
                .iter()
                .filter(|desired| desired.is_probe())
                .map(|desired| desired.service.id)
                .collect(),
            servers: node.servers.clone(),
            other_directors: node.other_directors.clone(),
            entries: update.entries().into(),
            by_health: self.by_health.clone(),
        }
    }

    /// Returns the destinations that are drained with the weights to restore: the file's, or with
    /// `keep-weight` the last one that was observed.
    fn drained_destinations(
        &self,
        file: &DesiredState,
        node: &DesiredState,
        observed: &Observed,
    ) -> Vec<Drained> {
        let mut drained = Vec::new();
        let observed = ObservedIndex::new(observed);
        for (file, desired) in file.services.iter().zip(&node.services) {
            let service = desired.service.id;
            for mut destination in desired.drained.iter().copied() {
                let id = destination.id;
                if desired.keep_weight {
                    destination.weight = observed
                        .destination(&service, &id)
                        .map(|found| found.weight)
                        .filter(|weight| *weight != Weight::DRAIN)
                        .or_else(|| self.weight_for_later(&service, &id))
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

    /// Returns whether a record knows no more of a node than an earlier one: of every object that one has the
    /// original configuration. A route that only connections of before need is no such object.
    pub(in crate::cluster) fn adds_nothing_to(&self, known: &Self, node: &DesiredState) -> bool {
        let is_known = |entry: &Change<Object>| match entry.newest() {
            Object::Route(route) if node.is_neighbour_route(route) => true,
            _ => {
                let found = known.entries.find(&entry.id());
                found.is_some_and(|found| found.before() == entry.before())
            }
        };
        self.role == known.role && self.drains == known.drains && self.entries().all(is_known)
    }

    /// Returns the record as it must be written before a removal.
    #[doc(hidden)]
    #[must_use]
    pub fn before_removal(&self) -> Self {
        Self {
            under_way: true,
            ..self.clone()
        }
    }

    /// Returns the record after a removal. The original configuration is still known, so that a second
    /// removal or the next apply does not take it for the cluster's; and drains stay.
    #[doc(hidden)]
    #[must_use]
    pub fn after_removal(&self) -> Self {
        let found = self.entries.iter().filter_map(Change::before);
        Self {
            applied: false,
            under_way: false,
            role: None,
            floating: BTreeSet::new(),
            entries: found.cloned().map(as_found).collect(),
            drained: Vec::new(),
            by_health: BTreeSet::new(),
            probes: BTreeSet::new(),
            servers: Default::default(),
            other_directors: BTreeSet::new(),
            ..self.clone()
        }
    }
}

/// When a record is written: before a plan, or after it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    After,
}

/// The entries of a record while they are updated, each object once.
struct RecordUpdate {
    moment: Moment,
    entries: Vec<Option<Change<Object>>>,
    places: HashMap<ObjectId, usize>,
    /// The service that was asked for last, and whether it was made: destinations come service by service.
    last: Option<(ServiceId, bool)>,
    /// Whether any destination has an entry.
    has_destinations: bool,
}

impl RecordUpdate {
    fn of(record: &Record, observed: &Observed, moment: Moment) -> Self {
        let mut update = Self {
            moment,
            entries: Vec::new(),
            places: HashMap::new(),
            last: None,
            has_destinations: false,
        };
        let observed = ObservedIndex::new(observed);
        let exists = |entry: &Change<Object>| observed.find(&entry.id()).is_some();
        let known = record.entries().filter(|_| record.applied);
        known
            .filter(|entry| entry.before().is_some() || exists(entry))
            .for_each(|entry| update.found(entry.clone()));
        update
    }

    fn place(&mut self, entry: &Change<Object>) -> usize {
        let next = self.entries.len();
        let place = *self.places.entry(entry.id()).or_insert(next);
        if place == next {
            self.entries.push(None);
        }
        self.last = None;
        self.has_destinations |= matches!(entry.newest(), Object::Destination(_));
        place
    }

    /// Takes in an object that is not known yet.
    fn found(&mut self, entry: Change<Object>) {
        if self.goes_with_service(&entry) {
            return;
        }
        let place = self.place(&entry);
        if let Some(slot) = self.entries.get_mut(place) {
            slot.get_or_insert(entry);
        }
    }

    /// Takes in what a plan does. What others have added since the first apply and the plan deletes is no
    /// part of the original configuration.
    fn made(&mut self, change: &Change<Object>, applied: bool) {
        if self.goes_with_service(change) {
            return;
        }
        let place = self.place(change);
        let Some(slot) = self.entries.get_mut(place) else {
            return;
        };
        match slot.take() {
            Some(entry) => {
                let known = (self.moment == Moment::Before).then(|| entry.clone());
                let both = entry.then(change);
                // What the plan restores may still look as the cluster has made it.
                let both = both.filter(|both| known.is_none() || !both.is_void());
                *slot = both.or(known);
            }
            None if applied && matches!(change, Change::Delete(_)) => {}
            None => *slot = Some(change.clone()),
        }
    }

    /// Returns whether a change adds or finds a destination of a service that was made. There may be hundreds of
    /// thousands of them, and none will have an entry.
    fn goes_with_service(&mut self, change: &Change<Object>) -> bool {
        let Some(Object::Destination(bound)) = change.after() else {
            return false;
        };
        self.is_made(bound.service)
            && !(self.has_destinations && self.places.contains_key(&change.id()))
    }

    fn is_made(&mut self, service: ServiceId) -> bool {
        if let Some((_, is_made)) = self.last.filter(|(last, _)| *last == service) {
            return is_made;
        }
        let place = self.places.get(&ObjectId::Service(service));
        let entry = place.and_then(|place| self.entries.get(*place));
        let is_made = matches!(entry, Some(Some(Change::Add(_))));
        self.last = Some((service, is_made));
        is_made
    }

    /// Destinations of a service that was made are deleted with it, and need no entry of their own.
    fn entries(self) -> Vec<Change<Object>> {
        let mut entries: Vec<_> = self.entries.into_iter().flatten().collect();
        let made: HashSet<ServiceId> = entries
            .iter()
            .filter_map(|entry| match entry {
                Change::Add(Object::Service(service)) => Some(service.id),
                _ => None,
            })
            .collect();
        entries.retain(|entry| {
            !matches!(entry.newest(), Object::Destination(bound) if made.contains(&bound.service))
        });
        entries
    }
}

/// An object in its original configuration. One that carries the cluster's mark although no record knows it
/// was made by the cluster.
fn found(object: impl Into<Object>, is_marked: bool) -> Change<Object> {
    let object = object.into();
    match is_marked {
        true => Change::Add(object),
        false => as_found(object),
    }
}

fn as_found(object: Object) -> Change<Object> {
    Change::edit(object.clone(), object)
}

impl DesiredState {
    /// Returns the objects that the file names and that exist, as found.
    fn named_objects(&self, observed: &Observed) -> impl Iterator<Item = Change<Object>> {
        let links = self.links.keys().filter_map(move |name| {
            let up = *observed.links.get(name)?;
            let name = name.clone();
            Some(found(LinkState { name, up }, false))
        });
        let addresses = self.addresses.iter().filter_map(move |desired| {
            let address = observed.address(&desired.value.id)?;
            let is_marked = address.protocol == Address::PROTOCOL;
            let is_marked = is_marked && self.attracts_traffic(&address.id);
            Some(found(address.clone(), is_marked))
        });
        let routes = self.routes.iter().filter_map(move |desired| {
            let route = observed.route(&desired.value.id)?;
            let is_marked = route.protocol == Address::PROTOCOL && !route.id.is_default();
            Some(found(route.clone(), is_marked))
        });
        links
            .chain(addresses)
            .chain(routes)
            .chain(observed.sysctls_until(observed))
            .chain(self.named_timeouts(observed))
            .chain(self.named_services(observed))
    }

    fn named_timeouts(&self, observed: &Observed) -> Option<Change<Object>> {
        (self.timeouts != Timeouts::default()).then(|| found(observed.timeouts(), false))
    }

    /// A service cannot carry a mark, but its virtual IP may.
    fn named_services(&self, observed: &Observed) -> impl Iterator<Item = Change<Object>> {
        let observed = ObservedIndex::new(observed);
        self.services.iter().flat_map(move |desired| {
            let id = desired.service.id;
            let found_service = observed.service(&id);
            // A service of probes cannot carry a mark of ours either, but it is its mark.
            let is_marked = found_service.is_some_and(|service| {
                (desired.is_probe() && desired.is_as(service)) || observed.marks_address_of(&id)
            });
            let destinations = found_service
                .into_iter()
                .flat_map(|service| &service.destinations);
            let destinations = destinations.map(move |destination| {
                let bound = BoundDestination {
                    service: id,
                    destination: *destination,
                };
                found(bound, false)
            });
            found_service
                .map(|service| found(service.service.clone(), is_marked))
                .into_iter()
                .chain(destinations)
        })
    }
}

impl Observed {
    /// Returns the change of every sysctl that was read, to how it looks later.
    fn sysctls_until(&self, later: &Self) -> impl Iterator<Item = Change<Object>> {
        self.sysctls.iter().map(|(key, value)| {
            let setting = |value: &String| {
                Object::Sysctl(Setting {
                    key: key.clone(),
                    value: value.clone(),
                })
            };
            let after = later.sysctls.get(key).unwrap_or(value);
            Change::edit(setting(value), setting(after))
        })
    }
}
