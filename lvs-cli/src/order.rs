//! `lvsctl order`

use lvs_core::cluster::RolloutStep;
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
    stages: &'a [RolloutStep],
}

pub(crate) fn run(arguments: &OrderArguments) -> Result<Exit, Problem> {
    let cluster = file::cluster(&arguments.file)?;
    let old = arguments.from.as_deref().map(file::cluster).transpose()?;
    let stages = cluster.rollout(old.as_ref());
    if arguments.json {
        print_json(&OrderReport {
            schema: "lvsctl.order/1",
            cluster: cluster.name().as_str(),
            stages: &stages,
        })?;
    } else {
        print(&text(&stages))?;
    }
    Ok(Exit::Done)
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
            format!(
                "{:<6} {:width$}  # {}\n",
                stage.action,
                node(stage),
                stage.why
            )
        })
        .collect()
}

/// Returns the node's name, with the role in which one of two directors begins.
fn node(stage: &RolloutStep) -> String {
    match stage.role {
        Some(role) => format!("{} --role {role}", stage.node),
        None => stage.node.to_string(),
    }
}
