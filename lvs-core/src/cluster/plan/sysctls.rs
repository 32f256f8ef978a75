//! Sysctls, each by its exact key.

use super::Planner;
use crate::cluster::Observed;
use crate::cluster::change::{Setting, Step};
use crate::sysctl::SysctlKey;

impl Planner<'_> {
    /// Plans `ip_forward` alone, and first: changing it changes `forwarding` of every interface.
    pub(super) fn ip_forward(&self, seen: &Observed) -> Vec<Step> {
        self.sysctls(seen, |key| *key == SysctlKey::IP_FORWARD)
    }

    pub(super) fn other_sysctls(&self, seen: &Observed) -> Vec<Step> {
        self.sysctls(seen, |key| *key != SysctlKey::IP_FORWARD && !key.is_ipvs())
    }

    /// Plans the sysctls that exist only when the first service has loaded ip_vs, and its scheduler's module.
    pub(super) fn ipvs_sysctls(&self, seen: &Observed) -> Vec<Step> {
        self.sysctls(seen, SysctlKey::is_ipvs)
    }

    /// No step for a sysctl that does not exist: that is a refusal.
    fn sysctls(&self, seen: &Observed, which: impl Fn(&SysctlKey) -> bool) -> Vec<Step> {
        let desired = self.node.sysctls.iter().filter(|(key, _)| which(key));
        let steps = desired.filter_map(|(key, desired)| {
            let found = seen.sysctls.get(key)?;
            let setting = |value: &str| Setting {
                key: key.clone(),
                value: value.to_owned(),
            };
            (*found != desired.value)
                .then(|| Step::edit(setting(found), setting(&desired.value), &desired.why))
        });
        steps.collect()
    }
}
