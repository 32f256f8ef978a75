//! Kernel switches, each by its exact key.

use crate::cluster::change::{Setting, Step};
use crate::cluster::{Desired, DesiredState, Observed};
use crate::sysctl::SysctlKey;

/// `ip_forward` alone, and first: changing it changes `forwarding` of every interface.
pub(super) fn ip_forward(node: &DesiredState, seen: &Observed) -> Option<Step> {
    let key = SysctlKey::IP_FORWARD;
    step(&key, node.sysctls.get(&key)?, seen)
}

pub(super) fn others(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    these(node, seen, |key| {
        *key != SysctlKey::IP_FORWARD && !key.is_ipvs()
    })
}

/// Those that are there only when the first service has loaded ip_vs, and its scheduler's module.
pub(super) fn of_ipvs(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    these(node, seen, SysctlKey::is_ipvs)
}

fn these(node: &DesiredState, seen: &Observed, which: impl Fn(&SysctlKey) -> bool) -> Vec<Step> {
    let these = node.sysctls.iter().filter(|(key, _)| which(key));
    these
        .filter_map(|(key, wanted)| step(key, wanted, seen))
        .collect()
}

/// No step for a switch that does not exist: that is a refusal.
fn step(key: &SysctlKey, wanted: &Desired<String>, seen: &Observed) -> Option<Step> {
    let found = seen.sysctls.get(key)?;
    (*found != wanted.value).then(|| {
        let setting = |value: &str| Setting {
            key: key.clone(),
            value: value.to_owned(),
        };
        Step::edit(setting(found), setting(&wanted.value), &wanted.why)
    })
}
