//! `lvsctl simulate`: predicts which real server gets each connection of a newly applied service.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use lvs_core::cluster::DesiredService;
use lvs_core::ipvs::{DestinationId, Family, Protocol, ServiceId};
use lvs_core::scheduler::{Clients, Share, Simulation, Workload};
use lvs_core::{Cluster, InvalidValue};
use serde::Serialize;

use crate::arguments::{Kernel, SimulateArguments};
use crate::exit::{Exit, Problem};
use crate::file;
use crate::output::{print, print_json};
use crate::report_kind::ReportKind;

/// The number of picks that are shown.
const SHOWN: usize = 20;
/// The length of the bar of a share of 100 %.
const BAR: f64 = 40.0;

/// Maps destinations to names of real servers.
type Names = BTreeMap<DestinationId, String>;

/// Is the JSON of a simulation.
#[derive(Serialize)]
struct SimulationReport<'a> {
    schema: ReportKind,
    service: String,
    scheduler: &'a str,
    kernel: Kernel,
    connections: u64,
    picks: Vec<Option<&'a str>>,
    refused: u64,
    shares: Vec<NamedShare<'a>>,
    moved: Option<f64>,
}

#[derive(Serialize)]
struct NamedShare<'a> {
    real_server: &'a str,
    address: String,
    weight: u32,
    picked: u64,
    share: f64,
    expected: f64,
}

impl<'a> NamedShare<'a> {
    fn new(real_server: &'a str, share: &Share) -> Self {
        Self {
            real_server,
            address: share.destination.to_string(),
            weight: share.weight.get(),
            picked: share.picked,
            share: share.share,
            expected: share.expected,
        }
    }
}

pub(crate) fn run(arguments: &SimulateArguments) -> Result<Exit, Problem> {
    let service = chosen(&file::cluster(&arguments.file)?, arguments)?;
    let simulation = simulate(&service, arguments)?;
    let moved = match &arguments.against {
        Some(file) => {
            let other = chosen(&file::cluster(file)?, arguments)?;
            Some(simulation.moved(&simulate(&other, arguments)?))
        }
        None => None,
    };
    let names = names(&service);
    let report = report(&service, &simulation, &names, moved, arguments);
    if arguments.json {
        print_json(&report)?;
    } else {
        print(&text(&report))?;
    }
    Ok(Exit::Done)
}

/// Returns the service that `--service` names, or the only one.
fn chosen(cluster: &Cluster, arguments: &SimulateArguments) -> Result<DesiredService, Problem> {
    // Either of two directors will do: both have the same services. No client uses those of probes.
    let services: Vec<DesiredService> = cluster
        .directors()
        .first()
        .and_then(|director| cluster.node(director.name.as_str()))
        .map(|node| Vec::from(node.services))
        .unwrap_or_default()
        .into_iter()
        .filter(|service| !service.is_probe())
        .collect();
    match (&arguments.service, services.as_slice()) {
        (None, [only]) => Ok(only.clone()),
        (None, all) => {
            let message = format!("--service is required: the file has {} services", all.len());
            Err(ambiguous(&message, all))
        }
        (Some(id), all) => all
            .iter()
            .find(|desired| desired.service.id == *id)
            .cloned()
            .ok_or_else(|| ambiguous(&format!("--service {id}: no such service in the file"), all)),
    }
}

fn ambiguous(message: &str, services: &[DesiredService]) -> Problem {
    let ids: Vec<_> = services
        .iter()
        .map(|desired| desired.service.id.to_string())
        .collect();
    Problem::usage(message).with_hint(format!("add --service with one of: {}", ids.join(", ")))
}

fn simulate(
    service: &DesiredService,
    arguments: &SimulateArguments,
) -> Result<Simulation, Problem> {
    let id = service.service.id;
    let (protocol, target) = match id {
        ServiceId::Socket { protocol, address } => (protocol, address),
        ServiceId::Fwmark { family, .. } => (Protocol::TCP, unspecified(family)),
    };
    let workload = Workload {
        protocol,
        connections: arguments.connections,
        hold: arguments.hold,
        ..Workload::new(target, clients(id.family(), arguments)?)
    };
    let mut model = service.model(arguments.kernel.into()).map_err(invalid)?;
    Ok(Simulation::run(&mut model, &workload))
}

/// Returns an address for packets with a firewall mark, which may have any.
fn unspecified(family: Family) -> SocketAddr {
    match family {
        Family::Ipv4 => ([0, 0, 0, 0], 0).into(),
        Family::Ipv6 => ([0; 16], 0).into(),
    }
}

fn clients(family: Family, arguments: &SimulateArguments) -> Result<Clients, Problem> {
    let Some(network) = arguments.clients else {
        let first: IpAddr = match family {
            Family::Ipv4 => [10, 0, 0, 1].into(),
            Family::Ipv6 => [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
        };
        return Clients::new(first, (1 << 24) - 2).map_err(invalid);
    };
    if Family::from(network.addr()) != family {
        let message = format!("--clients {network}: not of the service's family, {family}");
        return Err(Problem::usage(message));
    }
    Ok(Clients::from(network))
}

fn invalid(error: InvalidValue) -> Problem {
    Problem::failed(error.to_string())
}

/// Returns the names of the real servers by their destinations.
fn names(service: &DesiredService) -> Names {
    service
        .destinations
        .iter()
        .map(|desired| (desired.value.id, desired.why.to_string()))
        .collect()
}

fn report<'a>(
    service: &'a DesiredService,
    simulation: &Simulation,
    names: &'a Names,
    moved: Option<f64>,
    arguments: &SimulateArguments,
) -> SimulationReport<'a> {
    let name = |id: &DestinationId| names.get(id).map(String::as_str).unwrap_or_default();
    SimulationReport {
        schema: ReportKind::Simulate,
        service: service.service.id.to_string(),
        scheduler: service.service.scheduler.as_str(),
        kernel: arguments.kernel,
        connections: arguments.connections,
        picks: simulation
            .picks
            .iter()
            .map(|pick| pick.as_ref().map(name))
            .collect(),
        refused: simulation.refused(),
        shares: simulation
            .shares
            .iter()
            .map(|share| NamedShare::new(name(&share.destination), share))
            .collect(),
        moved,
    }
}

fn text(report: &SimulationReport<'_>) -> String {
    let SimulationReport {
        service,
        scheduler,
        connections,
        ..
    } = report;
    let mut text = format!("{service} {scheduler}, {connections} connections\n\n");
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}\n", picks(report));
    text += &shares(report);
    if report.refused > 0 {
        let _ = writeln!(text, "\nrefused: {}", report.refused);
    }
    if let Some(moved) = report.moved {
        let percent = moved * 100.0;
        let _ = writeln!(text, "\n{percent:.1} % of the clients get another server");
    }
    text
}

/// Formats the first picks.
fn picks(report: &SimulationReport<'_>) -> String {
    let mut picks: Vec<_> = report
        .picks
        .iter()
        .take(SHOWN)
        .map(|pick| pick.unwrap_or("(refused)"))
        .collect();
    if report.picks.len() > SHOWN {
        picks.push("...");
    }
    picks.join(" ")
}

/// Formats a line with a bar for each real server.
fn shares(report: &SimulationReport<'_>) -> String {
    let width = report
        .shares
        .iter()
        .map(|share| share.real_server.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for share in &report.shares {
        let (actual, expected) = (share.share * 100.0, share.expected * 100.0);
        let bar = "#".repeat((share.share * BAR).round() as usize);
        let _ = writeln!(
            text,
            "{:width$}  {:>7}  {actual:5.1} %  weight {} ({expected:.1} %)  {bar}",
            share.real_server, share.picked, share.weight,
        );
    }
    text
}
