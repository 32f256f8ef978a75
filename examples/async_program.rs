//! IPVS in an async program, on a real kernel: `cargo run --example async_program`.
//!
//! Calls of lvs-core block, for microseconds to milliseconds. An async program makes them on the blocking pool of its
//! runtime, here tokio's `spawn_blocking`: the handle moves there and comes back. With the feature `tracing` the
//! conversation with the kernel is among the program's own events. It succeeds if two tables are filled at the same time.

use std::error::Error;
use std::process::ExitCode;

use lvs_core::ipvs::{Destination, Forwarding, Ipvs, SchedulerName, Service, ServiceId};
use lvs_core::{IfName, Netns};
use tokio::task::spawn_blocking;
use tracing_subscriber::filter::LevelFilter;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    lvs_lab::example(|| run().map_err(|error| -> Box<dyn Error> { error }))
}

fn run() -> Result<()> {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::DEBUG)
        .with_writer(std::io::stdout)
        .without_time()
        .with_ansi(false)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()?;
    runtime.block_on(async {
        let blue = tokio::spawn(fill("tcp 172.16.5.11:80".parse()?));
        let red = tokio::spawn(fill("tcp 172.16.6.11:80".parse()?));
        for (name, table) in [("blue", blue.await??), ("red", red.await??)] {
            println!("{name}: {table} destinations");
        }
        Ok(())
    })
}

/// Fills the table of a new namespace, and returns how many destinations it has then.
async fn fill(id: ServiceId) -> Result<usize> {
    let service = Service::new(id, SchedulerName::WRR);
    let mut ipvs = spawn_blocking(open).await??;
    (ipvs, _) = call(ipvs, move |ipvs| ipvs.ensure_service(&service)).await?;
    for host in 1..=3 {
        let server = format!("192.168.1.{host}:80").parse()?;
        let destination = Destination::new(server, Forwarding::DirectRouting);
        (ipvs, _) = call(ipvs, move |ipvs| ipvs.ensure_destination(&id, &destination)).await?;
    }
    let (_, table) = call(ipvs, Ipvs::snapshot).await?;
    match table.as_slice() {
        [entry] if entry.status.service.id == id => Ok(entry.destinations.len()),
        other => Err(format!("{} services instead of {id} alone", other.len()).into()),
    }
}

/// Makes a call on the blocking pool; the handle comes back from there.
async fn call<T: Send + 'static>(
    mut ipvs: Ipvs,
    call: impl FnOnce(&mut Ipvs) -> lvs_core::Result<T> + Send + 'static,
) -> Result<(Ipvs, T)> {
    let done = spawn_blocking(move || call(&mut ipvs).map(|done| (ipvs, done)));
    Ok(done.await??)
}

/// Opens the table of a new namespace.
fn open() -> lvs_core::Result<Ipvs> {
    let netns = Netns::create()?;
    // IPVS adds a destination only where there are routes.
    netns.run(|host| host.net().set_up(&IfName::LO))??;
    Ipvs::open_in(&netns)
}
