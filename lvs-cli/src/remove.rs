//! `lvsctl remove`

use lvs_core::Host;

use crate::apply::{done, shown};
use crate::arguments::RemoveArguments;
use crate::exit::{Exit, Problem};
use crate::file;

pub(crate) fn run(arguments: &RemoveArguments) -> Result<Exit, Problem> {
    let node = file::node(&arguments.target)?;
    let mut host = Host::open()?;
    if arguments.dry_run {
        return shown(&node.plan_removal(&mut host)?, arguments.json, false);
    }
    done("lvsctl.remove/1", arguments.json, |events| {
        node.remove(&mut host, events)
    })?;
    Ok(Exit::Done)
}
