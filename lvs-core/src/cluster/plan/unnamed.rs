//! What the cluster has made or changed here before and the file no longer names: it goes, or goes back
//! to how it was found. Links stay up: nobody knows who has come to need them.

use super::draft::{Draft, Planned};
use super::{PhaseName, addresses, tunnels};
use crate::cluster::change::{Change, Object, Step};
use crate::cluster::{DesiredState, Observed, Record};
use crate::ipvs::Timeouts;
use crate::sysctl::SysctlKey;

const WHY: &str = "no longer in the file";

pub(super) fn phases(
    draft: &mut Draft<'_>,
    node: &DesiredState,
    observed: &Observed,
    record: &Record,
) {
    let unnamed = Unnamed {
        node,
        observed,
        record,
    };
    if record.is_applied() {
        draft.phases(&unnamed, &Unnamed::PHASES);
    }
}

struct Unnamed<'a> {
    node: &'a DesiredState,
    observed: &'a Observed,
    record: &'a Record,
}

impl Unnamed<'_> {
    const PHASES: [Planned<Self>; 8] = [
        (PhaseName::RestoredServices, |it, seen| {
            it.undone(seen, |entry| is_other_service(it.node, entry))
        }),
        (PhaseName::UnnamedTimeouts, |it, seen| {
            it.undone(seen, |entry| matches!(entry.newest(), Object::Timeouts(_)))
        }),
        (PhaseName::UnnamedRoutes, |it, seen| {
            it.undone(seen, |entry| matches!(entry.newest(), Object::Route(_)))
        }),
        (PhaseName::UnnamedAddresses, |it, seen| {
            let steps = it.undone(seen, |entry| matches!(entry.newest(), Object::Address(_)));
            addresses::later_first(steps, seen)
        }),
        (PhaseName::UnnamedForwarding, |it, seen| {
            it.undone(seen, is_leader)
        }),
        (PhaseName::UnnamedSysctls, |it, seen| {
            it.undone(seen, is_follower)
        }),
        (PhaseName::UnnamedSyncDaemons, |it, seen| {
            it.undone(seen, |entry| matches!(entry.newest(), Object::Daemon(_)))
        }),
        (PhaseName::UnnamedTunnels, |it, seen| {
            it.undone(seen, |entry| tunnels::is_idle(entry.newest(), seen))
        }),
    ];
}

impl Unnamed<'_> {
    /// The last thing first.
    fn undone(&self, seen: &Observed, which: impl Fn(&Change<Object>) -> bool) -> Vec<Step> {
        let things = self.record.things().rev();
        things
            .filter(|entry| which(entry) && !is_named(self.node, entry.newest()))
            .filter_map(|entry| self.record.undone(entry, self.observed, seen))
            .map(|change| Step::new(change, WHY))
            .collect()
    }
}

/// A service that stood there before the cluster, and not on one of its virtual IPs (any more).
fn is_other_service(node: &DesiredState, entry: &Change<Object>) -> bool {
    matches!(entry.newest(), Object::Service(service)
        if entry.before().is_some() && !super::services::is_on_virtual_ip(node, &service.id))
}

/// Whether it is a switch that changes others, and so comes before them.
pub(super) fn is_leader(entry: &Change<Object>) -> bool {
    let leaders = [SysctlKey::IP_FORWARD, SysctlKey::IPV6_FORWARDING];
    matches!(entry.newest(), Object::Sysctl(setting) if leaders.contains(&setting.key))
}

/// Whether it is any other switch.
pub(super) fn is_follower(entry: &Change<Object>) -> bool {
    matches!(entry.newest(), Object::Sysctl(_)) && !is_leader(entry)
}

/// Whether the file has something to say about an object. With `ip_forward` it has about every
/// interface's `forwarding` too, which follows it.
fn is_named(node: &DesiredState, object: &Object) -> bool {
    match object {
        Object::Sysctl(setting) => names_sysctl(node, &setting.key),
        Object::Address(address) => node.names_address(&address.id),
        Object::Route(route) => names_route(node, route),
        Object::Timeouts(_) => node.timeouts != Timeouts::default(),
        Object::Service(service) => node.names_service(&service.id),
        Object::Tunnel(tunnel) => {
            let mut wanted = node.tunnels.iter();
            wanted.any(|wanted| wanted.value.name == tunnel.name)
        }
        Object::Listener(listener) => {
            let mut wanted = node.listeners.iter();
            wanted.any(|wanted| wanted.value == *listener)
        }
        Object::Daemon(daemon) => {
            let mut wanted = node.daemons.iter();
            wanted.any(|wanted| wanted.value.role == daemon.role)
        }
        Object::Link(_) | Object::Destination(_) => true,
    }
}

fn names_sysctl(node: &DesiredState, key: &SysctlKey) -> bool {
    node.sysctls.contains_key(key)
        || key
            .follows()
            .is_some_and(|leader| node.sysctls.contains_key(&leader))
}

fn names_route(node: &DesiredState, route: &crate::net::Route) -> bool {
    let mut wanted = node.routes.iter().map(|wanted| &wanted.value.id);
    wanted.any(|id| {
        id.metric == route.id.metric && id.destination.trunc() == route.id.destination.trunc()
    })
}
