//! What a running controller tells other processes of what it keeps, so that they do not take a decision of health
//! for a difference from the file. It outlives the controller, and tells then what health had decided.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::StateDir;
use super::directory::Directory;
use super::place::Place;
use crate::cluster::change::{BoundDestination, Object};
use crate::cluster::plan::Plan;
use crate::cluster::{ClusterName, DesiredService, DesiredState, HealthPart};
#[cfg(feature = "run")]
use crate::error::{Error, Operation, Result};
use crate::ipvs::{DestinationId, ServiceId, Weight};

/// The longest file that is read: 250,000 destinations are 30 MB.
const LONGEST: u64 = 256 << 20;

/// What a controller keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// What is absent for now.
    pub(crate) absent: Absent,
    /// The weights that its file gives the destinations of services with checks.
    weights: BTreeSet<(ServiceId, DestinationId, Weight)>,
}

/// What a controller keeps, and where.
#[derive(Serialize, Deserialize)]
struct Published {
    /// A state directory may outlive the kernel that it describes, and another namespace may use it.
    place: Place,
    kept: Kept,
}

/// What the file names and a node lacks for now, because of health.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Absent {
    /// The destinations that are deleted while they are down.
    pub(crate) destinations: BTreeSet<(ServiceId, DestinationId)>,
    /// The virtual IPs that are withdrawn.
    pub(crate) virtual_ips: BTreeSet<IpAddr>,
}

impl Kept {
    #[cfg(feature = "run")]
    pub(crate) fn new(node: &DesiredState, absent: Absent) -> Self {
        let weights = node.weights_by_health().collect();
        Self { absent, weights }
    }

    /// Returns in which weight a file differs from that of the controller. No plan shows it: the weights of services
    /// with checks are the controller's.
    pub(super) fn other_weight(&self, node: &DesiredState) -> Option<String> {
        let differs = |weight: &(ServiceId, DestinationId, Weight)| !self.weights.contains(weight);
        let (service, destination, weight) = node
            .weights_by_health()
            .find(differs)
            .filter(|_| !self.weights.is_empty())?;
        Some(format!(
            "{service}: {destination} has weight {weight} in this file, and another in that of the controller"
        ))
    }
}

impl Kept {
    /// Returns whether health, and not the file, gave a destination this weight.
    pub(crate) fn is_by_health(
        &self,
        service: ServiceId,
        destination: DestinationId,
        weight: Weight,
    ) -> bool {
        let mut later = self.weights.range((service, destination, Weight::DRAIN)..);
        later.next().is_some_and(|(of, to, by_file)| {
            (*of, *to) == (service, destination) && *by_file != weight
        })
    }

    /// Returns a note for each virtual IP that a node is to carry by its file and role, and that a running controller
    /// keeps withdrawn: no step shows it.
    pub(super) fn withdrawn_notes(&self, node: &DesiredState) -> Vec<String> {
        let addresses = node.addresses.iter();
        let carried: BTreeSet<_> = addresses
            .map(|desired| desired.value.id.network.addr())
            .collect();
        self.absent
            .virtual_ips
            .intersection(&carried)
            .map(|ip| {
                format!(
                    "{ip}: stays withdrawn by the controller, because its services are below their minimum: this \
                     director does not answer for it, and its clients fail, unless another director does; `lvsctl \
                     status` has the reason of each real server"
                )
            })
            .collect()
    }

    /// Returns what a plan without a controller undoes of what health had decided.
    pub(super) fn undone_by(&self, plan: &Plan) -> Vec<String> {
        let mut notes = Vec::new();
        let mut weights = Vec::new();
        for step in plan.steps() {
            match (step.change.before(), step.change.after()) {
                (None, Some(Object::Address(address))) => {
                    let ip = address.id.network.addr();
                    if self.absent.virtual_ips.contains(&ip) {
                        notes.push(format!(
                            "{ip}: is withdrawn by the controller that ran last, because its services were below \
                             their minimum; none runs now, and this adds it"
                        ));
                    }
                }
                (before, Some(Object::Destination(after))) => {
                    weights.extend(self.undone_weight(before, after));
                }
                _ => {}
            }
        }
        if let Some(first) = weights.first() {
            let others = match weights.len() - 1 {
                0 => String::new(),
                others => format!(", and {others} more"),
            };
            notes.push(format!(
                "{first}{others}: by the controller that ran last; none runs now, and this gives the weights of the \
                 file, whether the real servers are healthy or not"
            ));
        }
        notes
    }

    fn undone_weight(&self, before: Option<&Object>, after: &BoundDestination) -> Option<String> {
        let (service, new) = (after.service, after.destination);
        match before {
            Some(Object::Destination(before)) => {
                let old = before.destination.weight;
                (old != new.weight && self.is_by_health(service, new.id, old)).then(|| {
                    format!(
                        "{service}: health gave {} weight {old} instead of {}",
                        new.id, new.weight
                    )
                })
            }
            _ => (self.absent.destinations)
                .contains(&(service, new.id))
                .then(|| format!("{service}: health deleted {}", new.id)),
        }
    }
}

impl DesiredState {
    /// Returns the state without what is absent because of health.
    pub(crate) fn without(&self, absent: &Absent) -> Cow<'_, Self> {
        if *absent == Absent::default() {
            return Cow::Borrowed(self);
        }
        let mut node = self.clone();
        if !absent.virtual_ips.is_empty() {
            node.withdraw(&absent.virtual_ips);
        }
        if !absent.destinations.is_empty() {
            node.services.update(|desired| {
                let id = desired.service.id;
                desired
                    .destinations
                    .retain(|found| !absent.destinations.contains(&(id, found.value.id)));
            });
        }
        Cow::Owned(node)
    }

    /// Moves virtual IPs to the addresses that must be absent.
    fn withdraw(&mut self, withdrawn: &BTreeSet<IpAddr>) {
        let (absent, present): (Vec<_>, Vec<_>) = Vec::from(std::mem::take(&mut self.addresses))
            .into_iter()
            .partition(|desired| withdrawn.contains(&desired.value.id.network.addr()));
        self.addresses = present.into();
        self.absent.extend(absent);
    }

    fn weights_by_health(&self) -> impl Iterator<Item = (ServiceId, DestinationId, Weight)> {
        self.services
            .iter()
            .filter(|desired| desired.health == HealthPart::Checked)
            .flat_map(DesiredService::weights)
    }
}

impl DesiredService {
    fn weights(&self) -> impl Iterator<Item = (ServiceId, DestinationId, Weight)> {
        let service = self.service.id;
        self.destinations
            .iter()
            .map(move |desired| (service, desired.value.id, desired.value.weight))
    }
}

impl StateDir {
    /// Returns what the controller of a cluster on this node keeps; `None` if none runs.
    pub(crate) fn kept(&self, cluster: &ClusterName) -> Option<Kept> {
        self.controller(cluster)?;
        // Without it what is absent counts as a difference, which is refused beside the controller.
        Some(
            self.published(cluster)
                .map(|told| told.kept)
                .unwrap_or_default(),
        )
    }

    /// Returns what the last controller of a cluster kept, if none runs, nothing else was applied since, and this is
    /// the kernel and the namespace that it ran in.
    pub(crate) fn left(&self, cluster: &ClusterName) -> Option<Kept> {
        if self.controller(cluster).is_some() {
            return None;
        }
        let left = self.published(cluster)?;
        left.place.is(&Place::here().ok()?).then_some(left.kept)
    }

    fn published(&self, cluster: &ClusterName) -> Option<Published> {
        let directory = Directory::open(self.directory()).ok()??;
        let bytes = directory.read(&name(cluster), LONGEST).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// Tells other processes what the controller of a cluster keeps.
    #[cfg(feature = "run")]
    pub(crate) fn publish(&self, cluster: &ClusterName, kept: Kept) -> Result<()> {
        let name = name(cluster);
        let place = Place::here()?;
        let write = || {
            let bytes = serde_json::to_vec(&Published { place, kept })?;
            Directory::create(self.directory())?.replace(&name, &bytes)
        };
        write().map_err(|source| {
            let path = self.directory().join(&name);
            Error::io(Operation::new("write", path.display()), source).with_hint(
                "without it `plan`, `apply` and `check` take what health has removed for a difference: make room",
            )
        })
    }

    /// Deletes what an earlier controller has told.
    pub(super) fn unpublish(&self, cluster: &ClusterName) {
        if let Ok(Some(directory)) = Directory::open(self.directory()) {
            // One that stays tells what is so no longer, and is replaced by the next controller.
            let _ = directory.delete(&name(cluster));
        }
    }
}

fn name(cluster: &ClusterName) -> String {
    format!("{cluster}.kept")
}
