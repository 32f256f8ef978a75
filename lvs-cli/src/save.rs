//! `lvsctl save`

use std::time::{Duration, Instant};

use lvs_core::Host;
use lvs_core::ipvs::ipvsadm::{save, save_compatible};
use lvs_core::ipvs::{Configuration, Ipvs};

use crate::arguments::SaveArguments;
use crate::exit::{Exit, Problem};
use crate::list;
use crate::output::{note, print};

/// How long a table may take to settle that another program is changing.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(arguments: &SaveArguments) -> Result<Exit, Problem> {
    let mut host = Host::open()?;
    if !list::is_loaded(&host)? {
        note("ip_vs is not loaded; nothing to save");
        return Ok(Exit::Done);
    }
    let configuration = settled(host.ipvs()?)?;
    print(&match arguments.compatible {
        true => save_compatible(&configuration),
        false => save(&configuration),
    })?;
    Ok(Exit::Done)
}

/// Reads the table until it is complete: a saved table with a service less would delete it when it is restored.
fn settled(ipvs: &mut Ipvs) -> Result<Configuration, Problem> {
    let begin = Instant::now();
    loop {
        match ipvs.configuration() {
            Err(error) if error.is_unsettled() && begin.elapsed() < PATIENCE => {}
            read => return Ok(read?),
        }
    }
}
