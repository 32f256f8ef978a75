//! `lvsctl restore`

use lvs_core::Host;
use lvs_core::ipvs::ipvsadm::{RuleError, Rules};

use crate::arguments::RestoreArguments;
use crate::exit::{Exit, Problem};
use crate::file;
use crate::output::{note, print};

/// The longest text that is read; a table of 100 000 destinations is shorter.
const LONGEST: usize = 64 << 20;

pub(crate) fn run(arguments: &RestoreArguments) -> Result<Exit, Problem> {
    let name = file::name(&arguments.file);
    let problem = |error: RuleError| Problem::failed(format!("{name}: {error}"));
    let text = file::text(&arguments.file, "rules of ipvsadm", LONGEST)?;
    let rules = Rules::parse(&text).map_err(problem)?;
    let desired = match arguments.replace {
        true => Some(rules.configuration().map_err(problem)?),
        false => None,
    };
    let _session = arguments.state.directory().lock("restore")?;
    let mut host = Host::open()?;
    let commands = match desired {
        Some(desired) => host.ipvs()?.replace(&desired)?,
        None => host.ipvs()?.restore(&rules)?,
    };
    for remark in rules.notes() {
        note(&format!("{name}: {remark}"));
    }
    print(&match commands.len() {
        0 => "nothing to do\n".to_owned(),
        1 => "1 change\n".to_owned(),
        many => format!("{many} changes\n"),
    })?;
    Ok(Exit::Done)
}
