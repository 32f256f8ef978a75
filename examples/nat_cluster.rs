//! LVS by masquerading on a real kernel, without root: `cargo run --example nat_cluster`.
//!
//! Builds the nodes of `nat.toml` as network namespaces, applies the file to each of them, lets a client
//! fetch a page ten times and shows which server answered. It succeeds if both servers answered five times.

use std::error::Error;
use std::process::ExitCode;

use lvs_core::Cluster;
use lvs_core::cluster::PlanOptions;
use lvs_lab::Lab;

const REQUESTS: usize = 10;

fn main() -> ExitCode {
    lvs_lab::example(run)
}

fn run() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::from_toml(include_str!("nat.toml"))?;
    let lab = Lab::new(&cluster, 1)?;

    for step in cluster.rollout(None) {
        let state = cluster.node(step.node.as_str()).ok_or("no such node")?;
        let apply = |host: &mut _| state.apply(host, PlanOptions::default(), &mut |_| {});
        let plan = lab.node(step.node.as_str())?.run(apply)??;
        println!("{plan}");
    }
    lab.wait_for_servers()?;

    let service = &cluster.services().first().ok_or("no service")?.service.id;
    let answers = lab.ask(service, REQUESTS)?;
    println!("{answers}");
    for director in cluster.directors() {
        println!("{}", lab.table(&director.name)?);
    }

    for server in cluster.real_servers() {
        let count = answers.of(server.name.as_str());
        println!("{} answered {count} of {REQUESTS}", server.name);
        if count != REQUESTS / 2 {
            return Err("round robin should have been half and half".into());
        }
    }
    Ok(())
}
