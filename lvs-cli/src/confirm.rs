//! `lvsctl confirm`

use crate::arguments::StateArguments;
use crate::exit::{Exit, Problem};
use crate::output::print_done;

pub(crate) fn run(arguments: &StateArguments) -> Result<Exit, Problem> {
    arguments.directory().confirm()?;
    print_done("confirmed: the change stays\n");
    Ok(Exit::Done)
}
