//! `lvsctl simulate`: who would get the connections of a service that was just applied.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use lvs_core::cluster::DesiredService;
use lvs_core::ipvs::{DestinationId, Family, Protocol, ServiceId};
use lvs_core::scheduler::{Clients, Simulation, Workload};
use lvs_core::{Cluster, InvalidValue};
use serde::Serialize;

use crate::arguments::{Kernel, SimulateArguments};
use crate::exit::{Exit, Problem};
use crate::file;
use crate::output::{print, print_json};

/// How many picks are shown.
const SHOWN: usize = 20;
/// A whole bar.
const BAR: f64 = 40.0;

type Names = BTreeMap<DestinationId, String>;

/// The JSON of a simulation.
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    service: String,
    scheduler: &'a str,
    kernel: Kernel,
    connections: u64,
    picks: Vec<Option<&'a str>>,
    refused: u64,
    shares: Vec<Share<'a>>,
    moved: Option<f64>,
}

#[derive(Serialize)]
struct Share<'a> {
    real_server: &'a str,
    address: String,
    weight: u32,
    picked: u64,
    share: f64,
    expected: f64,
}

impl<'a> Share<'a> {
    fn new(real_server: &'a str, share: &lvs_core::scheduler::Share) -> Self {
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
    let service = wanted(&file::cluster(&arguments.file)?, arguments)?;
    let simulation = simulate(&service, arguments)?;
    let against = arguments.against.as_deref();
    let other = against.map(|file| wanted(&file::cluster(file)?, arguments));
    let other = other.transpose()?;
    let other = other.map(|other| simulate(&other, arguments)).transpose()?;
    let moved = other.map(|other| simulation.moved(&other));
    let names = names(&service);
    let report = report(&service, &simulation, &names, moved, arguments);
    if arguments.json {
        print_json(&report)?;
    } else {
        print(&text(&report))?;
    }
    Ok(Exit::Done)
}

/// The service that is meant: the only one, unless it is named.
fn wanted(cluster: &Cluster, arguments: &SimulateArguments) -> Result<DesiredService, Problem> {
    // Of two directors either would do: both have the same services.
    let director = cluster.directors().first();
    let node = director.and_then(|director| cluster.node(director.name.as_str()));
    let services = node.map(|node| node.services).unwrap_or_default();
    let ids: Vec<_> = services
        .iter()
        .map(|wanted| wanted.service.id.to_string())
        .collect();
    let there = || Problem::usage(format!("say --service with one of: {}", ids.join(", ")));
    match (&arguments.service, services.as_slice()) {
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(there()),
        (Some(id), all) => {
            let named = all.iter().find(|wanted| wanted.service.id == *id);
            named.cloned().ok_or_else(there)
        }
    }
}

fn simulate(
    service: &DesiredService,
    arguments: &SimulateArguments,
) -> Result<Simulation, Problem> {
    let id = service.service.id;
    let (protocol, target) = match id {
        ServiceId::Socket { protocol, address } => (protocol, address),
        ServiceId::Fwmark { family, .. } => (Protocol::TCP, any(family)),
    };
    let workload = Workload {
        protocol,
        connections: arguments.connections,
        hold: arguments.hold,
        ..Workload::new(target, clients(id.family(), arguments)?)
    };
    let mut model = service.model(arguments.kernel.into()).map_err(refused)?;
    Ok(Simulation::run(&mut model, &workload))
}

/// Packets of a firewall mark may be for any address.
fn any(family: Family) -> SocketAddr {
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
        return Clients::new(first, (1 << 24) - 2).map_err(refused);
    };
    if Family::from(network.addr()) != family {
        let problem = format!("--clients {network}: the service is of {family}");
        return Err(Problem::usage(problem));
    }
    Ok(Clients::from(network))
}

fn refused(error: InvalidValue) -> Problem {
    Problem::failed(error.to_string())
}

/// Real servers by their addresses.
fn names(service: &DesiredService) -> Names {
    let destinations = service.destinations.iter();
    destinations
        .map(|wanted| (wanted.value.id, wanted.why.clone()))
        .collect()
}

fn report<'a>(
    service: &'a DesiredService,
    simulation: &Simulation,
    names: &'a Names,
    moved: Option<f64>,
    arguments: &SimulateArguments,
) -> Report<'a> {
    let name = |id: &DestinationId| names.get(id).map(String::as_str).unwrap_or_default();
    let share = |it: &lvs_core::scheduler::Share| Share::new(name(&it.destination), it);
    let picks = simulation.picks.iter();
    Report {
        schema: "lvsctl.simulate/1",
        service: service.service.id.to_string(),
        scheduler: service.service.scheduler.as_str(),
        kernel: arguments.kernel,
        connections: arguments.connections,
        picks: picks.map(|pick| pick.as_ref().map(name)).collect(),
        refused: simulation.refused(),
        shares: simulation.shares.iter().map(share).collect(),
        moved,
    }
}

fn text(report: &Report<'_>) -> String {
    let Report {
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

/// The first ones.
fn picks(report: &Report<'_>) -> String {
    let picks = report.picks.iter().take(SHOWN);
    let mut picks: Vec<_> = picks.map(|pick| pick.unwrap_or("(refused)")).collect();
    if report.picks.len() > SHOWN {
        picks.push("...");
    }
    picks.join(" ")
}

/// A line with a bar for each real server.
fn shares(report: &Report<'_>) -> String {
    let lengths = report.shares.iter().map(|share| share.real_server.len());
    let width = lengths.max().unwrap_or(0);
    let mut text = String::new();
    for share in &report.shares {
        let (got, meant) = (share.share * 100.0, share.expected * 100.0);
        let bar = "#".repeat((share.share * BAR).round() as usize);
        let _ = writeln!(
            text,
            "{:width$}  {:>7}  {got:5.1} %  weight {} ({meant:.1} %)  {bar}",
            share.real_server, share.picked, share.weight,
        );
    }
    text
}
