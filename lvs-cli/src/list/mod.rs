//! `lvsctl list`

mod columns;
mod grid;
mod report;

pub(crate) use columns::timeouts;

use lvs_core::Host;
use lvs_core::ipvs::Snapshot;

use crate::arguments::{ListArguments, View};
use crate::exit::{Exit, Problem};
use crate::output::{output_width, print, print_json};
use report::ListReport;

pub(crate) fn run(arguments: &ListArguments) -> Result<Exit, Problem> {
    let mut host = Host::open()?;
    // Asking the kernel for its table would load the module.
    let loaded = host.is_ipvs_loaded();
    let mut report = ListReport::new(loaded);
    if loaded {
        fill(&mut report, &mut host, &arguments.view)?;
    }
    if arguments.json {
        print_json(&report)?;
    } else {
        print(&text(&report, &arguments.view, output_width()))?;
    }
    Ok(Exit::Done)
}

fn fill(report: &mut ListReport, host: &mut Host, view: &View) -> Result<(), Problem> {
    if view.connections {
        report.connections = Some(host.proc().connections()?);
    } else if view.timeouts {
        report.timeouts = Some(host.ipvs()?.timeouts()?);
    } else if view.daemon {
        report.daemons = Some(host.ipvs()?.daemons()?);
    } else {
        report.services = services(host)?;
    }
    Ok(())
}

fn services(host: &mut Host) -> Result<Snapshot, Problem> {
    let mut table = host.ipvs()?.snapshot()?;
    table.sort_by_key(|entry| entry.status.service.id);
    Ok(table)
}

fn text(report: &ListReport, view: &View, width: Option<usize>) -> String {
    if !report.loaded {
        return "ip_vs is not loaded\n".to_owned();
    }
    if let Some(connections) = &report.connections {
        return columns::connections(connections, width);
    }
    if let Some(timeouts) = &report.timeouts {
        return columns::timeouts(timeouts);
    }
    if let Some(daemons) = &report.daemons {
        return columns::daemons(daemons, width);
    }
    columns::services(&report.services, view, width)
}
