//! `lvsctl list`

use std::fmt::Write;

use lvs_core::Host;
use lvs_core::ipvs::{DestinationStatus, ServiceStatus};
use serde::Serialize;

use crate::arguments::ListArguments;
use crate::exit::{Exit, Problem};
use crate::output::{print, print_json};

/// The JSON of the kernel's table.
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    loaded: bool,
    services: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    #[serde(flatten)]
    status: ServiceStatus,
    destinations: Vec<DestinationStatus>,
}

pub(crate) fn run(arguments: &ListArguments) -> Result<Exit, Problem> {
    let mut host = Host::open()?;
    // Asking the kernel for its table would load the module.
    let loaded = host.is_ipvs_loaded();
    let table = if loaded {
        host.ipvs()?.snapshot()?
    } else {
        Vec::new()
    };
    let services = table.into_iter().map(|(status, destinations)| Entry {
        status,
        destinations,
    });
    let report = Report {
        schema: "lvsctl.list/1",
        loaded,
        services: services.collect(),
    };
    if arguments.json {
        print_json(&report)?;
    } else {
        print(&text(&report))?;
    }
    Ok(Exit::Done)
}

fn text(report: &Report) -> String {
    if !report.loaded {
        return "ip_vs is not loaded\n".to_owned();
    }
    if report.services.is_empty() {
        return "no services\n".to_owned();
    }
    let mut text = String::new();
    for entry in &report.services {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", entry.status.service);
        for destination in &entry.destinations {
            let _ = writeln!(text, "  {}", line(destination));
        }
    }
    text
}

fn line(status: &DestinationStatus) -> String {
    let DestinationStatus {
        destination,
        active,
        inactive,
        ..
    } = status;
    format!(
        "{:<50} active {active:<6} inactive {inactive}",
        destination.to_string()
    )
}
