//! `lvsctl order`

use lvs_core::cluster::RolloutStep;
use serde::Serialize;

use crate::arguments::{OrderArguments, OrderFormat};
use crate::check::warn_of_errors;
use crate::exit::{Exit, Problem};
use crate::file;
use crate::output::{print, print_json};
use crate::report_kind::ReportKind;

/// Is the JSON of an order.
#[derive(Serialize)]
struct OrderReport<'a> {
    schema: ReportKind,
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
    let removed = old.as_ref().unwrap_or(&cluster).name();
    let command = |step: &RolloutStep| step.command(&arguments.file, removed);
    let report = |step| StepReport {
        step,
        command: command(step),
    };
    match arguments.format() {
        OrderFormat::Text => print(&text(&stages, command)),
        OrderFormat::Json => print_json(&OrderReport {
            schema: ReportKind::Order,
            cluster: cluster.name().as_str(),
            stages: stages.iter().map(report).collect(),
        }),
        OrderFormat::Mermaid => print(&cluster.to_mermaid()),
        OrderFormat::Svg => print(&cluster.to_svg()),
    }?;
    warn_of_errors(&cluster);
    Ok(Exit::Done)
}

/// Returns a line for each step, which can be typed on its node as it stands.
fn text(stages: &[RolloutStep], command: impl Fn(&RolloutStep) -> String) -> String {
    if stages.is_empty() {
        return "nothing to do\n".to_owned();
    }
    let commands: Vec<_> = stages.iter().map(command).collect();
    let width = commands.iter().map(|command| command.chars().count()).max();
    let width = width.unwrap_or_default();
    stages
        .iter()
        .zip(&commands)
        .map(|(stage, command)| {
            let told = |word, text: &Option<String>| {
                let text = text.as_ref();
                text.map_or_else(String::new, |text| format!("  # {word}: {text}\n"))
            };
            let (outage, hint) = (told("outage", &stage.outage), told("hint", &stage.hint));
            format!("{hint}{command:width$}  # {}\n{outage}", stage.why)
        })
        .collect()
}
