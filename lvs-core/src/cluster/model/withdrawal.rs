//! Which virtual IPs services below their minimum withdraw, and which other services keep.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::cluster::Cluster;
use super::virtual_service::VirtualService;
use crate::cluster::checks::BelowMinimum;
use crate::ipvs::ServiceId;

/// So many services are named in a note.
const NAMED: usize = 3;

impl VirtualService {
    /// Returns whether its virtual IPs are removed from the director below its minimum, if no other service keeps
    /// them.
    pub(crate) fn withdraws(&self) -> bool {
        self.policy.below_minimum == BelowMinimum::Withdraw && !self.checks.is_empty()
    }
}

impl Cluster {
    /// Returns the virtual IPs that some service needs whatever becomes of others.
    pub(crate) fn kept_virtual_ips(&self) -> BTreeSet<IpAddr> {
        let kept = self
            .services()
            .iter()
            .filter(|service| !service.withdraws());
        kept.flat_map(VirtualService::vips).collect()
    }

    /// Returns a note for each virtual IP that a service withdraws and that others have, too.
    pub(in crate::cluster) fn withdrawal_notes(&self) -> Vec<String> {
        let mut shared: BTreeMap<IpAddr, [Vec<ServiceId>; 2]> = BTreeMap::new();
        for service in self.services() {
            for vip in service.vips() {
                let [keep, withdraw] = shared.entry(vip).or_default();
                match service.withdraws() {
                    true => withdraw.push(service.service.id),
                    false => keep.push(service.service.id),
                }
            }
        }
        let notes = shared.iter().filter_map(|(vip, [keep, withdraw])| {
            match (keep.is_empty(), withdraw.len()) {
                (_, 0) | (true, 1) => None,
                (true, _) => Some(format!(
                    "{vip} is withdrawn only while all of its services are below their minimum: {}",
                    listed(withdraw)
                )),
                (false, _) => Some(format!(
                    "{vip} is never withdrawn, although {} would: services without below-minimum = \"withdraw\" keep \
                     it, {}",
                    listed(withdraw),
                    listed(keep)
                )),
            }
        });
        notes.collect()
    }
}

fn listed(services: &[ServiceId]) -> String {
    let named: Vec<String> = services
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    match services.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
