//! `lvsctl apply`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lvs_core::cluster::{
    ApplyError, ApplyEvent, ApplyFailure, DesiredState, Plan, PlanOptions, Role, Session, StateDir,
};
use lvs_core::{Cluster, Host};

use crate::arguments::ApplyArguments;
use crate::change::{change, dry_run};
use crate::check::warn_of_errors;
use crate::exit::{Exit, Problem};
use crate::output::{error, warning};
use crate::report_kind::ReportKind;
use crate::{file, signals};

pub(crate) fn run(arguments: &ApplyArguments) -> Result<Exit, Problem> {
    let target = &arguments.target;
    let (cluster, node) = match file::node_as(target, arguments.role.role) {
        Err(problem) if arguments.releases() => return Err(release_recorded(arguments, problem)),
        Err(problem) if arguments.becomes_active() && problem.exit != Exit::Usage => {
            error(
                "the role is not taken: without a file that can be used this director adds no floating address, and \
                 no director serves them if the other one is dead; mend the file, and apply the role again",
            );
            return Err(problem);
        }
        node => node?,
    };
    let mut apply = Apply {
        arguments,
        state: target.state.directory(),
        cluster,
        node,
        host: Host::open()?,
    };
    apply.check_identity()?;
    match arguments.dry_run {
        true => apply.show(),
        false => apply.carry_out(),
    }
}

impl ApplyArguments {
    /// Returns whether the floating addresses are released even if the rest cannot be done.
    fn releases(&self) -> bool {
        self.role.role == Some(Role::Standby) && !self.dry_run && !self.grow
    }

    /// Returns whether this director is to carry the floating addresses.
    fn becomes_active(&self) -> bool {
        self.role.role == Some(Role::Active) && !self.dry_run
    }

    const fn options(&self) -> PlanOptions {
        PlanOptions {
            take_over: self.take_over,
        }
    }
}

/// Applies a node of a cluster file to this host.
struct Apply<'a> {
    arguments: &'a ApplyArguments,
    state: StateDir,
    cluster: Cluster,
    node: DesiredState,
    host: Host,
}

impl Apply<'_> {
    fn check_identity(&mut self) -> Result<(), Problem> {
        let state = &self.arguments.target.state;
        let identity = &self.arguments.identity;
        match identity.check(&self.cluster, &self.node, state, &mut self.host) {
            Err(problem) if self.arguments.releases() && problem.exit != Exit::Usage => {
                Err(self.release(problem))
            }
            checked => checked,
        }
    }

    /// Shows the plan, and changes nothing.
    fn show(&mut self) -> Result<Exit, Problem> {
        let arguments = self.arguments;
        let mut plan = self
            .state
            .plan(&self.node, &mut self.host, arguments.options())?;
        if arguments.grow {
            plan = plan.growing();
        }
        let shown = dry_run(&plan, arguments.json, arguments.detail, arguments.exit_code)?;
        warn_of_errors(&self.cluster);
        if arguments.role.role.is_none() {
            self.state
                .refuse_apply_beside_controller(&self.node, &plan)
                .map_err(|error| Problem::from(error).reported())?;
        }
        Ok(shown)
    }

    fn carry_out(&mut self) -> Result<Exit, Problem> {
        let arguments = self.arguments;
        let mut session = self.lock(&signals::stop_flag()?)?;
        let mut is_unprepared = false;
        let changed = change(
            ReportKind::Apply,
            arguments.json,
            arguments.detail,
            |events| {
                let done = session.apply(&self.node, &mut self.host, arguments.options(), events);
                is_unprepared = done.as_ref().is_err_and(|error| {
                    error.is_clean() && matches!(error.failure(), ApplyFailure::Unreadable(_))
                });
                done
            },
        );
        drop(session);
        let plan = match changed {
            Err(problem) if arguments.releases() && is_unprepared => {
                return Err(self.release(problem));
            }
            changed => changed?,
        };
        if !plan.is_empty() {
            warn_of_errors(&self.cluster);
        }
        Ok(Exit::for_change(!plan.is_empty(), arguments.exit_code))
    }

    fn lock(&mut self, stop: &Arc<AtomicBool>) -> Result<Session, Problem> {
        let arguments = self.arguments;
        let locked = match arguments.role.role {
            Some(role) => self.state.lock_for_role("apply", role, Arc::clone(stop)),
            None => self.state.lock_unless("apply", Arc::clone(stop)),
        };
        let mut session = match locked {
            Err(error)
                if arguments.releases()
                    && !error.is_superseded()
                    && !stop.load(Ordering::Relaxed) =>
            {
                return Err(self.release(error.into()));
            }
            session => session?,
        };
        if arguments.grow {
            session = session.grow();
        }
        if let Some(time) = arguments.confirm {
            session = session.confirm_within(time);
        }
        Ok(session)
    }

    /// Releases the floating addresses although the rest cannot be done, and says both.
    fn release(&mut self, problem: Problem) -> Problem {
        let released = self
            .state
            .release(&self.node, &mut self.host, &mut say_unrecorded);
        nevertheless(problem, released.map(Some))
    }
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

fn say_unrecorded(event: ApplyEvent<'_>) {
    if let ApplyEvent::Unrecorded(error) = event {
        warning(&format!(
            "the role is not recorded, and `apply` without --role may make this director active again: {error}"
        ));
    }
}

fn nevertheless(problem: Problem, released: Result<Option<Plan>, ApplyError>) -> Problem {
    match released {
        Ok(Some(plan)) if plan.is_empty() => problem,
        Ok(Some(plan)) => {
            error(&format!(
                "only the floating addresses were released:\n{}",
                plan.to_string().trim_end()
            ));
            problem.partial()
        }
        Ok(None) => {
            error("no record tells which floating addresses to release");
            problem
        }
        Err(failed) => {
            error(&format!(
                "the floating addresses could not be released: {failed}"
            ));
            match failed.is_clean() {
                true => problem,
                false => problem.partial(),
            }
        }
    }
}
