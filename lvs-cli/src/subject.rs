//! What `lvsctl check` is of: this host, facts of another one, or the file alone.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use lvs_core::check::{Facts, Gather};
use lvs_core::cluster::{NodeName, host_name};
use lvs_core::{Cluster, Host};

use crate::arguments::CheckArguments;
use crate::exit::Problem;
use crate::file;
use crate::identity::{evident_node, other_node};
use crate::output::note;

/// The longest facts that are read.
const LONGEST_FACTS: usize = 256 << 20;

/// How long answers by ARP are awaited.
const ARP: Duration = Duration::from_secs(1);

/// What a check is of. Its text is the first line of a report.
pub(crate) enum Subject {
    /// This host, which is a node of the file.
    Node(Box<Facts>),
    /// A host whose facts were saved.
    Saved(Box<Facts>),
    /// This host, which is no node of the file and asked by ARP only.
    Outside(Box<Facts>),
    /// The file alone, as it was asked for.
    Paper,
    /// The file alone, because this host is no node of it.
    NoNode,
}

impl Subject {
    /// Gathers the facts of what the arguments name; on a node the cluster gets its interfaces by their own names.
    pub(crate) fn of(arguments: &CheckArguments, cluster: &mut Cluster) -> Result<Self, Problem> {
        if arguments.paper {
            return Ok(Self::Paper);
        }
        if let Some(path) = &arguments.facts {
            return load(path).map(Box::new).map(Self::Saved);
        }
        let mut host = Host::open()?;
        let name = match &arguments.node {
            Some(name) => Some(name.clone()),
            None => {
                evident_node(cluster, &arguments.state, &mut host)?.map(|name| name.to_string())
            }
        };
        match name {
            Some(name) => {
                *cluster = file::on_this_host(cluster.clone(), &name)?;
                let facts = of_node(arguments, cluster, &name, &mut host)?;
                Ok(Self::Node(Box::new(facts)))
            }
            None if arguments.arp => {
                let mut facts = Facts::unknown(here()?);
                facts.gather_arp(&mut host, cluster, ARP)?;
                Ok(Self::Outside(Box::new(facts)))
            }
            None => Ok(Self::NoNode),
        }
    }

    /// Returns the facts, if those of any host were gathered.
    pub(crate) const fn facts(&self) -> Option<&Facts> {
        match self {
            Self::Node(facts) | Self::Saved(facts) | Self::Outside(facts) => Some(facts),
            Self::Paper | Self::NoNode => None,
        }
    }

    /// Returns the node that was examined.
    pub(crate) const fn node(&self) -> Option<&NodeName> {
        match self {
            Self::Node(facts) | Self::Saved(facts) => Some(&facts.node),
            Self::Outside(_) | Self::Paper | Self::NoNode => None,
        }
    }

    /// Returns the word for it in JSON.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Node(_) => "host",
            Self::Saved(_) => "saved-facts",
            Self::Outside(_) => "neighbours",
            Self::Paper | Self::NoNode => "paper",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PAPER: &str = "check on paper of every node";
        match self {
            Self::Node(facts) => write!(f, "check of node {} on this host", facts.node),
            Self::Saved(facts) => write!(f, "check of node {} by saved facts", facts.node),
            Self::Outside(_) => {
                write!(
                    f,
                    "{PAPER}, and by ARP from this host, which is no node of the file"
                )
            }
            Self::Paper => write!(f, "{PAPER}: no host was examined"),
            Self::NoNode => write!(
                f,
                "{PAPER}: no host was examined, for this one is evidently no node of the file"
            ),
        }
    }
}

fn of_node(
    arguments: &CheckArguments,
    cluster: &Cluster,
    name: &str,
    host: &mut Host,
) -> Result<Facts, Problem> {
    let node = file::named(cluster, name)?;
    let node = file::in_role(cluster, node, &arguments.state, arguments.role.role)?;
    if let Ok(Some(other)) = other_node(cluster, &node, &arguments.state, host) {
        note(&format!("--node {name}: {other}"));
    }
    let gather = Gather {
        arp: arguments.arp.then_some(ARP),
        ..Gather::default()
    };
    let mut facts = Facts::gather(host, cluster, &node, &gather)?;
    // A record that cannot be read, as by another user than root, must not prevent the check.
    let _ = facts.add_record(host, &arguments.state.directory(), &node);
    Ok(facts)
}

/// Returns this host's own name, for a host that is no node of the cluster; the name may be none that a node can have.
fn here() -> Result<NodeName, Problem> {
    NodeName::new(host_name())
        .or_else(|_| NodeName::new("this-host"))
        .map_err(|error| Problem::failed(error.to_string()))
}

fn load(path: &Path) -> Result<Facts, Problem> {
    let text = file::text(&path.to_string_lossy(), "facts", LONGEST_FACTS)?;
    serde_json::from_str(&text)
        .map_err(|error| Problem::failed(format!("{}: {error}", path.display())))
}
