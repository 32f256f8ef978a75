//! Making a change of a node and reporting it: what `apply` and `remove` share.

use lvs_core::cluster::{Aftermath, ApplyError, ApplyEvent, Plan};
use serde::Serialize;

use crate::arguments::{Detail, PlanFormat};
use crate::exit::{Exit, Problem};
use crate::output::{note, print_done, print_json_done, print_progress, warning};
use crate::plan::{refused, show};
use crate::report_kind::ReportKind;

/// More addresses than this are not read one by one.
const MANY: usize = 12;

/// Is the JSON of a change.
#[derive(Serialize)]
struct ApplyReport<'a> {
    schema: ReportKind,
    #[serde(flatten)]
    plan: Option<&'a Plan>,
    applied: bool,
    reverted: bool,
    error: Option<String>,
    announced: &'a [String],
    not_announced: &'a [String],
}

/// Shows the plan, and fails if `apply` would refuse it.
pub(crate) fn dry_run(
    plan: &Plan,
    json: bool,
    detail: Detail,
    exit_code: bool,
) -> Result<Exit, Problem> {
    let format = match json {
        true => PlanFormat::Json,
        false => PlanFormat::Text,
    };
    show(plan, format, detail)?;
    refused(plan)?;
    Ok(Exit::for_change(!plan.is_empty(), exit_code))
}

/// Makes a change and reports it: as text the plan before the first step and a summary at the end, as
/// JSON one object at the end.
pub(crate) fn change(
    schema: ReportKind,
    json: bool,
    detail: Detail,
    verb: impl FnOnce(&mut dyn FnMut(ApplyEvent<'_>)) -> Result<Plan, ApplyError>,
) -> Result<Plan, Problem> {
    let mut progress = Progress {
        json,
        detail,
        ..Progress::default()
    };
    let result = verb(&mut |event| progress.receive(event));
    if json {
        print_json_done(&progress.report(schema, &result));
    } else if let Ok(plan) = &result {
        print_done(&progress.summary(plan));
    }
    result.map_err(|error| Problem::from(error).reported())
}

/// Collects what a change reports while it is made.
#[derive(Default)]
struct Progress {
    json: bool,
    detail: Detail,
    plan: Option<Plan>,
    announced: Vec<String>,
    not_announced: Vec<String>,
}

impl Progress {
    /// Keeps an event for the end, and prints at once what the user must know at once.
    fn receive(&mut self, event: ApplyEvent<'_>) {
        match event {
            ApplyEvent::Planned(plan) if self.json => self.plan = Some(plan.clone()),
            ApplyEvent::Planned(plan) => {
                // A plan that cannot be shown is executed all the same; the exit status tells the result.
                let _ = print_progress(&self.detail.text(plan));
            }
            ApplyEvent::Confirming(time) => note(&format!(
                "the change is applied and verified; it is rolled back in {} s unless `lvsctl confirm` is run",
                time.as_secs()
            )),
            ApplyEvent::Announced(announced) => self
                .announced
                .extend(announced.iter().map(ToString::to_string)),
            ApplyEvent::NotAnnounced(error) => {
                self.not_announced.push(error.to_string());
                warn(event);
            }
            event => warn(event),
        }
    }

    fn summary(&self, plan: &Plan) -> String {
        let done = match plan.is_empty() {
            true => "",
            false => "\ndone and verified\n",
        };
        let announced = match self.announced.as_slice() {
            [] => String::new(),
            [first, second, third, .., last]
                if self.announced.len() > MANY && !self.detail.verbose =>
            {
                format!(
                    "announced {} addresses: {first}, {second}, {third} … {last}\n",
                    self.announced.len()
                )
            }
            all => format!("announced {}\n", all.join(", ")),
        };
        format!("{done}{announced}")
    }

    fn report(&self, schema: ReportKind, result: &Result<Plan, ApplyError>) -> ApplyReport<'_> {
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

/// Warns of what went wrong beside a change.
fn warn(event: ApplyEvent<'_>) {
    match event {
        ApplyEvent::Unrecorded(error) => warning(&format!(
            "the change is complete, but the record is not up to date: {error}"
        )),
        ApplyEvent::Unlocked(error) => {
            warning(&format!("the change goes on without the lock: {error}"))
        }
        ApplyEvent::NotAsked(error) => warning(&format!(
            "could not ask whether another host has an address that is added: {error}"
        )),
        ApplyEvent::NotAnnounced(error) => warning(&format!(
            "the change is complete, but an address was not announced: {error}"
        )),
        _ => {}
    }
}
