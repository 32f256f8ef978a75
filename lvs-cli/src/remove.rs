//! `lvsctl remove`

use lvs_core::Host;

use crate::apply::{done, shown};
use crate::arguments::RemoveArguments;
use crate::exit::{Exit, Problem};
use crate::{file, signals};

pub(crate) fn run(arguments: &RemoveArguments) -> Result<Exit, Problem> {
    let node = file::node(&arguments.target)?;
    let mut host = Host::open()?;
    let state = arguments.target.state.state();
    if arguments.dry_run {
        return shown(
            &state.plan_removal(&node, &mut host)?,
            arguments.json,
            false,
        );
    }
    let mut session = state.lock("remove")?.stop_by(signals::stop_flag()?);
    done("lvsctl.remove/1", arguments.json, |events| {
        session.remove(&node, &mut host, events)
    })?;
    Ok(Exit::Done)
}
