//! `lvsctl restore`

use lvs_core::Host;
use lvs_core::ipvs::ipvsadm::{RuleError, Rules};

use crate::arguments::RestoreArguments;
use crate::exit::{Exit, Problem};
use crate::file;
use crate::output::{complain, print};

/// A table of a hundred thousand destinations is shorter.
const LONGEST: usize = 64 << 20;

pub(crate) fn run(arguments: &RestoreArguments) -> Result<Exit, Problem> {
    let name = file::name(&arguments.file);
    let wrong = |error: RuleError| Problem::failed(format!("{name}: {error}"));
    let text = file::text(&arguments.file, "text of ipvsadm", LONGEST)?;
    let rules = Rules::parse(&text).map_err(wrong)?;
    let wanted = match arguments.replace {
        true => Some(rules.configuration().map_err(wrong)?),
        false => None,
    };
    let _session = arguments.state.state().lock("restore")?;
    let mut host = Host::open()?;
    let commands = match wanted {
        Some(wanted) => host.ipvs()?.replace(&wanted)?,
        None => host.ipvs()?.restore(&rules)?,
    };
    for note in rules.notes() {
        complain(&format!("{name}: {note}"));
    }
    print(&match commands.len() {
        0 => "nothing to do\n".to_owned(),
        1 => "1 change\n".to_owned(),
        many => format!("{many} changes\n"),
    })?;
    Ok(Exit::Done)
}
