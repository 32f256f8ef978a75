//! `lvsctl order`

use lvs_core::cluster::RolloutStep;
use serde::Serialize;

use crate::arguments::OrderArguments;
use crate::exit::{Exit, Problem};
use crate::file;
use crate::output::{print, print_json};

/// The JSON of an order.
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    cluster: &'a str,
    stages: &'a [RolloutStep],
}

pub(crate) fn run(arguments: &OrderArguments) -> Result<Exit, Problem> {
    let cluster = file::cluster(&arguments.file)?;
    let old = arguments.from.as_deref().map(file::cluster).transpose()?;
    let stages = cluster.rollout(old.as_ref());
    if arguments.json {
        print_json(&Report {
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
    let widths = stages.iter().map(|stage| machine(stage).len());
    let width = widths.max().unwrap_or_default();
    let lines = stages.iter().map(|stage| {
        let machine = machine(stage);
        format!("{:<6} {machine:width$}  # {}\n", stage.action, stage.why)
    });
    lines.collect()
}

/// With the role in which one of two directors begins.
fn machine(stage: &RolloutStep) -> String {
    match stage.role {
        Some(role) => format!("{} --role {role}", stage.node),
        None => stage.node.to_string(),
    }
}
