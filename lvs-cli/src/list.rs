//! `lvsctl list`

use lvs_core::Host;
use lvs_core::ipvs::{Connection, Daemon, DestinationStatus, ServiceStatus, Timeouts};
use serde::Serialize;

use crate::arguments::{ListArguments, View};
use crate::columns;
use crate::exit::{Exit, Problem};
use crate::output::{output_width, print, print_json};

/// The JSON of what the kernel has. What was not asked for is null.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    schema: &'static str,
    loaded: bool,
    pub(crate) services: Vec<Entry>,
    connections: Option<Vec<Connection>>,
    timeouts: Option<Timeouts>,
    daemons: Option<Vec<Daemon>>,
}

#[derive(Serialize)]
pub(crate) struct Entry {
    #[serde(flatten)]
    pub(crate) status: ServiceStatus,
    pub(crate) destinations: Vec<DestinationStatus>,
}

pub(crate) fn run(arguments: &ListArguments) -> Result<Exit, Problem> {
    let mut host = Host::open()?;
    let mut report = Report {
        schema: "lvsctl.list/1",
        // Asking the kernel for its table would load the module.
        loaded: host.is_ipvs_loaded(),
        ..Report::default()
    };
    if report.loaded {
        fill(&mut report, &mut host, &arguments.view)?;
    }
    if arguments.json {
        print_json(&report)?;
    } else {
        print(&text(&report, &arguments.view, output_width()))?;
    }
    Ok(Exit::Done)
}

fn fill(report: &mut Report, host: &mut Host, view: &View) -> Result<(), Problem> {
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

fn services(host: &mut Host) -> Result<Vec<Entry>, Problem> {
    let mut table = host.ipvs()?.snapshot()?;
    table.sort_by_key(|entry| entry.status.service.id);
    let entries = table.into_iter().map(|entry| Entry {
        status: entry.status,
        destinations: entry.destinations,
    });
    Ok(entries.collect())
}

fn text(report: &Report, view: &View, width: Option<usize>) -> String {
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
