//! From FILE and --node to what this machine must look like.

use std::fs::{self, File};
use std::io::{self, Read};

use lvs_core::Cluster;
use lvs_core::cluster::{DesiredState, Document, DocumentError, Role};

use crate::arguments::{StateArguments, Target};
use crate::exit::Problem;

/// The machine of the cluster file that this one is.
pub(crate) fn node(target: &Target) -> Result<DesiredState, Problem> {
    let cluster = cluster(&target.file)?;
    match &target.node {
        Some(name) => named(&cluster, name),
        None => this_machine(&cluster),
    }
}

/// The same, and if it is one of two directors, in that role; where none is said, in the one it was last
/// applied in: who changes the file need not know who is active, and must not change it by the way.
pub(crate) fn node_as(target: &Target, role: Option<Role>) -> Result<DesiredState, Problem> {
    let cluster = cluster(&target.file)?;
    let node = match &target.node {
        Some(name) => named(&cluster, name),
        None => this_machine(&cluster),
    }?;
    in_role(&cluster, node, &target.state, role)
}

/// A machine in its role, if it has any.
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
    let last = state.state().record(&node)?.role();
    let role = role.or(last).ok_or_else(|| undecided(cluster, &node))?;
    let node_as = cluster.node_as(node.name.as_str(), role);
    node_as.ok_or_else(|| roleless(&node))
}

fn roleless(node: &DesiredState) -> Problem {
    let (name, cluster) = (&node.name, &node.cluster);
    Problem::usage(format!(
        "--role: {name} is not one of two directors of {cluster}"
    ))
}

/// Both active would be worse than an error.
fn undecided(cluster: &Cluster, node: &DesiredState) -> Problem {
    let directors: Vec<_> = cluster
        .directors()
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    Problem::usage(format!(
        "{} are two directors, and nothing says which one is active: say --role active or --role \
         standby for {}",
        directors.join(" and "),
        node.name
    ))
}

/// Reads and checks a cluster file.
pub(crate) fn cluster(file: &str) -> Result<Cluster, Problem> {
    let text = text(file, "a cluster file", Document::MAX_LENGTH)?;
    Cluster::from_toml(&text).map_err(|error| Problem::failed(refusal(file, &error)))
}

/// A file, or standard input. No more is read than such a file may be long, however much there is.
pub(crate) fn text(file: &str, kind: &str, longest: usize) -> Result<String, Problem> {
    read(file, kind, longest as u64)
        .map_err(|error| Problem::failed(format!("{}: {error}", name(file))))
}

fn read(file: &str, kind: &str, longest: u64) -> io::Result<String> {
    let source: Box<dyn Read> = match file {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path)?),
    };
    let mut text = String::new();
    source.take(longest + 1).read_to_string(&mut text)?;
    if text.len() as u64 > longest {
        let problem = format!("is longer than {} MiB; is it {kind}?", longest >> 20);
        return Err(io::Error::other(problem));
    }
    Ok(text)
}

/// What a file is called in a message.
pub(crate) fn name(file: &str) -> &str {
    if file == "-" { "standard input" } else { file }
}

fn refusal(file: &str, error: &DocumentError) -> String {
    match error.position() {
        Some(position) => format!("{}:{position}: {error}", name(file)),
        None => format!("{}: {error}", name(file)),
    }
}

/// The machine of that name.
pub(crate) fn named(cluster: &Cluster, name: &str) -> Result<DesiredState, Problem> {
    let unknown = || Problem::usage(format!("--node {name}: the file has {}", names(cluster)));
    cluster.node(name).ok_or_else(unknown)
}

/// By the whole host name, or by its first part.
fn this_machine(cluster: &Cluster) -> Result<DesiredState, Problem> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let short = host.split('.').next().unwrap_or(host);
    let unknown = || {
        let names = names(cluster);
        Problem::usage(format!(
            "this host, {host:?}, is no machine of the file; say --node with one of {names}"
        ))
    };
    cluster
        .node(host)
        .or_else(|| cluster.node(short))
        .ok_or_else(unknown)
}

fn names(cluster: &Cluster) -> String {
    let names: Vec<_> = cluster.node_names().map(|name| name.as_str()).collect();
    names.join(", ")
}
