//! Two network namespaces in two threads, on a real kernel: `cargo run --example namespaces`.
//!
//! Each namespace has an IPVS of its own. A handle is opened once in each, moves to a thread and stays with its
//! namespace there. It succeeds if each table holds what its own thread added, and nothing else.

use std::error::Error;
use std::process::ExitCode;
use std::thread;

use lvs_core::ipvs::{Destination, Forwarding, Ipvs, SchedulerName, Service};
use lvs_core::{IfName, Netns};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    lvs_lab::example(|| run().map_err(|error| -> Box<dyn Error> { error }))
}

fn run() -> Result<()> {
    let (blue, red) = (Netns::create()?, Netns::create()?);
    for netns in [&blue, &red] {
        // IPVS adds a destination only where there are routes.
        netns.run(|host| host.net().set_up(&IfName::LO))??;
    }
    // Opened here and used there: entering a namespace for each request would cost a thread each time.
    let tables = [
        ("blue", Ipvs::open_in(&blue)?, "tcp 172.16.5.11:80"),
        ("red", Ipvs::open_in(&red)?, "tcp 172.16.6.11:80"),
    ];
    let threads = tables.map(|(name, ipvs, service)| (name, thread::spawn(|| fill(ipvs, service))));
    for (name, thread) in threads {
        let table = thread
            .join()
            .map_err(|_| format!("{name} has panicked"))??;
        println!("{name}: {table}");
    }
    Ok(())
}

/// Adds a service with a hundred destinations, and returns what the table is then.
fn fill(mut ipvs: Ipvs, id: &str) -> Result<String> {
    let service = Service::new(id.parse()?, SchedulerName::WRR);
    ipvs.ensure_service(&service)?;
    for host in 1..=100 {
        let server = format!("192.168.1.{host}:80").parse()?;
        let destination = Destination::new(server, Forwarding::DirectRouting);
        ipvs.ensure_destination(&service.id, &destination)?;
    }
    let table = ipvs.snapshot()?;
    match table.as_slice() {
        [entry] if entry.status.service.id == service.id && entry.destinations.len() == 100 => Ok(
            format!("{id} with {} destinations", entry.destinations.len()),
        ),
        other => Err(format!("{} services instead of {id} alone", other.len()).into()),
    }
}
