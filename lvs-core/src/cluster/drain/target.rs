//! What an operator names to drain: an address, or a real server by its name.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::Drain;
use crate::cluster::{NodeName, Record};
use crate::error::{Cause, Error, InvalidValue, Operation};
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
    /// The destinations of a node, by all of its addresses: in each cluster those that its file gives that name.
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

impl Record {
    /// Returns the addresses that a target means in this cluster; none if no destination is of a node with its name.
    #[doc(hidden)]
    #[must_use]
    pub fn drains_of(&self, target: &DrainTarget) -> Vec<Drain> {
        let (name, port) = match target {
            DrainTarget::Address(drain) => return vec![*drain],
            DrainTarget::Node { name, port } => (name, *port),
        };
        self.servers
            .iter()
            .filter(|(_, server)| *server == name)
            .map(|(address, _)| Drain {
                address: *address,
                port,
            })
            .collect()
    }
}

impl DrainTarget {
    /// Returns why it is the name of no real server, if that is so.
    pub(super) fn unknown(&self, verb: &'static str, records: &[Record]) -> Option<Error> {
        let is_name = matches!(self, Self::Node { .. });
        let mut known = records.iter().flat_map(|record| record.drains_of(self));
        (is_name && known.next().is_none()).then(|| no_server(self, verb, records))
    }
}

fn no_server(target: &DrainTarget, verb: &'static str, records: &[Record]) -> Error {
    let known: BTreeSet<_> = records
        .iter()
        .flat_map(|record| record.servers.values())
        .map(NodeName::as_str)
        .collect();
    let problem = "is a real server of no cluster on this node".to_owned();
    let error = Error::new(Operation::new(verb, target), Cause::Invalid(problem));
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
