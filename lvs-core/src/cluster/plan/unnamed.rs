//! What the cluster has made or changed here before and the file no longer names: it goes, or goes back
//! to how it was found. Links stay up: nobody knows who has come to need them.

use super::draft::{Draft, Planned};
use super::{addresses, tunnels};
use crate::cluster::change::{Action, Step};
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
        ("services as before", |it, seen| {
            it.undone(seen, |thing| is_other_service(it.node, thing))
        }),
        ("timeouts as before", |it, seen| {
            it.undone(seen, |thing| matches!(thing, Action::Timeouts(_)))
        }),
        ("routes as before", |it, seen| {
            it.undone(seen, |thing| matches!(thing, Action::Route(_)))
        }),
        ("addresses as before", |it, seen| {
            let steps = it.undone(seen, |thing| matches!(thing, Action::Address(_)));
            addresses::later_first(steps, seen)
        }),
        ("forwarding as before", |it, seen| {
            it.undone(seen, is_leader)
        }),
        ("sysctls as before", |it, seen| it.undone(seen, is_follower)),
        ("sync daemons as before", |it, seen| {
            it.undone(seen, |thing| matches!(thing, Action::Daemon(_)))
        }),
        ("tunnels as before", |it, seen| {
            it.undone(seen, |thing| tunnels::is_idle(thing, seen))
        }),
    ];
}

impl Unnamed<'_> {
    /// The last thing first.
    fn undone(&self, seen: &Observed, which: impl Fn(&Action) -> bool) -> Vec<Step> {
        let things = self.record.things().rev();
        things
            .filter(|thing| which(thing) && !is_named(self.node, thing))
            .filter_map(|thing| self.record.undone(thing, self.observed, seen))
            .map(|action| Step::new(action, WHY))
            .collect()
    }
}

/// A service that stood there before the cluster, and not on one of its virtual IPs (any more).
fn is_other_service(node: &DesiredState, thing: &Action) -> bool {
    match thing {
        Action::Service(change) => {
            thing.is_found()
                && change
                    .newest()
                    .is_some_and(|it| !super::services::is_on_virtual_ip(node, &it.id))
        }
        _ => false,
    }
}

/// Whether it is a switch that changes others, and so comes before them.
pub(super) fn is_leader(thing: &Action) -> bool {
    let leaders = [SysctlKey::IP_FORWARD, SysctlKey::IPV6_FORWARDING];
    matches!(thing, Action::Sysctl(change)
        if change.newest().is_some_and(|setting| leaders.contains(&setting.key)))
}

/// Whether it is any other switch.
pub(super) fn is_follower(thing: &Action) -> bool {
    matches!(thing, Action::Sysctl(_)) && !is_leader(thing)
}

/// Whether the file has something to say about a thing. With `ip_forward` it has about every
/// interface's `forwarding` too, which follows it.
fn is_named(node: &DesiredState, thing: &Action) -> bool {
    match thing {
        Action::Sysctl(change) => change
            .newest()
            .is_none_or(|setting| names_sysctl(node, &setting.key)),
        Action::Address(change) => change.newest().is_none_or(|it| node.names_address(&it.id)),
        Action::Route(change) => change.newest().is_none_or(|it| names_route(node, it)),
        Action::Timeouts(_) => node.timeouts != Timeouts::default(),
        Action::Service(change) => change.newest().is_none_or(|it| node.names_service(&it.id)),
        Action::Tunnel(change) => change.newest().is_none_or(|it| {
            let mut wanted = node.tunnels.iter();
            wanted.any(|wanted| wanted.value.name == it.name)
        }),
        Action::Listener(change) => change
            .newest()
            .is_none_or(|it| node.listeners.iter().any(|wanted| wanted.value == *it)),
        Action::Daemon(change) => change.newest().is_none_or(|it| {
            node.daemons
                .iter()
                .any(|wanted| wanted.value.role == it.role)
        }),
        Action::Link(_) | Action::Destination(_) => true,
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
