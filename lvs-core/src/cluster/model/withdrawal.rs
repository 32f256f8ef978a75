//! Which virtual IPs services below their minimum withdraw, and which other services keep.

use std::collections::BTreeMap;
#[cfg(feature = "run")]
use std::collections::BTreeSet;
use std::net::IpAddr;

use super::cluster::Cluster;
use super::director::Director;
use super::error::{DocumentError, DocumentErrorKind};
use super::virtual_service::VirtualService;
use crate::cluster::checks::BelowMinimum;
use crate::ipvs::ServiceId;
use crate::net::Address;

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
    /// Returns the virtual IPs that some service needs, also where others are withdrawn.
    #[cfg(feature = "run")]
    pub(crate) fn kept_virtual_ips(&self) -> BTreeSet<IpAddr> {
        self.services()
            .iter()
            .filter(|service| !service.withdraws())
            .flat_map(VirtualService::vips)
            .collect()
    }

    /// Refuses to withdraw a virtual IP with which a director loses the network that it is on: other addresses and
    /// routes would go, too.
    pub(super) fn validate_withdrawal(
        &self,
        service: &VirtualService,
    ) -> Result<(), DocumentError> {
        if !service.withdraws() {
            return Ok(());
        }
        let vips = self.virtual_ips();
        let alone = |director: &Director, vip: &Address| {
            let network = vip.id.network;
            network.prefix_len() < network.max_prefix_len()
                && !director.addresses.iter().any(|own| {
                    own.id.interface == vip.id.interface
                        && own.id.network.trunc() == network.trunc()
                        && !vips.contains(&own.id.network.addr())
                })
        };
        let found = service.vips().into_iter().find_map(|vip| {
            let mut carriers = self.directors_with(vip);
            carriers.find(|(director, address)| alone(director, address))
        });
        match found {
            None => Ok(()),
            Some((_, address)) => {
                let (network, interface) = (address.id.network.trunc(), &address.id.interface);
                let problem = format!(
                    "withdraw would remove the network {network} from {interface}, on which the director has no other address"
                );
                let hint = format!(
                    "add an address of the director's own there, before {}",
                    address.id.network
                );
                Err(
                    DocumentError::new(DocumentErrorKind::Conflict, "below-minimum", problem)
                        .with_hint(hint),
                )
            }
        }
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
        shared.iter().filter_map(|(vip, [keep, withdraw])| {
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
        }).collect()
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
