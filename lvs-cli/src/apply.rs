//! `lvsctl apply`, and what `remove` shares with it.

use lvs_core::Host;
use lvs_core::cluster::{Aftermath, ApplyError, Event, Plan, PlanOptions};
use serde::Serialize;

use crate::arguments::{ApplyArguments, PlanFormat};
use crate::exit::{Exit, Problem};
use crate::output::{note, print, print_json, warning};
use crate::plan::{refused, show};
use crate::{file, signals};

/// Is the JSON of a change.
#[derive(Serialize)]
struct ApplyReport<'a> {
    schema: &'static str,
    #[serde(flatten)]
    plan: Option<&'a Plan>,
    applied: bool,
    reverted: bool,
    error: Option<String>,
    announced: &'a [String],
    not_announced: &'a [String],
}

pub(crate) fn run(arguments: &ApplyArguments) -> Result<Exit, Problem> {
    let target = &arguments.target;
    let (cluster, node) = file::node_as(target, arguments.role.role)?;
    let mut host = Host::open()?;
    let identity = &arguments.identity;
    identity.check(&cluster, &node, &target.state, &mut host)?;
    let state = target.state.directory();
    let options = PlanOptions {
        take_over: arguments.take_over,
    };
    if arguments.dry_run {
        let mut plan = state.plan(&node, &mut host, options)?;
        if arguments.grow {
            plan = plan.growing();
        }
        return dry_run(&plan, arguments.json, arguments.exit_code);
    }
    let mut session = state.lock("apply")?.stop_by(signals::stop_flag()?);
    if arguments.grow {
        session = session.grow();
    }
    if let Some(time) = arguments.confirm {
        session = session.confirm_within(time);
    }
    let plan = change("lvsctl.apply/1", arguments.json, |events| {
        session.apply(&node, &mut host, options, events)
    })?;
    Ok(Exit::for_change(!plan.is_empty(), arguments.exit_code))
}

/// Shows the plan, and fails if `apply` would refuse it.
pub(crate) fn dry_run(plan: &Plan, json: bool, exit_code: bool) -> Result<Exit, Problem> {
    let format = match json {
        true => PlanFormat::Json,
        false => PlanFormat::Text,
    };
    show(plan, format)?;
    refused(plan)?;
    Ok(Exit::for_change(!plan.is_empty(), exit_code))
}

/// Makes a change and reports it: as text the plan before the first step and a summary at the end, as
/// JSON one object at the end.
pub(crate) fn change(
    schema: &'static str,
    json: bool,
    verb: impl FnOnce(&mut dyn FnMut(Event<'_>)) -> Result<Plan, ApplyError>,
) -> Result<Plan, Problem> {
    let mut progress = Progress::default();
    let result = verb(&mut |event| progress.receive(event, json));
    if json {
        print_json(&progress.report(schema, &result))?;
    } else if let Ok(plan) = &result {
        print(&progress.summary(plan))?;
    }
    Ok(result?)
}

/// Collects what a change reports while it is made.
#[derive(Default)]
struct Progress {
    plan: Option<Plan>,
    announced: Vec<String>,
    not_announced: Vec<String>,
}

impl Progress {
    /// Keeps an event for the end, and prints at once what the user must know at once.
    fn receive(&mut self, event: Event<'_>, json: bool) {
        match event {
            Event::Planned(plan) => {
                if !json {
                    // A plan that cannot be shown is executed all the same; the exit status tells the result.
                    let _ = print(&plan.to_string());
                }
                self.plan = Some(plan.clone());
            }
            Event::Confirming(time) => note(&format!(
                "the change is applied and verified; it is rolled back in {} s unless `lvsctl confirm` is run",
                time.as_secs()
            )),
            Event::Unrecorded(error) => warning(&format!(
                "the change is complete, but the record is not up to date: {error}"
            )),
            Event::Announced(addresses) => self
                .announced
                .extend(addresses.iter().map(|address| address.id.to_string())),
            Event::NotAsked(error) => warning(&format!(
                "whether another host has an address that is added was not asked: {error}"
            )),
            Event::NotAnnounced(error) => {
                warning(&format!(
                    "the change is complete, but an address was not announced: {error}"
                ));
                self.not_announced.push(error.to_string());
            }
            _ => {}
        }
    }

    fn summary(&self, plan: &Plan) -> String {
        let mut text = String::new();
        if !plan.is_empty() {
            text.push_str("\ndone and verified\n");
        }
        if !self.announced.is_empty() {
            text.push_str(&format!("announced {}\n", self.announced.join(", ")));
        }
        text
    }

    fn report(&self, schema: &'static str, result: &Result<Plan, ApplyError>) -> ApplyReport<'_> {
        let error = result.as_ref().err();
        ApplyReport {
            schema,
            plan: self.plan.as_ref(),
            applied: error.is_none(),
            reverted: error.is_some_and(|error| matches!(error.aftermath(), Aftermath::Reverted)),
            error: error.map(ToString::to_string),
            announced: &self.announced,
            not_announced: &self.not_announced,
        }
    }
}
