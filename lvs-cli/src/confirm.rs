//! `lvsctl confirm`

use crate::arguments::StateArguments;
use crate::exit::{Exit, Problem};
use crate::output::print;

pub(crate) fn run(arguments: &StateArguments) -> Result<Exit, Problem> {
    arguments.state().confirm()?;
    print("Confirmed: the change stays.\n")?;
    Ok(Exit::Done)
}
