//! `lvsctl restore`

use std::sync::atomic::Ordering;

use lvs_core::Host;
use lvs_core::ipvs::Command;
use lvs_core::ipvs::ipvsadm::{RuleError, Rules, SystemNames, command_line};
use serde::Serialize;

use crate::arguments::RestoreArguments;
use crate::direct::warn_beside_controllers;
use crate::exit::{Exit, Problem};
use crate::file;
use crate::output::{note, print_done};
use crate::report::Report;
use crate::report_kind::ReportKind;
use crate::signals::stop_flag;

/// The longest text that is read; a table of 100 000 destinations is shorter.
const LONGEST: usize = 64 << 20;

/// Is the JSON of a restore: the commands, as an operator would type them.
#[derive(Serialize)]
struct Restored {
    changes: usize,
    commands: Vec<String>,
}

pub(crate) fn run(arguments: &RestoreArguments) -> Result<Exit, Problem> {
    let name = file::name(&arguments.file);
    let problem = |error: RuleError| Problem::failed(format!("{name}: {error}"));
    // A comment may have any encoding; anywhere else such a byte is an error of its line.
    let text = file::lossy_text(&arguments.file, "rules of ipvsadm", LONGEST)?;
    let rules = Rules::parse_with(&text, &SystemNames::read()).map_err(problem)?;
    let desired = match arguments.replace {
        true => Some(rules.configuration().map_err(problem)?),
        false => None,
    };
    let state = arguments.state.directory();
    let _session = state.lock("restore")?;
    let mut host = Host::open()?;
    // An interrupt comes before the first change, or it comes too late: nothing is done by half.
    let stop = stop_flag()?;
    let ipvs = host.ipvs()?;
    if stop.load(Ordering::Relaxed) {
        return Err(Problem::failed("restore: stopped; nothing was changed"));
    }
    let commands = match desired {
        Some(desired) => ipvs.replace(&desired)?,
        None => ipvs.restore(&rules)?,
    };
    for remark in rules.notes() {
        note(&format!("{name}: {remark}"));
    }
    warn_beside_controllers(&state, &commands);
    match arguments.json {
        true => Report::print(ReportKind::Restore, Restored::by(&commands), None),
        false => print_done(&summary(commands.len())),
    }
    Ok(Exit::Done)
}

impl Restored {
    fn by(commands: &[Command]) -> Self {
        Self {
            changes: commands.len(),
            commands: commands.iter().map(command_line).collect(),
        }
    }
}

fn summary(changes: usize) -> String {
    match changes {
        0 => "nothing to do\n".to_owned(),
        1 => "1 change\n".to_owned(),
        many => format!("{many} changes\n"),
    }
}
