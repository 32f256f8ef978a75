//! `lvsctl` plans, applies and inspects Linux Virtual Server clusters: a thin program on lvs-core.

mod apply;
mod arguments;
mod change;
mod check;
mod complete;
mod confirm;
mod direct;
mod drain;
mod duration;
mod exit;
mod file;
mod identity;
mod import;
mod list;
mod manual;
mod order;
mod output;
mod plan;
mod remove;
mod report;
mod report_kind;
mod restore;
mod run;
mod save;
mod signals;
mod simulate;
mod status;
mod subject;

use std::borrow::Cow;
use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Arguments, Verb};
use exit::{Exit, Problem};
use lvs_core::cluster::Document;

fn main() -> ExitCode {
    if let Some(words) = complete::words() {
        // A shell that has gone needs no names.
        let _ = output::print(&complete::names(&words));
        return ExitCode::SUCCESS;
    }
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error).into(),
    };
    arguments.volume().set();
    let report = arguments.verb.report();
    match run(arguments.verb) {
        Ok(exit) => exit.into(),
        Err(problem) => {
            problem.print();
            if let Some(schema) = report.filter(|_| !problem.is_reported) {
                problem.report(schema);
            }
            problem.exit.into()
        }
    }
}

fn run(verb: Verb) -> Result<Exit, Problem> {
    match verb {
        Verb::Plan(arguments) => plan::run(&arguments),
        Verb::Apply(arguments) => apply::run(&arguments),
        Verb::Confirm(arguments) => confirm::run(&arguments),
        Verb::Remove(arguments) => remove::run(&arguments),
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Status(arguments) => status::run(&arguments),
        Verb::Metrics(arguments) => status::metrics(&arguments),
        Verb::Check(arguments) => check::run(&arguments),
        Verb::Drain(arguments) => drain::run(&arguments),
        Verb::Undrain(arguments) => drain::undrain(&arguments),
        Verb::Import(arguments) => import::run(&arguments),
        Verb::List(arguments) => list::run(&arguments),
        Verb::Order(arguments) => order::run(&arguments),
        Verb::Schema => output::print_json(&Document::schema()).map(|()| Exit::Done),
        Verb::Manual(arguments) => manual::run(&arguments),
        Verb::Simulate(arguments) => simulate::run(&arguments),
        Verb::Save(arguments) => save::run(&arguments),
        Verb::Restore(arguments) => restore::run(&arguments),
        Verb::Service(verb) => direct::service(&verb),
        Verb::Destination(verb) => direct::destination(&verb),
        Verb::Zero(options) => direct::zero(&options),
        Verb::Flush(state) => direct::flush(&state),
        Verb::Timeouts(options) => direct::timeouts(&options),
        Verb::Daemon(verb) => direct::daemon(&verb),
    }
}

/// Prints what clap has to say; help and version, which the user asked for, are not a failure.
fn usage(error: &clap::Error) -> Exit {
    let plain = error.render().to_string();
    // If standard error is closed, there is nowhere left to report.
    let _ = match lvs_core::escape_control(&plain) {
        Cow::Borrowed(_) => error.print(),
        Cow::Owned(escaped) => io::stderr().write_all(escaped.as_bytes()),
    };
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    }
}
