//! `lvsctl plan`

use lvs_core::Host;
use lvs_core::cluster::plan::Refusal;
use lvs_core::cluster::{Plan, PlanOptions};
use serde::Serialize;

use crate::arguments::{Detail, PlanArguments, PlanFormat};
use crate::check::warn_of_errors;
use crate::exit::{Exit, Problem};
use crate::file;
use crate::identity::other_node;
use crate::output::{print, print_json};
use crate::report_kind::ReportKind;

/// Is the JSON of a plan.
#[derive(Serialize)]
struct PlanReport<'a> {
    schema: ReportKind,
    #[serde(flatten)]
    plan: &'a Plan,
}

pub(crate) fn run(arguments: &PlanArguments) -> Result<Exit, Problem> {
    let target = &arguments.target;
    if let (Some(old), Some(node)) = (&arguments.from, &target.node) {
        return between(arguments, old, node);
    }
    let (cluster, node) = file::node_as(target, arguments.role.role)?;
    let take_over = arguments.take_over;
    let mut host = Host::open()?;
    let state = target.state.directory();
    let mut plan = state.plan(&node, &mut host, PlanOptions { take_over })?;
    let other = other_node(&cluster, &node, &target.state, &mut host)?;
    plan.notes.extend(other.map(|other| other.to_string()));
    show(&plan, arguments.format(), arguments.detail)?;
    refused(&plan)?;
    warn_of_errors(&cluster);
    Ok(Exit::for_change(!plan.is_empty(), arguments.exit_code))
}

fn between(arguments: &PlanArguments, old: &str, node: &str) -> Result<Exit, Problem> {
    let (old, new) = (file::cluster(old)?, file::cluster(&arguments.target.file)?);
    let plan = Plan::between(&old, &new, node, arguments.role.role).ok_or_else(|| {
        Problem::usage(format!("--node {node}: no such node in either file"))
            .with_hint(format!("the nodes are {}", file::names(&new)))
    })?;
    show(&plan, arguments.format(), arguments.detail)?;
    refused(&plan)?;
    warn_of_errors(&new);
    Ok(Exit::for_change(!plan.is_empty(), arguments.exit_code))
}

pub(crate) fn show(plan: &Plan, format: PlanFormat, detail: Detail) -> Result<(), Problem> {
    match format {
        PlanFormat::Text => print(&detail.text(plan)),
        PlanFormat::Shell => print(&plan.to_shell()),
        PlanFormat::Json => print_json(&PlanReport {
            schema: ReportKind::Plan,
            plan,
        }),
    }
}

impl Detail {
    /// Returns a plan as text.
    pub(crate) fn text(self, plan: &Plan) -> String {
        match self.verbose {
            true => plan.to_string(),
            false => plan.brief().to_string(),
        }
    }
}

/// Fails if `apply` would refuse the plan, although the plan was shown.
pub(crate) fn refused(plan: &Plan) -> Result<(), Problem> {
    if plan.refusals.is_empty() {
        return Ok(());
    }
    Err(Problem::failed(Refusal::listed(&plan.refusals)).reported())
}
