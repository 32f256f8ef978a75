//! The kernel's own choice of source addresses, which policy routing or another program may decide.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::ApplyFailure;
use crate::cluster::DesiredState;
use crate::error::Result;
use crate::host::Host;
use crate::net::RouteQuery;

/// The time in which duplicate address detection ends: an address cannot be a source before.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// Verifies that the kernel does not choose a virtual IP for what it sends to a node that carries it. A takeover is
/// not rolled back for that: clients without any director are worse.
pub(super) fn verify(node: Option<&DesiredState>, host: &mut Host) -> Result<(), ApplyFailure> {
    let Some(node) = node.filter(|node| node.role.is_none()) else {
        return Ok(());
    };
    let started = Instant::now();
    loop {
        let wrong = wrong_source(node, host).map_err(ApplyFailure::Unreadable)?;
        match wrong {
            None => return Ok(()),
            Some((_, source)) if source.is_ipv6() && started.elapsed() < PATIENCE => {
                thread::sleep(PAUSE);
            }
            Some((destination, source)) => {
                return Err(ApplyFailure::VirtualSource {
                    destination,
                    source,
                });
            }
        }
    }
}

fn wrong_source(node: &DesiredState, host: &mut Host) -> Result<Option<(IpAddr, IpAddr)>> {
    let net = host.net();
    let names = net.names()?;
    for (destination, vips) in &node.carriers {
        let decision = net.lookup_by(&RouteQuery::to(*destination), &names)?;
        if let Some(source) = decision.source.filter(|source| vips.contains(source)) {
            return Ok(Some((*destination, source)));
        }
    }
    Ok(None)
}
