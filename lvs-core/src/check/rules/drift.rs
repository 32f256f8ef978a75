//! The difference between file and node: the plan that `apply` would execute.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use crate::check::area::Area;
use crate::check::code::Code;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::loss;
use crate::check::object::FindingObject;
use crate::check::scene::NodeScene;
use crate::cluster::change::{Change, Kind, Object, ObjectId, Step};
use crate::cluster::{Plan, PlanOptions, Record};
use crate::ipvs::Destination;
use crate::name::IfName;
use crate::sysctl::SysctlKey;

kinds! {
    DRIFT = "LVS044", Warning, Upkeep,
    title: "The node is not as the file says",
    impact: "the node lacks, or has lost, what the file promises",
    explanation: "\
        Comparing the file with the node gives a plan that is not empty: a part of it was never applied, \
        was changed by hand, or was lost at a restart. lvsctl plan shows each step with its reason; \
        lvsctl apply executes them, and rolls them all back if one fails.";
}

/// What becomes of connections, which a step may explain, but never covers.
const SYMPTOMS: [Code; 3] = [Code::HALF_OPEN, Code::REFUSED, Code::ONE_GETS_ALL];
/// The impact where nothing is missing.
const SUPERFLUOUS: &str =
    "the node has more than the file says, which another program or an older file may have left";
/// Further steps are only counted.
const SHOWN: usize = 5;

/// Holds the plan of a node, and what else it says of it.
pub(in crate::check) struct Drift<'a, T> {
    scene: &'a NodeScene<'a, T>,
    plan: Plan,
    /// Whether `apply` refuses it without `--take-over`.
    takes_over: bool,
    /// The destinations whose weights are as health has left them: only probes can tell whether they may rise.
    left_by_health: BTreeSet<ObjectId>,
}

impl<'a, T> Drift<'a, T> {
    /// Returns the drift of a node, without the steps for what could not be read there.
    pub(in crate::check) fn of(scene: &'a NodeScene<'a, T>) -> Option<Self> {
        let observed = scene.facts.observed.as_ref()?;
        let (cluster, node) = (&scene.desired.cluster, &scene.desired.name);
        let record = Record::new(cluster.clone(), node.clone())
            .with_services_by_health(scene.facts.services_by_health.clone());
        let plan = |options| Plan::with_record(&scene.desired, observed, &record, options);
        let takes_over = !scene.facts.applied && !plan(PlanOptions::default()).refusals.is_empty();
        let plan = plan(PlanOptions { take_over: true });
        let left = scene.left_by_health().into_iter();
        let left_by_health = left.map(|weight| weight.id()).collect();
        Some(Self {
            scene,
            plan,
            takes_over,
            left_by_health,
        })
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.plan
            .steps()
            .filter(|step| self.scene.facts.was_read(&step.change))
            .filter(|step| !self.accompanies(step))
    }

    /// Returns whether a step is made only because of others, while connections live on: the node lacks nothing for it.
    fn accompanies(&self, step: &Step) -> bool {
        match &step.change {
            Change::Edit(edit) => edit.before == edit.after,
            Change::Add(Object::Route(route)) => self.scene.desired.is_neighbour_route(route),
            _ => false,
        }
    }

    /// Returns whether a step would only undo what health has left.
    fn undoes_health(&self, step: &Step) -> bool {
        self.left_by_health.contains(&step.change.id())
            && match (step.change.before(), step.change.after()) {
                (Some(Object::Destination(before)), Some(Object::Destination(after))) => {
                    let (before, after) = (&before.destination, &after.destination);
                    let weight = after.weight;
                    Destination { weight, ..*before } == *after
                }
                _ => true,
            }
    }

    /// Returns whether health has left weights that an apply would set to those of the file.
    pub(in crate::check) fn is_left_by_health(&self) -> bool {
        !self.left_by_health.is_empty()
    }

    /// Returns the areas that are not sound, because a step of theirs is to be made: also those of steps that other
    /// findings cover.
    pub(in crate::check) fn areas(&self) -> BTreeSet<Area> {
        let leftovers = self.scene.facts.leftovers.first();
        self.steps()
            .flat_map(|step| [loss::area(step), Area::Upkeep])
            .chain(leftovers.map(|_| Area::Upkeep))
            .collect()
    }

    /// Returns whether a step that clients miss explains what a finding has seen of their connections.
    pub(in crate::check) fn explains(&self, finding: &Finding) -> bool {
        let is_its = |step: &&Step| {
            SYMPTOMS.contains(&finding.code)
                && matches!(step.change, Change::Edit(_))
                && finding.object == FindingObject::Object(step.change.id())
        };
        self.steps()
            .filter(is_its)
            .any(|step| self.scene.loss(step) >= finding.severity)
    }

    /// Reports the steps that no other finding covers, the worst first.
    pub(in crate::check) fn finding(&self, others: &[Finding]) -> Option<Finding> {
        let scene = self.scene;
        let here: Vec<_> = others
            .iter()
            .filter(|other| other.node.as_ref() == Some(&scene.facts.node))
            .filter(|other| !SYMPTOMS.contains(&other.code))
            .collect();
        let objects: HashSet<_> = here.iter().map(|other| &other.object).collect();
        let is_covered = |step: &Step| {
            let id = step.change.id();
            objects.contains(&FindingObject::Object(id.clone()))
                || here.iter().any(|other| scene.covers(other, step, &id))
        };
        let mut steps: Vec<_> = self
            .steps()
            .filter(|step| !self.undoes_health(step) && !is_covered(step))
            .collect();
        steps.sort_by_key(|step| Reverse(scene.loss(step)));
        let Some(first) = steps.first() else {
            return self.leftovers();
        };
        let finding = scene
            .finding(&DRIFT, first.change.id(), listed(&steps))
            .severity(scene.loss(first));
        let has_more = |step: &&Step| step.change.kind() == Kind::Delete;
        let finding = match steps.iter().all(has_more) {
            true => finding.impact(SUPERFLUOUS),
            false => finding,
        };
        Some(match (self.plan.refusals.first(), self.takes_over) {
            (Some(refusal), _) => finding.fix(format!("{refusal}, and run lvsctl apply FILE")),
            (None, true) => finding.fix("lvsctl apply FILE --take-over"),
            (None, false) => finding.fix("lvsctl apply FILE"),
        })
    }
}

impl<T> Drift<'_, T> {
    /// Reports what the record knows and the file does not name any more: nothing that the file promises is missing.
    fn leftovers(&self) -> Option<Finding> {
        let scene = self.scene;
        let leftovers = &scene.facts.leftovers;
        let finding = || {
            scene
                .finding(
                    &DRIFT,
                    scene.facts.node.as_str(),
                    shortened(leftovers.clone()),
                )
                .impact(SUPERFLUOUS)
                .fix("lvsctl apply FILE")
        };
        (!leftovers.is_empty()).then(finding)
    }
}

fn listed(steps: &[&Step]) -> String {
    shortened(steps.iter().map(|step| in_words(step)).collect())
}

/// Returns a step in a few words: `delete address 172.16.5.11/32 on lo`.
pub(in crate::check) fn in_words(step: &Step) -> String {
    let id = step.change.id();
    format!("{} {} {id}", step.change.kind(), id.what())
}

fn shortened(steps: Vec<String>) -> String {
    let count = steps.len();
    let shown: Vec<_> = steps.into_iter().take(SHOWN).collect();
    let shown = shown.join(", ");
    match count.saturating_sub(SHOWN) {
        0 => format!("the plan is not empty: {shown}"),
        more => format!("the plan is not empty: {shown} and {more} more"),
    }
}

impl<T> NodeScene<'_, T> {
    /// Returns whether the fix of a finding makes a step of the plan unnecessary.
    fn covers(&self, finding: &Finding, step: &Step, id: &ObjectId) -> bool {
        let FindingObject::Object(object) = &finding.object else {
            // Without ip_vs no other object of IPVS can exist.
            return finding.code == Code::NOT_LOADED && step.change.is_ipvs()
                || finding.code == Code::TUNNEL_MTU && is_default_route(id);
        };
        if interface(object).is_some() && interface(object) == interface(id) {
            return true;
        }
        match (finding.code, id) {
            // What is on an interface comes with it; so do routes by it, whose interface is not always named.
            (Code::LINK_MISSING | Code::LINK_DOWN, ObjectId::Route(_)) => true,
            (Code::LINK_MISSING | Code::LINK_DOWN, _) => {
                interface(object).is_some_and(|name| is_on(id, name))
            }
            // The kernel deletes what is of IPv6 there.
            (Code::SMALL_MTU, ObjectId::Address(_) | ObjectId::Route(_)) => {
                ip(id).is_some_and(|ip| ip.is_ipv6())
            }
            // The plan sets it on all and lo, the finding names the interface that shows it.
            (Code::ARP_IGNORE | Code::ARP_HIDDEN, ObjectId::Sysctl(key)) => {
                key.is_copy_of(SysctlKey::arp_ignore)
            }
            (Code::ARP_ANNOUNCE, ObjectId::Sysctl(key)) => key.is_copy_of(SysctlKey::arp_announce),
            (Code::RP_FILTER, ObjectId::Sysctl(key)) => key.is_copy_of(SysctlKey::rp_filter),
            (Code::REDIRECTS, ObjectId::Sysctl(key)) => key.is_copy_of(SysctlKey::send_redirects),
            // One sysctl sets the others.
            (Code::FORWARDING, ObjectId::Sysctl(key)) => {
                *key == SysctlKey::IP_FORWARD
                    || key.is_copy_of(SysctlKey::forwarding)
                    || key.is_copy_of(SysctlKey::ipv6_forwarding)
            }
            (Code::STICKY_DRAIN, ObjectId::Sysctl(key)) => {
                *key == SysctlKey::EXPIRE_QUIESCENT_TEMPLATE
            }
            // The route to a virtual IP is added and deleted with the address.
            (Code::VIP_MISSING_ON_SERVER | Code::NETWORK_ON_LO | Code::VIP_ON_NIC, _) => {
                ip(object).is_some() && ip(object) == ip(id)
            }
            // So is everything on a device, and what needs the address that could not be added.
            (Code::TUNNEL_DEVICE, ObjectId::Route(_)) => true,
            (Code::TUNNEL_DEVICE, _) => interface(object).is_some_and(|name| is_on(id, name)),
            // So is the default route whose gateway is on the network of the address.
            (Code::VIP_MISSING_ON_DIRECTOR, ObjectId::Route(_)) => {
                matches!(object, ObjectId::Address(lost) if self.lost_gateway(lost).is_some())
            }
            // That the default route loses against another one is what the finding is about.
            (
                Code::NAT_GATEWAY | Code::DR_GATEWAY | Code::NO_DEFAULT_ROUTE,
                ObjectId::Route(route),
            ) => {
                matches!(object, ObjectId::Route(lost) if lost.is_default()
                    && lost.destination == route.destination)
            }
            // The destination with the right port replaces the other one.
            (Code::PORT_WITHOUT_NAT, ObjectId::Destination(service, desired)) => {
                matches!(object, ObjectId::Destination(of, listed)
                    if of == service && listed.address == desired.address)
            }
            // A service is added with each of its destinations.
            (
                Code::NO_DESTINATION | Code::NO_SCHEDULER | Code::PORT_ZERO | Code::BALANCED_TWICE,
                ObjectId::Destination(service, _),
            ) => *object == ObjectId::Service(*service),
            _ => false,
        }
    }
}

fn is_default_route(id: &ObjectId) -> bool {
    matches!(id, ObjectId::Route(route) if route.is_default())
}

const fn interface(id: &ObjectId) -> Option<&IfName> {
    match id {
        ObjectId::Tunnel(name) | ObjectId::Link(name) => Some(name),
        _ => None,
    }
}

fn is_on(id: &ObjectId, name: &IfName) -> bool {
    match id {
        ObjectId::Sysctl(key) => key.is_of(name),
        ObjectId::Address(address) => address.interface == *name,
        _ => interface(id) == Some(name),
    }
}

fn ip(id: &ObjectId) -> Option<IpAddr> {
    match id {
        ObjectId::Address(address) => Some(address.network.addr()),
        ObjectId::Route(route) => Some(route.destination.addr()),
        _ => None,
    }
}
