//! `lvsctl remove`

use lvs_core::Host;

use crate::apply::{change, dry_run};
use crate::arguments::RemoveArguments;
use crate::exit::{Exit, Problem};
use crate::{file, signals};

pub(crate) fn run(arguments: &RemoveArguments) -> Result<Exit, Problem> {
    let node = file::node(&arguments.target)?;
    let mut host = Host::open()?;
    let state = arguments.target.state.directory();
    if arguments.dry_run {
        let plan = state.plan_removal(&node, &mut host)?;
        return dry_run(&plan, arguments.json, false);
    }
    let mut session = state.lock_unless("remove", signals::stop_flag()?)?;
    change("lvsctl.remove/1", arguments.json, |events| {
        session.remove(&node, &mut host, events)
    })?;
    Ok(Exit::Done)
}
