//! What an operator names to drain: an address, or a real server by its name.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::Drain;
use crate::cluster::{NodeName, Record, StateDir};
use crate::error::{Cause, Error, InvalidValue, Operation, Result};
use crate::suggest::nearest;

/// So many real servers are named in a hint.
const NAMED: usize = 8;

/// Names a real server to drain, by an address or as the cluster file does, on one port or on all.
///
/// ```
/// use lvs_core::cluster::DrainTarget;
/// let named: DrainTarget = "web2:80".parse()?;
/// assert!(matches!(&named, DrainTarget::Node { port: Some(80), .. }));
/// assert!(matches!("192.168.1.12".parse()?, DrainTarget::Address(_)));
/// assert_eq!(named.to_string(), "web2:80");
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DrainTarget {
    /// The destinations with an address.
    Address(Drain),
    /// The destinations of a node, by all of its addresses.
    Node {
        /// The node, as the cluster file named it when it was last applied.
        name: NodeName,
        /// The port of its destinations; `None` is every port.
        port: Option<u16>,
    },
}

impl fmt::Display for DrainTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(drain) => fmt::Display::fmt(drain, f),
            Self::Node { name, port: None } => write!(f, "{name}"),
            Self::Node {
                name,
                port: Some(port),
            } => write!(f, "{name}:{port}"),
        }
    }
}

impl FromStr for DrainTarget {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if let Ok(drain) = text.parse() {
            return Ok(Self::Address(drain));
        }
        let problem = "is not ADDRESS, NAME, ADDRESS:PORT or NAME:PORT, like 192.168.1.12, web2 or [fd00::12]:80";
        let invalid = || InvalidValue::new("real server", text, problem);
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| invalid())?)),
            None => (text, None),
        };
        // An address with a mistake would be a name that no file has.
        if name.chars().all(|c| c.is_ascii_digit() || c == '.') {
            return Err(invalid());
        }
        NodeName::new(name)
            .map(|name| Self::Node { name, port })
            .map_err(|_| invalid())
    }
}

impl StateDir {
    /// Returns the addresses that a target means, by the records of the clusters that are on this node.
    ///
    /// # Errors
    /// No cluster on this node has destinations of a node with this name, or the records cannot be read.
    pub fn drains_of(&self, target: &DrainTarget) -> Result<Vec<Drain>> {
        let (name, port) = match target {
            DrainTarget::Address(drain) => return Ok(vec![*drain]),
            DrainTarget::Node { name, port } => (name, *port),
        };
        let (records, mut unread) = self.readable();
        let addresses: BTreeSet<_> = records
            .iter()
            .flat_map(|record| record.addresses_of(name))
            .collect();
        if let (true, false) = (addresses.is_empty(), unread.is_empty()) {
            return Err(unread.remove(0).0);
        }
        if addresses.is_empty() {
            return Err(no_server(target, &records));
        }
        Ok(addresses
            .into_iter()
            .map(|address| Drain { address, port })
            .collect())
    }
}

impl Record {
    /// Returns the addresses of the destinations of a node.
    fn addresses_of(&self, name: &NodeName) -> impl Iterator<Item = IpAddr> {
        self.servers
            .iter()
            .filter(move |(_, server)| *server == name)
            .map(|(address, _)| *address)
    }
}

fn no_server(target: &DrainTarget, records: &[Record]) -> Error {
    let known: BTreeSet<_> = records
        .iter()
        .flat_map(|record| record.servers.values())
        .map(NodeName::as_str)
        .collect();
    let problem = "is a real server of no cluster on this node".to_owned();
    let error = Error::new(Operation::new("drain", target), Cause::Invalid(problem));
    if known.is_empty() {
        return error.with_hint("run it on the director, after `apply`");
    }
    let name = target.to_string();
    let meant = nearest(
        name.split(':').next().unwrap_or_default(),
        known.iter().copied(),
    );
    error.with_hint(match meant {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!(
            "the cluster file calls them {}",
            known.into_iter().take(NAMED).collect::<Vec<_>>().join(", ")
        ),
    })
}
