//! `lvsctl order`

use lvs_core::Cluster;
use lvs_core::cluster::{RolloutAction, RolloutStep};
use serde::Serialize;

use crate::arguments::OrderArguments;
use crate::exit::{Exit, Problem};
use crate::file;
use crate::output::{print, print_json};

/// Is the JSON of an order.
#[derive(Serialize)]
struct OrderReport<'a> {
    schema: &'static str,
    cluster: &'a str,
    stages: Vec<StepReport<'a>>,
}

/// Is the JSON of a step: the step, and the command that is typed on its node.
#[derive(Serialize)]
struct StepReport<'a> {
    #[serde(flatten)]
    step: &'a RolloutStep,
    command: String,
}

pub(crate) fn run(arguments: &OrderArguments) -> Result<Exit, Problem> {
    let cluster = file::cluster(&arguments.file)?;
    let old = arguments.from.as_deref().map(file::cluster).transpose()?;
    let stages = cluster.rollout(old.as_ref());
    if arguments.json {
        let removed = old.as_ref().unwrap_or(&cluster);
        let report = |step| StepReport {
            step,
            command: command(step, &arguments.file, removed),
        };
        print_json(&OrderReport {
            schema: "lvsctl.order/1",
            cluster: cluster.name().as_str(),
            stages: stages.iter().map(report).collect(),
        })?;
    } else {
        print(&text(&stages))?;
    }
    Ok(Exit::Done)
}

/// Returns the line to type on the node. A node that leaves is removed by its record, because its file is the
/// old one.
fn command(step: &RolloutStep, file: &str, removed: &Cluster) -> String {
    let node = &step.node;
    let file = quoted(file);
    let role = step.role.map(|role| format!(" --role {role}"));
    let role = role.unwrap_or_default();
    match step.action {
        RolloutAction::Remove => format!("lvsctl remove {} --node {node}", removed.name()),
        RolloutAction::Grow => format!("lvsctl apply {file} --node {node}{role} --grow"),
        _ => format!("lvsctl apply {file} --node {node}{role}"),
    }
}

/// Returns a word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./+:,@%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

fn text(stages: &[RolloutStep]) -> String {
    if stages.is_empty() {
        return "nothing to do\n".to_owned();
    }
    let width = stages.iter().map(|stage| node(stage).len()).max();
    let width = width.unwrap_or_default();
    stages
        .iter()
        .map(|stage| {
            let outage = stage.outage.iter();
            let outage: String = outage
                .map(|outage| format!("        outage: {outage}\n"))
                .collect();
            format!(
                "{:<6} {:width$}  # {}\n{outage}",
                verb(stage.action),
                node(stage),
                stage.why
            )
        })
        .collect()
}

fn verb(action: RolloutAction) -> &'static str {
    match action {
        RolloutAction::Remove => "remove",
        _ => "apply",
    }
}

/// Returns the node's name with the options of the step: the role in which one of two directors begins.
fn node(stage: &RolloutStep) -> String {
    let role = stage.role.map(|role| format!(" --role {role}"));
    let grow = match stage.action {
        RolloutAction::Grow => " --grow",
        _ => "",
    };
    format!("{}{}{grow}", stage.node, role.unwrap_or_default())
}
