//! From FILE and --node to the desired state of this node.

use std::fs::File;
use std::io::{self, Read};

use lvs_core::cluster::{DesiredState, Document, DocumentError, Role, host_name};
use lvs_core::{Cluster, Host};

use crate::arguments::{StateArguments, Target};
use crate::exit::{Mistake, Problem};

/// The name of standard input as a file.
pub(crate) const STANDARD_INPUT: &str = "-";

/// Returns the cluster, and the desired state of the node that this host is; of one of two directors, in the
/// given role.
///
/// Without `--role` it is the role that was last applied: a change of the file must not change which
/// director is active, and its author need not know.
pub(crate) fn node_as(
    target: &Target,
    role: Option<Role>,
) -> Result<(Cluster, DesiredState), Problem> {
    let cluster = cluster(&target.file)?;
    let name = target.find(&cluster)?.name;
    let cluster = on_this_host(cluster, name.as_str())?;
    let node = in_role(
        &cluster,
        named(&cluster, name.as_str())?,
        &target.state,
        role,
    )?;
    Ok((cluster, node))
}

/// Returns the cluster with the interfaces of the node that this host is by their own names.
pub(crate) fn on_this_host(cluster: Cluster, node: &str) -> Result<Cluster, Problem> {
    let names = Host::open()?.net().alternative_names()?;
    Ok(cluster.with_interfaces(node, &names))
}

impl Target {
    /// Returns the desired state of the node that this host is.
    pub(crate) fn find(&self, cluster: &Cluster) -> Result<DesiredState, Problem> {
        match &self.node {
            Some(name) => named(cluster, name),
            None => this_node(cluster),
        }
    }
}

/// Returns a node in its role, if it has one.
pub(crate) fn in_role(
    cluster: &Cluster,
    node: DesiredState,
    state: &StateArguments,
    role: Option<Role>,
) -> Result<DesiredState, Problem> {
    match (node.role, role) {
        (None, None) => return Ok(node),
        (None, Some(_)) => return Err(roleless(&node)),
        (Some(_), _) => {}
    }
    // A record that cannot be read must not prevent a role that is given.
    let role = match role {
        Some(role) => role,
        None => state
            .directory()
            .record(&node)?
            .role()
            .ok_or_else(|| undecided(cluster, &node))?,
    };
    cluster
        .node_as(node.name.as_str(), role)
        .ok_or_else(|| roleless(&node))
}

fn roleless(node: &DesiredState) -> Problem {
    let (name, cluster) = (&node.name, &node.cluster);
    Problem::usage(format!(
        "--role: {name} is not one of two directors of the cluster {cluster}"
    ))
}

/// There is no default: two active directors are worse than an error.
fn undecided(cluster: &Cluster, node: &DesiredState) -> Problem {
    let directors: Vec<_> = cluster
        .directors()
        .iter()
        .map(|director| director.name.as_str())
        .collect();
    Problem::usage(format!(
        "{}: role is unknown; the file has two directors, {}, and no role was applied here before",
        node.name,
        directors.join(" and ")
    ))
    .with_hint("add --role active or --role standby")
}

/// Returns the name of the cluster in a file that may have mistakes elsewhere.
pub(crate) fn claimed_name(file: &str) -> Option<String> {
    let text = lossy_text(file, "a cluster file", Document::MAX_LENGTH).ok()?;
    let mut lines = text
        .lines()
        .take_while(|line| !line.trim_start().starts_with('['));
    lines.find_map(|line| {
        let (key, value) = line.split_once('=')?;
        let (_, value) = value.split_once('"')?;
        let (name, _) = value.split_once('"')?;
        (key.trim() == "name").then(|| name.to_owned())
    })
}

/// Reads and checks a cluster file.
pub(crate) fn cluster(file: &str) -> Result<Cluster, Problem> {
    Cluster::from_toml_with(&cluster_text(file)?, &targets)
        .map_err(|mistakes| mistaken(file, mistakes))
}

/// Reads a cluster file.
pub(crate) fn cluster_text(file: &str) -> Result<String, Problem> {
    text(file, "a cluster file", Document::MAX_LENGTH)
}

/// Reads a file of targets, or says why it cannot be read.
pub(crate) fn targets(path: &str) -> Result<String, String> {
    let targets = text(path, "a file of targets", Document::MAX_LENGTH);
    targets.map_err(|problem| problem.message)
}

/// Returns the problem of a cluster file with mistakes.
pub(crate) fn mistaken(file: &str, mistakes: impl IntoIterator<Item = DocumentError>) -> Problem {
    let mistakes = mistakes.into_iter();
    Problem::mistaken(
        mistakes
            .map(|mistake| Mistake::new(name(file), &mistake))
            .collect(),
    )
}

/// Returns the text of a file or of standard input, of which no more is read than `longest` and a byte.
pub(crate) fn text(file: &str, kind: &str, longest: usize) -> Result<String, Problem> {
    let bytes = bytes(file, kind, longest)?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let lines = error.as_bytes().iter().take(valid);
        let line = 1 + lines.filter(|byte| **byte == b'\n').count();
        Problem::failed(format!("{}:{line}: the text is not UTF-8", name(file)))
            .with_hint("save the file as UTF-8; that includes its comments")
    })
}

/// Returns the text as [`text`] does, with bytes that are not UTF-8 replaced.
pub(crate) fn lossy_text(file: &str, kind: &str, longest: usize) -> Result<String, Problem> {
    bytes(file, kind, longest).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn bytes(file: &str, kind: &str, longest: usize) -> Result<Vec<u8>, Problem> {
    read(file, kind, longest as u64).map_err(|error| match error.kind() {
        io::ErrorKind::IsADirectory => {
            Problem::failed(format!("{}: it is a directory, not a file", name(file)))
        }
        _ => Problem::failed(format!("{}: {error}", name(file))),
    })
}

fn read(file: &str, kind: &str, longest: u64) -> io::Result<Vec<u8>> {
    let source: Box<dyn Read> = match file {
        STANDARD_INPUT => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path)?),
    };
    let mut text = Vec::new();
    source.take(longest + 1).read_to_end(&mut text)?;
    if text.len() as u64 > longest {
        let limit = longest >> 20;
        let problem = format!("longer than {limit} MiB, which is too long for {kind}");
        return Err(io::Error::other(problem));
    }
    Ok(text)
}

/// Returns the name of a file in messages.
pub(crate) fn name(file: &str) -> &str {
    match file {
        STANDARD_INPUT => "standard input",
        path => path,
    }
}

/// Returns the node of that name.
pub(crate) fn named(cluster: &Cluster, name: &str) -> Result<DesiredState, Problem> {
    cluster.node(name).ok_or_else(|| {
        Problem::usage(format!("--node {name}: no such node in the file"))
            .with_hint(format!("the nodes are {}", names(cluster)))
    })
}

/// Returns the node with this host's whole name, or with its first part.
fn this_node(cluster: &Cluster) -> Result<DesiredState, Problem> {
    let host = host_name();
    let short = host.split('.').next().unwrap_or(&host);
    cluster
        .node(&host)
        .or_else(|| cluster.node(short))
        .ok_or_else(|| {
            Problem::usage(format!("this host, {host:?}: no such node in the file"))
                .with_hint(format!("add --node with one of {}", names(cluster)))
        })
}

pub(crate) fn names(cluster: &Cluster) -> String {
    let names: Vec<_> = cluster.node_names().map(|name| name.as_str()).collect();
    names.join(", ")
}
