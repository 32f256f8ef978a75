//! `lvsctl drain` and `lvsctl undrain`

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lvs_core::Host;
use lvs_core::cluster::{DrainOutcome, DrainTarget, Draining, NodeName, Plan, Remaining};
use lvs_core::health::BelowMinimum;
use lvs_core::ipvs::Weight;
use lvs_core::run::{DestinationReport, ServiceReport};
use serde::Serialize;

use crate::arguments::{DrainArguments, UndrainArguments};
use crate::exit::{Exit, Problem};
use crate::output::{hint, note, print_done, warning};
use crate::report::Report;
use crate::report_kind::ReportKind;
use crate::signals;

/// Is the JSON of a drain, as far as it came.
#[derive(Serialize)]
struct Drained {
    target: String,
    plans: Vec<Plan>,
    #[serde(flatten)]
    outcome: Option<DrainOutcome>,
    removed: bool,
    other_directors: BTreeSet<NodeName>,
}

/// Is the JSON of the end of a drain.
#[derive(Serialize)]
struct Undrained {
    target: String,
    plans: Vec<Plan>,
    other_directors: BTreeSet<NodeName>,
}

pub(crate) fn run(arguments: &DrainArguments) -> Result<Exit, Problem> {
    let stop = signals::stop_flag()?;
    let mut host = Host::open()?;
    let target = &arguments.target;
    let mut drained = Drained {
        target: target.to_string(),
        plans: drain(arguments, Draining::Quiet, &stop, &mut host)?,
        outcome: None,
        removed: false,
        other_directors: arguments.state.directory().other_directors(target),
    };
    warn_below_minimum(arguments, &mut host);
    let done = drained.finish(arguments, &stop, &mut host);
    hint_of_others("drain", target, &drained.other_directors);
    if arguments.json {
        Report::print(ReportKind::Drain, &drained, done.as_ref().err());
    }
    done.map_err(Problem::reported)
}

impl Drained {
    /// Waits for the last connection, and deletes the destinations then if that is asked for.
    fn finish(
        &mut self,
        arguments: &DrainArguments,
        stop: &Arc<AtomicBool>,
        host: &mut Host,
    ) -> Result<Exit, Problem> {
        let outcome = self.outcome.insert(wait(arguments, stop, host)?);
        let remaining = arguments.accepted(outcome)?;
        if arguments.remove {
            let stays = format!("it stays drained until `lvsctl undrain {}`", self.target);
            let deleted = drain(arguments, Draining::Removed, stop, host);
            self.plans
                .extend(deleted.map_err(|problem| problem.and_hint(stays))?);
            self.removed = true;
        }
        if !arguments.json {
            print_done(&format!("{}: {}\n", self.target, summary(remaining)));
        }
        Ok(Exit::Done)
    }
}

/// Changes the table under the lock; the wait is not under it.
fn drain(
    arguments: &DrainArguments,
    how: Draining,
    stop: &Arc<AtomicBool>,
    host: &mut Host,
) -> Result<Vec<Plan>, Problem> {
    let state = arguments.state.directory();
    let mut session = match how {
        Draining::Quiet => state.lock_unless("drain", Arc::clone(stop))?,
        Draining::Removed => state.lock("drain")?,
    };
    let plans = session.drain(&arguments.target, how, host, &mut |_| ())?;
    if !arguments.json {
        show(&plans);
    }
    Ok(plans)
}

/// Warns of the services that the drain leaves below their minimum, by the controller that then acts, and without one of
/// those that it leaves without any weight.
fn warn_below_minimum(arguments: &DrainArguments, host: &mut Host) {
    let target = &arguments.target;
    let status = match arguments.state.directory().status(None, host) {
        Ok(status) => status,
        Err(error) => {
            return warning(&format!(
                "drained, but whether services fall below their minimum is not known: {error}"
            ));
        }
    };
    let services = status.clusters.iter().flat_map(|cluster| &cluster.services);
    let warnings: Vec<String> = services
        .filter(|service| service.destinations.iter().any(|end| means(target, end)))
        .filter_map(|service| below_minimum(service).or_else(|| without_weight(service)))
        .collect();
    warnings.iter().for_each(|text| warning(text));
    if !warnings.is_empty() {
        hint(&format!("`lvsctl undrain {target}` restores its weight"));
    }
}

fn means(target: &DrainTarget, destination: &DestinationReport) -> bool {
    match target {
        DrainTarget::Address(drain) => drain.matches(&destination.destination),
        DrainTarget::Node { name, port } => {
            destination.server.as_ref() == Some(name)
                && port.is_none_or(|port| port == destination.destination.port)
        }
    }
}

fn below_minimum(service: &ServiceReport) -> Option<String> {
    let consequence = match service.below_minimum? {
        BelowMinimum::ServeAll | BelowMinimum::Fallback if service.refuses() => {
            "all new connections are refused"
        }
        BelowMinimum::ServeAll if service.without_fallback => {
            "the fallback cannot serve, so every other real server gets its weight, healthy or not"
        }
        BelowMinimum::ServeAll => "every other real server gets its weight, healthy or not",
        BelowMinimum::Fallback if service.falls_back_to_down() => {
            "the fallback gets all new connections, and is down itself"
        }
        BelowMinimum::Fallback => "the fallback gets all new connections",
        BelowMinimum::Withdraw => {
            "its virtual IP is withdrawn, unless another service on it has its minimum"
        }
        BelowMinimum::Refuse => "all new connections are refused",
        _ => "see `lvsctl status`",
    };
    Some(format!(
        "{}: {} available, minimum {}, for drained real servers do not count: {consequence}",
        service.service, service.available?, service.minimum?
    ))
}

fn without_weight(service: &ServiceReport) -> Option<String> {
    let mut weights = service.destinations.iter().filter_map(|end| end.weight);
    weights.all(|weight| weight == Weight::DRAIN).then(|| {
        format!(
            "{}: every destination has weight 0: all new connections are refused",
            service.service
        )
    })
}

/// Waits until no connection is in use.
fn wait(
    arguments: &DrainArguments,
    stop: &AtomicBool,
    host: &Host,
) -> Result<DrainOutcome, Problem> {
    Ok(arguments.state.directory().wait_until_drained(
        &arguments.target,
        host.proc(),
        arguments.timeout,
        stop,
        &mut |remaining| {
            in_use(remaining).for_each(|busy| note(&format!("waiting for {busy}")));
        },
    )?)
}

impl DrainArguments {
    /// Returns what the table still has, unless more of it is in use than was asked for.
    fn accepted<'a>(&self, outcome: &'a DrainOutcome) -> Result<&'a [Remaining], Problem> {
        let (reason, remaining) = match outcome {
            DrainOutcome::Over(remaining) => return Ok(remaining),
            // --timeout 0s --remove means: do not wait.
            DrainOutcome::Late(remaining) if self.remove && self.timeout.is_zero() => {
                return Ok(remaining);
            }
            DrainOutcome::Late(remaining) => ("timeout expired", remaining),
            DrainOutcome::Stopped(remaining) => ("interrupted", remaining),
            _ => return Err(Problem::failed("the wait ended in an unknown way")),
        };
        Err(unfinished(reason, &self.target, remaining))
    }
}

fn in_use(remaining: &[Remaining]) -> impl Iterator<Item = &Remaining> {
    remaining
        .iter()
        .filter(|connections| !connections.is_over())
}

fn unfinished(reason: &str, target: &DrainTarget, remaining: &[Remaining]) -> Problem {
    let busy: String = in_use(remaining)
        .map(|connections| format!("\n  {connections}"))
        .collect();
    Problem::failed(format!(
        "drain {target}: {reason}; it stays drained and gets no new connections, but these remain:{busy}"
    ))
    .with_hint(format!(
        "run the same command to wait again (--timeout 0s --remove does not wait), \
         or `lvsctl undrain {target}` to restore the weight"
    ))
}

/// Describes what remains; closing connections too, as a client that still reads from one of them notices
/// when the server goes away.
fn summary(remaining: &[Remaining]) -> String {
    let sum = |count: fn(&Remaining) -> u32| -> u64 {
        remaining
            .iter()
            .map(|connections| u64::from(count(connections)))
            .sum()
    };
    let active = sum(|connections| connections.active);
    let inactive = sum(|connections| connections.inactive);
    match (active, inactive) {
        (0, 0) => "no connections remain".to_owned(),
        (0, closing) => format!("no active connections remain, {closing} closing"),
        (active, _) => format!("remaining active connections: {active}"),
    }
}

pub(crate) fn undrain(arguments: &UndrainArguments) -> Result<Exit, Problem> {
    let stop = signals::stop_flag()?;
    let target = &arguments.target;
    let state = arguments.state.directory();
    let mut session = state.lock_unless("undrain", stop)?;
    let undrained = Undrained {
        target: target.to_string(),
        plans: session.undrain(target, &mut Host::open()?, &mut |_| ())?,
        other_directors: state.other_directors(target),
    };
    if arguments.json {
        Report::print(ReportKind::Undrain, &undrained, None);
    } else {
        show(&undrained.plans);
        print_done(&format!("{target}: drained no longer\n"));
    }
    hint_of_others("undrain", target, &undrained.other_directors);
    Ok(Exit::Done)
}

/// Names the directors that do not learn of it: each has a record of its own.
fn hint_of_others(verb: &str, target: &DrainTarget, directors: &BTreeSet<NodeName>) {
    for name in directors {
        hint(&format!(
            "only this director knows of it; on {name}, before a takeover: lvsctl {verb} {target}"
        ));
    }
}

/// Shows what was changed: the record was, even where the kernel was not.
fn show(plans: &[Plan]) {
    for plan in plans {
        match plan.is_empty() {
            true => plan.notes.iter().for_each(|text| note(text)),
            false => print_done(&plan.to_string()),
        }
    }
}
