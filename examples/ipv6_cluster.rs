//! LVS over IPv6 on a real kernel, without root: `cargo run --example ipv6_cluster`.
//!
//! Builds the machines of `ipv6.toml` and the router between their networks, applies the file to each machine
//! and lets a client fetch a page twelve times: from two real servers by direct routing, from a third one by
//! tunnel. Succeeds if each answered four times.

use std::error::Error;
use std::process::ExitCode;

use lvs_core::Cluster;
use lvs_core::cluster::PlanOptions;
use lvs_lab::Lab;

const REQUESTS: usize = 12;

fn main() -> ExitCode {
    lvs_lab::example(run)
}

fn run() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::from_toml(include_str!("ipv6.toml"))?;
    let lab = Lab::new(&cluster, 1)?;
    for stage in cluster.rollout(None) {
        let state = cluster.node(stage.node.as_str()).ok_or("no such node")?;
        let apply = |host: &mut _| state.apply(host, PlanOptions::default(), &mut |_| {});
        let plan = lab.node(stage.node.as_str())?.run(apply)??;
        println!("{plan}");
    }
    lab.wait_for_servers()?;

    let service = cluster.services().first().ok_or("no service")?;
    let mut answers = Vec::new();
    for number in 0..REQUESTS {
        let name = lab.request(&service.service.id, number)?;
        println!("request {:>2}: {name}", number + 1);
        answers.push(name);
    }
    println!("\n{}", lab.table(&"director".parse()?)?);
    for server in cluster.real_servers() {
        let is_its = |name: &&String| server.name == *name.as_str();
        let count = answers.iter().filter(is_its).count();
        println!("{} answered {count} of {REQUESTS}", server.name);
        if count != REQUESTS / 3 {
            return Err("round robin should have been one third each".into());
        }
    }
    Ok(())
}
