//! LVS over IPv6 on a real kernel, without root: `cargo run --example ipv6_cluster`.
//!
//! Builds the nodes of `ipv6.toml` and the router between their networks, applies the file to each node and
//! lets a client fetch a page twelve times: from two real servers by direct routing, from a third one by
//! tunnel. It succeeds if each answered four times.

use std::error::Error;
use std::process::ExitCode;

use lvs_core::Cluster;
use lvs_lab::Lab;

const REQUESTS: usize = 12;

fn main() -> ExitCode {
    lvs_lab::example(run)
}

fn run() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::from_toml(include_str!("ipv6.toml"))?;
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
        if count != REQUESTS / 3 {
            return Err("round robin should have been one third each".into());
        }
    }
    Ok(())
}
