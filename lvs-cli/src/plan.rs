//! `lvsctl plan`

use lvs_core::Host;
use lvs_core::cluster::{Plan, PlanOptions};
use serde::Serialize;

use crate::arguments::{Format, PlanArguments};
use crate::exit::{Exit, Problem, changed};
use crate::file;
use crate::output::{print, print_json};

/// The JSON of a plan, with what is promised of it.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) schema: &'static str,
    #[serde(flatten)]
    pub(crate) plan: &'a Plan,
}

pub(crate) fn run(arguments: &PlanArguments) -> Result<Exit, Problem> {
    let node = file::node_as(&arguments.target, arguments.role.role)?;
    let take_over = arguments.take_over;
    let state = arguments.target.state.state();
    let plan = state.plan(&node, &mut Host::open()?, PlanOptions { take_over })?;
    show(&plan, arguments.format)?;
    refused(&plan)?;
    Ok(changed(!plan.is_empty(), arguments.exit_code))
}

pub(crate) fn show(plan: &Plan, format: Format) -> Result<(), Problem> {
    match format {
        Format::Text => print(&plan.to_string()),
        Format::Shell => print(&plan.to_shell()),
        Format::Json => print_json(&Report {
            schema: "lvsctl.plan/1",
            plan,
        }),
    }
}

/// A plan that must not be carried out is a failure, though it was shown.
pub(crate) fn refused(plan: &Plan) -> Result<(), Problem> {
    if plan.refusals.is_empty() {
        return Ok(());
    }
    let said: Vec<_> = plan.refusals.iter().map(ToString::to_string).collect();
    Err(Problem::failed(said.join("\n")))
}
