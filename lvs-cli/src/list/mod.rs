//! `lvsctl list`

mod columns;
mod grid;
mod report;

pub(crate) use columns::timeouts;

use lvs_core::ipvs::{ServiceId, ServiceOverview, Snapshot};
use lvs_core::{Error, Host};

use crate::arguments::{ListArguments, View};
use crate::exit::{Exit, Problem};
use crate::output::{output_width, print, print_json, print_parts, warning};
use report::ListReport;

pub(crate) fn run(arguments: &ListArguments) -> Result<Exit, Problem> {
    let mut host = Host::open()?;
    let loaded = is_loaded(&host)?;
    if loaded && !arguments.json && arguments.view.is_brief() {
        let table = overview(&mut host, &is_listed(arguments))?;
        match table.as_slice() {
            [] => print(columns::NONE)?,
            table => print_parts(columns::overview(table).rows(output_width()))?,
        }
        return Ok(Exit::Done);
    }
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

/// Returns which services are listed: those that lead probes are for whom asks for all.
fn is_listed(arguments: &ListArguments) -> impl Fn(&ServiceId) -> bool + use<> {
    let is_probe = (!arguments.all).then(|| arguments.state.directory().probe_services());
    move |id| is_probe.as_ref().is_none_or(|is_probe| !is_probe(id))
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
        let is_listed = is_listed(arguments);
        report
            .services
            .retain(|entry| is_listed(&entry.status.service.id));
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
    let table = host.ipvs()?.snapshot();
    let mut table = table.or_else(seen)?;
    table.sort_unstable_by_key(|entry| entry.status.service.id);
    Ok(table)
}

/// Reads as much of the table as a list without counters shows.
fn overview(
    host: &mut Host,
    is_listed: &dyn Fn(&ServiceId) -> bool,
) -> Result<Vec<ServiceOverview>, Problem> {
    let table = host.overview();
    let mut table = table.or_else(|error| {
        let seen = seen(error)?;
        Ok::<_, Error>(seen.into_iter().map(ServiceOverview::from).collect())
    })?;
    table.retain(|entry| is_listed(&entry.service.id));
    table.sort_unstable_by_key(|entry| entry.service.id);
    Ok(table)
}

/// Returns what was read of a table that kept changing.
fn seen(error: Error) -> Result<Snapshot, Error> {
    if !error.is_unsettled() {
        return Err(error);
    }
    warning(
        "the table was changing while it was read: deleted entries may be listed, and others may be missing",
    );
    Ok(error.seen().cloned().unwrap_or_default())
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
