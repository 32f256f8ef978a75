//! LVS by tunnelling on a real kernel, without root: `cargo run --example tunnel_cluster`.
//!
//! Builds the nodes of `tunnel.toml` and the router between their three networks, applies the file to each
//! node and lets a client fetch a page ten times. It succeeds if both servers answered five times, and if
//! they ask for segments that leave room for the tunnel.

use std::error::Error;
use std::process::ExitCode;

use lvs_core::Cluster;
use lvs_lab::Lab;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const REQUESTS: usize = 10;

fn main() -> ExitCode {
    lvs_lab::example(run)
}

fn run() -> Result<()> {
    let cluster = Cluster::from_toml(include_str!("tunnel.toml"))?;
    let lab = Lab::new(&cluster, 1)?;
    for plan in lab.apply()? {
        println!("{plan}");
    }
    lab.wait_for_servers()?;

    let service = &cluster.services().first().ok_or("no service")?.service.id;
    let answers = lab.ask(service, REQUESTS)?;
    println!("{answers}\n{}", lab.table(&"director".parse()?)?);
    for server in cluster.real_servers() {
        let count = answers.of(server.name.as_str());
        println!("{} answered {count} of {REQUESTS}", server.name);
        if count != REQUESTS / 2 {
            return Err("round robin should have been half and half".into());
        }
        let segment = segment(&lab, server.name.as_str())?;
        println!(
            "{} asks clients for segments of {segment} bytes",
            server.name
        );
    }
    Ok(())
}

/// Returns the segment size that a real server asks its clients for: 1500 bytes without two IP headers and
/// that of TCP.
fn segment(lab: &Lab, name: &str) -> Result<u32> {
    let routes = lab.node(name)?.run(|host| host.net().routes())??;
    Ok(routes
        .iter()
        .find(|route| route.id.is_default())
        .and_then(|route| route.advmss)
        .ok_or("no room for the tunnel")?)
}
