//! `lvsctl list`

mod columns;
mod grid;
mod report;

pub(crate) use columns::timeouts;

use lvs_core::Host;
use lvs_core::ipvs::Snapshot;

use crate::arguments::{ListArguments, View};
use crate::exit::{Exit, Problem};
use crate::output::{output_width, print, print_json, warning};
use report::ListReport;

pub(crate) fn run(arguments: &ListArguments) -> Result<Exit, Problem> {
    let mut host = Host::open()?;
    let loaded = is_loaded(&host)?;
    let mut report = ListReport::new(loaded);
    if loaded {
        fill(&mut report, &mut host, arguments)?;
    }
    if arguments.json {
        print_json(&report)?;
    } else {
        print(&text(&report, &arguments.view, output_width()))?;
    }
    Ok(Exit::Done)
}

fn fill(
    report: &mut ListReport,
    host: &mut Host,
    arguments: &ListArguments,
) -> Result<(), Problem> {
    let view = &arguments.view;
    if view.connections {
        report.connections = Some(host.proc().connections()?);
    } else if view.timeouts {
        report.timeouts = Some(host.ipvs()?.timeouts()?);
    } else if view.daemon {
        report.daemons = Some(host.ipvs()?.daemons()?);
    } else {
        report.services = services(host)?;
        if !arguments.all {
            let is_probe = arguments.state.directory().probe_services();
            report
                .services
                .retain(|entry| !is_probe(&entry.status.service.id));
        }
    }
    Ok(())
}

/// Returns whether ip_vs is loaded. Asking the kernel for its table would load it.
pub(crate) fn is_loaded(host: &Host) -> Result<bool, Problem> {
    if !host.proc().is_readable() {
        return Err(Problem::failed(
            "/proc/thread-self/net: unreadable, so the state of ip_vs is unknown",
        )
        .with_hint("mount /proc, or do not hide it from this process"));
    }
    Ok(host.is_ipvs_loaded())
}

/// Reads the table; one that does not settle is listed as far as it was read.
fn services(host: &mut Host) -> Result<Snapshot, Problem> {
    let mut table = match host.ipvs()?.snapshot() {
        Err(error) if error.is_unsettled() => {
            warning(
                "the table was changing while it was read: deleted entries may be listed, and others \
                 may be missing",
            );
            error.seen().cloned().unwrap_or_default()
        }
        table => table?,
    };
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
