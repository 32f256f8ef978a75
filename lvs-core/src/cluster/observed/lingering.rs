//! Connections whose destination was deleted.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::ControlFlow;

use super::{IpvsState, ReadScope};
use crate::error::Result;
use crate::host::Host;
use crate::ipvs::DestinationId;

/// Reads to which of the directly routed destinations that are still to be added the kernel has connections. There
/// may be millions of connections, so that they are read only where such a destination is missing.
pub(super) fn read(host: &Host, scope: &ReadScope, ipvs: &IpvsState) -> Result<BTreeSet<IpAddr>> {
    let mut missing = scope.missing_of(ipvs);
    let mut lingering = BTreeSet::new();
    if missing.is_empty() {
        return Ok(lingering);
    }
    let _ = host.proc().for_each_connection(|connection| {
        let to = connection.destination;
        if missing.remove(&DestinationId::new(to.ip(), to.port())) {
            lingering.insert(to.ip());
        }
        match missing.is_empty() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    Ok(lingering)
}
