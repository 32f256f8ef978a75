//! Sync daemons. Equal by everything: all that the kernel would make up is said.
//!
//! The kernel has no sync daemon beside a destination of another family than its service, and says so of
//! whichever comes second: so daemons that go stop before destinations come, and start after others are gone.

use super::Refusal;
use crate::cluster::change::{ObjectId, Step};
use crate::cluster::{DesiredState, Observed, Record};
use crate::ipvs::{Daemon, Destination, ServiceId};

pub(super) const ABSENT: &str = "no longer in the file";

/// Those that the cluster has started and the file no longer names.
pub(super) fn stopped(node: &DesiredState, seen: &Observed, record: &Record) -> Vec<Step> {
    let gone = seen.daemons.iter().filter(|it| is_gone(node, it, record));
    gone.map(|daemon| Step::delete(daemon.clone(), ABSENT))
        .collect()
}

fn is_gone(node: &DesiredState, daemon: &Daemon, record: &Record) -> bool {
    let named = node.daemons.iter().any(|it| it.value.role == daemon.role);
    !named && record.is_applied() && record.made_daemon(daemon.role)
}

/// Those that must run, and as they must.
pub(super) fn running(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    let steps = node.daemons.iter().filter_map(|wanted| {
        let daemon = &wanted.value;
        let found = seen.daemons.iter().find(|it| it.role == daemon.role);
        match found {
            Some(found) if found == daemon => None,
            Some(found) => Some(Step::edit(found.clone(), daemon.clone(), &wanted.why)),
            None => Some(Step::add(daemon.clone(), &wanted.why)),
        }
    });
    steps.collect()
}

/// Of the two that exclude each other one is a stranger's.
pub(super) fn refusals(node: &DesiredState, observed: &Observed, record: &Record) -> Vec<Refusal> {
    let strangers = observed
        .daemons
        .iter()
        .filter(|it| !is_gone(node, it, record));
    let mut refusals = Vec::new();
    if node.daemons.is_empty() && wants_mixed(node) {
        refusals.extend(strangers.map(|daemon| {
            Refusal::of(
                ObjectId::Daemon(daemon.role),
                "runs, and the kernel has no destination of another family than its service beside a \
                 sync daemon",
                format!("stop it: ipvsadm --stop-daemon {}", daemon.role),
            )
        }));
    }
    if !node.daemons.is_empty() {
        refusals.extend(foreign_mixed(node, observed).map(|(service, it)| {
            Refusal::of(
                ObjectId::Destination(service, it.id),
                "is of another family than its service, beside which the kernel starts no sync daemon",
                format!(
                    "delete it, or leave [sync] out (the service {service} is not in the file)"
                ),
            )
        }));
    }
    refusals
}

fn wants_mixed(node: &DesiredState) -> bool {
    let mut services = node.services.iter();
    services.any(|wanted| {
        let family = wanted.service.id.family();
        let mut destinations = wanted.destinations.iter();
        destinations.any(|it| it.value.id.family() != family)
    })
}

fn foreign_mixed<'a>(
    node: &'a DesiredState,
    observed: &'a Observed,
) -> impl Iterator<Item = (ServiceId, &'a Destination)> {
    let foreign = observed.services().iter().filter(|found| {
        let id = &found.service.id;
        !super::services::is_on_virtual_ip(node, id)
            && !node.services.iter().any(|it| it.service.id == *id)
    });
    foreign.flat_map(|found| {
        let id = found.service.id;
        let mixed = found.destinations.iter();
        mixed
            .filter(move |it| it.id.family() != id.family())
            .map(move |it| (id, it))
    })
}

/// One takes the place of the other.
pub(super) fn notes(node: &DesiredState, observed: &Observed, record: &Record) -> Vec<String> {
    let stops = observed.daemons.iter().any(|it| is_gone(node, it, record));
    let mut notes = Vec::new();
    if stops && wants_mixed(node) {
        notes.push(
            "connections are not synchronised any more: the kernel has no sync daemon beside a \
             destination of another family than its service"
                .to_owned(),
        );
    }
    let starts = !running(node, observed).is_empty();
    let goes = observed.services().iter().any(|found| {
        let family = found.service.id.family();
        found.destinations.iter().any(|it| it.id.family() != family)
    });
    if starts && goes {
        notes.push(
            "destinations of another family than their service go before the sync daemons start: the \
             kernel has not both"
                .to_owned(),
        );
    }
    notes
}
