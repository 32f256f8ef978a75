//! The JSON of a verb that has no other: what it changed, or why it failed.

use serde::Serialize;

use crate::exit::{Mistake, Problem};
use crate::output::print_json_done;
use crate::report_kind::ReportKind;

/// Is the JSON of a change, or of a verb that failed before it had a result.
#[derive(Serialize)]
pub(crate) struct Report<'a, T> {
    schema: ReportKind,
    #[serde(flatten)]
    done: T,
    error: Option<&'a str>,
    hint: Option<&'a str>,
}

/// Holds the mistakes of a cluster file, if they are why a verb failed.
#[derive(Serialize)]
struct Mistakes<'a> {
    mistakes: &'a [Mistake],
}

impl<'a, T: Serialize> Report<'a, T> {
    /// Prints what was done, and the problem that ended it.
    pub(crate) fn print(schema: ReportKind, done: T, problem: Option<&'a Problem>) {
        print_json_done(&Self {
            schema,
            done,
            error: problem.map(|problem| problem.message.as_str()),
            hint: problem.and_then(|problem| problem.hint.as_deref()),
        });
    }
}

impl Problem {
    /// Prints the JSON of a verb that failed.
    pub(crate) fn report(&self, schema: ReportKind) {
        let mistakes = &self.mistakes;
        Report::print(schema, Mistakes { mistakes }, Some(self));
    }
}
