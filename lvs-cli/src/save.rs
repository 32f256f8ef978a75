//! `lvsctl save`

use lvs_core::Host;
use lvs_core::ipvs::ipvsadm::{save, save_compatible};

use crate::arguments::SaveArguments;
use crate::exit::{Exit, Problem};
use crate::output::{note, print};

pub(crate) fn run(arguments: &SaveArguments) -> Result<Exit, Problem> {
    let mut host = Host::open()?;
    if !host.is_ipvs_loaded() {
        note("ip_vs is not loaded; nothing to save");
        return Ok(Exit::Done);
    }
    let configuration = host.ipvs()?.configuration()?;
    print(&match arguments.compatible {
        true => save_compatible(&configuration),
        false => save(&configuration),
    })?;
    Ok(Exit::Done)
}
