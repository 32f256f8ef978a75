//! `lvsctl remove`

use std::collections::BTreeSet;
use std::path::Path;

use lvs_core::cluster::{ClusterName, DesiredState, StateDir};
use lvs_core::{Cluster, Host};

use crate::arguments::RemoveArguments;
use crate::change::{change, dry_run};
use crate::exit::{Exit, Problem};
use crate::output::note;
use crate::report_kind::ReportKind;
use crate::{file, signals};

pub(crate) fn run(arguments: &RemoveArguments) -> Result<Exit, Problem> {
    let mut host = Host::open()?;
    let state = arguments.target.state.directory();
    let node = match arguments.cluster_name() {
        Some(name) => arguments.recorded(&state, &name)?,
        None => arguments.named(&state, &mut host)?,
    };
    if arguments.dry_run {
        let plan = state.plan_removal(&node, &mut host)?;
        let shown = dry_run(&plan, arguments.json, arguments.detail, arguments.exit_code)?;
        state
            .refuse_removal_beside_controller(&node.cluster)
            .map_err(|error| Problem::from(error).reported())?;
        return Ok(shown);
    }
    let mut session = state.lock_unless("remove", signals::stop_flag()?)?;
    let plan = change(
        ReportKind::Remove,
        arguments.json,
        arguments.detail,
        |events| session.remove(&node, &mut host, events),
    )?;
    say_drains(&state, &node);
    Ok(Exit::for_change(!plan.is_empty(), arguments.exit_code))
}

/// Says which drains outlive the removal: they hold again as soon as the cluster is applied.
fn say_drains(state: &StateDir, node: &DesiredState) {
    let Ok(record) = state.record(node) else {
        return;
    };
    let drains: Vec<_> = record.drains().keys().map(ToString::to_string).collect();
    if let Some(first) = drains.first() {
        note(&format!(
            "drained real servers stay drained for the next apply: {} (lvsctl undrain {first} ends that)",
            drains.join(", ")
        ));
    }
}

impl RemoveArguments {
    /// Returns the cluster's name, if that and no file was given. A directory of that name is no cluster file.
    fn cluster_name(&self) -> Option<ClusterName> {
        let name = &self.target.file;
        let path = Path::new(name);
        match name == "-" || path.exists() && !path.is_dir() {
            true => None,
            false => ClusterName::new(name).ok(),
        }
    }

    /// Returns whether neither a file nor a directory has the given name.
    fn is_no_file(&self) -> bool {
        self.target.file != "-" && !Path::new(&self.target.file).exists()
    }

    /// Returns the node that this host is by the file; or by the record of the file's cluster, if the file
    /// does not name this host any more.
    fn named(&self, state: &StateDir, host: &mut Host) -> Result<DesiredState, Problem> {
        let target = &self.target;
        let cluster = file::cluster(&target.file).map_err(|problem| match self.is_no_file() {
            true => problem.with_hint(applied_here(state)),
            false => problem,
        })?;
        let node = match target.find(&cluster) {
            Ok(node) => node.name,
            Err(problem) => return self.left(&cluster, state, problem),
        };
        let cluster = file::on_this_host(cluster, node.as_str())?;
        let node = file::named(&cluster, node.as_str())?;
        self.identity.check(&cluster, &node, &target.state, host)?;
        Ok(node)
    }

    fn left(
        &self,
        cluster: &Cluster,
        state: &StateDir,
        problem: Problem,
    ) -> Result<DesiredState, Problem> {
        let is_named = |node: &DesiredState| cluster.node_names().any(|name| *name == node.name);
        let mut nodes = self.nodes(state, cluster.name())?;
        nodes.retain(|node| !is_named(node));
        match nodes.pop().filter(|_| nodes.is_empty()) {
            Some(node) => Ok(node),
            None => Err(problem),
        }
    }

    /// Returns the node that this host is by the record alone.
    fn recorded(&self, state: &StateDir, name: &ClusterName) -> Result<DesiredState, Problem> {
        let mut nodes = self.nodes(state, name)?;
        let names: Vec<_> = nodes.iter().map(|node| node.name.to_string()).collect();
        match (nodes.pop(), nodes.len()) {
            (Some(node), 0) => Ok(node),
            (None, _) => Err(self.unrecorded(state, name)),
            (Some(_), _) => Err(Problem::usage(format!(
                "{name}: this host has records of several nodes, {}",
                names.join(" and ")
            ))
            .with_hint("add --node with one of them")),
        }
    }

    /// Returns the problem that no record of a cluster, or of the node that was named, says what to remove.
    fn unrecorded(&self, state: &StateDir, name: &ClusterName) -> Problem {
        let nodes = state.nodes_of(name).unwrap_or_default();
        let records = state.records().unwrap_or_default();
        let is_known = records.iter().any(|record| record.cluster() == name);
        match (&self.target.node, nodes.first()) {
            (Some(named), Some(node)) => Problem::failed(format!(
                "{name}: was not applied to this host as {named}, but as {}",
                node.name
            ))
            .with_hint(format!(
                "add --node {}, or nothing; a node that was renamed needs no removal of its former name",
                node.name
            )),
            _ if is_known => Problem::failed(format!(
                "{name}: no such file, and no record says what of it was applied here"
            ))
            .with_hint(
                "if anything was, name the cluster file: what belongs to nothing else is removed by it",
            ),
            _ => Problem::failed(format!(
                "{name}: no such file, and no cluster of this name was applied here"
            ))
            .with_hint(applied_here(state)),
        }
    }

    /// Returns the nodes of a cluster that this host is by the records.
    fn nodes(&self, state: &StateDir, cluster: &ClusterName) -> Result<Vec<DesiredState>, Problem> {
        let mut nodes = state.nodes_of(cluster)?;
        nodes.retain(|node| match &self.target.node {
            Some(name) => node.name == *name.as_str(),
            None => true,
        });
        Ok(nodes)
    }
}

/// Returns the hint for a name of which there is neither a file nor a cluster.
fn applied_here(state: &StateDir) -> String {
    let records = state.records().unwrap_or_default();
    let names: BTreeSet<_> = records
        .iter()
        .filter(|record| record.is_applied())
        .map(|record| record.cluster().as_str())
        .collect();
    match Vec::from_iter(names).as_slice() {
        [] => "name the cluster file; no cluster has a record here".to_owned(),
        [name] => format!("name the cluster file, or the cluster that was applied here: {name}"),
        names => format!(
            "name the cluster file, or one of the clusters that were applied here: {}",
            names.join(", ")
        ),
    }
}
