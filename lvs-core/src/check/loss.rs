//! What clients lose while a node lacks what a step of its plan would bring.

use super::area::Area;
use super::scene::NodeScene;
use super::severity::Severity;
use crate::cluster::VirtualService;
use crate::cluster::change::{Change, Object, Setting, Step};
use crate::ipvs::{Destination, Weight};
use crate::sysctl::SysctlKey;

impl<T> NodeScene<'_, T> {
    /// Returns the severity of a step that was not made.
    ///
    /// What the file promises and the kernel lacks is an error where clients need it. What is only superfluous is a
    /// warning, and so is all that a standby lacks: clients miss it at the next failover.
    pub(super) fn loss(&self, step: &Step) -> Severity {
        let is_felt = match &step.change {
            Change::Add(object) => self.is_needed(object),
            Change::Edit(edit) => self.is_felt(&edit.before, &edit.after),
            Change::Delete(_) => false,
        };
        match is_felt && !self.facts.is_standby() {
            true => Severity::Error,
            false => Severity::Warning,
        }
    }

    /// Returns whether clients need an object that does not exist.
    fn is_needed(&self, object: &Object) -> bool {
        match object {
            Object::Link(_)
            | Object::Tunnel(_)
            | Object::Listener(_)
            | Object::Address(_)
            | Object::Service(_) => true,
            Object::Route(route) => route.id.is_default(),
            Object::Destination(bound) => bound.destination.weight != Weight::DRAIN,
            Object::Sysctl(setting) => self.is_needed_sysctl(setting),
            _ => false,
        }
    }

    /// Returns whether clients feel that an object is another one than the file names.
    fn is_felt(&self, before: &Object, after: &Object) -> bool {
        match (before, after) {
            (Object::Link(_) | Object::Tunnel(_), _) => true,
            (Object::Route(before), Object::Route(after)) => {
                after.id.is_default() && before.gateway != after.gateway
            }
            (Object::Destination(before), Object::Destination(after)) => {
                takes_no_more(&before.destination, &after.destination)
            }
            (_, Object::Sysctl(setting)) => self.is_needed_sysctl(setting),
            _ => false,
        }
    }

    /// Returns whether answers, or the requests themselves, depend on a sysctl. Forwarding is needed for the answers
    /// of masqueraded real servers only.
    fn is_needed_sysctl(&self, setting: &Setting) -> bool {
        let key = &setting.key;
        let is_forwarding = [SysctlKey::IP_FORWARD, SysctlKey::IPV6_FORWARDING].contains(key)
            || key.is_copy_of(SysctlKey::forwarding)
            || key.is_copy_of(SysctlKey::ipv6_forwarding);
        match is_forwarding {
            true => self
                .cluster
                .services()
                .iter()
                .any(VirtualService::is_masqueraded),
            false => is_arp(key) || key.is_copy_of(SysctlKey::rp_filter),
        }
    }
}

/// Returns whether a destination gets no connections that the file gives it, or gets them in another way.
fn takes_no_more(before: &Destination, after: &Destination) -> bool {
    let is_excluded = before.weight == Weight::DRAIN && after.weight != Weight::DRAIN;
    is_excluded || before.forwarding != after.forwarding
}

fn is_arp(key: &SysctlKey) -> bool {
    key.is_copy_of(SysctlKey::arp_ignore) || key.is_copy_of(SysctlKey::arp_announce)
}

/// Returns the area that is not sound as long as a step is to be made; beside it that is
/// [`Upkeep`](Area::Upkeep) for every step.
pub(super) fn area(step: &Step) -> Area {
    match step.change.newest() {
        Object::Address(_) | Object::Link(_) => Area::Addresses,
        Object::Route(_) | Object::Tunnel(_) | Object::Listener(_) => Area::Routing,
        Object::Service(_) | Object::Destination(_) => Area::Services,
        Object::Sysctl(setting) if is_arp(&setting.key) => Area::Arp,
        Object::Sysctl(setting) if !setting.key.is_ipvs() => Area::Routing,
        _ => Area::Upkeep,
    }
}
