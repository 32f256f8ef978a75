//! `lvsctl confirm`

use serde::Serialize;

use crate::arguments::ConfirmArguments;
use crate::exit::{Exit, Problem};
use crate::output::print_done;
use crate::report::Report;
use crate::report_kind::ReportKind;

/// Is the JSON of a confirmation.
#[derive(Serialize)]
struct Confirmed {
    confirmed: bool,
}

pub(crate) fn run(arguments: &ConfirmArguments) -> Result<Exit, Problem> {
    arguments.state.directory().confirm()?;
    match arguments.json {
        true => Report::print(ReportKind::Confirm, Confirmed { confirmed: true }, None),
        false => print_done("confirmed: the change stays\n"),
    }
    Ok(Exit::Done)
}
