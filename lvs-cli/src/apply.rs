//! `lvsctl apply`, and what it has in common with `remove`.

use lvs_core::Host;
use lvs_core::cluster::{Aftermath, ApplyError, Event, Plan, PlanOptions};
use serde::Serialize;

use crate::arguments::{ApplyArguments, Format};
use crate::exit::{Exit, Problem, changed};
use crate::output::{complain, print, print_json};
use crate::plan::{refused, show};
use crate::{file, signals};

/// The JSON of something done.
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    #[serde(flatten)]
    plan: Option<&'a Plan>,
    applied: bool,
    reverted: bool,
    error: Option<String>,
    announced: Vec<String>,
    not_announced: Vec<String>,
}

/// Of whose addresses neighbours were told, and what kept others from being told.
#[derive(Default)]
struct Said {
    announced: Vec<String>,
    not_announced: Vec<String>,
}

pub(crate) fn run(arguments: &ApplyArguments) -> Result<Exit, Problem> {
    let node = file::node_as(&arguments.target, arguments.role.role)?;
    let mut host = Host::open()?;
    let state = arguments.target.state.state();
    let options = PlanOptions {
        take_over: arguments.take_over,
    };
    if arguments.dry_run {
        let plan = state.plan(&node, &mut host, options)?;
        return shown(&plan, arguments.json, arguments.exit_code);
    }
    let mut session = state.lock("apply")?.stop_by(signals::stop_flag()?);
    if let Some(time) = arguments.confirm {
        session = session.confirm_within(time);
    }
    let plan = done("lvsctl.apply/1", arguments.json, |events| {
        session.apply(&node, &mut host, options, events)
    })?;
    Ok(changed(!plan.is_empty(), arguments.exit_code))
}

/// A dry run.
pub(crate) fn shown(plan: &Plan, json: bool, exit_code: bool) -> Result<Exit, Problem> {
    show(plan, if json { Format::Json } else { Format::Text })?;
    refused(plan)?;
    Ok(changed(!plan.is_empty(), exit_code))
}

/// Does it and reports: the plan before anything happens, what became of it after.
pub(crate) fn done(
    schema: &'static str,
    json: bool,
    verb: impl FnOnce(&mut dyn FnMut(Event<'_>)) -> Result<Plan, ApplyError>,
) -> Result<Plan, Problem> {
    let mut planned = None;
    let mut said = Said::default();
    let result = verb(&mut |event| match event {
        Event::Planned(plan) => planned = Some(told(plan, json)),
        event => said.hear(event),
    });
    if json {
        report(schema, planned.as_ref(), &result, said)?;
    } else if let Ok(plan) = &result {
        print(&said.summary(plan))?;
    }
    Ok(result?)
}

/// What cannot be shown is done all the same; the exit status tells.
fn told(plan: &Plan, json: bool) -> Plan {
    if !json {
        let _ = print(&plan.to_string());
    }
    plan.clone()
}

impl Said {
    /// What a person has to know at once is said at once.
    fn hear(&mut self, event: Event<'_>) {
        match event {
            Event::Confirming(time) => complain(&format!(
                "all is as it must be; it is taken back in {} s unless `lvsctl confirm` is given",
                time.as_secs()
            )),
            Event::Unrecorded(error) => complain(&format!("all is done, but: {error}")),
            Event::Announced(addresses) => {
                let addresses = addresses.iter().map(|address| address.id.to_string());
                self.announced.extend(addresses);
            }
            Event::NotAnnounced(error) => {
                complain(&format!("all is done, but: {error}"));
                self.not_announced.push(error.to_string());
            }
            _ => {}
        }
    }

    /// What was done, in a line or two.
    fn summary(&self, plan: &Plan) -> String {
        let mut text = String::new();
        if !plan.is_empty() {
            text.push_str("\nDone, and verified by reading back.\n");
        }
        if !self.announced.is_empty() {
            let all = self.announced.join(", ");
            text.push_str(&format!("Neighbours were told of {all}.\n"));
        }
        text
    }
}

fn report(
    schema: &'static str,
    plan: Option<&Plan>,
    result: &Result<Plan, ApplyError>,
    said: Said,
) -> Result<(), Problem> {
    let error = result.as_ref().err();
    print_json(&Report {
        schema,
        plan,
        applied: error.is_none(),
        reverted: error.is_some_and(|error| matches!(error.aftermath(), Aftermath::Reverted)),
        error: error.map(ToString::to_string),
        announced: said.announced,
        not_announced: said.not_announced,
    })
}
