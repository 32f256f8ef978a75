//! `lvsctl apply`, and what `remove` shares with it.

use std::sync::atomic::Ordering;

use lvs_core::Host;
use lvs_core::cluster::{
    Aftermath, ApplyError, DesiredState, Event, Failure, Plan, PlanOptions, Role, StateDir,
};
use serde::Serialize;

use crate::arguments::{ApplyArguments, Detail, PlanFormat};
use crate::check::warn_of_errors;
use crate::exit::{Exit, Problem};
use crate::output::{note, print, print_done, print_json, warning};
use crate::plan::{refused, show};
use crate::{file, signals};

/// More addresses than this are not read one by one.
const MANY: usize = 12;

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
    let is_change = !arguments.dry_run && !arguments.grow;
    let releases = arguments.role.role == Some(Role::Standby) && is_change;
    let target = &arguments.target;
    let (cluster, node) = match file::node_as(target, arguments.role.role) {
        Err(problem) if releases => return Err(release_recorded(arguments, problem)),
        node => node?,
    };
    let mut host = Host::open()?;
    let identity = &arguments.identity;
    let state = target.state.directory();
    match identity.check(&cluster, &node, &target.state, &mut host) {
        Err(problem) if releases && problem.exit != Exit::Usage => {
            return Err(release(&state, &node, &mut host, problem));
        }
        checked => checked?,
    }
    let options = PlanOptions {
        take_over: arguments.take_over,
    };
    if arguments.dry_run {
        let mut plan = state.plan(&node, &mut host, options)?;
        if arguments.grow {
            plan = plan.growing();
        }
        let shown = dry_run(&plan, arguments.json, arguments.detail, arguments.exit_code)?;
        warn_of_errors(&cluster);
        if arguments.role.role.is_none() {
            state.refuse_apply_beside_controller(&node, &plan)?;
        }
        return Ok(shown);
    }
    let stop = signals::stop_flag()?;
    let locked = match arguments.role.role {
        Some(role) => state.lock_for_role("apply", role, stop.clone()),
        None => state.lock_unless("apply", stop.clone()),
    };
    let mut session = match locked {
        Err(error) if releases && !error.is_superseded() && !stop.load(Ordering::Relaxed) => {
            return Err(release(&state, &node, &mut host, error.into()));
        }
        session => session?,
    };
    if arguments.grow {
        session = session.grow();
    }
    if let Some(time) = arguments.confirm {
        session = session.confirm_within(time);
    }
    let mut is_unprepared = false;
    let changed = change(
        "lvsctl.apply/1",
        arguments.json,
        arguments.detail,
        |events| {
            let done = session.apply(&node, &mut host, options, events);
            is_unprepared = done.as_ref().is_err_and(|error| {
                error.is_clean() && matches!(error.failure(), Failure::Unreadable(_))
            });
            done
        },
    );
    drop(session);
    match changed {
        Err(problem) if releases && is_unprepared => {
            Err(release(&state, &node, &mut host, problem))
        }
        changed => {
            let is_changed = !changed?.is_empty();
            if is_changed {
                warn_of_errors(&cluster);
            }
            Ok(Exit::for_change(is_changed, arguments.exit_code))
        }
    }
}

/// Releases the floating addresses although the rest cannot be done, and says both.
fn release(state: &StateDir, node: &DesiredState, host: &mut Host, problem: Problem) -> Problem {
    let released = state.release(node, host, &mut say_unrecorded);
    nevertheless(problem, released.map(Some))
}

/// Releases the floating addresses that the record knows, where the file cannot be used.
fn release_recorded(arguments: &ApplyArguments, problem: Problem) -> Problem {
    let Ok(mut host) = Host::open() else {
        return problem;
    };
    let name = file::claimed_name(&arguments.target.file);
    let state = arguments.target.state.directory();
    let released = state.release_recorded(name.as_deref(), &mut host, &mut say_unrecorded);
    nevertheless(problem, released)
}

fn say_unrecorded(event: Event<'_>) {
    if let Event::Unrecorded(error) = event {
        warning(&format!(
            "the role is not recorded, and `apply` without --role may make this director active again: {error}"
        ));
    }
}

fn nevertheless(problem: Problem, released: Result<Option<Plan>, ApplyError>) -> Problem {
    match released {
        Ok(Some(plan)) if plan.is_empty() => problem,
        Ok(Some(plan)) => {
            warning(&format!(
                "only the floating addresses were released:\n{}",
                plan.to_string().trim_end()
            ));
            problem.partial()
        }
        Ok(None) => {
            warning("no record tells which floating addresses to release");
            problem
        }
        Err(error) => {
            warning(&format!(
                "the floating addresses could not be released: {error}"
            ));
            match error.is_clean() {
                true => problem,
                false => problem.partial(),
            }
        }
    }
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
    schema: &'static str,
    json: bool,
    detail: Detail,
    verb: impl FnOnce(&mut dyn FnMut(Event<'_>)) -> Result<Plan, ApplyError>,
) -> Result<Plan, Problem> {
    let mut progress = Progress::default();
    let result = verb(&mut |event| progress.receive(event, json, detail));
    if json {
        if let Err(problem) = print_json(&progress.report(schema, &result)) {
            warning(&format!("not reported: {}", problem.message));
        }
    } else if let Ok(plan) = &result {
        print_done(&progress.summary(plan, detail));
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
    fn receive(&mut self, event: Event<'_>, json: bool, detail: Detail) {
        match event {
            Event::Planned(plan) => {
                match json {
                    true => self.plan = Some(plan.clone()),
                    // A plan that cannot be shown is executed all the same; the exit status tells the result.
                    false => {
                        let _ = print(&detail.text(plan));
                    }
                }
            }
            Event::Confirming(time) => note(&format!(
                "the change is applied and verified; it is rolled back in {} s unless `lvsctl confirm` is run",
                time.as_secs()
            )),
            Event::Unrecorded(error) => warning(&format!(
                "the change is complete, but the record is not up to date: {error}"
            )),
            Event::Unlocked(error) => {
                warning(&format!("the change goes on without the lock: {error}"))
            }
            Event::Announced(announced) => self
                .announced
                .extend(announced.iter().map(ToString::to_string)),
            Event::NotAsked(error) => warning(&format!(
                "could not ask whether another host has an address that is added: {error}"
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

    fn summary(&self, plan: &Plan, detail: Detail) -> String {
        let mut text = String::new();
        if !plan.is_empty() {
            text.push_str("\ndone and verified\n");
        }
        match self.announced.as_slice() {
            [] => {}
            [first @ .., last] if first.len() >= MANY && !detail.verbose => {
                text.push_str(&format!(
                    "announced {} addresses: {} … {last}\n",
                    self.announced.len(),
                    first
                        .iter()
                        .take(3)
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                        .join(", ")
                ))
            }
            all => text.push_str(&format!("announced {}\n", all.join(", "))),
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
