//! Taking a real server out of service without its users noticing.
//!
//! A drained destination has weight 0: it gets no new connections, and existing ones stay. That alone does
//! not stop clients that have a persistence template, so where a drained destination's service is
//! persistent `net.ipv4.vs.expire_quiescent_template` is 1 for as long; it drops templates, never
//! connections.
//!
//! A file drains with `drain = true`, an operator with [`Session::drain`](super::Session::drain), by record.
//! Both keep the weight for later, and override `keep-weight`.

mod record;
mod session;
mod target;
mod wait;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{DesiredService, DesiredState, Record};
use crate::error::InvalidValue;
use crate::ipvs::{DestinationId, Weight};
use crate::sysctl::SysctlKey;

pub use target::DrainTarget;
pub use wait::{DrainOutcome, Remaining};

/// Names the destinations that get no new connections: an address, on one port or on all.
///
/// ```
/// use lvs_core::cluster::Drain;
/// let one: Drain = "192.168.1.12:80".parse()?;
/// let all: Drain = "fd00::12".parse()?;
/// assert_eq!((one.port, all.port), (Some(80), None));
/// assert_eq!(one.to_string(), "192.168.1.12:80");
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Drain {
    /// The real server's address.
    pub address: IpAddr,
    /// Its port; `None` is every port.
    pub port: Option<u16>,
}

impl Drain {
    /// Returns whether it means this destination.
    #[must_use]
    pub fn matches(&self, destination: &DestinationId) -> bool {
        self.address == destination.address && self.port.is_none_or(|port| port == destination.port)
    }
}

impl fmt::Display for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => fmt::Display::fmt(&SocketAddr::new(self.address, port), f),
            None => fmt::Display::fmt(&self.address, f),
        }
    }
}

impl FromStr for Drain {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if let Ok(address) = text.parse() {
            return Ok(Self {
                address,
                port: None,
            });
        }
        let socket: SocketAddr = text.parse().map_err(|_| {
            let problem = "is not ADDRESS or ADDRESS:PORT, like 192.168.1.12 or [fd00::12]:80";
            InvalidValue::new("real server", text, problem)
        })?;
        Ok(Self {
            address: socket.ip(),
            port: Some(socket.port()),
        })
    }
}

crate::text::serde_as_text!(Drain);

/// Says how far a drain goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Draining {
    /// Weight 0: the destinations get no new connections, and existing ones stay.
    Quiet,
    /// The destinations are deleted until the drain ends.
    Removed,
}

/// Returns how a destination is drained, if it is: by its address and by its port, the farther counts.
pub(super) fn how(drains: &BTreeMap<Drain, Draining>, id: &DestinationId) -> Option<Draining> {
    drains
        .iter()
        .filter(|(drain, _)| drain.matches(id))
        .map(|(_, how)| *how)
        .max()
}

/// Why persistence templates are dropped.
const WHY_TEMPLATES: &str = "a persistent client must not return to a drained server";

impl DesiredState {
    /// Sets the weight of every drained destination to 0.
    pub(crate) fn drain(&mut self, drains: &BTreeMap<Drain, Draining>) {
        self.services.update(|service| service.drain(drains));
        self.expire_templates();
    }

    /// Weight 0 alone does not stop clients that have a persistence template.
    pub(super) fn expire_templates(&mut self) {
        if self
            .services
            .iter()
            .any(|desired| desired.service.persistence.is_some() && !desired.drained.is_empty())
        {
            self.sysctl(SysctlKey::EXPIRE_QUIESCENT_TEMPLATE, 1, WHY_TEMPLATES);
        }
    }
}

impl DesiredService {
    /// A drained real server is probed all the same.
    fn drain(&mut self, drains: &BTreeMap<Drain, Draining>) {
        if self.is_probe() {
            return;
        }
        let mut wanted = self.destinations.iter();
        if wanted.all(|wanted| how(drains, &wanted.value.id).is_none()) {
            return;
        }
        for wanted in self.destinations.iter_mut() {
            let id = wanted.value.id;
            if how(drains, &id).is_none() {
                continue;
            }
            if self.drained.iter().all(|known| known.id != id) {
                self.drained.push(wanted.value);
            }
            wanted.value.weight = Weight::DRAIN;
            wanted.why = format!("{}, drained", wanted.why).into();
        }
        self.destinations
            .retain(|wanted| how(drains, &wanted.value.id) != Some(Draining::Removed));
    }

    /// Returns how a destination is drained: by this state, or by the operator; the farther counts.
    #[cfg(feature = "run")]
    pub(crate) fn draining(
        &self,
        drains: &BTreeMap<Drain, Draining>,
        id: &DestinationId,
    ) -> Option<Draining> {
        let by_file = self.is_drained(id).then_some(Draining::Quiet);
        how(drains, id).max(by_file)
    }

    /// Returns whether a destination is drained: it gets no new connections.
    #[must_use]
    pub fn is_drained(&self, id: &DestinationId) -> bool {
        self.drained.iter().any(|destination| destination.id == *id)
    }
}

impl Record {
    /// Returns how a node must look with the destinations drained that are drained on record.
    pub(super) fn with_drains<'a>(&self, node: &'a DesiredState) -> Cow<'a, DesiredState> {
        if self.drains().is_empty() {
            return Cow::Borrowed(node);
        }
        let mut drained = node.clone();
        drained.drain(&self.drains_in(node));
        Cow::Owned(drained)
    }

    /// Returns the drains where a real server has another address than it had: it is the same real server.
    pub(super) fn drains_in(&self, node: &DesiredState) -> BTreeMap<Drain, Draining> {
        self.drains
            .iter()
            .map(|(drain, how)| (self.moved(drain, node).unwrap_or(*drain), *how))
            .collect()
    }

    fn moved(&self, drain: &Drain, node: &DesiredState) -> Option<Drain> {
        // At an address that the file gives to another one now, and the real server itself nowhere, it was renamed.
        let name = self.server(drain.address)?;
        if node.servers.get(&drain.address) == Some(name) {
            return None;
        }
        let mut servers = node.servers.iter();
        let (address, _) = servers.find(|(address, server)| {
            *server == name && address.is_ipv6() == drain.address.is_ipv6()
        })?;
        Some(Drain {
            address: *address,
            port: drain.port,
        })
    }
}
