//! Taking a real server out of service without its users noticing.
//!
//! A drained destination has weight 0: nobody new is sent there, who is there stays. That alone does
//! not hold clients off that a persistence template leads there, so where a drained destination's
//! service is persistent `net.ipv4.vs.expire_quiescent_template` is 1 for as long; it drops templates,
//! never connections.
//!
//! A file drains with `drain = true`, a person with [`Session::drain`](super::Session::drain), by record. Both
//! keep the weight for later, and win over `keep-weight`.

mod record;
mod session;
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

pub use wait::{DrainOutcome, Remaining};

/// Who gets no new connections: an address, on one port or on all.
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
    /// Whether it means this destination.
    #[must_use]
    pub fn matches(&self, destination: &DestinationId) -> bool {
        self.address == destination.address && self.port.is_none_or(|it| it == destination.port)
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

/// How far a drain goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Draining {
    /// Weight 0: nobody new is sent there, who is there stays.
    Quiet,
    /// The destinations are not there at all until the drain is taken back.
    Removed,
}

/// How a destination is drained, if it is: by its address and by its port, the farther counts.
pub(super) fn how(drains: &BTreeMap<Drain, Draining>, id: &DestinationId) -> Option<Draining> {
    let matching = drains.iter().filter(|(drain, _)| drain.matches(id));
    matching.map(|(_, how)| *how).max()
}

const WHY_TEMPLATES: &str =
    "a client's persistence must not bring it back to a server that is drained";

impl DesiredState {
    /// Takes the weight from every destination that somebody has drained.
    pub(super) fn drain(&mut self, drains: &BTreeMap<Drain, Draining>) {
        for service in &mut self.services {
            service.drain(drains);
        }
        self.expire_templates();
    }

    /// Weight 0 alone does not stop who has a persistence template.
    pub(super) fn expire_templates(&mut self) {
        let sticks =
            |it: &DesiredService| it.service.persistence.is_some() && !it.drained.is_empty();
        if self.services.iter().any(sticks) {
            self.sysctl(SysctlKey::EXPIRE_QUIESCENT_TEMPLATE, 1, WHY_TEMPLATES);
        }
    }
}

impl DesiredService {
    fn drain(&mut self, drains: &BTreeMap<Drain, Draining>) {
        for wanted in &mut self.destinations {
            let id = wanted.value.id;
            if how(drains, &id).is_none() {
                continue;
            }
            if self.drained.iter().all(|known| known.id != id) {
                self.drained.push(wanted.value);
            }
            wanted.value.weight = Weight::DRAIN;
            wanted.why.push_str(", drained");
        }
        self.destinations
            .retain(|wanted| how(drains, &wanted.value.id) != Some(Draining::Removed));
    }

    /// Whether a destination gets no new connections whatever its weight.
    #[must_use]
    pub fn is_drained(&self, id: &DestinationId) -> bool {
        self.drained.iter().any(|destination| destination.id == *id)
    }
}

impl Record {
    /// What a machine must look like, with those drained that somebody has drained.
    pub(super) fn honoured<'a>(&self, node: &'a DesiredState) -> Cow<'a, DesiredState> {
        if self.drains().is_empty() {
            return Cow::Borrowed(node);
        }
        let mut node = node.clone();
        node.drain(self.drains());
        Cow::Owned(node)
    }
}
