//! Taking a cluster off a machine without a record of what was there before.
//!
//! Only what can be nobody else's goes: the services on the virtual IPs, the virtual IPs on real
//! servers, and those of the file's addresses and host routes that carry our protocol number. Never
//! the machine's own addresses, a default route, a link's state or a sysctl: nobody knows whether they
//! were there before, and the machine may be reached by them. (Only the kernel itself may take a route
//! along with an interface's last address; the plan says so.)

use super::draft::Draft;
use super::{Action, Change, Plan, Step, foreign, services};
use crate::cluster::{NodeState, Observed, Role};
use crate::net::{Address, AddressId};

impl Plan {
    /// The way to a machine without the cluster: the reverse of the way to it.
    #[must_use]
    pub fn removal(node: &NodeState, observed: &Observed) -> Self {
        let mut draft = Draft::new(node, observed);
        draft.phase("routes", |seen| host_routes(node, seen));
        draft.phase("virtual IPs", |seen| virtual_ips(node, seen));
        draft.phase("destinations", |seen| {
            on_virtual_ips(node, seen)
                .flat_map(services::delete_destinations)
                .collect()
        });
        draft.phase("services", |seen| {
            on_virtual_ips(node, seen)
                .map(|found| services::delete_service(found, WHY))
                .collect()
        });
        let mut notes = notes(node, observed);
        notes.extend(draft.lost_routes());
        draft.plan(Vec::new(), foreign::foreign(node, observed), notes)
    }
}

const WHY: &str = "it is the cluster's";

fn on_virtual_ips<'a>(
    node: &'a NodeState,
    seen: &'a Observed,
) -> impl Iterator<Item = &'a crate::cluster::ObservedService> {
    let services = seen.services().iter();
    services.filter(|found| services::is_on_virtual_ip(node, &found.service.id))
}

fn host_routes(node: &NodeState, seen: &Observed) -> Vec<Step> {
    let wanted = node
        .routes
        .iter()
        .rev()
        .filter(|wanted| !wanted.value.id.is_default());
    wanted
        .filter_map(|wanted| seen.route(&wanted.value.id))
        .filter(|found| found.protocol == Address::PROTOCOL)
        .map(|found| Step::new(Action::Route(Change::delete(found.clone())), WHY))
        .collect()
}

fn virtual_ips(node: &NodeState, seen: &Observed) -> Vec<Step> {
    let found = found_virtual_ips(node, seen);
    found
        .filter(|found| is_ours(node, found))
        .map(|found| Step::new(Action::Address(Change::delete(found.clone())), WHY))
        .collect()
}

/// The later ones of a network first: its first address would take them along.
fn found_virtual_ips<'a>(
    node: &'a NodeState,
    seen: &'a Observed,
) -> impl Iterator<Item = &'a Address> {
    let is_wanted = |id: &AddressId| node.addresses.iter().any(|wanted| wanted.value.id == *id);
    let found = seen.addresses.iter().rev();
    found.filter(move |found| node.is_virtual(&found.id) && is_wanted(&found.id))
}

/// On a real server a virtual IP has no other use; on a director somebody may have put it there.
fn is_ours(node: &NodeState, found: &Address) -> bool {
    node.role == Role::RealServer || found.protocol == Address::PROTOCOL
}

fn notes(node: &NodeState, observed: &Observed) -> Vec<String> {
    let unknown = found_virtual_ips(node, observed).filter(|found| !is_ours(node, found));
    let mut notes: Vec<_> = unknown
        .map(|found| {
            format!(
                "{} stays: nothing says that it was not there before",
                found.id
            )
        })
        .collect();
    notes.push(
        "without a record of what was there before, the machine's own addresses, its default route, \
         link states and sysctls stay as they are"
            .to_owned(),
    );
    notes
}
